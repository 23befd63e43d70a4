//! Past revisions: how they are stored, and how long they are kept.

use aiod_api::config::Config;
use aiod_api::jobs::prune;
use poem::http::Method;
use serde_json::{Value, json};

use crate::harness::TestApp;

/// Patches a resource so often that it has this many revisions.
async fn patch_until(app: &TestApp, path: &str, key: &str, revisions: usize) {
    for n in 2..=revisions {
        app.request(Method::PATCH, path).json(&json!({"version": n.to_string()})).key(key).send().await.ok();
    }
}

/// The revisions that the history lists, the newest first.
async fn revisions(app: &TestApp, path: &str, key: &str) -> Vec<i64> {
    let history: Value = app.get(&format!("{path}/history")).key(key).send().await.ok();
    history.as_array().unwrap().iter().map(|state| state["revision"].as_i64().unwrap()).collect()
}

/// A statement that changes rows.
async fn execute(app: &TestApp, statement: &'static str) {
    app.rows::<(i64,)>(statement).await;
}

#[tokio::test]
async fn past_revisions_are_compressed_and_read_as_before() {
    let app = TestApp::new().await;
    let key = app.key("ada", &[]).await;
    let text = "A long description, of which a small part changes. ".repeat(1_000);
    let contact = app.draft("contacts", &key, json!({"name": "c"})).await;
    let id = app.draft("datasets", &key, json!({"name": "d", "description": {"plain": text}, "creator": [contact]})).await;
    let path = format!("/datasets/{id}");
    let first = app.get(&path).key(&key).send().await.ok();
    patch_until(&app, &path, &key, 41).await;
    let bytes = app.rows::<(i64,)>("SELECT CAST(SUM(LENGTH(packed) + LENGTH(document)) AS SIGNED) FROM asset_revision").await[0].0;
    assert!(bytes < 40_000, "{bytes} bytes for 40 past states of 50 kB");
    assert_eq!(app.get(&format!("{path}/history/1")).key(&key).send().await.ok(), first);
    let past = app.get(&format!("{path}/history/7")).key(&key).send().await.ok();
    assert_eq!((past["version"].as_str(), &past["creator"]), (Some("7"), &json!([contact])));
    app.close().await;
}

#[tokio::test]
async fn past_revisions_of_older_programs_are_read() {
    let app = TestApp::new().await;
    let key = app.key("ada", &[]).await;
    let id = app.draft("datasets", &key, json!({"name": "d"})).await;
    let path = format!("/datasets/{id}");
    patch_until(&app, &path, &key, 2).await;
    let old = "UPDATE asset_revision SET packed = NULL, document = '{\"name\":\"old\",\"aiod_entry\":{\"editor\":[]}}'";
    execute(&app, old).await;
    assert_eq!(app.get(&format!("{path}/history/1")).key(&key).send().await.ok()["name"], "old");
    app.close().await;
}

#[tokio::test]
async fn only_the_newest_past_revisions_are_kept() {
    let app = TestApp::with(|config: &mut Config| config.history.keep_revisions = 3).await;
    let key = app.key("ada", &[]).await;
    let (many, few) =
        (app.draft("datasets", &key, json!({"name": "many"})).await, app.draft("datasets", &key, json!({"name": "few"})).await);
    let (many, few) = (format!("/datasets/{many}"), format!("/datasets/{few}"));
    patch_until(&app, &many, &key, 10).await;
    patch_until(&app, &few, &key, 4).await;
    prune(&app.app).await;
    assert_eq!(revisions(&app, &many, &key).await, [10, 9, 8, 7]);
    assert_eq!(revisions(&app, &few, &key).await, [4, 3, 2, 1]);
    assert_eq!(app.get(&format!("{many}/history/7")).key(&key).send().await.ok()["version"], "7");
    app.get(&format!("{many}/history/6")).key(&key).send().await.refused(404);
    assert_eq!(app.get(&many).key(&key).send().await.ok()["version"], "10");
    app.close().await;
}

#[tokio::test]
async fn past_revisions_that_were_replaced_long_ago_are_removed() {
    let app = TestApp::with(|config: &mut Config| config.history.keep_days = 30).await;
    let key = app.key("ada", &[]).await;
    let path = format!("/datasets/{}", app.draft("datasets", &key, json!({"name": "d"})).await);
    patch_until(&app, &path, &key, 4).await;
    prune(&app.app).await;
    assert_eq!(revisions(&app, &path, &key).await, [4, 3, 2, 1], "they were replaced just now");
    execute(&app, "UPDATE asset_revision SET date_replaced = date_replaced - 31 * 86400000000 WHERE revision < 3").await;
    prune(&app.app).await;
    assert_eq!(revisions(&app, &path, &key).await, [4, 3]);
    app.close().await;
}

#[tokio::test]
async fn all_past_revisions_are_kept_where_the_configuration_says_so() {
    let app = TestApp::with(|config: &mut Config| (config.history.keep_days, config.history.keep_revisions) = (0, 0)).await;
    let key = app.key("ada", &[]).await;
    let path = format!("/datasets/{}", app.draft("datasets", &key, json!({"name": "d"})).await);
    patch_until(&app, &path, &key, 3).await;
    execute(&app, "UPDATE asset_revision SET date_replaced = 0").await;
    prune(&app.app).await;
    assert_eq!(revisions(&app, &path, &key).await, [3, 2, 1]);
    app.close().await;
}
