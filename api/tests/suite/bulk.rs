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
    let far = json!({"resource": {"platform_resource_identifier": "f", "name": "f", "distribution": [{"platform": "nowhere", "platform_resource_identifier": "1"}]}});
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
async fn a_record_may_relate_to_another_of_its_batch() {
    let app = TestApp::new().await;
    let whole = |own: &str, part: &str| {
        json!({"resource": {"platform_resource_identifier": own, "name": own},
               "related": {"has_part": [{"dataset": {"platform_resource_identifier": part, "name": "in short"}}]}})
    };
    let batch = vec![whole("1", "2"), record("2", "two"), record("4", "four"), whole("3", "4")];
    let answer = app.batch("datasets", batch.clone()).await;
    assert_eq!(outcomes(&answer), ["created"; 4]);
    assert_eq!(app.get("/counts/datasets").send().await.ok(), json!(4));
    for (index, part) in [(0, 1), (3, 2)] {
        let identifier = |index: usize| answer["results"][index]["identifier"].as_str().unwrap();
        let read = app.get(&format!("/datasets/{}", identifier(index))).send().await.ok();
        assert_eq!(read["has_part"], json!([identifier(part)]));
        let part = app.get(&format!("/datasets/{}", identifier(part))).send().await.ok();
        assert_eq!((&part["is_part_of"], part["keyword"][0].as_str()), (&json!([identifier(index)]), Some("a")), "the record counts");
    }
    assert_eq!(outcomes(&app.batch("datasets", batch).await), ["unchanged"; 4]);
    let itself = app.batch("datasets", vec![whole("5", "5")]).await;
    assert_eq!(itself["results"][0]["errors"][0]["loc"], json!(["related", "has_part"]));
    assert_eq!(app.get("/counts/datasets").send().await.ok(), json!(4));
    app.close().await;
}

#[tokio::test]
async fn nothing_is_created_for_a_record_that_fails() {
    let app = TestApp::new().await;
    let with = |resource: Value, related: Value| json!({"resource": resource, "related": related});
    let ghost = json!({"contact": {"name": "Ghost"}});
    let far = json!({"dataset": {"name": "far", "distribution": [{"platform": "nowhere", "platform_resource_identifier": "1"}]}});
    let lost = json!({"dataset": {"name": "lost", "citation": ["pub_none"]}});
    let body = |own: &str, more: Value| {
        let mut body = json!({"platform_resource_identifier": own, "name": own});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let batch = vec![
        with(body("1", json!({"citation": ["pub_none"]})), json!({"creator": [ghost.clone()]})),
        with(
            body("2", json!({"distribution": [{"platform": "nowhere", "platform_resource_identifier": "1"}]})),
            json!({"creator": [ghost.clone()]}),
        ),
        with(body("3", json!({})), json!({"creator": [ghost.clone()], "has_part": [far]})),
        with(body("4", json!({})), json!({"creator": [ghost], "has_part": [lost]})),
        with(body("5", json!({})), json!({"creator": [{"contact": {"name": "Ada"}}]})),
    ];
    let answer = app.batch("datasets", batch).await;
    assert_eq!(outcomes(&answer), ["failed", "failed", "failed", "failed", "created"]);
    assert_eq!(answer["results"][2]["errors"][0]["loc"], json!(["related", "has_part"]));
    let contacts = app.get("/contacts").send().await.ok();
    let names: Vec<&Value> = contacts.as_array().unwrap().iter().map(|c| &c["name"]).collect();
    assert_eq!(names, ["Ada"]);
    assert_eq!(app.get("/counts/datasets").send().await.ok(), json!(1));
    app.close().await;
}

#[tokio::test]
async fn a_record_full_of_faults_is_told_some_of_them() {
    let app = TestApp::new().await;
    let notes: Vec<Value> = (0..4_000).map(Value::from).collect();
    let answer = app.batch("datasets", vec![json!({"resource": {"platform_resource_identifier": "1", "name": "1", "note": notes}})]).await;
    let errors = answer["results"][0]["errors"].as_array().unwrap();
    assert_eq!((errors.len(), &errors[99]["loc"]), (101, &json!(["resource", "note", 99])));
    assert_eq!((&errors[100]["loc"], &errors[100]["msg"]), (&json!(["resource"]), &json!("3900 more faults")));
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
async fn related_resources_are_as_many_as_the_document_says() {
    let app = TestApp::new().await;
    let document = app.get("/openapi.json").send().await.ok();
    let body = &document["paths"]["/platforms/{platform}/datasets/batch"]["post"]["requestBody"]["content"]["application/json"]["schema"];
    let name = body["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
    let record = &document["components"]["schemas"][name]["properties"]["records"]["items"];
    let most = record["properties"]["related"]["properties"]["creator"]["maxItems"].as_u64().unwrap();
    let with = |own: &str, count: u64| {
        let creators: Vec<Value> = (0..count).map(|n| json!({"contact": {"name": format!("creator {n}")}})).collect();
        json!({"resource": {"platform_resource_identifier": own, "name": own}, "related": {"creator": creators}})
    };
    let answer = app.batch("datasets", vec![with("most", most), with("more", most + 1)]).await;
    assert_eq!(outcomes(&answer), ["created", "failed"]);
    assert_eq!(answer["results"][1]["errors"][0]["loc"], json!(["related", "creator"]));
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
