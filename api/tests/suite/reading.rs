//! Reading: one resource, any type, masks, formats, encodings.

use poem::http::Method;
use serde_json::{Value, json};

use crate::harness::TestApp;

#[tokio::test]
async fn an_identifier_of_another_type_is_named() {
    let app = TestApp::new().await;
    let id = app.publish("publications", "1", json!({})).await;
    let answer = app.get(&format!("/datasets/{id}")).send().await;
    assert_eq!(answer.faults(), ["path.identifier"]);
    assert!(answer.text().contains("Did you mean to request a 'publication' instead?"));
    let key = app.key("ada", &[]).await;
    // On PUT a bad body wins over a wrong prefix, on DELETE the missing login does.
    assert_eq!(app.put(&format!("/datasets/{id}"), &json!({})).key(&key).send().await.faults(), ["body.name"]);
    app.delete(&format!("/datasets/{id}")).send().await.refused(401);
    assert_eq!(app.get("/datasets/nonsense").send().await.refused(404), "Dataset 'nonsense' not found in the database.");
    app.close().await;
}

#[tokio::test]
async fn groups_serve_their_types_with_nulls() {
    let app = TestApp::new().await;
    let dataset = app.publish("datasets", "1", json!({"size": {"value": 1}, "distribution": [{"name": "f"}]})).await;
    let person = app.publish("persons", "1", json!({})).await;
    let contact = app.publish("contacts", "1", json!({})).await;
    let read = app.get(&format!("/assets/{dataset}")).send().await.ok();
    assert_eq!((read["license"].clone(), read["size"].clone()), (json!(null), json!({"value": 1, "unit": null})));
    assert!(read.as_object().unwrap().contains_key("license"));
    assert_eq!(read["distribution"][0]["checksum"], json!(null));
    assert_eq!(read["keyword"], json!([]));
    let expected =
        [("ai_assets", &dataset, true), ("ai_resources", &dataset, true), ("agents", &dataset, false), ("agents", &person, true)];
    let more = [("ai_assets", &person, false), ("ai_resources", &contact, false), ("assets", &contact, true)];
    for (group, id, found) in expected.into_iter().chain(more) {
        let answer = app.get(&format!("/{group}/{id}")).send().await;
        assert_eq!(answer.status.as_u16(), if found { 200 } else { 404 }, "{group} {id}");
    }
    app.close().await;
}

#[tokio::test]
async fn platform_identifiers_hold_slashes() {
    let app = TestApp::new().await;
    let id = app.publish("datasets", "user/data:set.v1", json!({})).await;
    for path in ["user/data:set.v1", "user%2Fdata:set.v1", "user%2Fdata%3Aset.v1", "USER/data:set.v1"] {
        assert_eq!(app.get(&format!("/platforms/example/datasets/{path}")).send().await.ok()["identifier"], id.as_str(), "{path}");
        assert_eq!(app.get(&format!("/v2/platforms/example/datasets/{path}")).send().await.ok()["identifier"], id.as_str(), "{path}");
    }
    let batch = app.publish("datasets", "batch", json!({})).await;
    assert_eq!(app.get("/platforms/example/datasets/batch").send().await.ok()["identifier"], batch.as_str());
    app.get("/platforms/example/datasets/none").send().await.refused(404);
    app.get("/platforms/nowhere/datasets/none").send().await.refused(400);
    assert_eq!(app.get("/platforms/nowhere/datasets").send().await.ok(), json!([]));
    assert_eq!(app.get("/platforms/example/datasets").send().await.ok().as_array().unwrap().len(), 2);
    app.close().await;
}

#[tokio::test]
async fn addresses_are_masked_for_the_anonymous_on_every_path() {
    let app = TestApp::new().await;
    let reader = app.key("ada", &[]).await;
    let plain = app.publish("contacts", "1", json!({"email": ["a@b.example"]})).await;
    let none = app.publish("contacts", "2", json!({})).await;
    let dataset = app.publish("datasets", "1", json!({"contact": [plain, none]})).await;
    let hidden = json!(["******"]);
    for path in [format!("/contacts/{plain}"), format!("/contacts/{none}"), format!("/assets/{plain}")] {
        assert_eq!(app.get(&path).send().await.ok()["email"], hidden, "{path}");
    }
    let contacts = app.get("/contacts").send().await.ok();
    assert!(contacts.as_array().unwrap().iter().all(|c| c["email"] == hidden));
    let embedded = app.get(&format!("/datasets/{dataset}")).send().await.ok();
    assert_eq!(embedded["contacts"][0]["email"], hidden);
    assert_eq!(app.get(&format!("/contacts/{plain}")).key(&reader).send().await.ok()["email"], json!(["a@b.example"]));
    assert_eq!(app.get(&format!("/contacts/{none}")).key(&reader).send().await.ok()["email"], json!([]));
    app.close().await;
}

#[tokio::test]
async fn files_are_found() {
    let app = TestApp::new().await;
    let url = "https://files.example/a.csv";
    let none = app.publish("datasets", "0", json!({})).await;
    let one = app.publish("datasets", "1", json!({"distribution": [{"content_url": url}]})).await;
    let two = app.publish("datasets", "2", json!({"distribution": [{"content_url": url}, {"name": "without a URL"}]})).await;
    let answer = app.get(&format!("/datasets/{one}/content")).send().await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some(url)));
    assert_eq!(app.get(&format!("/v2/datasets/{two}/content/0")).send().await.status.as_u16(), 303);
    for (path, status) in [
        (format!("/datasets/{none}/content"), 404),
        (format!("/datasets/{two}/content"), 409),
        (format!("/datasets/{two}/content/1"), 404),
        (format!("/datasets/{two}/content/2"), 400),
        (format!("/datasets/{two}/content/-1"), 400),
    ] {
        app.get(&path).send().await.refused(status);
    }
    assert_eq!(app.get(&format!("/datasets/{two}/content/x")).send().await.status.as_u16(), 422);
    app.get(&format!("/events/{none}/content")).send().await.refused(404);
    app.close().await;
}

#[tokio::test]
async fn datasets_convert() {
    let app = TestApp::new().await;
    let id = app.publish("datasets", "1", json!({"description": {"plain": "Words."}})).await;
    let dcat = app.get(&format!("/datasets/{id}?schema=dcat-ap")).send().await.ok();
    assert_eq!(dcat["@graph"][0]["@type"], "dcat:Dataset");
    assert!(dcat["@context"].is_object());
    let schema = app.get("/platforms/example/datasets?schema=schema.org").send().await.ok();
    assert_eq!((schema[0]["@type"].as_str(), schema[0]["name"].as_str()), (Some("Dataset"), Some("1")));
    assert_eq!(app.get("/datasets?schema=rdf").send().await.faults(), ["query.schema"]);
    app.close().await;
}

#[tokio::test]
async fn answers_are_compressed_when_asked_for() {
    let app = TestApp::new().await;
    let id = app.publish("datasets", "1", json!({"description": {"plain": "word ".repeat(1000)}})).await;
    let path = format!("/datasets/{id}");
    let plain = app.get(&path).send().await;
    assert_eq!(plain.header("content-encoding"), None);
    for coding in ["gzip", "br", "zstd"] {
        let packed = app.get(&path).header("Accept-Encoding", coding).send().await;
        assert_eq!(
            (packed.status.as_u16(), packed.header("content-encoding"), packed.header("vary")),
            (200, Some(coding), Some("Accept-Encoding"))
        );
        assert!(packed.body.len() < plain.body.len() / 4);
        assert_eq!(packed.header("etag"), plain.header("etag"));
    }
    app.close().await;
}

#[tokio::test]
async fn methods_and_slashes_behave() {
    let app = TestApp::new().await;
    let id = app.publish("datasets", "1", json!({})).await;
    for path in [format!("/datasets/{id}"), "/datasets".to_owned(), "/counts".to_owned(), "/platforms/example/datasets/1".to_owned()] {
        let head = app.request(Method::HEAD, &path).send().await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0), "{path}");
        let options = app.request(Method::OPTIONS, &path).send().await;
        assert!(options.status.is_success() && options.header("allow").is_some_and(|a| a.contains("GET")), "{path}");
        let slash = app.get(&format!("{path}/?limit=1")).send().await;
        assert_eq!((slash.status.as_u16(), slash.header("location")), (307, Some(format!("{path}?limit=1").as_str())), "{path}");
    }
    let refused = app.delete("/datasets").send().await;
    refused.refused(405);
    assert_eq!(refused.header("allow"), Some("GET, HEAD, OPTIONS, POST"));
    app.get("/nothing/here").send().await.refused(404);
    app.get("/datasets/a/b/c").send().await.refused(404);

    let preflight = app
        .request(Method::OPTIONS, "/datasets")
        .header("Origin", "https://portal.example")
        .header("Access-Control-Request-Method", "POST");
    let preflight = preflight.header("Access-Control-Request-Headers", "authorization,content-type").send().await;
    assert_eq!(preflight.status.as_u16(), 200);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("https://portal.example"));
    assert!(preflight.header("access-control-allow-headers").is_some_and(|h| h.contains("authorization")));
    app.close().await;
}

#[tokio::test]
async fn v2_keeps_its_older_names() {
    let app = TestApp::new().await;
    let key = app.key("ada", &[]).await;
    let id = app.post("/v2/projects", &json!({"name": "p", "total_cost_euro": 12.5})).key(&key).send().await.identifier();
    let read = app.get(&format!("/v2/projects/{id}")).key(&key).send().await.ok();
    assert_eq!((read["total_cost_euro"].as_f64(), read["total_cost_euros"].as_f64()), (Some(12.5), Some(12.5)));
    // On every path that shows it.
    let number = app.post("/submissions", &json!({"asset_identifiers": [id]})).key(&key).send().await.ok()["submission_identifier"].clone();
    for (path, place) in [
        (format!("/v2/assets/{id}"), ""),
        (format!("/v2/ai_resources/{id}"), ""),
        ("/v2/user/resources".to_owned(), "/project/0"),
        (format!("/v2/submissions/{number}"), "/assets/0"),
    ] {
        let read = app.get(&path).key(&key).send().await.ok();
        assert_eq!(read.pointer(place).unwrap()["total_cost_euro"].as_f64(), Some(12.5), "{path}");
        let latest = app.get(path.strip_prefix("/v2").unwrap()).key(&key).send().await.ok();
        assert_eq!(latest.pointer(place).unwrap().get("total_cost_euro"), None, "{path}");
    }
    let read: Value = app.get(&format!("/projects/{id}")).key(&key).send().await.ok();
    assert_eq!((read.get("total_cost_euro"), read["total_cost_euros"].as_f64()), (None, Some(12.5)));
    app.close().await;
}

#[tokio::test]
async fn reading_takes_one_statement_however_much_there_is_to_read() {
    let app = TestApp::new().await;
    let related = |n: usize| {
        json!({
            "creator": (0..n).map(|i| json!({"contact": {"name": format!("c{i}")}})).collect::<Vec<_>>(),
            "citation": (0..n).map(|i| json!({"publication": {"name": format!("p{i}")}})).collect::<Vec<_>>(),
        })
    };
    let record = |own: &str, related: Value| {
        let keyword: Vec<String> = (0..40).map(|i| format!("k{i}")).collect();
        json!({"resource": {"platform_resource_identifier": own, "name": own, "keyword": keyword}, "related": related})
    };
    let contact = json!({"contact": [{"contact": {"name": "c1"}}, {"contact": {"name": "c2"}}]});
    let records = vec![record("plain", json!({})), record("linked", related(30)), record("shown", contact)];
    assert_eq!(app.batch("datasets", records).await["created"], json!(3));
    let statements = async |path: &str| {
        let before = app.app.catalogue.db.reading_statements();
        app.get(path).send().await.ok();
        app.app.catalogue.db.reading_statements() - before
    };
    for own in ["plain", "linked"] {
        let path = format!("/platforms/example/datasets/{own}");
        let id = app.get(&path).send().await.ok()["identifier"].as_str().unwrap().to_owned();
        assert_eq!((statements(&path).await, statements(&format!("/datasets/{id}")).await), (1, 1), "{own}");
    }
    // Contacts that are shown in full are other resources, of however many there are.
    assert_eq!(statements("/platforms/example/datasets/shown").await, 2);
    assert_eq!(statements("/datasets?limit=100").await, 2);
    assert_eq!(statements("/publications?limit=100").await, 1);
    app.close().await;
}

#[tokio::test]
async fn nothing_is_sent_again_to_those_who_have_it() {
    let app = TestApp::new().await;
    let key = app.key("root", &["admin_aiod_resources"]).await;
    let id = app.publish("datasets", "1", json!({"keyword": ["one"]})).await;
    let paths = [
        format!("/datasets/{id}"),
        format!("/assets/{id}"),
        "/datasets?limit=5".to_owned(),
        "/platforms/example/datasets?cursor=".to_owned(),
        "/datasets?schema=schema.org".to_owned(),
        "/counts".to_owned(),
        "/counts/datasets".to_owned(),
        "/keywords".to_owned(),
        "/platforms".to_owned(),
        "/user/resources".to_owned(),
    ];
    let mut tags = Vec::new();
    for path in &paths {
        let read = app.get(path).key(&key).send().await;
        read.ok();
        let tag = read.header("etag").unwrap().to_owned();
        let again = app.get(path).key(&key).header("If-None-Match", &format!("\"other\", W/{tag}")).send().await;
        assert_eq!((again.status.as_u16(), again.body.len(), again.header("etag")), (304, 0, Some(tag.as_str())), "{path}");
        tags.push(tag);
    }
    app.put(&format!("/datasets/{id}"), &json!({"name": "changed", "keyword": ["two"]})).key(&key).send().await.ok();
    app.publish("datasets", "2", json!({})).await;
    for (path, tag) in paths.iter().zip(tags).filter(|(path, _)| !path.contains("platforms") && !path.contains("user")) {
        assert_eq!(app.get(path).key(&key).header("If-None-Match", &tag).send().await.status.as_u16(), 200, "{path}");
    }
    // What is no reading, and what went wrong, has none.
    assert_eq!(app.put(&format!("/datasets/{id}"), &json!({"name": "x"})).key(&key).send().await.header("etag"), None);
    assert_eq!(app.get("/datasets/none").header("If-None-Match", "*").send().await.status.as_u16(), 404);
    app.close().await;
}

#[tokio::test]
async fn the_roots_lead_to_the_documentation() {
    let app = TestApp::with(|config| config.limits.behind_proxy = true).await;
    for (path, target) in [("/", "/docs"), ("/v2", "/v2/docs"), ("/v2/", "/v2/docs"), ("/v3", "/v3/docs")] {
        let answer = app.get(path).header("X-Forwarded-Prefix", "/aiod").send().await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (307, Some(format!("/aiod{target}").as_str())), "{path}");
    }
    app.close().await;
}
