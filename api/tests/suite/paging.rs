//! Pages and counts.

use std::collections::BTreeSet;

use aiod_schema::platform::PLATFORMS;
use aiod_schema::resource_types;
use futures_util::future::{join, join_all};
use poem::http::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, TestApp};

fn names(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap().to_owned()).collect()
}

fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    Some(link.strip_prefix('<')?.split('>').next()?.to_owned())
}

async fn with_news(count: usize) -> TestApp {
    let app = TestApp::with(|config| config.limits.behind_proxy = true).await;
    let record = |i| json!({"resource": {"platform_resource_identifier": format!("{i}"), "name": format!("n{i}")}});
    app.batch("news", (0..count).map(record).collect()).await;
    app
}

#[tokio::test]
async fn pages_follow_their_order() {
    let app = with_news(5).await;
    let get = async |query: &'static str| names(&app.get(&format!("/news?{query}")).send().await.ok());
    assert_eq!(get("").await, ["n4", "n3", "n2", "n1", "n0"]);
    assert_eq!(get("direction=asc&limit=2").await, ["n0", "n1"]);
    assert_eq!(get("offset=3&limit=10").await, ["n1", "n0"]);
    assert_eq!(get("limit=0").await, Vec::<String>::new());
    let key = app.key("example connector", &["platform_example"]).await;
    let id = app.get("/platforms/example/news/1").send().await.ok()["identifier"].as_str().unwrap().to_owned();
    app.put(&format!("/news/{id}"), &json!({"name": "n1", "same_as": "https://example.org/1"})).key(&key).send().await.ok();
    assert_eq!(get("limit=2").await, ["n1", "n4"]);
    assert_eq!(get("limit=2&sort=date_created").await, ["n4", "n3"]);
    assert_eq!(get("sort=date_created&direction=asc&offset=1&limit=1").await, ["n1"]);

    let today = chrono::Utc::now().date_naive();
    let tomorrow = today.succ_opt().unwrap();
    for (query, count) in [
        (format!("date_modified_after={today}"), 5),
        (format!("date_modified_after={tomorrow}"), 0),
        (format!("date_modified_before={today}"), 0),
        (format!("date_modified_before={tomorrow}"), 5),
    ] {
        assert_eq!(app.get(&format!("/news?{query}")).send().await.ok().as_array().unwrap().len(), count, "{query}");
    }
    app.close().await;
}

#[tokio::test]
async fn faulty_parameters_are_told_what_would_be_right() {
    let app = TestApp::new().await;
    let key = app.key("ada", &[]).await;
    for (path, right) in [
        ("/datasets?limit=-1", "greater than or equal to 0"),
        ("/datasets?limit=9999", "less than or equal to 1000"),
        ("/datasets?limit=abc", "not a valid integer"),
        ("/datasets?offset=1e3", "not a valid integer"),
        ("/datasets?sort=name", "permitted: date_created, date_modified"),
        ("/datasets?direction=up", "permitted: asc, desc"),
        ("/datasets?date_modified_after=yesterday", "yyyy-mm-dd"),
        ("/datasets?date_modified_before=2026-01-01T00:00:00Z", "yyyy-mm-dd"),
        ("/organisations?get_image=maybe", "true or false"),
        ("/submissions?mode=bogus", "permitted: oldest, newest, all, pending, completed"),
        ("/datasets/data_x/history/first", "not a valid integer"),
    ] {
        let answer = app.get(path).key(&key).send().await;
        let message = answer.json()["detail"][0]["msg"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains(right), "{path}: {}", answer.text());
    }
    app.close().await;
}

#[tokio::test]
async fn pages_of_a_platform_follow_their_order_and_their_cursor() {
    let app = with_news(5).await;
    let key = app.key("other", &["platform_openml"]).await;
    app.post("/platforms", &json!({"name": "openml"})).key(&app.key("root", &["admin"]).await).send().await;
    let body = json!({"records": [{"resource": {"platform_resource_identifier": "1", "name": "m1"}}]});
    app.post("/platforms/openml/news/batch", &body).key(&key).send().await.ok();
    let get = async |query: &'static str| names(&app.get(&format!("/platforms/example/news?{query}")).send().await.ok());
    assert_eq!(get("limit=2").await, ["n4", "n3"]);
    assert_eq!(get("offset=1&limit=2&sort=date_created&direction=asc").await, ["n1", "n2"]);
    let (mut path, mut seen) = ("/platforms/example/news?cursor=&limit=2&direction=asc".to_owned(), Vec::new());
    loop {
        let page = app.get(&path).send().await;
        seen.extend(names(&page.ok()));
        let Some(link) = next(&page) else { break };
        path = link;
    }
    assert_eq!(seen, ["n0", "n1", "n2", "n3", "n4"]);
    // Blanks at the end name nothing, whatever the database thinks of them.
    for path in ["/platforms/example/news/1%20", "/platforms/example%20/news/1"] {
        assert!(matches!(app.get(path).send().await.status.as_u16(), 400 | 404), "{path}");
    }
    let id = app.get("/platforms/example/news/1").send().await.ok()["identifier"].as_str().unwrap().to_owned();
    app.get(&format!("/news/{id}%20")).send().await.refused(404);
    app.close().await;
}

#[tokio::test]
async fn faulty_pages_are_refused() {
    let app = TestApp::new().await;
    for (query, field) in [
        ("offset=-1", "offset"),
        ("limit=-1", "limit"),
        ("limit=1001", "limit"),
        ("limit=many", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("sort=name", "sort"),
        ("direction=up", "direction"),
        ("date_modified_after=2024-02-30", "date_modified_after"),
        ("date_modified_before=yesterday", "date_modified_before"),
        ("cursor=zz", "cursor"),
        ("cursor=-1", "cursor"),
        ("cursor=&offset=1", "offset"),
        ("cursor=&sort=date_modified", "sort"),
    ] {
        for path in ["/datasets", "/platforms/example/datasets", "/v2/datasets"] {
            assert_eq!(app.get(&format!("{path}?{query}")).send().await.faults(), [format!("query.{field}")], "{path}?{query}");
        }
    }
    app.close().await;
}

#[tokio::test]
async fn a_cursor_neither_repeats_nor_skips_while_others_write() {
    let app = with_news(60).await;
    let key = app.key("example connector", &["platform_example"]).await;
    for direction in ["asc", "desc"] {
        let mut seen = Vec::new();
        let mut url = Some(format!("/news?cursor=&limit=7&direction={direction}"));
        let mut step = 0;
        while let Some(path) = url {
            let answer = app.get(&path).send().await;
            seen.extend(names(&answer.ok()));
            // Those that are still to come are changed, new ones arrive.
            let id = app.get(&format!("/platforms/example/news/{}", (step * 13) % 60)).send().await.ok()["identifier"]
                .as_str()
                .unwrap()
                .to_owned();
            let name = format!("n{}", (step * 13) % 60);
            app.put(&format!("/news/{id}"), &json!({ "name": name })).key(&key).send().await.ok();
            app.publish("news", &format!("late {direction} {step}"), json!({})).await;
            step += 1;
            url = next(&answer);
        }
        let of_old: Vec<&String> = seen.iter().filter(|n| !n.starts_with("late")).collect();
        assert_eq!(of_old.len(), 60, "{direction}");
        assert_eq!(of_old.iter().collect::<BTreeSet<_>>().len(), 60, "{direction}");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "{direction}");
    }
    app.close().await;
}

/// Who follows the catalogue by its cursor must not pass over what was registered before what it has seen, but came to light later.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cursor_that_follows_many_writers_misses_nothing() {
    let app = TestApp::new().await;
    let key = app.key("example connector", &["platform_example"]).await;
    let writer = async |w: usize| {
        for round in 0..6 {
            let record =
                |i| json!({"resource": {"platform_resource_identifier": format!("{w}-{round}-{i}"), "name": format!("{w}-{round}-{i}")}});
            // Of very different sizes, so that one that began later is often done earlier.
            let size = if w == 0 { 150 } else { 1 + w };
            let body = json!({"records": (0..size).map(record).collect::<Vec<_>>()});
            app.post("/platforms/example/news/batch", &body).key(&key).send().await.ok();
        }
        6 * if w == 0 { 150 } else { 1 + w }
    };
    let done = std::sync::atomic::AtomicBool::new(false);
    let writing = async {
        let counts = join_all((0..8).map(writer)).await;
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        counts.iter().sum::<usize>()
    };
    let following = async {
        let mut seen = BTreeSet::new();
        let mut url = "/news?cursor=&limit=20&direction=asc".to_owned();
        loop {
            let was_done = done.load(std::sync::atomic::Ordering::SeqCst);
            let answer = app.get(&url).send().await;
            for name in names(&answer.ok()) {
                seen.insert(name);
            }
            match next(&answer) {
                Some(next) => url = next,
                None if was_done => return seen,
                None => {}
            }
        }
    };
    let (written, seen) = join(writing, following).await;
    assert_eq!(seen.len(), written);
    app.close().await;
}

#[tokio::test]
async fn the_link_to_the_next_page_keeps_the_query_and_the_proxys_prefix() {
    let app = with_news(3).await;
    let answer = app.get("/news?limit=2&cursor=&direction=asc").header("X-Forwarded-Prefix", "/catalogue/").send().await;
    let url = next(&answer).unwrap();
    assert!(url.starts_with("/catalogue/news?limit=2&direction=asc&cursor="), "{url}");
    let last = app.get(url.strip_prefix("/catalogue").unwrap()).send().await;
    assert_eq!((names(&last.ok()), next(&last)), (vec!["n2".to_owned()], None));
    for bad in ["https://evil.example", "//evil.example", "/a\"><script>"] {
        let answer = app.get("/news?limit=2&cursor=").header("X-Forwarded-Prefix", bad).send().await;
        assert!(next(&answer).unwrap().starts_with("/news?"), "{bad}");
    }
    app.close().await;
}

#[tokio::test]
async fn counts_are_of_what_is_published() {
    let app = with_news(3).await;
    app.draft("news", &app.key("ada", &[]).await, json!({"name": "draft"})).await;
    assert_eq!(app.get("/counts/news").send().await.ok(), json!(3));
    assert_eq!(app.get("/counts/news?detailed=true").send().await.ok(), json!({"example": 3}));
    let all = app.get("/v2/counts").send().await.ok();
    assert_eq!((&all["news"], &all["datasets"]), (&json!({"example": 3}), &json!({})));
    assert_eq!(all.as_object().unwrap().len(), resource_types().len());
    assert_eq!(app.get("/counts/platforms?detailed=true").send().await.ok(), json!(PLATFORMS.len()));
    app.close().await;
}

#[tokio::test]
async fn kept_counts_follow_every_change_before_and_after_they_are_added_up() {
    let app = with_news(3).await;
    let key = app.key("example connector", &["platform_example"]).await;
    let keywords = async || app.get("/keywords").send().await.ok();
    let id = app.publish("datasets", "d", json!({"keyword": ["b", "c"]})).await;
    let other = app.publish("datasets", "e", json!({"keyword": ["c", "a"]})).await;
    for is_folded in [false, true] {
        if is_folded {
            app.app.catalogue.fold_counts().await.unwrap();
            assert_eq!(app.rows::<(i64,)>("SELECT id FROM resource_count_change UNION ALL SELECT id FROM term_check").await, []);
        }
        assert_eq!(keywords().await, json!(["a", "b", "c"]));
        assert_eq!(app.get("/counts/datasets?detailed=true").send().await.ok(), json!({"example": 2}));
    }
    let body = |keyword| json!({"platform": "example", "platform_resource_identifier": "d", "name": "d", "keyword": keyword});
    app.put(&format!("/datasets/{id}"), &body(json!(["d", "c"]))).key(&key).send().await.ok();
    assert_eq!(keywords().await, json!(["a", "c", "d"]));
    app.delete(&format!("/datasets/{other}")).key(&key).send().await.ok();
    assert_eq!(keywords().await, json!(["c", "d"]));
    app.app.catalogue.fold_counts().await.unwrap();
    assert_eq!(keywords().await, json!(["c", "d"]));
    app.put(&format!("/datasets/{id}"), &body(json!([]))).key(&key).send().await.ok();
    assert_eq!(keywords().await, json!([]));
    assert_eq!(app.get("/counts").send().await.ok()["datasets"], json!({"example": 1}));
    app.close().await;
}

#[tokio::test]
async fn counting_anew_repairs_wrong_counts_and_keeps_what_is_not_added_up() {
    let app = with_news(2).await;
    app.app.catalogue.fold_counts().await.unwrap();
    app.publish("news", "later", json!({"keyword": ["x"]})).await;
    app.execute("UPDATE resource_count SET total = 17").await;
    app.execute("INSERT INTO resource_count (resource_type, platform, total) VALUES ('dataset', 'example', 5)").await;
    app.publish("news", "latest", json!({"keyword": ["y", "z"]})).await;
    app.execute("UPDATE term SET in_use = 1 - in_use").await;
    app.execute("DELETE FROM term_check WHERE term_id IN (SELECT id FROM term WHERE name = 'z')").await;
    assert_ne!(app.wrong_counts().await, []);
    app.app.catalogue.recount().await.unwrap();
    assert_eq!(app.wrong_counts().await, []);
    assert_eq!(app.get("/counts/news").send().await.ok(), json!(4));
    assert_eq!(app.get("/counts/datasets").send().await.ok(), json!(0));
    assert_eq!(app.get("/keywords").send().await.ok(), json!(["x", "y", "z"]));
    app.close().await;
}

#[tokio::test]
async fn kept_counts_are_right_whoever_writes_and_adds_up_at_the_same_time() {
    let app = with_news(1).await;
    let writer = async |who: usize| {
        for i in 0..6 {
            let own = format!("{who}-{i}");
            let record = json!({"resource": {"platform_resource_identifier": own, "name": own, "keyword": ["all", format!("k{i}")]}});
            app.batch("news", vec![record]).await;
            app.app.catalogue.fold_counts().await.unwrap();
        }
    };
    join_all((0..6).map(writer)).await;
    app.app.catalogue.fold_counts().await.unwrap();
    assert_eq!(app.get("/counts/news").send().await.ok(), json!(37));
    app.close().await;
}

#[tokio::test]
async fn writes_whose_terms_are_in_use_have_nothing_checked() {
    let app = TestApp::new().await;
    let key = app.key("root", &["admin_aiod_resources"]).await;
    let to_check = async || {
        let found: Vec<(String,)> =
            app.rows("SELECT DISTINCT name FROM term WHERE id IN (SELECT term_id FROM term_check) ORDER BY name").await;
        found.into_iter().map(|(name,)| name).collect::<Vec<_>>()
    };
    let one = app.publish("news", "1", json!({"keyword": ["a", "b"]})).await;
    app.publish("news", "2", json!({"keyword": ["a", "b"]})).await;
    app.draft("news", &key, json!({"name": "x", "keyword": ["c"]})).await;
    let patch = |body: Value| app.request(Method::PATCH, &format!("/news/{one}")).json(&body).key(&key).send();
    patch(json!({"name": "y"})).await.ok();
    assert_eq!(to_check().await, [""; 0]);
    patch(json!({"keyword": ["b", "c"]})).await.ok();
    assert_eq!(to_check().await, ["a", "c"]);
    assert_eq!(app.get("/keywords").send().await.ok(), json!(["a", "b", "c"]));
    app.delete(&format!("/news/{one}")).key(&key).send().await.ok();
    assert_eq!(app.get("/keywords").send().await.ok(), json!(["a", "b"]));
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_term_is_in_use_whoever_begins_and_ceases_to_use_it_at_the_same_time() {
    let app = TestApp::new().await;
    let key = app.key("example connector", &["platform_example"]).await;
    let writer = async |who: usize| {
        for _ in 0..30 {
            let id = app.publish("news", &format!("{who}"), json!({"keyword": ["shared", format!("own {who}")]})).await;
            app.delete(&format!("/news/{id}")).key(&key).send().await.ok();
        }
        app.publish("news", &format!("{who}"), json!({"keyword": ["shared"]})).await;
    };
    let job = async || {
        for _ in 0..200 {
            app.app.catalogue.fold_counts().await.unwrap();
            assert_eq!(app.wrong_counts().await, []);
        }
    };
    futures_util::join!(join_all((0..3).map(writer)), job(), job());
    app.app.catalogue.fold_counts().await.unwrap();
    assert_eq!(app.get("/keywords").send().await.ok(), json!(["shared"]));
    assert_eq!(app.rows::<(i64,)>("SELECT id FROM term_check").await, []);
    app.close().await;
}
