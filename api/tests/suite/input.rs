//! Bad input: every fault is named, nothing is half-written, and it is never the server's fault.

use aiod_schema::resource_types;
use serde_json::{Value, json};

use crate::harness::TestApp;

#[tokio::test]
async fn all_faults_of_a_body_are_told_at_once() {
    let app = TestApp::new().await;
    let key = app.key("ada", &[]).await;
    let body = json!({
        "name": "x".repeat(257), "keyword": "one", "license": 5, "issn": "123", "is_accessible_for_free": "yes",
        "date_published": "2024-01-01", "size": {"value": 1.5}, "creator": [7], "note": [{}],
        "distribution": [{"content_size_kb": "big", "name": "ok"}], "aiod_entry": {"unknown": 1}, "unknown": {"ignored": true},
    });
    let mut faults = app.post("/datasets", &body).key(&key).send().await.faults();
    faults.sort();
    let expected = [
        "body.aiod_entry.unknown",
        "body.creator.0",
        "body.date_published",
        "body.distribution.0.content_size_kb",
        "body.is_accessible_for_free",
        "body.issn",
        "body.keyword",
        "body.license",
        "body.name",
        "body.note.0.value",
        "body.size.value",
    ];
    assert_eq!(faults, expected);
    // The anonymous learn that they must log in, before what is wrong; malformed JSON is told to all.
    app.post("/datasets", &body).send().await.refused(401);
    assert_eq!(app.post("/datasets", &json!(null)).bytes(b"{\"name\":".to_vec()).send().await.faults(), ["body"]);
    app.close().await;
}

#[tokio::test]
async fn hostile_bodies_are_refused() {
    let app = TestApp::new().await;
    let key = app.key("ada", &[]).await;
    let send = |bytes: Vec<u8>| {
        app.request(poem::http::Method::POST, "/datasets").key(&key).header("Content-Type", "application/json").bytes(bytes).send()
    };
    let deep = format!("{{\"name\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    for body in [
        b"".to_vec(),
        b"[]".to_vec(),
        b"\xff\xfe".to_vec(),
        b"{\"name\":\"\xc3\x28\"}".to_vec(),
        deep.into_bytes(),
        b"{\"name\":\"\\ud800\"}".to_vec(),
    ] {
        assert_eq!(send(body.clone()).await.status.as_u16(), 422, "{}", String::from_utf8_lossy(&body[..body.len().min(40)]));
    }
    assert_eq!(send(b"{\"name\":\"a\\u0000b\"}".to_vec()).await.faults(), ["body.name"]);
    assert_eq!(send(b"{\"name\":\"x\",\"size\":{\"value\":99999999999999999999}}".to_vec()).await.faults(), ["body.size.value"]);
    assert_eq!(send(b"{\"name\":\"x\",\"size\":{\"value\":1e999}}".to_vec()).await.status.as_u16(), 422);
    let keywords: Vec<String> = (0..10_000).map(|i| format!("k{i}")).collect();
    assert_eq!(send(json!({"name": "x", "keyword": keywords}).to_string().into_bytes()).await.faults(), ["body.keyword"]);
    send(vec![b' '; 100 << 20]).await.refused(413);
    let blob = json!({"name": "x", "media": [{"binary_blob": "aGk="}]}).to_string().into_bytes();
    assert!(send(blob).await.refused(400).contains("media[0].binary_blob"));
    let large = app
        .request(poem::http::Method::POST, "/datasets")
        .key(&key)
        .header("Content-Type", "text/plain")
        .bytes(b"{}".to_vec())
        .send()
        .await;
    assert!(matches!(large.status.as_u16(), 415 | 422));
    for media_type in ["application/vnd.api+json", "application/json; charset=utf-8"] {
        let body = app
            .request(poem::http::Method::POST, "/datasets")
            .key(&key)
            .header("Content-Type", media_type)
            .bytes(b"{\"name\":\"x\"}".to_vec());
        body.send().await.ok();
    }
    app.request(poem::http::Method::POST, "/datasets").key(&key).bytes(b"{\"name\":\"x\"}".to_vec()).send().await.ok();
    app.close().await;
}

#[tokio::test]
async fn texts_and_dates_come_back_as_they_should() {
    let app = TestApp::new().await;
    let key = app.key("ada", &[]).await;
    let text = "Grüße, 世界 🦀 \"quoted\" \\ / \u{7f} \u{2028}\nline ' ; DROP TABLE asset; --";
    let body = json!({"name": text, "description": {"plain": text.repeat(500), "html": "<b>&amp;</b>"},
        "date_published": "2024-03-01T01:30:00.987+02:00", "note": [{"value": text}], "keyword": ["Straße", "İstanbul"]});
    let id = app.draft("datasets", &key, body).await;
    let read = app.get(&format!("/datasets/{id}")).key(&key).send().await.ok();
    assert_eq!((read["name"].as_str(), read["description"]["plain"].as_str()), (Some(text), Some(text.repeat(500).as_str())));
    assert_eq!(read["date_published"], "2024-02-29T23:30:00");
    let entry = read["aiod_entry"]["date_modified"].as_str().unwrap();
    assert_eq!((entry.len(), entry.contains('Z')), (19, false));
    app.close().await;
}

#[tokio::test]
async fn a_refused_body_leaves_nothing_behind() {
    let app = TestApp::new().await;
    let key = app.key("ada", &[]).await;
    let connector = app.key("bot", &["platform_example"]).await;
    // The keyword comes before the link that is missing; neither may stay.
    let body = json!({"name": "x", "platform": "example", "platform_resource_identifier": "1", "keyword": ["new"], "license": "New", "citation": ["pub_none"]});
    app.post("/datasets", &body).key(&connector).send().await.refused(404);
    app.post("/datasets", &json!({"name": "x", "keyword": ["new"], "license": "nonsense"})).key(&key).send().await.refused(400);
    let body = json!({"name": "x", "platform": "example", "platform_resource_identifier": "1", "distribution": [{"platform": "nowhere"}]});
    assert!(app.post("/datasets", &body).key(&connector).send().await.refused(412).contains("distribution[0].platform"));
    assert_eq!(app.get("/platforms/example/datasets").send().await.ok(), json!([]));
    assert_eq!(app.get("/keywords").send().await.ok(), json!([]));
    app.close().await;
}

#[tokio::test]
async fn every_type_takes_the_bodies_that_clients_send() {
    let folder = "../../shared/reference/examples";
    if !std::path::Path::new(folder).exists() {
        println!("skipped: the reference examples are not here");
        return;
    }
    let app = TestApp::new().await;
    let key = app.key("bot", &["platform_example"]).await;
    for resource in resource_types() {
        let Ok(text) = std::fs::read_to_string(format!("{folder}/{}.json", resource.path)) else { continue };
        for mut body in serde_json::from_str::<Vec<Value>>(&text).unwrap() {
            if resource.name == "organisation" {
                // The numbers of identifiers are from before identifiers had prefixes.
                body.as_object_mut().unwrap().remove("member");
            }
            let id = app.post(&format!("/{}", resource.path), &body).key(&key).send().await.identifier();
            let read = app.get(&format!("/{}/{id}", resource.path)).key(&key).send().await.ok();
            for (field, value) in body.as_object().unwrap() {
                let exact = resource.object.field(field).is_some_and(|f| matches!(f.kind, aiod_schema::Kind::Text) && !f.list);
                assert!(!exact || read[field] == *value, "{} {field}", resource.name);
            }
            // What was read can be written back.
            app.put(&format!("/{}/{id}", resource.path), &read).key(&key).send().await.ok();
            let again = app.get(&format!("/{}/{id}", resource.path)).key(&key).send().await.ok();
            let without_entry = |mut value: Value| value.as_object_mut().map(|m| m.remove("aiod_entry")).map(|_| value);
            assert_eq!(without_entry(read), without_entry(again));
        }
    }
    app.close().await;
}
