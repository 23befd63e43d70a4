//! Taxonomies and open vocabularies.

use aiod_schema::vocabulary::parse;
use poem::http::Method;
use serde_json::{Value, json};

use crate::harness::TestApp;

#[tokio::test]
async fn stored_terms_that_no_taxonomy_has_do_not_hinder_patches_of_other_fields() {
    let app = TestApp::new().await;
    let person = app.key("ada", &[]).await;
    let location = |country: &str| json!([{"address": {"country": country}}]);
    let body = json!({"name": "x", "location": location("Belgium")});
    let id = app.draft("events", &person, body).await;
    // Countries were free texts once.
    app.rows::<(i64,)>("UPDATE asset SET document = REPLACE(document, 'Belgium', 'Old Belgica')").await;
    let patch = |body: Value| app.request(Method::PATCH, &format!("/events/{id}")).json(&body).key(&person).send();
    patch(json!({"name": "y"})).await.ok();
    let read = app.get(&format!("/events/{id}")).key(&person).send().await.ok();
    assert_eq!((&read["name"], &read["location"][0]["address"]["country"]), (&json!("y"), &json!("Old Belgica")));
    let countries = app.rows::<(i64,)>("SELECT count(*) FROM term WHERE name = 'Old Belgica'").await;
    assert_eq!(countries, [(0,)], "the taxonomy does not take it in");

    let detail = patch(json!({"location": location("Old Belgica")})).await.refused(400);
    assert!(detail.contains("Old Belgica") && detail.contains("'country'"), "{detail}");
    patch(json!({"location": location("belgium")})).await.ok();
    app.close().await;
}

fn taxonomy(name: &str, elements: &Value) -> Vec<aiod_schema::vocabulary::Taxonomy> {
    parse(&json!({"aiod_taxonomies": [{"taxonomy_name": name, "elements": elements}]}).to_string()).unwrap().taxonomies
}

fn term(id: &str, name: &str, below: Value) -> Value {
    json!({"id": id, "label": {"language": "en", "value": name}, "definition": format!("About {name}."), "elements": below})
}

#[tokio::test]
async fn people_use_official_terms_as_they_are_spelled() {
    let app = TestApp::new().await;
    let (person, connector) = (app.key("ada", &[]).await, app.key("bot", &["platform_example"]).await);
    let id = app.draft("datasets", &person, json!({"name": "x", "license": "mit"})).await;
    assert_eq!(app.get(&format!("/datasets/{id}")).key(&person).send().await.ok()["license"], "MIT");
    let detail = app.post("/datasets", &json!({"name": "x", "license": "My licence"})).key(&person).send().await.refused(400);
    assert!(detail.contains("My licence") && detail.contains("license"), "{detail}");

    let body = json!({"name": "x", "platform": "example", "platform_resource_identifier": "1", "license": "My licence", "research_area": ["New Area", "new area"]});
    let id = app.post("/datasets", &body).key(&connector).send().await.identifier();
    let read = app.get(&format!("/datasets/{id}")).send().await.ok();
    assert_eq!((read["license"].as_str(), read["research_area"].clone()), (Some("My licence"), json!(["New Area"])));
    app.post("/datasets", &json!({"name": "x", "license": "My licence"})).key(&person).send().await.refused(400);
    let listed = app.get("/licenses").send().await.ok();
    let names: Vec<&str> = listed.as_array().unwrap().iter().filter_map(|t| t["term"].as_str()).collect();
    assert!(names.contains(&"MIT") && !names.contains(&"My licence"), "{names:?}");
    app.close().await;
}

#[tokio::test]
async fn terms_of_nested_objects_are_official_too() {
    let app = TestApp::new().await;
    let (person, connector) = (app.key("ada", &[]).await, app.key("bot", &["platform_example"]).await);
    let body = |country: &str| json!({"name": "x", "location": [{"geo": {}}, {"address": {"country": country}}]});
    let id = app.draft("contacts", &person, body(" belgium")).await;
    let country = |read: &Value| read["location"][1]["address"]["country"].clone();
    assert_eq!(country(&app.get(&format!("/contacts/{id}")).key(&person).send().await.ok()), "Belgium");
    for unknown in ["Atlantis", "NL"] {
        let detail = app.post("/contacts", &body(unknown)).key(&person).send().await.refused(400);
        assert!(detail.contains(unknown) && detail.contains("'country'") && detail.contains("/countries"), "{detail}");
    }
    let faults = app.post("/contacts", &body("")).key(&person).send().await.faults();
    assert_eq!(faults, ["body.location.1.address.country"]);
    // A connector may bring a new one. When the taxonomy has it under another name, those who use it show that name.
    let mut brought = body("Atlantis");
    (brought["platform"], brought["platform_resource_identifier"]) = (json!("example"), json!("1"));
    let id = app.post("/contacts", &brought).key(&connector).send().await.identifier();
    let load = async |name| app.app.catalogue.load_taxonomies(&taxonomy("Country", &json!([term("c:1", name, json!([]))]))).await.unwrap();
    load("Atlantis").await;
    load("Lost Atlantis").await;
    assert_eq!(country(&app.get(&format!("/contacts/{id}")).send().await.ok()), "Lost Atlantis");
    app.close().await;
}

#[tokio::test]
async fn open_vocabularies_list_what_is_in_use() {
    let app = TestApp::new().await;
    let key = app.key("bot", &["platform_example"]).await;
    let id = app.publish("datasets", "1", json!({"keyword": ["Zebra", "apple", "ZEBRA ", "Été"], "alternate_name": ["Big Name"]})).await;
    assert_eq!(app.get("/keywords").send().await.ok(), json!(["apple", "zebra", "été"]));
    let read = app.get(&format!("/datasets/{id}")).send().await.ok();
    assert_eq!((read["keyword"].clone(), read["alternate_name"].clone()), (json!(["zebra", "apple", "été"]), json!(["Big Name"])));
    app.draft("datasets", &app.key("ada", &[]).await, json!({"name": "x", "keyword": ["secret"]})).await;
    app.delete(&format!("/datasets/{id}")).key(&key).send().await.ok();
    assert_eq!(app.get("/keywords").send().await.ok(), json!([]));
    app.close().await;
}

#[tokio::test]
async fn loading_a_taxonomy_adds_renames_moves_and_retires() {
    let app = TestApp::new().await;
    let catalogue = &app.app.catalogue;
    let load = |elements: Value| async move { catalogue.load_taxonomies(&taxonomy("News Category", &elements)).await.unwrap().remove(0).1 };
    load(json!([term("a", "Alpha", json!([])), term("b", "Beta", json!([])), term("c", "Gamma", json!([]))])).await;
    let id = app.publish("news", "1", json!({"category": ["ALPHA", "own term"]})).await;

    // `a` is renamed and moved below `b`, `c` vanishes, `d` is new, and what a connector brought becomes official.
    let next =
        json!([term("b", "Beta", json!([term("a", "First", json!([]))])), term("d", "Delta", json!([])), term("e", "Own Term", json!([]))]);
    let report = load(next.clone()).await;
    assert_eq!((report.added, report.renamed, report.moved, report.retired), (2, 1, 2, 1), "{report:?}");
    let tree = app.get("/news_categories").send().await.ok();
    assert_eq!(tree[0]["term"], "Beta");
    assert_eq!(tree[0]["subterms"][0]["term"], "First");
    assert_eq!(tree.as_array().unwrap().len(), 3);
    assert_eq!(app.get(&format!("/news/{id}")).send().await.ok()["category"], json!(["First", "Own Term"]));
    let person = app.key("ada", &[]).await;
    app.post("/news", &json!({"name": "x", "category": ["Gamma"]})).key(&person).send().await.refused(400);

    let again = load(next).await;
    assert_eq!((again.added, again.renamed, again.moved, again.redefined, again.retired, again.unchanged), (0, 0, 0, 0, 0, 4));
    app.close().await;
}

#[tokio::test]
async fn terms_may_swap_their_names() {
    let app = TestApp::new().await;
    let catalogue = &app.app.catalogue;
    let load = |elements: Value| async move { catalogue.load_taxonomies(&taxonomy("Turnover", &elements)).await.unwrap().remove(0).1 };
    load(json!([term("a", "Low", json!([])), term("b", "High", json!([]))])).await;
    let id = app.publish("organisations", "1", json!({"turnover": "Low"})).await;
    let report = load(json!([term("a", "High", json!([])), term("b", "Low", json!([]))])).await;
    assert_eq!(report.renamed, 2, "{report:?}");
    assert_eq!(app.get(&format!("/organisations/{id}")).send().await.ok()["turnover"], "High");
    app.close().await;
}

#[tokio::test]
async fn terms_that_become_one_stand_once_in_a_resource() {
    let app = TestApp::new().await;
    let catalogue = &app.app.catalogue;
    let load = |elements: Value| async move { catalogue.load_taxonomies(&taxonomy("News Category", &elements)).await.unwrap().remove(0).1 };
    load(json!([term("a", "Alpha", json!([]))])).await;
    let both = app.publish("news", "1", json!({"category": ["Alpha", "Beta", "Gamma"]})).await;
    let one = app.publish("news", "2", json!({"category": ["beta"]})).await;
    load(json!([term("a", "BETA", json!([]))])).await;
    assert_eq!(app.get(&format!("/news/{both}")).send().await.ok()["category"], json!(["BETA", "Gamma"]));
    assert_eq!(app.get(&format!("/news/{one}")).send().await.ok()["category"], json!(["BETA"]));
    app.close().await;
}

#[tokio::test]
async fn every_vocabulary_has_its_path() {
    let app = TestApp::new().await;
    for vocabulary in aiod_schema::vocabulary::VOCABULARIES {
        for path in vocabulary
            .path
            .iter()
            .flat_map(|p| [format!("/{p}"), format!("/v2/{p}")])
            .chain(vocabulary.v2_alias.map(|a| format!("/v2/{a}")))
        {
            let listed = app.get(&path).send().await.ok();
            let listed = listed.as_array().unwrap();
            assert_eq!(listed.is_empty(), !vocabulary.is_taxonomy(), "{path}");
            assert!(listed.iter().all(|t| t["term"].is_string() && t["definition"].is_string() && t["subterms"].is_array()), "{path}");
        }
    }
    app.close().await;
}

#[tokio::test]
async fn the_taxonomy_file_of_the_field_loads() {
    let path = "../../shared/reference/taxonomies/taxonomies.json";
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: the reference taxonomies are not here");
        return;
    };
    let app = TestApp::new().await;
    let file = parse(&text).unwrap();
    app.app.catalogue.load_taxonomies(&file.taxonomies).await.unwrap();
    let tree = app.get("/research_areas").send().await.ok();
    assert_eq!(tree.as_array().unwrap().len(), 8);
    for (name, report) in app.app.catalogue.load_taxonomies(&file.taxonomies).await.unwrap() {
        assert_eq!((report.added, report.renamed, report.moved, report.redefined, report.retired), (0, 0, 0, 0, 0), "{name}");
    }
    app.close().await;
}

#[tokio::test]
async fn vocabularies_are_listed_in_parts() {
    let app = TestApp::new().await;
    app.publish("datasets", "1", json!({"keyword": ["d", "b", "a", "c"]})).await;
    app.draft("datasets", &app.key("ada", &[]).await, json!({"name": "x", "keyword": ["bb"]})).await;
    let part = async |path: &str| {
        let answer = app.get(path).send().await;
        (answer.ok(), answer.header("link").map(str::to_owned))
    };
    assert_eq!(part("/keywords").await, (json!(["a", "b", "c", "d"]), None));
    let next = "</keywords?limit=2&offset=2>; rel=\"next\"".to_owned();
    assert_eq!(part("/keywords?limit=2").await, (json!(["a", "b"]), Some(next)));
    assert_eq!(part("/v2/keywords?limit=2&offset=2").await, (json!(["c", "d"]), None));

    // A taxonomy by its topmost terms, each with all below it.
    let narrower = json!([term("s:2", "narrower", json!([term("s:3", "narrowest", json!([]))]))]);
    let terms = json!([term("s:1", "first", narrower), term("s:4", "second", json!([]))]);
    app.app.catalogue.load_taxonomies(&taxonomy("Event Mode", &terms)).await.unwrap();
    let whole = app.get("/event_modes").send().await.ok();
    assert_eq!(whole[0]["subterms"][0]["subterms"][0]["term"], "narrowest");
    assert_eq!(whole.as_array().unwrap().len(), 2);
    let (first, link) = part("/event_modes?limit=1").await;
    assert_eq!((&first[0], first.as_array().unwrap().len(), link.is_some()), (&whole[0], 1, true));
    assert_eq!(part("/event_modes?limit=1&offset=1").await, (json!([whole[1]]), None));
    assert_eq!(app.get("/licenses?limit=1001").send().await.faults(), ["query.limit"]);
    app.close().await;
}

#[tokio::test]
async fn a_long_vocabulary_comes_in_parts_of_a_thousand() {
    let app = TestApp::new().await;
    let terms: Vec<Value> = (0..1_002).map(|n| term(&format!("l:{n}"), &format!("term {n}"), json!([]))).collect();
    app.app.catalogue.load_taxonomies(&taxonomy("Licence", &json!(terms))).await.unwrap();
    let first = app.get("/licenses").send().await;
    assert_eq!((first.ok().as_array().unwrap().len(), first.header("link")), (1_000, Some("</licenses?offset=1000>; rel=\"next\"")));
    let rest = app.get("/licenses?offset=1000").send().await;
    assert_eq!((&rest.ok()[1]["term"], rest.header("link")), (&json!("term 1001"), None));
    app.close().await;
}
