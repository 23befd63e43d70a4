//! How many requests callers may send, and how large pages may be.

use poem::http::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, TestApp};

fn left(answer: &Answer) -> (u16, Option<u32>) {
    (answer.status.as_u16(), answer.header("ratelimit-remaining").map(|n| n.parse().unwrap()))
}

#[tokio::test]
async fn each_caller_may_send_so_many_requests() {
    let app = TestApp::with(|config| {
        config.limits.requests_per_minute = 60;
        config.limits.request_burst = 3;
        config.limits.behind_proxy = true;
    })
    .await;
    let (ada, bob) = (app.key("ada", &[]).await, app.key("bob", &[]).await);
    let from = |address: &'static str| app.get("/counts").header("X-Forwarded-For", address);
    for remaining in [2, 1, 0] {
        let answer = from("192.0.2.1").send().await;
        assert_eq!((left(&answer), answer.header("ratelimit-limit")), ((200, Some(remaining)), Some("3")));
    }
    let refused = from("192.0.2.1").send().await;
    let detail = refused.refused(429);
    assert!(detail.starts_with("Too many requests"), "{detail}");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait) && left(&refused).1 == Some(0), "{wait}");
    // The address that our proxy wrote counts, not those that the caller made up before it.
    from("198.51.100.7, 192.0.2.1").send().await.refused(429);
    assert_eq!(left(&from("2001:db8::1").send().await), (200, Some(2)));
    // A network of IPv6 counts as one caller, whatever its address looks like.
    for (address, remaining) in [("2001:db8::ffff:1", 1), ("[2001:db8::2]:4711", 0)] {
        assert_eq!(left(&from(address).send().await), (200, Some(remaining)));
    }
    assert_eq!(left(&from("2001:db8:0:1::1").send().await), (200, Some(2)));
    for same in ["192.0.2.1:4711", "::ffff:192.0.2.1", "[::ffff:192.0.2.1]:80"] {
        from(same).send().await.refused(429);
    }
    let by_standard = |value: &'static str| app.get("/counts").header("Forwarded", value);
    by_standard("for=198.51.100.7, For=\"192.0.2.1:4711\";proto=https").send().await.refused(429);
    assert_eq!(left(&by_standard("for=\"[2001:db8:0:2::1]:4711\"").send().await), (200, Some(2)));
    // A key that is none does not help.
    let with_noise = |noise: &'static str| app.get("/counts").header("X-Forwarded-For", "192.0.2.1").key(noise);
    with_noise("aiod_0000000000000000000000000000000000000000").send().await.refused(429);
    // Users have their own, wherever they come from, and whichever of their keys they use.
    for remaining in [2, 1, 0] {
        assert_eq!(left(&from("192.0.2.1").key(&ada).send().await), (200, Some(remaining)));
    }
    let another = app.key("ada", &[]).await;
    app.request(Method::DELETE, "/datasets/x").key(&another).send().await.refused(429);
    assert_eq!(left(&from("192.0.2.1").key(&bob).send().await), (200, Some(2)));
    app.close().await;
}

#[tokio::test]
async fn without_a_limit_nothing_is_counted() {
    let app = TestApp::new().await;
    for _ in 0..50 {
        assert_eq!(left(&app.get("/counts/platforms").header("X-Forwarded-For", "192.0.2.1").send().await), (200, None));
    }
    app.close().await;
}

#[tokio::test]
async fn pages_are_as_large_as_the_operator_allows() {
    let app = TestApp::with(|config| config.limits.page_size = 10).await;
    let ada = app.key("ada", &[]).await;
    for path in ["/datasets", "/platforms/example/news", "/platforms", "/bookmarks", "/user/resources", "/v2/events"] {
        assert_eq!(app.get(&format!("{path}?limit=11")).key(&ada).send().await.faults(), ["query.limit"], "{path}");
        let within = app.get(&format!("{path}?limit=10")).key(&ada).send().await;
        assert_ne!(within.ok(), json!(null), "{path}");
    }
    app.close().await;
}

#[tokio::test]
async fn the_more_somebody_may_do_the_more_they_may_send() {
    let app = TestApp::new().await;
    let (nobody, connector) = (app.key("nobody", &[]).await, app.key("example connector", &["platform_example"]).await);
    let body = |megabytes: usize| vec![b' '; megabytes << 20];
    let post = |path: &str, bytes: Vec<u8>| app.request(Method::POST, path).header("Content-Type", "application/json").bytes(bytes);
    let batch = "/platforms/example/datasets/batch";
    post("/datasets", body(1)).send().await.refused(413);
    post("/datasets", b"{}".to_vec()).send().await.refused(401);
    post("/datasets", body(3)).key(&nobody).send().await.refused(422);
    post("/datasets", body(5)).key(&connector).send().await.refused(413);
    post(batch, body(5)).key(&nobody).send().await.refused(413);
    post("/platforms/openml/datasets/batch", body(5)).key(&connector).send().await.refused(413);
    post(batch, body(60)).key(&connector).send().await.refused(422);
    post(batch, body(65)).key(&connector).send().await.refused(413);
    app.close().await;
}

#[tokio::test]
async fn neither_a_resource_nor_a_page_is_larger_than_what_can_be_answered() {
    let app = TestApp::with(|config| config.reads.page_bytes = 66 << 20).await;
    let record = |own: usize, notes: usize| {
        let note: Vec<Value> = (0..notes).map(|_| json!({"value": "x".repeat(8_000)})).collect();
        json!({"resource": {"platform_resource_identifier": own.to_string(), "name": own.to_string(), "note": note}})
    };
    let answer = app.batch("datasets", vec![record(1, 530)]).await;
    let error = &answer["results"][0]["errors"][0];
    assert_eq!(error["loc"], json!(["resource"]));
    assert!(error["msg"].as_str().unwrap().contains("4194304 bytes"), "{error}");
    // Whatever fits is written, however much of it comes at once.
    for first in [1, 9] {
        let answer = app.batch("datasets", (first..first + 8).map(|own| record(own, 520)).collect()).await;
        assert_eq!(answer["created"], json!(8));
    }
    app.batch("datasets", vec![record(17, 520)]).await;
    let detail = app.get("/datasets?limit=1000").send().await.faults();
    assert_eq!(detail, ["query.limit"]);
    assert_eq!(app.get("/datasets?limit=7").send().await.ok().as_array().unwrap().len(), 7);
    app.close().await;
}
