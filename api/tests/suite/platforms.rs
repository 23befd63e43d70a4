//! Platforms.

use aiod_schema::platform::PLATFORMS;
use serde_json::json;

use crate::harness::TestApp;

#[tokio::test]
async fn platforms_are_registered_renamed_and_removed() {
    let app = TestApp::new().await;
    let key = app.key("ops", &["create_platforms"]).await;
    let listed = app.get("/platforms?limit=100").send().await.ok();
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["aiod", "ai4europe_cms", "example", "openml", "huggingface", "zenodo", "ai4experiments", "aibuilder"]);
    app.post("/platforms", &json!({"name": "new"})).send().await.refused(401);
    app.post("/platforms", &json!({"name": "new"})).key(&app.key("eve", &[]).await).send().await.refused(403);
    for (body, at) in
        [(json!({}), "body.name"), (json!({"name": 5}), "body.name"), (json!({"name": "a b"}), "body.name"), (json!([]), "body")]
    {
        assert_eq!(app.post("/platforms", &body).key(&key).send().await.faults(), [at]);
    }
    for name in ["", ".", "..", "a/b", "a#b", "ünï", "a\u{7}b", "a:b", "a'b", &"a".repeat(65)] {
        assert_eq!(app.post("/platforms", &json!({"name": name})).key(&key).send().await.faults(), ["body.name"], "{name}");
        assert_eq!(app.put("/platforms/3", &json!({"name": name})).key(&key).send().await.faults(), ["body.name"], "{name}");
    }
    app.post("/platforms", &json!({"name": "9-all_of.these"})).key(&key).send().await.ok();
    let number = app.post("/platforms", &json!({"name": "New"})).key(&key).send().await.ok()["identifier"].as_i64().unwrap();
    let path = format!("/platforms/{number}");
    assert_eq!(app.get(&path).send().await.ok(), json!({"name": "new", "identifier": number.to_string()}));
    app.post("/platforms", &json!({"name": "NEW"})).key(&key).send().await.refused(409);
    app.put(&path, &json!({"name": "zenodo"})).key(&key).send().await.refused(409);
    assert_eq!(app.put(&path, &json!({"name": "newer"})).key(&key).send().await.ok(), json!(null));
    app.delete(&path).key(&key).send().await.ok();
    app.get(&path).send().await.refused(404);
    app.get("/platforms/zenodo").send().await.refused(404);

    app.publish("datasets", "1", json!({})).await;
    app.delete("/platforms/3").key(&key).send().await.refused(409);
    app.put("/platforms/3", &json!({"name": "other"})).key(&key).send().await.refused(409);
    app.close().await;
}

#[tokio::test]
async fn platforms_that_the_model_declares_are_known() {
    let app = TestApp::new().await;
    let key = app.key("ops", &["create_platforms"]).await;
    let declared: Vec<&str> = PLATFORMS.iter().map(|platform| platform.name).collect();
    // A catalogue that was made before a platform was declared lacks it.
    app.post("/platforms", &json!({"name": "own"})).key(&key).send().await.ok();
    app.delete("/platforms/8").key(&key).send().await.ok();
    for _ in 0..2 {
        app.app.catalogue.add_declared_platforms().await.unwrap();
        let listed = app.get("/platforms?limit=100").send().await.ok();
        let names: Vec<&str> = listed.as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
        let (last, others) = declared.split_last().unwrap();
        assert_eq!(names, [others, &["own", last]].concat());
    }
    app.close().await;
}
