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
    let body = json!({"name": "x", "platform": "example", "platform_resource_identifier": "1", "distribution": [{"platform": "nowhere", "platform_resource_identifier": "1"}]});
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

#[tokio::test]
async fn a_person_always_says_whether_they_want_to_be_contacted() {
    let app = TestApp::new().await;
    let silent = app.publish("persons", "1", json!({})).await;
    let willing = app.publish("persons", "2", json!({"wants_to_be_contacted": true})).await;
    for prefix in ["/persons", "/assets", "/agents", "/v2/persons", "/v2/agents", "/ai_resources"] {
        for (id, wants) in [(&silent, false), (&willing, true)] {
            assert_eq!(app.get(&format!("{prefix}/{id}")).send().await.ok()["wants_to_be_contacted"], wants, "{prefix}");
        }
    }
    let list = app.get("/persons?sort=date_created&direction=asc").send().await.ok();
    assert_eq!((&list[0]["wants_to_be_contacted"], &list[1]["wants_to_be_contacted"]), (&json!(false), &json!(true)));
    let one = app.get("/platforms/example/persons/1").send().await.ok();
    assert_eq!(one["wants_to_be_contacted"], false);
    assert_eq!(app.get(&format!("/organisations/{silent}")).send().await.status.as_u16(), 422);
    app.close().await;
}

#[tokio::test]
async fn numbers_have_as_many_digits_as_the_model_says() {
    let app = TestApp::new().await;
    let key = app.key("ada", &[]).await;
    let whole = ("value_error.decimal.whole_digits", 422);
    let places = ("value_error.decimal.max_places", 422);
    let fine = ("", 200);
    for (path, field, value, (code, status)) in [
        ("persons", "price_per_hour_euro", json!(99.99), fine),
        ("persons", "price_per_hour_euro", json!(100), whole),
        ("persons", "price_per_hour_euro", json!(-123.5), whole),
        ("persons", "price_per_hour_euro", json!(1.234), places),
        ("teams", "price_per_hour_euro", json!(0.25), fine),
        ("teams", "price_per_hour_euro", json!(100.0), whole),
        ("projects", "total_cost_euros", json!(9_999_999_999.99_f64), fine),
        ("projects", "total_cost_euros", json!(10_000_000_000_i64), whole),
        ("projects", "total_cost_euros", json!(1e300), whole),
        ("projects", "total_cost_euros", json!(0.001), places),
        ("v2/projects", "total_cost_euro", json!(0.001), places),
    ] {
        let answer = app.post(&format!("/{path}"), &json!({"name": "x", field: value})).key(&key).send().await;
        assert_eq!(answer.status.as_u16(), status, "{path} {value}: {}", answer.text());
        assert_eq!(answer.json()["detail"][0]["type"].as_str().unwrap_or_default(), code, "{path} {value}");
    }
    app.close().await;
}

#[tokio::test]
async fn files_follow_the_rules_of_their_platform() {
    let app = TestApp::new().await;
    let key = app.key("ada", &[]).await;
    let file = |platform: Value, own: Value| json!({"platform": platform, "platform_resource_identifier": own});
    for (field, file, fault) in [
        ("distribution", file(json!("example"), json!(null)), Some("body.distribution.0.platform_resource_identifier")),
        ("distribution", file(json!(null), json!("1")), Some("body.distribution.0.platform")),
        ("media", file(json!("openml"), json!(null)), Some("body.media.0.platform_resource_identifier")),
        ("distribution", file(json!("openml"), json!("one")), Some("body.distribution.0.platform_resource_identifier")),
        ("distribution", file(json!("huggingface"), json!("a/b/c")), Some("body.distribution.0.platform_resource_identifier")),
        ("distribution", file(json!("zenodo"), json!("7199024")), Some("body.distribution.0.platform_resource_identifier")),
        ("distribution", file(json!("example"), json!("")), Some("body.distribution.0.platform_resource_identifier")),
        ("distribution", file(json!("zenodo"), json!("01234567-89ab-cdef-0123-456789abcdef")), None),
        ("distribution", file(json!("example"), json!("anything")), None),
        ("distribution", file(json!(null), json!(null)), None),
    ] {
        let answer = app.post("/datasets", &json!({"name": "x", field: [file]})).key(&key).send().await;
        match fault {
            Some(place) => assert_eq!(answer.faults(), [place], "{file}"),
            None => drop(answer.ok()),
        }
    }
    let unknown = json!({"name": "x", "distribution": [file(json!("nowhere"), json!("1"))]});
    assert!(app.post("/datasets", &unknown).key(&key).send().await.refused(412).contains("distribution[0].platform"));
    app.close().await;
}

#[tokio::test]
async fn editors_are_persons() {
    let app = TestApp::new().await;
    let (ada, bob) = (app.key("ada", &[]).await, app.key("bob", &[]).await);
    let person = app.publish("persons", "1", json!({})).await;
    let dataset = app.publish("datasets", "1", json!({})).await;
    let hidden = app.draft("persons", &bob, json!({"name": "hidden"})).await;
    let body = |editor: &str| json!({"name": "x", "aiod_entry": {"editor": [editor]}});
    for unknown in ["prsn_000000000000000000000000", "nobody", &dataset, &hidden] {
        let detail = app.post("/datasets", &body(unknown)).key(&ada).send().await.refused(404);
        assert_eq!(detail, format!("Field 'editor' refers to person with identifier {unknown}, which cannot be found in the database."));
    }
    let id = app.draft("datasets", &ada, body(&person)).await;
    let path = format!("/datasets/{id}");
    let read = app.get(&path).key(&ada).send().await.ok();
    assert_eq!(read["aiod_entry"]["editor"], json!([person]));
    app.put(&path, &body("nobody")).key(&ada).send().await.refused(404);
    app.request(poem::http::Method::PATCH, &path).json(&json!({"aiod_entry": {"editor": ["nobody"]}})).key(&ada).send().await.refused(404);
    let record = json!({"resource": {"platform_resource_identifier": "2", "name": "x", "aiod_entry": {"editor": ["nobody"]}}});
    let errors = app.batch("datasets", vec![record]).await["results"][0]["errors"].clone();
    assert_eq!(errors[0]["loc"], json!(["resource", "aiod_entry", "editor"]));
    // One who is gone may stay: what was read can be put back.
    app.delete(&format!("/persons/{person}")).key(&app.key("root", &["admin_aiod_resources"]).await).send().await.ok();
    app.put(&path, &read).key(&ada).send().await.ok();
    app.request(poem::http::Method::PATCH, &path).json(&json!({"name": "y"})).key(&ada).send().await.ok();
    app.post("/datasets", &body(&person)).key(&ada).send().await.refused(404);
    app.close().await;
}

#[tokio::test]
async fn what_the_catalogue_says_of_the_entry_is_ignored_in_a_body() {
    let app = TestApp::new().await;
    let key = app.key("ada", &[]).await;
    let entry = json!({"status": "published", "date_modified": "1999-01-01T00:00:00", "date_created": 7, "editor": []});
    let id = app.draft("datasets", &key, json!({"name": "x", "aiod_entry": entry})).await;
    let read = app.get(&format!("/datasets/{id}")).key(&key).send().await.ok();
    assert_eq!((&read["aiod_entry"]["status"], read["aiod_entry"]["date_modified"].as_str() > Some("2020")), (&json!("draft"), true));
    app.put(&format!("/datasets/{id}"), &json!({"name": "x", "aiod_entry": entry})).key(&key).send().await.ok();
    let unknown = json!({"name": "x", "aiod_entry": {"state": "published"}});
    assert_eq!(app.post("/datasets", &unknown).key(&key).send().await.faults(), ["body.aiod_entry.state"]);
    app.close().await;
}

#[tokio::test]
async fn truth_values_of_a_query_are_written_in_many_ways() {
    let app = TestApp::new().await;
    for text in ["true", "1", "yes", "on", "t", "TRUE", "Yes", "oN", "T"] {
        assert!(app.get(&format!("/counts/datasets?detailed={text}")).send().await.ok().is_object(), "{text}");
        app.get(&format!("/organisations?get_image={text}")).send().await.ok();
    }
    for text in ["false", "0", "no", "off", "f", "False", "NO", "oFF", "F"] {
        assert!(app.get(&format!("/counts/datasets?detailed={text}")).send().await.ok().is_number(), "{text}");
    }
    assert_eq!(app.get("/counts/datasets?detailed=2").send().await.faults(), ["query.detailed"]);
    app.close().await;
}
