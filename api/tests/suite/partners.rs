//! What a link from the other end may do to a resource, and what it costs.

use poem::http::Method;
use serde_json::{Value, json};

use crate::harness::TestApp;

/// Submits a draft; the submission's number.
async fn submit(app: &TestApp, key: &str, identifier: &str) -> Value {
    let body = json!({"asset_identifiers": [identifier], "comment": ""});
    app.post("/submissions", &body).key(key).send().await.ok()["submission_identifier"].clone()
}

#[tokio::test]
async fn a_draft_contact_does_not_become_the_contact_of_a_strangers_person() {
    let app = TestApp::new().await;
    let (eve, admin) = (app.key("eve", &[]).await, app.key("root", &["admin_aiod_resources"]).await);
    let person = app.publish("persons", "p", json!({})).await;
    let contact = app.publish("contacts", "c", json!({"person": person})).await;
    let empty = app.publish("organisations", "o", json!({})).await;
    for (field, target) in [("person", &person), ("organisation", &empty)] {
        let detail = app.post("/contacts", &json!({"name": "eve's", field: target})).key(&eve).send().await.refused(403);
        assert!(detail.contains(&format!("'{field}'")), "{detail}");
    }
    let own = app.draft("contacts", &eve, json!({"name": "eve's"})).await;
    let path = format!("/contacts/{own}");
    app.put(&path, &json!({"name": "eve's", "person": person})).key(&eve).send().await.refused(403);
    app.request(Method::PATCH, &path).json(&json!({"person": person})).key(&eve).send().await.refused(403);
    assert_eq!(app.get(&format!("/persons/{person}")).send().await.ok()["contact_details"], contact.as_str());
    // A link that is there stays, whoever writes the rest.
    app.put(&path, &json!({"name": "eve's", "person": person})).key(&admin).send().await.ok();
    app.put(&path, &json!({"name": "renamed", "person": person})).key(&eve).send().await.ok();
    app.request(Method::PATCH, &path).json(&json!({"name": "again"})).key(&eve).send().await.ok();
    assert_eq!(app.get(&path).key(&eve).send().await.ok()["person"], person.as_str());
    // Its owner takes it away.
    app.request(Method::PATCH, &path).json(&json!({"person": null})).key(&eve).send().await.ok();
    assert_eq!(app.get(&format!("/persons/{person}")).send().await.ok().get("contact_details"), None);
    app.close().await;
}

#[tokio::test]
async fn what_is_submitted_stays_as_it_is_during_its_review() {
    let app = TestApp::new().await;
    let (owner, admin) = (app.key("ada", &[]).await, app.key("root", &["admin_aiod_resources"]).await);
    let whole = app.publish("datasets", "whole", json!({})).await;
    let part = app.draft("datasets", &owner, json!({"name": "part", "is_part_of": [whole]})).await;
    let path = format!("/datasets/{part}");
    submit(&app, &owner, &part).await;
    let history = app.get(&format!("{path}/history")).key(&owner).send().await.ok();
    // Others link to it, and take away what it says of itself: neither changes it.
    let other = app.publish("datasets", "other", json!({})).await;
    app.put(&format!("/datasets/{other}"), &json!({"name": "other", "has_part": [part]})).key(&admin).send().await.ok();
    app.put(&format!("/datasets/{whole}"), &json!({"name": "whole"})).key(&admin).send().await.ok();
    assert_eq!(app.get(&format!("{path}/history")).key(&owner).send().await.ok(), history);
    let read = app.get(&path).key(&owner).send().await;
    assert!(read.header("etag").unwrap().starts_with("\"2-"), "{:?}", read.header("etag"));
    assert_eq!(read.ok()["is_part_of"], json!([whole, other]));
    assert_eq!(app.get(&format!("/datasets/{whole}")).key(&admin).send().await.ok()["has_part"], json!([part]));
    // After the review, the other end may end the link.
    app.post("/submissions/retract/1", &json!({})).key(&owner).send().await.ok();
    app.request(Method::PATCH, &format!("/datasets/{whole}")).json(&json!({"has_part": null})).key(&admin).send().await.ok();
    assert_eq!(app.get(&path).key(&owner).send().await.ok()["is_part_of"], json!([other]));
    app.close().await;
}

#[tokio::test]
async fn a_collection_costs_the_same_for_each_part() {
    const PARTS: usize = 300;
    let app = TestApp::new().await;
    let key = app.key("example connector", &["platform_example"]).await;
    let whole = app.publish("datasets", "whole", json!({"relevant_resource": []})).await;
    for n in 0..PARTS {
        let own = format!("part {n}");
        let body = json!({"platform": "example", "platform_resource_identifier": own, "name": own, "is_part_of": [whole]});
        app.post("/datasets", &body).key(&key).send().await.ok();
    }
    let read = app.get(&format!("/datasets/{whole}")).send().await;
    assert_eq!(read.ok()["has_part"].as_array().unwrap().len(), PARTS);
    assert!(read.header("etag").unwrap().starts_with("\"1-"), "{:?}", read.header("etag"));
    // Nothing of the collection was written for its parts.
    assert_eq!(app.rows::<(i64,)>("SELECT COUNT(*) FROM asset_revision").await, [(0,)]);
    let lengths = app.rows::<(i64,)>("SELECT length(links) FROM asset WHERE is_linked = 1").await;
    assert_eq!(lengths, [(0,)]);
    // In a page, it shows them as well.
    let page = app.get("/datasets?limit=1000").send().await.ok();
    let shown = page.as_array().unwrap().iter().find(|dataset| dataset["identifier"] == whole.as_str()).unwrap();
    assert_eq!(shown["has_part"], read.ok()["has_part"]);
    app.close().await;
}

#[tokio::test]
async fn toggling_links_to_others_keeps_nothing_of_theirs() {
    let app = TestApp::new().await;
    let stranger = app.key("eve", &[]).await;
    let mut others = Vec::new();
    for n in 0..20 {
        others.push(app.publish("datasets", &format!("{n}"), json!({"description": {"plain": "long ".repeat(100)}})).await);
    }
    let own = app.draft("datasets", &stranger, json!({"name": "own"})).await;
    for n in 0..6 {
        let parts = if n % 2 == 0 { json!(others) } else { json!([]) };
        let body = json!({"name": "own", "is_part_of": parts});
        app.put(&format!("/datasets/{own}"), &body).key(&stranger).send().await.ok();
    }
    let kept = app.rows::<(i64, i64)>("SELECT COUNT(DISTINCT asset_id), COUNT(*) FROM asset_revision").await;
    assert_eq!(kept, [(1, 6)]);
    for other in others {
        assert!(app.get(&format!("/datasets/{other}")).send().await.header("etag").unwrap().starts_with("\"1-"));
    }
    app.close().await;
}

#[tokio::test]
async fn a_draft_contact_is_shown_in_full_only_to_those_who_may_read_it() {
    let app = TestApp::new().await;
    let (ada, eve, admin) = (app.key("ada", &[]).await, app.key("eve", &[]).await, app.key("root", &["admin_aiod_resources"]).await);
    let secret = app.draft("contacts", &ada, json!({"name": "secret", "email": ["ada@example.org"]})).await;
    let wish = |kind: Value| json!({"asset_identifier": secret, "user": "eve", "permission_type": kind});
    app.post("/assets/permissions", &wish(json!("read"))).key(&ada).send().await.ok();
    let own = app.draft("datasets", &eve, json!({"name": "x", "contact": [secret]})).await;
    let seen = async |key: &str| app.get(&format!("/datasets/{own}")).key(key).send().await.ok();
    assert_eq!(seen(&eve).await["contacts"][0]["name"], "secret");
    // Eve may write the dataset, and so still sees that there is a link.
    app.post("/assets/permissions", &wish(Value::Null)).key(&ada).send().await.ok();
    let read = seen(&eve).await;
    assert_eq!((&read["contact"], &read["contacts"]), (&json!([secret]), &json!([])));
    assert_eq!(seen(&admin).await["contacts"][0]["name"], "secret");
    let list = app.get("/user/resources").key(&eve).send().await;
    assert!(!list.text().contains("ada@example.org"), "{}", list.text());
    app.close().await;
}

#[tokio::test]
async fn links_show_the_same_after_the_migration_that_divided_them() {
    const DIVIDING: i64 = 6;
    let app = TestApp::new().await;
    let admin = app.key("root", &["admin_aiod_resources"]).await;
    let owner = app.key("ada", &[]).await;
    let [whole, own] = ["whole", "own"].map(|name| app.publish("datasets", name, json!({})));
    let (whole, own) = (whole.await, own.await);
    let draft = app.draft("datasets", &owner, json!({"name": "draft", "is_part_of": [whole], "relevant_to": [whole]})).await;
    app.publish("datasets", "part", json!({"is_part_of": [whole]})).await;
    app.request(Method::PATCH, &format!("/datasets/{whole}")).json(&json!({"is_part_of": [own]})).key(&admin).send().await.ok();
    let paths = [&whole, &own, &draft].map(|identifier| format!("/datasets/{identifier}"));
    let mut before = Vec::new();
    for path in &paths {
        before.push(app.get(path).key(&admin).send().await.text());
    }
    let texts = async || app.rows::<(String, i64)>("SELECT links, is_linked FROM asset ORDER BY id").await;
    let divided = texts().await;
    let db = &app.app.catalogue.db;
    while db.migrate_down().await.unwrap().is_some_and(|undone| undone > DIVIDING) {}
    let whole_texts = app.rows::<(String,)>("SELECT links FROM asset ORDER BY id").await;
    assert!(whole_texts[0].0.contains("has_part !") && whole_texts[0].0.contains("relevant_resource !"), "{whole_texts:?}");
    db.migrate_up().await.unwrap();
    assert_eq!(texts().await, divided);
    for (path, before) in paths.iter().zip(before) {
        assert_eq!(app.get(path).key(&admin).send().await.text(), before);
    }
    app.close().await;
}

#[tokio::test]
async fn who_shows_a_contact_in_full_does_not_see_the_drafts_that_it_refers_to() {
    let app = TestApp::new().await;
    let (ada, bob) = (app.key("ada", &[]).await, app.key("bob", &[]).await);
    let person = app.draft("persons", &ada, json!({"name": "P"})).await;
    let contact = app.draft("contacts", &ada, json!({"name": "C", "person": person})).await;
    let submission = submit(&app, &ada, &contact).await;
    let reviewer = app.key("reviewer", &["review_aiod_resources"]).await;
    let decision = json!({"submission_identifier": submission, "decision": "accepted", "comment": ""});
    app.post("/reviews", &decision).key(&reviewer).send().await.ok();
    let dataset = app.draft("datasets", &bob, json!({"name": "D", "contact": [contact]})).await;
    let shown = app.get(&format!("/datasets/{dataset}")).key(&bob).send().await.ok();
    assert_eq!((&shown["contacts"][0]["name"], shown["contacts"][0].get("person")), (&json!("C"), None));
    assert_eq!(app.get(&format!("/contacts/{contact}")).key(&ada).send().await.ok()["person"], person.as_str());
    app.close().await;
}

#[tokio::test]
async fn what_a_submitted_contact_says_is_not_taken_by_another() {
    let app = TestApp::new().await;
    let (ada, bob) = (app.key("ada", &[]).await, app.key("bob", &[]).await);
    let person = app.draft("persons", &ada, json!({"name": "P"})).await;
    let contact = app.draft("contacts", &ada, json!({"name": "C", "person": person})).await;
    submit(&app, &ada, &contact).await;
    let share = json!({"asset_identifier": person, "user": "bob", "permission_type": "write"});
    app.post("/assets/permissions", &share).key(&ada).send().await.ok();
    let rival = json!({"name": "R", "person": person});
    app.post("/contacts", &rival).key(&bob).send().await.refused(409);
    assert_eq!(app.get(&format!("/contacts/{contact}")).key(&ada).send().await.ok()["person"], person.as_str());
    app.close().await;
}
