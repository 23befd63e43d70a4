//! References between resources.

use poem::http::Method;
use serde_json::{Value, json};

use crate::harness::TestApp;

#[tokio::test]
async fn setting_one_end_shows_at_the_other() {
    let app = TestApp::new().await;
    let key = app.key("bot", &["platform_example"]).await;
    let part = app.publish("datasets", "part", json!({})).await;
    let whole = app.publish("publications", "whole", json!({"has_part": [part], "relevant_to": [part]})).await;
    let read = app.get(&format!("/datasets/{part}")).send().await;
    assert_eq!((read.ok()["is_part_of"].clone(), read.ok()["relevant_resource"].clone()), (json!([whole]), json!([whole])));

    // The other end shows something else, and is at the same revision: its owner's changes are not refused.
    app.put(&format!("/publications/{whole}"), &json!({"name": "whole"})).key(&key).send().await.ok();
    let path = format!("/datasets/{part}");
    let known = app.get(&path).header("If-None-Match", read.header("etag").unwrap()).send().await;
    assert_eq!(known.ok()["is_part_of"], json!([]));
    let again = app.get(&path).header("If-None-Match", known.header("etag").unwrap()).send().await;
    assert_eq!(again.status.as_u16(), 304);
    let change = app.put(&path, &json!({"name": "the part"})).key(&key).header("If-Match", read.header("etag").unwrap());
    change.send().await.ok();
    let stale = app.put(&path, &json!({"name": "part"})).key(&key).header("If-Match", read.header("etag").unwrap());
    stale.send().await.refused(412);

    app.put(&format!("/datasets/{part}"), &json!({"name": "part", "is_part_of": [whole]})).key(&key).send().await.ok();
    assert_eq!(app.get(&format!("/publications/{whole}")).send().await.ok()["has_part"], json!([part]));
    app.close().await;
}

#[tokio::test]
async fn the_order_of_links_is_kept() {
    let app = TestApp::new().await;
    let key = app.key("bot", &["platform_example"]).await;
    let mut contacts = Vec::new();
    for i in 0..4 {
        contacts.push(app.publish("contacts", &format!("c{i}"), json!({})).await);
    }
    contacts.reverse();
    let id = app.publish("datasets", "d", json!({"creator": contacts, "contact": contacts})).await;
    let read = app.get(&format!("/datasets/{id}")).send().await.ok();
    assert_eq!(read["creator"], json!(contacts));
    let embedded: Vec<&Value> = read["contacts"].as_array().unwrap().iter().map(|c| &c["identifier"]).collect();
    assert_eq!(json!(embedded), json!(contacts));
    contacts.swap(0, 3);
    app.put(&format!("/datasets/{id}"), &json!({"name": "d", "creator": contacts})).key(&key).send().await.ok();
    assert_eq!(app.get(&format!("/datasets/{id}")).send().await.ok()["creator"], json!(contacts));
    app.close().await;
}

#[tokio::test]
async fn a_contact_belongs_to_one() {
    let app = TestApp::new().await;
    let key = app.key("bot", &["platform_example"]).await;
    let contact = app.publish("contacts", "c", json!({"email": ["A@b.example"]})).await;
    let person = app.publish("persons", "p", json!({"contact_details": contact})).await;
    let at = async |path: String| app.get(&path).key(&key).send().await.ok();
    assert_eq!(at(format!("/contacts/{contact}")).await["person"], person.as_str());

    let organisation = app.publish("organisations", "o", json!({"contact_details": contact})).await;
    let read = at(format!("/contacts/{contact}")).await;
    assert_eq!((read.get("person"), read["organisation"].as_str()), (None, Some(organisation.as_str())));
    assert_eq!(at(format!("/persons/{person}")).await.get("contact_details"), None);

    app.put(&format!("/contacts/{contact}"), &json!({"person": person})).key(&key).send().await.ok();
    assert_eq!(at(format!("/persons/{person}")).await["contact_details"], contact.as_str());
    assert_eq!(at(format!("/organisations/{organisation}")).await.get("contact_details"), None);
    let both = app.put(&format!("/contacts/{contact}"), &json!({"person": person, "organisation": organisation})).key(&key).send().await;
    assert_eq!(both.faults(), ["body.organisation"]);

    // A person has one contact: another one takes its place.
    let second = app.publish("contacts", "c2", json!({"person": person})).await;
    assert_eq!(at(format!("/persons/{person}")).await["contact_details"], second.as_str());
    assert_eq!(at(format!("/contacts/{contact}")).await.get("person"), None);
    app.close().await;
}

#[tokio::test]
async fn links_to_nothing_are_refused_by_name() {
    let app = TestApp::new().await;
    let key = app.key("ada", &[]).await;
    let publication = app.publish("publications", "p", json!({})).await;
    let missing = "con_AAAAAAAAAAAAAAAAAAAAAAAA";
    let detail = app.post("/datasets", &json!({"name": "x", "creator": [missing]})).key(&key).send().await.refused(404);
    assert!(detail.contains("creator") && detail.contains("contact") && detail.contains(missing), "{detail}");
    app.post("/datasets", &json!({"name": "x", "creator": [publication]})).key(&key).send().await.refused(404);
    app.post("/datasets", &json!({"name": "x", "citation": [publication]})).key(&key).send().await.ok();
    app.close().await;
}

#[tokio::test]
async fn every_reference_and_term_that_is_refused_is_named_at_once() {
    let app = TestApp::new().await;
    let key = app.key("ada", &[]).await;
    let refused = async |more: Value, status: u16| {
        let mut body = json!({"name": "x"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        app.post("/datasets", &body).key(&key).send().await.refused(status)
    };
    let (contact, publication) = ("con_AAAAAAAAAAAAAAAAAAAAAAAA", "pub_AAAAAAAAAAAAAAAAAAAAAAAA");
    let all = json!({"creator": [contact], "citation": [publication], "license": "My licence", "research_area": ["Mine", "Own"]});
    // The status is that of the first fault.
    let detail = refused(all, 404).await;
    for named in ["'creator'", contact, "'citation'", publication, "'license'", "'My licence'", "'research_area'", "'Mine'", "'Own'"] {
        assert!(detail.contains(named), "{named}: {detail}");
    }
    let detail = refused(json!({"license": "My licence", "research_area": ["Mine"]}), 400).await;
    assert!(detail.contains("'My licence'") && detail.contains("'Mine'"), "{detail}");

    let own = app.draft("datasets", &key, json!({"name": "x"})).await;
    let body = json!({"name": "x", "has_part": [own, publication]});
    let detail = app.put(&format!("/datasets/{own}"), &body).key(&key).send().await.refused(404);
    assert!(detail.contains(publication) && detail.contains("Field 'has_part': a resource cannot refer to itself"), "{detail}");

    let record = json!({"resource": {"platform_resource_identifier": "1", "name": "x", "creator": [contact], "citation": [publication],
        "distribution": [{"platform": "nowhere", "platform_resource_identifier": "1"}]}});
    let answer = app.batch("datasets", vec![record]).await;
    let errors = answer["results"][0]["errors"].as_array().unwrap();
    let mut places: Vec<String> = errors.iter().map(|e| e["loc"].to_string()).collect();
    places.sort();
    assert_eq!(places, [r#"["resource","citation"]"#, r#"["resource","creator"]"#, r#"["resource","distribution"]"#]);
    assert!(errors.iter().any(|e| e["msg"].as_str().unwrap().contains(contact)), "{errors:?}");
    app.close().await;
}

#[tokio::test]
async fn a_resource_does_not_refer_to_itself() {
    let app = TestApp::new().await;
    let key = app.key("bot", &["platform_example"]).await;
    let id = app.publish("datasets", "d", json!({})).await;
    let body = json!({"name": "d", "has_part": [id], "is_part_of": [id]});
    assert_eq!(app.put(&format!("/datasets/{id}"), &body).key(&key).send().await.faults(), ["body.has_part", "body.is_part_of"]);
    let record = json!({"resource": {"platform_resource_identifier": "d", "name": "d", "has_part": [id]}});
    let failed = app.batch("datasets", vec![record]).await["results"][0].clone();
    assert_eq!((failed["outcome"].as_str(), &failed["errors"][0]["loc"]), (Some("failed"), &json!(["resource", "has_part"])));
    assert_eq!(failed["errors"][0]["msg"], "a resource cannot refer to itself");
    app.close().await;
}

#[tokio::test]
async fn deleted_resources_vanish_from_the_links_of_others() {
    let app = TestApp::new().await;
    let key = app.key("bot", &["platform_example"]).await;
    let organisation = app.publish("organisations", "o", json!({})).await;
    let dataset = app.publish("datasets", "d", json!({})).await;
    let contact = app.publish("contacts", "c", json!({"organisation": organisation})).await;
    let event = app.publish("events", "e", json!({"organiser": organisation, "has_part": [dataset], "contact": [contact]})).await;
    let project = app.publish("projects", "p", json!({"coordinator": organisation, "produced": [dataset]})).await;
    let embedded = app.get(&format!("/events/{event}")).send().await.ok();
    assert_eq!(embedded["contacts"][0]["organisation"], organisation.as_str());
    for gone in [format!("/organisations/{organisation}"), format!("/datasets/{dataset}")] {
        app.delete(&gone).key(&key).send().await.ok();
    }
    let read = app.get(&format!("/events/{event}")).send().await.ok();
    assert_eq!((read.get("organiser"), read["has_part"].clone()), (None, json!([])));
    assert_eq!(read["contacts"][0].get("organisation"), None);
    let read = app.get(&format!("/projects/{project}")).send().await.ok();
    assert_eq!((read.get("coordinator"), read["produced"].clone()), (None, json!([])));
    app.delete(&format!("/contacts/{contact}")).key(&key).send().await.ok();
    let read = app.get(&format!("/events/{event}")).send().await.ok();
    assert_eq!((read["contact"].clone(), read["contacts"].clone()), (json!([]), json!([])));
    app.close().await;
}

#[tokio::test]
async fn links_to_drafts_show_to_those_who_may_write() {
    let app = TestApp::new().await;
    let (owner, other, second) = (app.key("ada", &[]).await, app.key("bob", &[]).await, app.key("bot", &["platform_example"]).await);
    let contact = app.draft("contacts", &owner, json!({"name": "Ada"})).await;
    let connector = app.key("example connector", &["platform_example"]).await;
    let wish = json!({"asset_identifier": contact, "user": "example connector", "permission_type": "read"});
    app.post("/assets/permissions", &wish).key(&owner).send().await.ok();
    let id = app.publish("datasets", "d", json!({"creator": [contact], "contact": [contact]})).await;
    for path in [format!("/datasets/{id}"), format!("/assets/{id}"), "/datasets".to_owned()] {
        let first = |value: Value| if value.is_array() { value[0].clone() } else { value };
        let shown = first(app.get(&path).key(&connector).send().await.ok());
        assert_eq!((shown["creator"].clone(), shown["contacts"][0]["name"].as_str()), (json!([contact]), Some("Ada")), "{path}");
        // Who may write the dataset but not read the contact sees the link alone.
        let linked = first(app.get(&path).key(&second).send().await.ok());
        assert_eq!((linked["creator"].clone(), linked["contacts"].clone()), (json!([contact]), json!([])), "{path}");
        for answer in [app.get(&path).send().await, app.get(&path).key(&other).send().await] {
            let hidden = first(answer.ok());
            assert_eq!((hidden["creator"].clone(), hidden["contacts"].clone()), (json!([]), json!([])), "{path}");
        }
    }
    // What a writer reads and writes back loses no link.
    app.request(Method::PATCH, &format!("/datasets/{id}")).json(&json!({"version": "2"})).key(&connector).send().await.ok();
    assert_eq!(app.get(&format!("/datasets/{id}")).key(&connector).send().await.ok()["creator"], json!([contact]));
    app.close().await;
}

#[tokio::test]
async fn nobody_takes_what_belongs_to_another() {
    let app = TestApp::new().await;
    let (ada, eve) = (app.key("ada", &[]).await, app.key("eve", &[]).await);
    let person = app.draft("persons", &ada, json!({"name": "Ada"})).await;
    let contact = app.draft("contacts", &ada, json!({"name": "Ada's", "person": person})).await;
    let root = app.key("root", &["admin_aiod_resources", "review_aiod_resources"]).await;
    let body = json!({"asset_identifiers": [person, contact]});
    let submission = app.post("/submissions", &body).key(&ada).send().await.ok()["submission_identifier"].clone();
    let review = json!({"submission_identifier": submission, "decision": "accepted"});
    app.post("/reviews", &review).key(&root).send().await.ok();

    for (path, body) in [
        ("/contacts", json!({"name": "x", "person": person})),
        ("/persons", json!({"name": "x", "contact_details": contact})),
        ("/organisations", json!({"name": "x", "contact_details": contact})),
    ] {
        let detail = app.post(path, &body).key(&eve).send().await.refused(403);
        assert!(detail.contains("would refer back"), "{path}: {detail}");
    }
    // In a batch, only the record that does it fails.
    let bot = app.key("bot", &["platform_example"]).await;
    let record = |own: &str, more: Value| {
        let mut resource = json!({"platform_resource_identifier": own, "name": own});
        resource.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "resource": resource })
    };
    let body = json!({"records": [record("1", json!({"person": person})), record("2", json!({}))]});
    let answer = app.post("/platforms/example/contacts/batch", &body).key(&bot).send().await.ok();
    assert_eq!((answer["results"][0]["outcome"].as_str(), answer["results"][1]["outcome"].as_str()), (Some("failed"), Some("created")));
    let read = app.get(&format!("/persons/{person}")).key(&ada).send().await.ok();
    assert_eq!(read["contact_details"], contact.as_str());
    // Whoever may change it, does; and what is empty is not to be filled by others.
    let other = app.draft("contacts", &ada, json!({"name": "other", "person": person})).await;
    assert_eq!(app.get(&format!("/persons/{person}")).key(&ada).send().await.ok()["contact_details"], other.as_str());
    assert_eq!(app.get(&format!("/contacts/{contact}")).key(&ada).send().await.ok()["person"], Value::Null);
    app.post("/persons", &json!({"name": "y", "contact_details": contact})).key(&eve).send().await.refused(403);
    app.close().await;
}

#[tokio::test]
async fn of_several_that_want_one_place_the_last_gets_it() {
    let app = TestApp::new().await;
    let contact = app.publish("contacts", "c", json!({})).await;
    let record = |own: &str| json!({"resource": {"platform_resource_identifier": own, "name": own, "contact_details": contact}});
    app.batch("persons", vec![record("1"), record("2")]).await;
    let first = app.get("/platforms/example/persons/1").send().await.ok();
    let second = app.get("/platforms/example/persons/2").send().await.ok();
    assert_eq!((&first["contact_details"], second["contact_details"].as_str()), (&Value::Null, Some(contact.as_str())));
    assert_eq!(app.get(&format!("/contacts/{contact}")).send().await.ok()["person"], second["identifier"]);
    app.close().await;
}

#[tokio::test]
async fn of_several_that_want_one_place_the_last_gets_it_even_where_another_had_it() {
    let app = TestApp::new().await;
    let key = app.key("bot", &["platform_example"]).await;
    let first = app.publish("persons", "1", json!({})).await;
    let contact = app.publish("contacts", "c", json!({"person": first})).await;
    let record = |own: &str| json!({"resource": {"platform_resource_identifier": own, "name": own, "contact_details": contact}});
    app.batch("persons", vec![record("1"), record("2")]).await;
    let second = app.get("/platforms/example/persons/2").send().await.ok();
    assert_eq!(second["contact_details"], contact.as_str());
    assert_eq!(app.get(&format!("/contacts/{contact}")).key(&key).send().await.ok()["person"], second["identifier"]);
    assert_eq!(app.get(&format!("/persons/{first}")).send().await.ok().get("contact_details"), None);
    app.close().await;
}

#[tokio::test]
async fn what_belonged_to_a_deleted_resource_is_free() {
    let app = TestApp::new().await;
    let owner = app.key("bot", &["platform_example"]).await;
    let contact = app.publish("contacts", "c", json!({})).await;
    let gone = app.publish("persons", "p", json!({"contact_details": contact})).await;
    app.delete(&format!("/persons/{gone}")).key(&owner).send().await.ok();
    let person = app.publish("persons", "q", json!({"contact_details": contact})).await;
    // Neither one who was deleted nor their removal for good takes it from its new owner.
    for (before, removed) in [(0, 0), (aiod_api::store::now() + 1, 1)] {
        assert_eq!(app.app.catalogue.purge_deleted(before).await.unwrap(), removed);
        assert_eq!(app.get(&format!("/contacts/{contact}")).send().await.ok()["person"], person.as_str());
        assert_eq!(app.get(&format!("/persons/{person}")).send().await.ok()["contact_details"], contact.as_str());
    }
    // A person whose contact was deleted takes another one.
    app.delete(&format!("/contacts/{contact}")).key(&owner).send().await.ok();
    let next = app.publish("contacts", "d", json!({"person": person})).await;
    assert_eq!(app.get(&format!("/persons/{person}")).send().await.ok()["contact_details"], next.as_str());
    app.close().await;
}

#[tokio::test]
async fn what_one_may_not_see_cannot_be_referred_to() {
    let app = TestApp::new().await;
    let (ada, eve) = (app.key("ada", &[]).await, app.key("eve", &[]).await);
    let secret = app.draft("contacts", &ada, json!({"name": "secret", "email": ["ada@example.org"]})).await;
    let detail = app.post("/datasets", &json!({"name": "x", "contact": [secret]})).key(&eve).send().await.refused(404);
    assert!(detail.contains("cannot be found"), "{detail}");
    // While it could be seen, it could be referred to, and the reference stays when the rest is changed.
    let wish = |kind: Value| json!({"asset_identifier": secret, "user": "eve", "permission_type": kind});
    app.post("/assets/permissions", &wish(json!("read"))).key(&ada).send().await.ok();
    let own = app.draft("datasets", &eve, json!({"name": "x", "contact": [secret]})).await;
    app.post("/assets/permissions", &wish(Value::Null)).key(&ada).send().await.ok();
    let path = format!("/datasets/{own}");
    app.put(&path, &json!({"name": "y", "contact": [secret]})).key(&eve).send().await.ok();
    app.put(&path, &json!({"name": "y"})).key(&eve).send().await.ok();
    app.put(&path, &json!({"name": "y", "contact": [secret]})).key(&eve).send().await.refused(404);
    app.close().await;
}

#[tokio::test]
async fn a_deleted_resource_leaves_the_revisions_of_its_partners() {
    let app = TestApp::new().await;
    let key = app.key("root", &["admin_aiod_resources"]).await;
    let target = app.publish("publications", "p", json!({})).await;
    let own = app.publish("datasets", "d", json!({"citation": [target]})).await;
    let path = format!("/datasets/{own}");
    let before = app.get(&path).send().await;
    app.delete(&format!("/publications/{target}")).key(&key).send().await.ok();
    let read = app.get(&path).header("If-None-Match", before.header("etag").unwrap()).send().await;
    assert!(read.header("etag").unwrap().starts_with("\"1-") && read.ok()["citation"] == json!([]), "{:?}", read.header("etag"));
    assert_eq!(app.get(&format!("{path}/history")).key(&key).send().await.ok().as_array().unwrap().len(), 1);
    app.close().await;
}

#[tokio::test]
async fn more_links_from_others_than_a_body_holds_do_not_stand_in_the_way_of_a_patch() {
    let app = TestApp::new().await;
    let key = app.key("bot", &["platform_example"]).await;
    let cited = app.publish("publications", "p", json!({})).await;
    let whole = app.publish("datasets", "whole", json!({"citation": [cited]})).await;
    let part = |n: usize| json!({"resource": {"platform_resource_identifier": format!("{n}"), "name": "part", "is_part_of": [whole]}});
    for batch in 0..6 {
        let count = if batch < 5 { 1_000 } else { 1 };
        assert_eq!(app.batch("datasets", (0..count).map(|n| part(batch * 1_000 + n)).collect()).await["created"], count);
    }
    let path = format!("/datasets/{whole}");
    let patch = async |body: Value| app.request(Method::PATCH, &path).json(&body).key(&key).send().await;
    let read = async || app.get(&path).send().await.ok();
    let parts = read().await["has_part"].clone();
    assert_eq!(parts.as_array().unwrap().len(), 5_001);

    patch(json!({"version": "2"})).await.ok();
    let after = read().await;
    assert_eq!((after["version"].as_str(), &after["has_part"], &after["citation"]), (Some("2"), &parts, &json!([cited])));
    // What the patch names is checked, all of it at once.
    let faults = patch(json!({"issn": "1", "has_part": parts, "is_part_of": [7]})).await.faults();
    assert_eq!(faults.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "{faults:?}");

    patch(json!({"citation": null})).await.ok();
    let after = read().await;
    assert_eq!((&after["has_part"], &after["citation"]), (&parts, &json!([])));
    patch(json!({"has_part": null})).await.ok();
    assert_eq!(read().await["has_part"], json!([]));
    assert_eq!(app.get("/platforms/example/datasets/5000").send().await.ok()["is_part_of"], json!([]));
    app.close().await;
}

#[tokio::test]
async fn a_patch_leaves_the_places_of_links_that_it_does_not_name() {
    let app = TestApp::new().await;
    let key = app.key("bot", &["platform_example"]).await;
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| app.publish("publications", name, json!({})));
    let (a, b, c, d) = (a.await, b.await, c.await, d.await);
    let whole = app.publish("datasets", "whole", json!({"has_part": [d, a]})).await;
    let path = format!("/datasets/{whole}");
    let join = async |part: &str, name: &str| {
        app.put(&format!("/publications/{part}"), &json!({"name": name, "is_part_of": [whole]})).key(&key).send().await.ok();
    };
    join(&c, "c").await;
    let before = app.get(&format!("/publications/{c}")).send().await.header("etag").map(str::to_owned);
    app.request(Method::PATCH, &path).json(&json!({"version": "2"})).key(&key).send().await.ok();
    join(&b, "b").await;
    // Those that come from the other end stand behind, in the order of their registration: a patch in between does not fix their places.
    assert_eq!(app.get(&path).send().await.ok()["has_part"], json!([d, a, b, c]));
    // Nor does another order change the other ends.
    app.request(Method::PATCH, &path).json(&json!({"has_part": [c, b, a, d]})).key(&key).send().await.ok();
    assert_eq!(app.get(&path).send().await.ok()["has_part"], json!([c, b, a, d]));
    assert_eq!(app.get(&format!("/publications/{c}")).send().await.header("etag").map(str::to_owned), before);
    app.close().await;
}

#[tokio::test]
async fn a_patch_does_not_give_a_contact_a_second_owner() {
    let app = TestApp::new().await;
    let key = app.key("bot", &["platform_example"]).await;
    let person = app.publish("persons", "p", json!({})).await;
    let organisation = app.publish("organisations", "o", json!({})).await;
    let contact = app.publish("contacts", "c", json!({"organisation": organisation})).await;
    let patch = async |body: Value| app.request(Method::PATCH, &format!("/contacts/{contact}")).json(&body).key(&key).send().await;
    assert_eq!(patch(json!({"person": person})).await.faults(), ["body.organisation"]);
    patch(json!({"person": person, "organisation": null})).await.ok();
    let read = app.get(&format!("/contacts/{contact}")).send().await.ok();
    assert_eq!((read["person"].as_str(), read.get("organisation")), (Some(person.as_str()), None));
    app.close().await;
}
