//! Resources in other formats: the names that they tell, and the addresses that they begin with.

use serde_json::{Value, json};

use crate::harness::TestApp;

const PUBLIC: &str = "https://catalogue.example.org/aiod";

async fn public() -> TestApp {
    TestApp::with(|config| config.public_url = PUBLIC.into()).await
}

/// The contacts of a person, of an organisation and of nobody; the identifiers of all five.
async fn people(app: &TestApp) -> [String; 5] {
    let person = app.publish("persons", "ada", json!({"name": "Ada Lovelace"})).await;
    let organisation = app.publish("organisations", "acme", json!({"name": "Acme", "legal_name": "Acme Limited"})).await;
    let of_person = app.publish("contacts", "desk", json!({"name": "Ada's desk", "person": person})).await;
    let of_organisation = app.publish("contacts", "office", json!({"name": "Acme's office", "organisation": organisation})).await;
    let plain = app.publish("contacts", "plain", json!({"name": "Somebody"})).await;
    [person, organisation, of_person, of_organisation, plain]
}

async fn schema_org(app: &TestApp, identifier: &str) -> Value {
    app.get(&format!("/datasets/{identifier}?schema=schema.org")).send().await.ok()
}

#[tokio::test]
async fn creators_funders_and_publications_are_told_by_name() {
    let app = public().await;
    let [_, organisation, of_person, of_organisation, plain] = people(&app).await;
    let publication = app.publish("publications", "paper", json!({"name": "On engines"})).await;
    let links = json!({
        "creator": [of_person, of_organisation, plain], "funder": [organisation], "citation": [publication], "is_accessible_for_free": false,
    });
    let id = app.publish("datasets", "1", links).await;
    let before = app.app.catalogue.db.reading_statements();
    let found = schema_org(&app, &id).await;
    assert_eq!(app.app.catalogue.db.reading_statements() - before, 2, "one statement for the resource, one for the names");
    let named = |ty: &str, name: &str| json!({"@type": ty, "name": name});
    let creators = json!([named("Person", "Ada Lovelace"), named("Organization", "Acme Limited"), named("Person", "Somebody")]);
    assert_eq!((&found["creator"], &found["funder"]), (&creators, &named("Organization", "Acme Limited")));
    assert_eq!((&found["citation"], &found["isAccessibleForFree"]), (&json!("On engines"), &json!(false)));
    assert_eq!(found["url"], format!("{PUBLIC}/datasets/{id}"));
    // A whole page takes one statement more than without names.
    app.publish("datasets", "2", json!({"creator": [plain]})).await;
    let before = app.app.catalogue.db.reading_statements();
    let page = app.get("/datasets?schema=schema.org&direction=asc&sort=date_created").send().await.ok();
    assert_eq!(app.app.catalogue.db.reading_statements() - before, 2);
    assert_eq!((&page[0]["creator"], &page[1]["creator"]), (&creators, &named("Person", "Somebody")));
    assert_eq!(page[1]["isAccessibleForFree"], json!(true));
    app.close().await;
}

#[tokio::test]
async fn a_conversion_tells_no_name_that_its_reader_could_not_read() {
    let app = public().await;
    let ada = app.key("ada", &[]).await;
    let hidden = app.draft("organisations", &ada, json!({"name": "Hidden plan", "legal_name": "Hidden plan Ltd"})).await;
    let draft_contact = app.draft("contacts", &ada, json!({"name": "Hidden desk"})).await;
    // Of this platform, names of people are for those with a role alone.
    let cms = app.key("cms", &["platform_ai4europe_cms"]).await;
    let body = json!({"platform": "ai4europe_cms", "platform_resource_identifier": "p", "name": "Masked Person"});
    let person = app.post("/persons", &body).key(&cms).send().await.identifier();
    let contact = app.publish("contacts", "c", json!({"name": "Front desk"})).await;
    let admin = app.key("root", &["admin_aiod_resources"]).await;
    let owned = json!({"name": "Front desk", "person": person});
    app.put(&format!("/contacts/{contact}"), &owned).key(&admin).send().await.ok();
    let id = app.draft("datasets", &ada, json!({"name": "d", "funder": [hidden, person], "creator": [contact, draft_contact]})).await;
    for format in ["schema.org", "dcat-ap"] {
        let text = app.get(&format!("/datasets/{id}?schema={format}")).key(&ada).send().await.text();
        assert!(text.contains("Front desk") && !text.contains("Hidden") && !text.contains("Masked") && !text.contains("****"), "{text}");
    }
    let full = app.key("cleared", &["full_view_ai4europe_cms_resources", "admin_aiod_resources"]).await;
    let text = app.get(&format!("/datasets/{id}?schema=schema.org")).key(&full).send().await.text();
    assert!(text.contains("Masked Person") && !text.contains("Hidden"), "{text}");
    app.close().await;
}

#[tokio::test]
async fn dcat_ap_below_v2_stays_as_its_clients_know_it() {
    let app = public().await;
    let [_, _, of_person, _, plain] = people(&app).await;
    let file =
        json!({"content_url": "https://example.org/a.csv", "encoding_format": "text/csv", "checksum": "00ff", "checksum_algorithm": "md5"});
    let body = json!({
        "creator": [of_person], "contact": [plain], "distribution": [file], "license": "MIT", "keyword": ["k"], "same_as": "https://example.org/a",
        "spatial_coverage": {"geo": {"latitude": 1.5, "longitude": 2.5}}, "temporal_coverage": "2020",
    });
    let id = app.publish("datasets", "1", body).await;
    let modified = app.get(&format!("/datasets/{id}")).send().await.ok()["aiod_entry"]["date_modified"].clone();
    let expected = json!({
        "@context": {"dcat": "http://www.w3.org/ns/dcat", "dct": "http://purl.org/dc/terms/", "vcard": "https://www.w3.org/2006/vcard/ns#"},
        "@graph": [
            {
                "@id": id, "@type": "dcat:Dataset", "dct:title": "1", "dcat:contactPoint": [{"@id": plain}],
                "dcat:distribution": [{"@id": "https://example.org/a.csv"}], "dcat:keyword": ["k"], "dcat:creator": [{"@id": of_person}],
                "foaf:page": [], "dcat:landingPage": ["https://example.org/a"],
                "dct:modified": {"@type": "xsd:dateTime", "@value": modified},
            },
            {"@id": format!("{id}#checksum-0"), "@type": "spdx:Checksum", "algorithm": "md5", "checksumValue": "00ff"},
            {
                "@id": "https://example.org/a.csv", "@type": "dcat:Distribution", "dcat:accessURL": "https://example.org/a.csv",
                "spdx:checksum": {"@id": format!("{id}#checksum-0")}, "dcat:downloadURL": "https://example.org/a.csv",
                "dct:format": "text/csv", "dct:license": "MIT",
            },
            {"@id": plain, "@type": "vcard:Individual", "vcard:fn": "Somebody"},
            {"@id": format!("{id}#spatial"), "@type": "dct:Location", "dcat:centroid": "POINT(2.5 1.5)"},
            {
                "@id": format!("{id}#temporal"), "@type": "dct:PeriodOfTime",
                "dcat:startDate": {"@type": "xsd:dateTime", "@value": "2020-01-01T00:00:00"},
                "dcat:endDate": {"@type": "xsd:dateTime", "@value": "2020-12-31T23:59:59"},
            },
        ],
    });
    assert_eq!(app.get(&format!("/v2/datasets/{id}?schema=dcat-ap")).send().await.text(), expected.to_string());
    // Without a version, it is as harvesters want it.
    let right = app.get(&format!("/datasets/{id}?schema=dcat-ap")).send().await.ok();
    let dataset = &right["@graph"][0];
    assert_eq!(
        (&right["@context"]["dcat"], &dataset["@id"]),
        (&json!("http://www.w3.org/ns/dcat#"), &json!(format!("{PUBLIC}/datasets/{id}")))
    );
    assert_eq!(app.get(&format!("/v3/datasets/{id}?schema=dcat-ap")).send().await.ok(), right);
    let named: Vec<&Value> = right["@graph"].as_array().unwrap().iter().filter(|node| node.get("foaf:name").is_some()).collect();
    assert_eq!(named.iter().map(|node| &node["foaf:name"]).collect::<Vec<_>>(), [&json!("example"), &json!("Ada Lovelace")]);
    app.close().await;
}

#[tokio::test]
async fn addresses_begin_with_the_public_one_or_with_that_of_the_request() {
    let app = public().await;
    let id = app.publish("datasets", "1", json!({})).await;
    app.publish("datasets", "2", json!({})).await;
    let page = app.get("/datasets?cursor=&limit=1").header("Host", "inside:8000").send().await;
    assert!(page.header("link").unwrap().starts_with(&format!("<{PUBLIC}/datasets?limit=1&cursor=")), "{:?}", page.header("link"));
    app.close().await;

    let app = TestApp::with(|config| config.listen = "127.0.0.1:4711".to_owned()).await;
    let other = app.publish("datasets", "1", json!({})).await;
    assert_ne!(id, other);
    let path = format!("/datasets/{other}?schema=schema.org");
    let url = async |headers: &[(&str, &str)]| {
        let request = headers.iter().fold(app.get(&path), |request, (name, value)| request.header(name, value));
        request.send().await.ok()["url"].as_str().unwrap().strip_suffix(&format!("/datasets/{other}")).unwrap().to_owned()
    };
    assert_eq!(url(&[("Host", "here.example:8000")]).await, "http://here.example:8000");
    // Without a proxy of ours, what a proxy would say does not count.
    assert_eq!(
        url(&[("Host", "here.example"), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https")]).await,
        "http://here.example"
    );
    assert_eq!(url(&[]).await, "http://127.0.0.1:4711");
    assert_eq!(url(&[("Host", "a\"><script>")]).await, "http://127.0.0.1:4711");
    app.close().await;

    let app = TestApp::with(|config| config.limits.behind_proxy = true).await;
    let id = app.publish("datasets", "1", json!({})).await;
    let forwarded =
        [("X-Forwarded-Host", "out.example"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Prefix", "/aiod"), ("Host", "inside")];
    let request = app.get(&format!("/datasets/{id}?schema=schema.org"));
    let answer = forwarded.iter().fold(request, |request, (name, value)| request.header(name, value)).send().await;
    assert_eq!(answer.ok()["url"], format!("https://out.example/aiod/datasets/{id}"));
    app.close().await;
}
