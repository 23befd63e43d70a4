//! The bulk upsert.

use serde_json::{Value, json};

use crate::harness::TestApp;

fn record(own: &str, name: &str) -> Value {
    json!({"resource": {"platform_resource_identifier": own, "name": name, "keyword": ["a", name]}})
}

fn outcomes(answer: &Value) -> Vec<String> {
    answer["results"].as_array().unwrap().iter().map(|r| r["outcome"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn records_are_created_updated_or_left_alone() {
    let app = TestApp::new().await;
    let first = app.batch("datasets", vec![record("1", "one"), record("2", "two")]).await;
    assert_eq!((outcomes(&first), first["created"].clone()), (vec!["created".to_owned(); 2], json!(2)));
    let id = first["results"][0]["identifier"].as_str().unwrap();
    let before = app.get(&format!("/datasets/{id}")).send().await;

    let second = app.batch("datasets", vec![record("2", "zwei"), record("3", "three"), record("1", "one")]).await;
    assert_eq!(outcomes(&second), ["updated", "created", "unchanged"]);
    assert_eq!(second["results"][2]["identifier"], id);
    let after = app.get(&format!("/datasets/{id}")).send().await;
    assert_eq!(before.header("etag"), after.header("etag"), "nothing is touched");
    assert_eq!(app.get("/platforms/example/datasets/2").send().await.ok()["name"], "zwei");
    assert_eq!(app.get("/counts/datasets").send().await.ok(), json!(3));
    app.close().await;
}

#[tokio::test]
async fn a_bad_record_stops_no_other() {
    let app = TestApp::new().await;
    let bad = json!({"resource": {"platform_resource_identifier": "b", "name": "b", "issn": "1", "size": {"value": "x"}}});
    let elsewhere = json!({"resource": {"platform_resource_identifier": "e", "platform": "openml", "name": "e"}});
    let lost = json!({"resource": {"platform_resource_identifier": "l", "name": "l", "citation": ["pub_none"]}});
    let far = json!({"resource": {"platform_resource_identifier": "f", "name": "f", "distribution": [{"platform": "nowhere"}]}});
    let nameless = json!({"resource": {"name": "n"}});
    let answer = app
        .batch(
            "datasets",
            vec![record("1", "one"), bad, elsewhere, lost, far, nameless, json!(7), record("1", "twice"), record("2", "two")],
        )
        .await;
    let expected = ["created", "failed", "failed", "failed", "failed", "failed", "failed", "failed", "created"];
    assert_eq!(outcomes(&answer), expected);
    assert_eq!((answer["created"].clone(), answer["failed"].clone()), (json!(2), json!(7)));
    let errors = &answer["results"][1]["errors"];
    assert_eq!(errors[0]["loc"], json!(["resource", "issn"]));
    assert_eq!(errors[1]["loc"], json!(["resource", "size", "value"]));
    assert_eq!(answer["results"][1]["platform_resource_identifier"], "b");
    assert!(answer["results"].as_array().unwrap().iter().all(|r| (r["outcome"] == "failed") == r.get("identifier").is_none()));
    assert_eq!(app.get("/counts/datasets").send().await.ok(), json!(2));
    app.close().await;
}

#[tokio::test]
async fn related_resources_are_found_or_created_once() {
    let app = TestApp::new().await;
    let with = |own: &str, names: &[&str]| {
        let creators: Vec<Value> = names.iter().map(|n| json!({"contact": {"name": n}})).collect();
        let citation = json!([{"publication": {"name": "The paper", "platform_resource_identifier": "doi:1"}}]);
        json!({"resource": {"platform_resource_identifier": own, "name": own}, "related": {"creator": creators, "citation": citation}})
    };
    let answer = app.batch("datasets", vec![with("1", &["Ada", "Bob"]), with("2", &["bob ", "Cy"])]).await;
    assert_eq!(outcomes(&answer), ["created", "created"]);
    assert_eq!(app.get("/counts/contacts").send().await.ok(), json!(3));
    assert_eq!(app.get("/counts/publications").send().await.ok(), json!(1));
    let one = app.get("/platforms/example/datasets/1").send().await.ok();
    let two = app.get("/platforms/example/datasets/2").send().await.ok();
    assert_eq!(one["creator"][1], two["creator"][0]);
    assert_eq!(one["citation"], two["citation"]);
    let ada = app.get(&format!("/contacts/{}", one["creator"][0].as_str().unwrap())).send().await.ok();
    assert_eq!(
        (ada["name"].as_str(), ada["platform"].as_str(), ada.get("platform_resource_identifier")),
        (Some("Ada"), Some("example"), None)
    );

    let again = app.batch("datasets", vec![with("1", &["Ada", "Bob"]), with("2", &["Dan"])]).await;
    assert_eq!(outcomes(&again), ["unchanged", "updated"]);
    assert_eq!(app.get("/counts/contacts").send().await.ok(), json!(4));

    let wrong = json!({"resource": {"platform_resource_identifier": "3", "name": "3"}, "related": {
        "creator": [{"person": {"name": "x"}}, {"contact": {}}, {"contact": {"name": 5}}, 7], "keyword": [], "citation": {}}});
    let failed = app.batch("datasets", vec![wrong]).await;
    let locations: Vec<Value> = failed["results"][0]["errors"].as_array().unwrap().iter().map(|e| e["loc"].clone()).collect();
    let expected = [
        json!(["related", "creator", 0]),
        json!(["related", "creator", 1, "contact"]),
        json!(["related", "creator", 2, "contact", "name"]),
        json!(["related", "creator", 3]),
        json!(["related", "keyword"]),
        json!(["related", "citation"]),
    ];
    assert_eq!(locations, expected);
    app.close().await;
}

#[tokio::test]
async fn links_that_others_made_survive_an_update() {
    let app = TestApp::new().await;
    app.batch("datasets", vec![record("1", "one")]).await;
    let id = app.get("/platforms/example/datasets/1").send().await.ok()["identifier"].as_str().unwrap().to_owned();
    let whole = app.publish("publications", "p", json!({"has_part": [id]})).await;
    assert_eq!(outcomes(&app.batch("datasets", vec![record("1", "uno")]).await), ["updated"]);
    assert_eq!(app.get(&format!("/datasets/{id}")).send().await.ok()["is_part_of"], json!([whole]));
    app.close().await;
}

#[tokio::test]
async fn only_the_platforms_connector_writes() {
    let app = TestApp::new().await;
    let body = json!({"records": [record("1", "one")]});
    let path = "/platforms/example/datasets/batch";
    app.post(path, &body).send().await.refused(401);
    app.post(path, &body).key(&app.key("ada", &["platform_openml"]).await).send().await.refused(403);
    let admin = app.key("root", &["admin_aiod_resources"]).await;
    app.post(path, &body).key(&admin).send().await.ok();
    app.post("/platforms/nowhere/datasets/batch", &body).key(&admin).send().await.refused(412);
    app.post(path, &json!({"records": []})).key(&admin).send().await.ok();
    assert_eq!(app.post(path, &json!({"records": {}})).key(&admin).send().await.faults(), ["body.records"]);
    assert_eq!(app.post(path, &json!([])).key(&admin).send().await.faults(), ["body.records"]);
    let many: Vec<Value> = (0..1001).map(|i| record(&i.to_string(), "x")).collect();
    assert_eq!(app.post(path, &json!({"records": many})).key(&admin).send().await.faults(), ["body.records"]);
    app.post("/v2/platforms/example/datasets/batch", &body).key(&admin).send().await.refused(405);
    app.post("/platforms/example/datasets/other", &body).key(&admin).send().await.refused(405);
    app.close().await;
}

#[tokio::test]
async fn a_record_that_says_what_a_patch_left_is_unchanged() {
    let app = TestApp::new().await;
    let key = app.key("bot", &["platform_example"]).await;
    let cited = app.publish("publications", "p", json!({})).await;
    let with = |more: Value| {
        let mut record = record("1", "one");
        record["resource"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        record
    };
    let answer = app.batch("datasets", vec![with(json!({"citation": [cited]}))]).await;
    let path = format!("/datasets/{}", answer["results"][0]["identifier"].as_str().unwrap());
    app.request(poem::http::Method::PATCH, &path).json(&json!({"version": "2"})).key(&key).send().await.ok();
    let send = async |more: Value| outcomes(&app.batch("datasets", vec![with(more)]).await).remove(0);
    assert_eq!(send(json!({"version": "2", "citation": [cited]})).await, "unchanged");
    // The links that the patch left alone count: a record without them takes them away.
    assert_eq!(send(json!({"version": "2"})).await, "updated");
    assert_eq!(app.get(&path).send().await.ok()["citation"], json!([]));
    app.close().await;
}
