//! Nobody holds up the others: dear reads take turns, and what is read or sent takes memory within limits.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use poem::Endpoint;
use poem::http::Method;
use serde_json::{Value, json};

use crate::harness::TestApp;

async fn with_news(app: &TestApp, count: usize) {
    let record = |i| json!({"resource": {"platform_resource_identifier": format!("{i}"), "name": format!("n{i}")}});
    app.batch("news", (0..count).map(record).collect()).await;
}

/// A dataset of so many files, of some 1,750 bytes each.
fn long(files: usize) -> Value {
    json!({"distribution": vec![json!({"description": "long ".repeat(350)}); files]})
}

#[tokio::test]
async fn while_dear_reads_have_their_turns_others_wait_or_are_refused_and_cheap_ones_are_answered() {
    let app = TestApp::with(|config| {
        config.reads.capacity = 100;
        config.reads.wait_seconds = 1;
    })
    .await;
    with_news(&app, 3).await;
    let id = app.get("/news").send().await.ok()[0]["identifier"].as_str().unwrap().to_owned();
    let turn = app.app.catalogue.turns.take(60).await.unwrap();
    for dear in
        ["/news?limit=100", "/datasets?schema=schema.org&limit=20", "/news?offset=99000", "/organisations?get_image=true", "/keywords"]
    {
        let refused = app.get(dear).send().await;
        assert!(refused.refused(503).contains("busy"), "{dear}");
        assert_eq!(refused.header("retry-after"), Some("5"), "{dear}");
    }
    app.get("/news?limit=40").send().await.ok();
    for cheap in ["/news?limit=20", "/news?cursor=", &format!("/news/{id}"), "/counts", "/counts/news"] {
        let begin = Instant::now();
        app.get(cheap).send().await.ok();
        assert!(begin.elapsed() < Duration::from_secs(1), "{cheap}");
    }
    let waiting = tokio::spawn(app.get("/news?limit=100").send());
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(turn);
    waiting.await.unwrap().ok();
    // What costs more than all takes all.
    app.get("/news?limit=1000").send().await.ok();
    app.close().await;
}

#[tokio::test]
async fn offsets_have_an_end_and_cursors_have_none() {
    let app = TestApp::with(|config| config.reads.max_offset = 2).await;
    with_news(&app, 5).await;
    assert_eq!(app.get("/news?offset=2").send().await.ok().as_array().unwrap().len(), 3);
    for path in ["/news?offset=3", "/platforms/example/news?offset=3", "/v2/news?offset=9223372036854775807"] {
        assert!(app.get(path).send().await.refused(400).contains("cursor="), "{path}");
    }
    let mut url = "/news?cursor=&limit=2".to_owned();
    let mut seen = 0;
    loop {
        let answer = app.get(&url).send().await;
        seen += answer.ok().as_array().unwrap().len();
        let Some(link) = answer.header("link") else { break };
        url = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
    }
    assert_eq!(seen, 5);
    app.close().await;
}

#[tokio::test]
async fn heavy_and_many_contacts_are_named_and_not_shown_in_full() {
    let app = TestApp::new().await;
    let heavy = app
        .publish("contacts", "heavy", json!({"name": "heavy", "telephone": (0..400).map(|i| format!("{i:0200}")).collect::<Vec<_>>()}))
        .await;
    let record = |i| json!({"resource": {"platform_resource_identifier": format!("c{i}"), "name": format!("c{i}")}});
    app.batch("contacts", (0..150).map(record).collect()).await;
    let listed = app.get("/contacts?limit=200").send().await.ok();
    let mut contacts: Vec<String> = listed.as_array().unwrap().iter().map(|c| c["identifier"].as_str().unwrap().to_owned()).collect();
    contacts.retain(|id| *id != heavy);
    contacts.insert(0, heavy.clone());
    let id = app.publish("datasets", "d", json!({"contact": contacts})).await;
    for path in [format!("/datasets/{id}"), "/datasets".to_owned()] {
        let answer = app.get(&path).send().await.ok();
        let dataset = if answer.is_array() { &answer[0] } else { &answer };
        assert_eq!(dataset["contact"].as_array().unwrap().len(), 151);
        let shown = dataset["contacts"].as_array().unwrap();
        assert!(shown.len() < 151 && shown.len() >= 99, "{}", shown.len());
        assert!(shown.iter().all(|c| c["identifier"] != heavy.as_str()));
    }
    app.get(&format!("/contacts/{heavy}")).send().await.ok();
    app.close().await;
}

#[tokio::test]
async fn a_page_of_too_many_bytes_is_refused_and_each_resource_of_it_can_be_read() {
    let app = TestApp::with(|config| config.reads.page_bytes = 9 << 20).await;
    for own in ["a", "b", "c", "d", "e", "f"] {
        app.publish("datasets", own, long(1_000)).await;
    }
    let refused = app.get("/datasets?limit=6").send().await;
    assert_eq!(refused.faults(), ["query.limit"]);
    assert_eq!(app.get("/datasets?limit=4").send().await.ok().as_array().unwrap().len(), 4);
    app.get("/platforms/example/datasets/f").send().await.ok();
    app.close().await;
}

#[tokio::test]
async fn answers_that_nobody_takes_hold_up_large_answers_alone() {
    let app = TestApp::with(|config| {
        config.reads.page_bytes = 9 << 20;
        config.reads.answer_bytes = 9 << 20;
        config.reads.wait_seconds = 0;
    })
    .await;
    let large = app.publish("datasets", "a", long(1_700)).await;
    let small = app.publish("datasets", "b", json!({})).await;
    let request = || poem::Request::builder().uri_str(format!("/datasets/{large}")).finish();
    let mut unread = Vec::new();
    for _ in 0..3 {
        unread.push(app.endpoint.call(request()).await.unwrap());
    }
    assert!(app.get(&format!("/datasets/{large}")).send().await.refused(503).contains("busy"));
    app.get(&format!("/datasets/{small}")).send().await.ok();
    let taken = unread.pop().unwrap();
    let length: usize = taken.headers()["content-length"].to_str().unwrap().parse().unwrap();
    assert_eq!(taken.into_body().into_bytes().await.unwrap().len(), length);
    app.get(&format!("/datasets/{large}")).send().await.ok();
    let compressed = app.get(&format!("/datasets/{large}")).header("Accept-Encoding", "gzip").send().await;
    assert_eq!((compressed.status.as_u16(), compressed.header("content-encoding")), (200, Some("gzip")));
    assert!(compressed.body.len() < length / 10);
    app.close().await;
}

#[tokio::test]
async fn who_reads_slowly_holds_up_their_own_large_answers_alone() {
    let app = TestApp::with(|config| {
        config.reads.page_bytes = 9 << 20;
        config.reads.answer_bytes = 14 << 20;
        config.reads.wait_seconds = 0;
        config.limits.behind_proxy = true;
    })
    .await;
    // Of 14 MiB, one caller may take 3.5 MiB.
    let large = app.publish("datasets", "a", long(1_500)).await;
    let small = app.publish("datasets", "b", json!({})).await;
    let ada = app.key("ada", &[]).await;
    let request = |address: &str| {
        let request = poem::Request::builder().uri_str(format!("/datasets/{large}"));
        app.endpoint.call(request.header("X-Forwarded-For", address).finish())
    };
    let get = |path: &str, address: &str| app.get(path).header("X-Forwarded-For", address).send();
    let path = format!("/datasets/{large}");
    let mut unread = vec![request("2001:db8::1").await.unwrap()];
    assert!(get(&path, "2001:db8::2").await.refused(503).contains("busy"), "the same network");
    get(&format!("/datasets/{small}"), "2001:db8::2").await.ok();
    get(&path, "192.0.2.1").await.ok();
    app.get(&path).header("X-Forwarded-For", "2001:db8::2").key(&ada).send().await.ok();
    unread.push(request("192.0.2.1").await.unwrap());
    assert!(get(&path, "192.0.2.1").await.refused(503).contains("busy"));
    // Who has read it may have the next one.
    unread.remove(0).into_body().into_bytes().await.unwrap();
    get(&path, "2001:db8::2").await.ok();
    app.close().await;
}

#[tokio::test]
async fn bodies_of_those_who_are_not_logged_in_take_no_room_of_others() {
    let app = TestApp::with(|config| {
        config.reads.wait_seconds = 0;
        config.limits.batch_bytes = 1 << 20;
    })
    .await;
    let ada = app.key("ada", &[]).await;
    // Each sends 200 KiB, and then pauses.
    let sending = || {
        let begun = stream::iter([Ok::<_, std::io::Error>(vec![b' '; 200 << 10])]);
        let body = poem::Body::from_bytes_stream(begun.chain(stream::pending()));
        let request = poem::Request::builder().method(Method::POST).uri_str("/datasets").content_type("application/json");
        Box::pin(app.endpoint.call(request.body(body)))
    };
    let mut unfinished: Vec<_> = (0..100).map(|_| sending()).collect();
    let answers = join_all(unfinished.iter_mut().map(|request| tokio::time::timeout(Duration::from_millis(500), request))).await;
    let refused: Vec<u16> = answers.into_iter().flatten().map(|answer| answer.unwrap().status().as_u16()).collect();
    assert_eq!(refused, [503; 84]);
    let body = json!({"name": "x", "unknown": "long ".repeat(100_000)});
    app.draft("datasets", &ada, body).await;
    drop(unfinished);
    app.post("/datasets", &json!({"name": "x".repeat(200 << 10)})).send().await.refused(401);
    app.close().await;
}

#[tokio::test]
async fn a_body_of_very_many_values_is_refused() {
    let app = TestApp::new().await;
    let key = app.key("ada", &[]).await;
    let zeros = |count: usize| format!("{{\"name\": \"x\", \"zzz\": [{}0]}}", "0,".repeat(count));
    let post = |body: String| app.post("/datasets", &Value::Null).bytes(body.into_bytes()).key(&key);
    post(zeros(15_000)).send().await.ok();
    assert!(post(zeros(1_000_000)).send().await.refused(413).contains("values"));
    app.close().await;
}

#[tokio::test]
async fn a_list_that_shows_heavy_contacts_does_not_wait_for_itself() {
    let app = TestApp::with(|config| config.reads.capacity = 1_000).await;
    let telephone: Vec<String> = (0..300).map(|i| format!("{i:0200}")).collect();
    let record =
        |i| json!({"resource": {"platform_resource_identifier": format!("c{i}"), "name": format!("c{i}"), "telephone": telephone}});
    app.batch("contacts", (0..25).map(record).collect()).await;
    let contacts = app.get("/contacts?limit=25").send().await.ok();
    let contacts: Vec<&Value> = contacts.as_array().unwrap().iter().map(|c| &c["identifier"]).collect();
    app.publish("datasets", "d", json!({"contact": contacts})).await;
    let key = app.key("example connector", &["platform_example"]).await;
    let begin = Instant::now();
    let own = app.get("/user/resources?limit=30").key(&key).send().await.ok();
    assert_eq!(own["dataset"][0]["contacts"].as_array().unwrap().len(), 25);
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    app.close().await;
}
