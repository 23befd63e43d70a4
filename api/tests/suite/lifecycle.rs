//! Registering, changing and deleting.

use aiod_api::store::lease::Attempt;
use poem::http::Method;
use serde_json::json;

use crate::harness::TestApp;

#[tokio::test]
async fn a_person_registers_a_draft_and_changes_it() {
    let app = TestApp::new().await;
    let key = app.key("ada", &[]).await;
    let id = app.draft("datasets", &key, json!({"name": "Mine", "keyword": ["One", "two"], "version": "1"})).await;
    assert!(id.starts_with("data_") && id.len() == 29, "{id}");

    let path = format!("/datasets/{id}");
    let read = app.get(&path).key(&key).send().await.ok();
    assert_eq!(read["platform"], "aiod");
    assert_eq!(read["platform_resource_identifier"], id.as_str());
    assert_eq!(read["aiod_entry"]["status"], "draft");
    assert_eq!(read["keyword"], json!(["one", "two"]));
    assert_eq!(read["ai_asset_identifier"], id.as_str());
    assert_eq!(read["alternate_name"], json!([]));
    assert_eq!(read.get("license"), None, "absent values are left out");

    assert_eq!(app.put(&path, &json!({"name": "Still mine"})).key(&key).send().await.ok(), json!(null));
    let read = app.get(&path).key(&key).send().await.ok();
    assert_eq!((read["name"].as_str(), read.get("version"), read["keyword"].clone()), (Some("Still mine"), None, json!([])));
    app.close().await;
}

#[tokio::test]
async fn drafts_are_private_on_every_path() {
    let app = TestApp::new().await;
    let (owner, other, admin) = (app.key("ada", &[]).await, app.key("bob", &[]).await, app.key("root", &["admin_aiod_resources"]).await);
    let reader = app.key("carol", &["read_organisation"]).await;
    let id = app.draft("organisations", &owner, json!({"name": "Hidden"})).await;
    for path in ["organisations", "assets", "ai_resources", "agents"] {
        let path = format!("/{path}/{id}");
        let detail = app.get(&path).send().await.refused(401);
        assert_eq!(detail, "This asset is not published. It requires authentication to access.");
        assert_eq!(app.get(&path).key(&other).send().await.refused(403), "You are not allowed to view this resource.");
        for key in [&owner, &admin, &reader] {
            assert_eq!(app.get(&path).key(key).send().await.ok()["name"], "Hidden");
        }
    }
    app.get(&format!("/organisations/{id}/image")).send().await.refused(401);
    app.get(&format!("/platforms/aiod/organisations/{id}")).send().await.refused(401);
    assert_eq!(app.get("/organisations").key(&owner).send().await.ok(), json!([]));
    assert_eq!(app.get("/counts/organisations").send().await.ok(), json!(0));
    let data = app.draft("datasets", &owner, json!({"name": "d", "distribution": [{"content_url": "https://x.example/f"}]})).await;
    app.get(&format!("/datasets/{data}/content")).send().await.refused(401);
    app.close().await;
}

#[tokio::test]
async fn people_and_connectors_register_by_their_own_rules() {
    let app = TestApp::new().await;
    let (person, connector) = (app.key("ada", &[]).await, app.key("bot", &["platform_example"]).await);
    let detail = app.post("/datasets", &json!({"name": "x"})).send().await.refused(401);
    assert!(detail.ends_with("This endpoint requires authorization. You need to be logged in."), "{detail}");
    app.post("/datasets", &json!({"name": "x"})).key("aiod_nonsense").send().await.refused(401);

    app.post("/datasets", &json!({"name": "x", "platform": "example"})).key(&person).send().await.refused(403);
    app.post("/datasets", &json!({"name": "x", "platform_resource_identifier": "1"})).key(&person).send().await.refused(403);
    app.post("/datasets", &json!({"name": "x"})).key(&connector).send().await.refused(403);
    app.post("/datasets", &json!({"name": "x", "platform": "openml", "platform_resource_identifier": "1"}))
        .key(&connector)
        .send()
        .await
        .refused(403);

    let body = json!({"name": "x", "platform": "example", "platform_resource_identifier": "a/B: 1.x"});
    let id = app.post("/datasets", &body).key(&connector).send().await.identifier();
    let read = app.get(&format!("/datasets/{id}")).send().await.ok();
    assert_eq!(read["aiod_entry"]["status"], "published");

    let mut again = body.clone();
    again["platform_resource_identifier"] = json!("A/b: 1.X");
    let detail = app.post("/datasets", &again).key(&connector).send().await.refused(409);
    assert_eq!(
        detail,
        format!("There already exists a dataset with the same platform and platform_resource_identifier, with identifier={id}.")
    );
    // Another type may have the same identifier on its platform.
    app.post("/publications", &body).key(&connector).send().await.ok();

    let unknown = app.key("lost", &["platform_nowhere"]).await;
    app.post("/datasets", &json!({"name": "x", "platform": "nowhere", "platform_resource_identifier": "1"}))
        .key(&unknown)
        .send()
        .await
        .refused(412);
    let openml = app.key("openml", &["platform_openml"]).await;
    let wrong = json!({"name": "x", "platform": "openml", "platform_resource_identifier": "-1"});
    assert_eq!(app.post("/datasets", &wrong).key(&openml).send().await.faults(), ["body.platform_resource_identifier"]);
    app.close().await;
}

#[tokio::test]
async fn only_those_with_a_right_change_and_delete() {
    let app = TestApp::new().await;
    let id = app.publish("datasets", "1", json!({})).await;
    let path = format!("/datasets/{id}");
    let stranger = app.key("eve", &["platform_openml", "update_publication"]).await;
    assert_eq!(
        app.put(&path, &json!({"name": "y"})).key(&stranger).send().await.refused(403),
        "You do not have permission to edit datasets."
    );
    assert_eq!(app.delete(&path).key(&stranger).send().await.refused(403), "You do not have permission to delete datasets.");
    app.delete(&path).send().await.refused(401);
    for (name, role) in [("u", "update_dataset"), ("a", "admin_aiod_resources"), ("c", "platform_example")] {
        let key = app.key(name, &[role]).await;
        app.put(&path, &json!({"name": name})).key(&key).send().await.ok();
        assert_eq!(app.get(&path).send().await.ok()["name"], name);
    }
    let identity = json!({"name": "z", "platform_resource_identifier": "2"});
    app.put(&path, &identity).key(&app.key("a", &["admin_aiod_resources"]).await).send().await.refused(403);
    app.delete(&path).key(&app.key("d", &["delete_dataset"]).await).send().await.ok();
    app.close().await;
}

#[tokio::test]
async fn a_deleted_resource_is_gone_and_its_place_is_free() {
    let app = TestApp::new().await;
    let connector = app.key("bot", &["platform_example"]).await;
    let id = app.publish("services", "p", json!({})).await;
    assert_eq!(app.delete(&format!("/services/{id}")).key(&connector).send().await.ok(), json!(null));
    let detail = app.get(&format!("/services/{id}")).send().await.refused(404);
    assert_eq!(detail, format!("Service '{id}' not found in the database, because it was deleted."));
    let detail = app.get("/platforms/example/services/p").send().await.refused(404);
    assert_eq!(detail, "Service 'p' of 'example' not found in the database, because it was deleted.");
    assert_eq!(app.get(&format!("/assets/{id}")).send().await.refused(404), format!("No active asset found for identifier '{id}'"));
    app.delete(&format!("/services/{id}")).key(&connector).send().await.refused(404);
    app.put(&format!("/services/{id}"), &json!({"name": "x"})).key(&connector).send().await.refused(404);

    let next = app.publish("services", "p", json!({})).await;
    assert_ne!(next, id);
    assert_eq!(app.get("/platforms/example/services/p").send().await.ok()["identifier"], next.as_str());

    // Nothing is old enough yet; then everything is.
    assert_eq!(app.app.catalogue.purge_deleted(aiod_api::store::now() - 1_000_000_000).await.unwrap(), 0);
    assert_eq!(app.app.catalogue.purge_deleted(aiod_api::store::now() + 1).await.unwrap(), 1);
    let detail = app.get(&format!("/services/{id}")).send().await.refused(404);
    assert_eq!(detail, format!("Service '{id}' not found in the database."));
    app.get(&format!("/services/{next}")).send().await.ok();
    app.close().await;
}

#[tokio::test]
async fn two_processes_do_not_purge_at_once() {
    let app = TestApp::new().await;
    let db = &app.app.catalogue.db;
    let Ok(Attempt::Taken(first)) = db.take_lease("purge").await else { panic!("a free lease") };
    assert!(matches!(db.take_lease("purge").await, Ok(Attempt::Held)));
    // The other process has it: it does nothing, and does not fail.
    aiod_api::jobs::purge(&app.app).await;
    first.release().await;
    let Ok(Attempt::Taken(second)) = db.take_lease("purge").await else { panic!("a lease that was given back") };
    second.finish().await.unwrap();
    assert!(matches!(db.take_lease("purge").await, Ok(Attempt::Done)));
    app.close().await;
}

#[tokio::test]
async fn a_revision_guards_against_lost_updates() {
    let app = TestApp::new().await;
    let key = app.key("ada", &["admin_aiod_resources"]).await;
    let id = app.publish("news", "n", json!({"headline": "h"})).await;
    let path = format!("/news/{id}");
    let first = app.get(&path).send().await;
    let tag = first.header("etag").unwrap().to_owned();
    let unchanged = app.get(&path).header("If-None-Match", &tag).send().await;
    assert_eq!((unchanged.status.as_u16(), unchanged.body.len()), (304, 0));
    assert_eq!(unchanged.header("etag"), Some(tag.as_str()));

    app.put(&path, &json!({"name": "a"})).key(&key).header("If-Match", &tag).send().await.ok();
    app.put(&path, &json!({"name": "b"})).key(&key).header("If-Match", &tag).send().await.refused(412);
    app.delete(&path).key(&key).header("If-Match", &tag).send().await.refused(412);
    let second = app.get(&path).header("If-None-Match", &tag).send().await;
    assert_eq!(second.ok()["name"], "a");
    app.delete(&path).key(&key).header("If-Match", second.header("etag").unwrap()).send().await.ok();
    app.close().await;
}

#[tokio::test]
async fn a_merge_patch_changes_what_it_names() {
    let app = TestApp::new().await;
    let key = app.key("bot", &["platform_example"]).await;
    let contact = app.publish("contacts", "c", json!({})).await;
    let id = app
        .publish("datasets", "1", json!({"keyword": ["a"], "version": "1", "size": {"unit": "rows", "value": 3}, "creator": [contact]}))
        .await;
    let path = format!("/datasets/{id}");
    let patch = json!({"version": null, "size": {"value": 4}, "issn": "12345678"});
    app.request(Method::PATCH, &path).json(&patch).header("Content-Type", "application/merge-patch+json").key(&key).send().await.ok();
    let read = app.get(&path).send().await.ok();
    assert_eq!(read.get("version"), None);
    assert_eq!(
        (read["size"].clone(), read["issn"].clone(), read["keyword"].clone()),
        (json!({"unit": "rows", "value": 4}), json!("12345678"), json!(["a"]))
    );
    assert_eq!(read["creator"], json!([contact]));
    let wrong = app.request(Method::PATCH, &path).json(&json!({"issn": "1", "name": null})).key(&key).send().await;
    assert_eq!(wrong.faults(), ["body.name", "body.issn"]);
    app.request(Method::PATCH, &format!("/v2{path}")).json(&patch).key(&key).send().await.refused(405);
    app.close().await;
}

#[tokio::test]
async fn keys_end() {
    let app = TestApp::new().await;
    let db = &app.app.catalogue.db;
    let key = app.key("ada", &[]).await;
    app.post("/datasets", &json!({"name": "x"})).key(&key).send().await.ok();
    let listed = db.api_keys().await.unwrap();
    assert!(key.starts_with(&listed[0].hint) && listed[0].hint.len() < 12);
    assert!(db.revoke_api_key(listed[0].id).await.unwrap());
    assert!(!db.revoke_api_key(listed[0].id).await.unwrap());
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    app.post("/datasets", &json!({"name": "x"})).key(&key).send().await.refused(401);
    let expired =
        aiod_api::identity::api_key::create(db, "ada", &std::collections::BTreeSet::new(), Some(aiod_api::store::now() - 1)).await.unwrap();
    app.post("/datasets", &json!({"name": "x"})).key(&expired).send().await.refused(401);
    app.get("/datasets").key(&expired).send().await.ok();
    app.close().await;
}
