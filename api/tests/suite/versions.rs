//! The versions of the interface side by side.

use std::collections::BTreeSet;

use aiod_api::routes::{Version, document};
use serde_json::{Value, json};

use crate::harness::TestApp;

/// The document of a version without its prefix.
fn without_prefix(version: Version) -> Value {
    let mut document = document(version).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let plain = paths.iter().map(|(path, item)| (path.strip_prefix(version.prefix()).unwrap().to_owned(), item.clone()));
    document["paths"] = Value::Object(plain.collect());
    document
}

#[test]
fn the_newest_version_also_has_a_prefix() {
    assert!(without_prefix(Version::V3) == without_prefix(Version::Latest));
}

#[test]
fn no_version_stands_in_the_way_of_another() {
    let paths = |version| document(version).unwrap()["paths"].as_object().unwrap().keys().cloned().collect::<BTreeSet<String>>();
    for version in Version::ALL.into_iter().filter(|version| !version.prefix().is_empty()) {
        assert!(paths(version).iter().all(|path| path.starts_with(&format!("{}/", version.prefix()))));
        assert!(paths(Version::Latest).is_disjoint(&paths(version)));
    }
}

#[tokio::test]
async fn the_newest_version_answers_alike_below_its_prefix() {
    let app = TestApp::new().await;
    let key = app.key("ada", &[]).await;
    let id = app.post("/v3/projects", &json!({"name": "p", "total_cost_euros": 1.5})).key(&key).send().await.identifier();
    app.request(poem::http::Method::PATCH, &format!("/v3/projects/{id}")).json(&json!({"name": "q"})).key(&key).send().await.ok();
    for path in [format!("/projects/{id}"), format!("/projects/{id}/history"), "/counts".to_owned(), "/user/resources".to_owned()] {
        let (plain, prefixed) = (app.get(&path).key(&key).send().await, app.get(&format!("/v3{path}")).key(&key).send().await);
        assert_eq!((prefixed.ok(), prefixed.header("etag")), (plain.ok(), plain.header("etag")), "{path}");
    }
    app.publish("news", "1", json!({})).await;
    app.publish("news", "2", json!({})).await;
    let page = app.get("/v3/news?cursor=&limit=1").send().await;
    assert!(page.header("link").unwrap().starts_with("</v3/news?limit=1&cursor="), "{:?}", page.header("link"));
    for (path, target) in [("/v3", "/v3/docs"), ("/v3/", "/v3/docs")] {
        assert_eq!(app.get(path).send().await.header("location"), Some(target), "{path}");
    }
    app.post(&format!("/v3/projects/submit/{id}"), &json!({})).key(&key).send().await.refused(404);
    app.get("/v4/counts").send().await.refused(404);
    app.close().await;
}

#[tokio::test]
async fn a_field_with_two_names_has_one_value() {
    let app = TestApp::new().await;
    let key = app.key("ada", &[]).await;
    let body = |cost: Value, costs: Value| json!({"name": "p", "total_cost_euro": cost, "total_cost_euros": costs});
    for (cost, costs, expected) in [(json!(12), json!(12.0), 12.0), (json!(null), json!(3), 3.0), (json!(4), json!(null), 4.0)] {
        let id = app.post("/v2/projects", &body(cost, costs)).key(&key).send().await.identifier();
        let read = app.get(&format!("/v2/projects/{id}")).key(&key).send().await.ok();
        assert_eq!((read["total_cost_euro"].as_f64(), read["total_cost_euros"].as_f64()), (Some(expected), Some(expected)));
        // What was read can be put back.
        app.put(&format!("/v2/projects/{id}"), &read).key(&key).send().await.ok();
        let other = app.put(&format!("/v2/projects/{id}"), &body(json!(1), json!(2))).key(&key).send().await;
        assert_eq!(other.faults(), ["body.total_cost_euro"]);
    }
    assert_eq!(app.post("/v2/projects", &body(json!(1), json!("1"))).key(&key).send().await.faults(), ["body.total_cost_euro"]);
    app.post("/v2/projects", &body(json!(1), json!(2))).send().await.refused(401);
    // Elsewhere the older name is unknown, and ignored.
    app.post("/projects", &body(json!(1), json!(2))).key(&key).send().await.ok();
    app.close().await;
}

#[tokio::test]
async fn of_a_retired_version_the_prefix_alone_goes() {
    let app = TestApp::with(|config| config.versions.retired = vec!["v2".to_owned()]).await;
    for path in ["/v2/counts", "/v2/datasets", "/v2/docs", "/v2/redoc", "/v2/openapi.json", "/v2"] {
        app.get(path).send().await.refused(404);
    }
    for path in ["/counts", "/v3/counts", "/datasets", "/v3/datasets", "/openapi.json", "/v3/openapi.json"] {
        app.get(path).send().await.ok();
    }
    assert_eq!(app.get("/v3").send().await.header("location"), Some("/v3/docs"));
    app.close().await;
}

#[tokio::test]
async fn only_versions_that_there_are_can_be_retired() {
    let app = TestApp::new().await;
    for name in ["v9", "", "/v2", "latest"] {
        let mut config = app.app.config.clone();
        config.versions.retired = vec![name.to_owned()];
        let catalogue = aiod_api::catalogue::Catalogue::new(app.app.catalogue.db.clone(), &config);
        let other = aiod_api::app::App::new(catalogue, config).unwrap();
        let error = aiod_api::routes::endpoint(other.into()).err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(error, format!("configuration: 'versions.retired' must be a list of versions with a prefix (v2, v3), not '{name}'"));
    }
    app.close().await;
}
