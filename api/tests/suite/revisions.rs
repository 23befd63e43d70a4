//! Every kind of write keeps the past states of all resources that it changes. The outbox notes their new revisions, and the resources
//! that only show something else.

use std::collections::{BTreeMap, BTreeSet};

use aiod_api::store::revision::PastRevision;
use aiod_schema::vocabulary::{Taxonomy, parse};
use poem::http::Method;
use serde_json::{Value, json};

use crate::harness::TestApp;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n-and-so-on";

/// What a resource says, at one revision.
#[derive(Clone, Debug, PartialEq, sqlx_macros::FromRow)]
struct State {
    id: i64,
    revision: i64,
    status: String,
    document: String,
    links: String,
}

/// The tables that have to agree with each other.
#[derive(Clone, Debug, Default)]
struct Tables {
    /// Row ids by identifier.
    ids: BTreeMap<String, i64>,
    present: BTreeMap<i64, State>,
    past: BTreeMap<(i64, i64), State>,
    outbox: Vec<(i64, i64)>,
}

impl Tables {
    async fn read(app: &TestApp) -> Self {
        let present: Vec<State> = app.rows("SELECT id, revision, status, document, links FROM asset").await;
        let mut past = BTreeMap::new();
        for (id, revision) in app.rows::<(i64, i64)>("SELECT asset_id, revision FROM asset_revision").await {
            let PastRevision { status, document, links, .. } = app.app.catalogue.db.revision(id, revision).await.unwrap().unwrap();
            past.insert((id, revision), State { id, revision, status, document, links });
        }
        Self {
            ids: app.rows("SELECT identifier, id FROM asset").await.into_iter().collect(),
            present: present.into_iter().map(|state| (state.id, state)).collect(),
            past,
            outbox: app.rows("SELECT asset_id, revision FROM outbox ORDER BY id").await,
        }
    }
}

/// Watches the tables from one write to the next.
struct Watch<'a> {
    app: &'a TestApp,
    before: Tables,
}

impl<'a> Watch<'a> {
    async fn begin(app: &'a TestApp) -> Self {
        Self { app, before: Tables::read(app).await }
    }

    /// Checks that since the last call these resources, and no others, have changed by one revision.
    #[track_caller]
    fn changed(&mut self, identifiers: &[&str]) -> impl Future<Output = ()> {
        self.changed_and_shown(identifiers, &[])
    }

    /// The same; the resources of the second list, and no others, show something else without a revision of theirs.
    #[track_caller]
    fn changed_and_shown(&mut self, changed: &[&str], shown: &[&str]) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        let [changed, shown] = [changed, shown].map(|list| list.iter().map(|i| (*i).to_owned()).collect::<BTreeSet<String>>());
        async move {
            let after = Tables::read(self.app).await;
            check(&self.before, &after, &changed, &shown, &place.to_string());
            check_link_texts(self.app, &after, &place.to_string()).await;
            self.before = after;
        }
    }
}

/// Checks the past states and the outbox of everything that changed.
fn check(before: &Tables, after: &Tables, changed: &BTreeSet<String>, shown: &BTreeSet<String>, place: &str) {
    let mut noted: Vec<(i64, i64)> =
        shown.iter().map(|identifier| after.ids[identifier]).map(|id| (id, after.present[&id].revision)).collect();
    let mut kept: BTreeSet<(i64, i64)> = before.past.keys().copied().collect();
    let mut raised = BTreeSet::new();
    for (identifier, id) in &after.ids {
        let old = before.present.get(id);
        let new = &after.present[id];
        let first = old.map_or(0, |state| state.revision);
        if new.revision > first {
            assert_eq!(new.revision, first + 1, "{place}: {identifier}");
            raised.insert(identifier.clone());
            noted.push((*id, new.revision));
        }
        if let Some(old) = old {
            let says_the_same = (&old.status, &old.document) == (&new.status, &new.document);
            assert!(new.revision > first || says_the_same, "{place}: {identifier} changed without a revision");
            assert!(new.revision == first || after.past.get(&(*id, first)) == Some(old), "{place}: a past state of {identifier} is lost");
        }
        kept.extend((first.max(1)..new.revision).map(|revision| (*id, revision)));
    }
    assert_eq!(&raised, changed, "{place}: which resources changed");
    let mut new = after.outbox[before.outbox.len()..].to_vec();
    new.sort_unstable();
    noted.sort_unstable();
    assert_eq!(new, noted, "{place}: the outbox");
    assert_eq!(after.past.keys().copied().collect::<BTreeSet<_>>(), kept, "{place}: past states");
}

/// Checks that the texts of links of living resources say what the rows of links say that they made themselves.
async fn check_link_texts(app: &TestApp, tables: &Tables, place: &str) {
    let rows: Vec<(i64, String, String, String)> = app
        .rows(
            "SELECT l.from_id, l.field, t.identifier, t.status FROM link l JOIN asset t ON t.id = l.to_id JOIN asset f ON f.id = l.from_id \
             WHERE t.alive = 1 AND f.alive = 1 AND l.position < 1000000 ORDER BY l.from_id, l.field, l.position, l.to_id",
        )
        .await;
    let mut expected: BTreeMap<i64, Vec<(String, String)>> = BTreeMap::new();
    for (from, field, identifier, status) in rows {
        let mark = if status == "published" { "" } else { "!" };
        expected.entry(from).or_default().push((field, format!("{mark}{identifier}")));
    }
    let living: Vec<(i64,)> = app.rows("SELECT id FROM asset WHERE alive = 1").await;
    for (id,) in living {
        let lines = aiod_api::store::link::lines(&tables.present[&id].links);
        let said: Vec<(String, String)> =
            lines.flat_map(|(field, line)| line.split(' ').map(|entry| (field.to_owned(), entry.to_owned()))).collect();
        assert_eq!(said, expected.remove(&id).unwrap_or_default(), "{place}: the text of links of {id}");
    }
}

fn categories(name: &str) -> Vec<Taxonomy> {
    let element = json!({"id": "a", "label": {"language": "en", "value": name}, "definition": "A category.", "subterms": []});
    parse(&json!({"aiod_taxonomies": [{"taxonomy_name": "News Category", "elements": [element]}]}).to_string()).unwrap().taxonomies
}

async fn connector(app: &TestApp) -> String {
    app.key("example connector", &["platform_example"]).await
}

#[tokio::test]
async fn registering_replacing_patching_and_deleting_are_revisions() {
    let app = TestApp::new().await;
    let key = connector(&app).await;
    let mut watch = Watch::begin(&app).await;
    let part = app.publish("datasets", "part", json!({})).await;
    watch.changed(&[&part]).await;
    // A link shows at its other end, which says the same as before.
    let whole = app.publish("publications", "whole", json!({"has_part": [part]})).await;
    watch.changed_and_shown(&[&whole], &[&part]).await;

    let (whole_path, part_path) = (format!("/publications/{whole}"), format!("/datasets/{part}"));
    app.put(&part_path, &json!({"name": "renamed", "is_part_of": [whole]})).key(&key).send().await.ok();
    watch.changed(&[&part]).await;
    app.request(Method::PATCH, &part_path).json(&json!({"version": "2"})).key(&key).send().await.ok();
    watch.changed(&[&part]).await;
    app.put(&whole_path, &json!({"name": "alone"})).key(&key).send().await.ok();
    watch.changed_and_shown(&[&whole], &[&part]).await;
    app.request(Method::PATCH, &part_path).json(&json!({"is_part_of": [whole]})).key(&key).send().await.ok();
    watch.changed_and_shown(&[&part], &[&whole]).await;

    // What is refused changes nothing.
    app.put(&part_path, &json!({"name": "x"})).key(&key).header("If-Match", "\"1-0\"").send().await.refused(412);
    app.put(&part_path, &json!({"name": "x", "has_part": ["data_none"]})).key(&key).send().await.refused(404);
    watch.changed(&[]).await;

    app.delete(&whole_path).key(&key).send().await.ok();
    watch.changed_and_shown(&[&whole], &[&part]).await;
    assert_eq!(app.app.catalogue.purge_deleted(i64::MAX).await.unwrap(), 1);
    let after = Tables::read(&app).await;
    assert_eq!(after.outbox, watch.before.outbox);
    assert_eq!(after.ids.into_keys().collect::<Vec<_>>(), [part]);
    app.close().await;
}

#[tokio::test]
async fn a_change_of_a_contacts_owner_is_a_revision_of_who_says_it() {
    let app = TestApp::new().await;
    let key = connector(&app).await;
    let mut watch = Watch::begin(&app).await;
    let contact = app.publish("contacts", "c", json!({})).await;
    watch.changed(&[&contact]).await;
    let person = app.publish("persons", "p", json!({"contact_details": contact})).await;
    watch.changed_and_shown(&[&person], &[&contact]).await;
    let organisation = app.publish("organisations", "o", json!({"contact_details": contact})).await;
    watch.changed_and_shown(&[&organisation], &[&contact, &person]).await;
    app.put(&format!("/contacts/{contact}"), &json!({"name": "c", "person": person})).key(&key).send().await.ok();
    watch.changed_and_shown(&[&contact], &[&organisation, &person]).await;
    // Of two that are written together, the last one gets the contact.
    let other = app.publish("persons", "p2", json!({})).await;
    watch.changed(&[&other]).await;
    let record = |own: &str| json!({"resource": {"platform_resource_identifier": own, "name": own, "contact_details": contact}});
    app.batch("persons", vec![record("p3"), record("p4")]).await;
    let of = async |own: &str| app.get(&format!("/platforms/example/persons/{own}")).key(&key).send().await.identifier();
    let (third, fourth) = (of("p3").await, of("p4").await);
    watch.changed_and_shown(&[&third, &fourth], &[&contact, &person]).await;
    app.close().await;
}

#[tokio::test]
async fn a_change_of_status_is_no_revision_of_what_refers_to_it() {
    let app = TestApp::new().await;
    let (owner, reviewer) = (app.key("ada", &[]).await, app.key("rob", &["review_aiod_resources"]).await);
    let mut watch = Watch::begin(&app).await;
    let draft = app.draft("datasets", &owner, json!({"name": "d"})).await;
    let citing = app.draft("publications", &owner, json!({"name": "p", "documents": [draft]})).await;
    watch.changed(&[&draft, &citing]).await;
    let submit = async || {
        let body = json!({"asset_identifiers": [draft], "comment": ""});
        app.post("/submissions", &body).key(&owner).send().await.ok()["submission_identifier"].as_i64().unwrap()
    };
    // A draft that is submitted shows to nobody else.
    let number = submit().await;
    watch.changed(&[&draft]).await;
    app.post(&format!("/submissions/retract/{number}"), &json!({})).key(&owner).send().await.ok();
    watch.changed(&[&draft]).await;
    for (decision, shown) in [("rejected", vec![]), ("accepted", vec![citing.as_str()])] {
        let number = submit().await;
        watch.changed(&[&draft]).await;
        let body = json!({"submission_identifier": number, "decision": decision, "comment": ""});
        app.post("/reviews", &body).key(&reviewer).send().await.ok();
        watch.changed_and_shown(&[&draft], &shown).await;
    }
    app.delete(&format!("/datasets/{draft}")).key(&owner).send().await.ok();
    watch.changed_and_shown(&[&draft], &[&citing]).await;
    app.close().await;
}

#[tokio::test]
async fn what_says_the_same_is_no_revision() {
    let app = TestApp::new().await;
    let key = connector(&app).await;
    let contact = app.publish("contacts", "c", json!({})).await;
    let body = json!({"name": "d", "creator": [contact], "license": "MIT", "keyword": ["b", "a"], "description": {"plain": "x"}});
    let dataset = app.publish("datasets", "d", body.clone()).await;
    let path = format!("/datasets/{dataset}");
    let before = app.get(&path).send().await;
    let mut watch = Watch::begin(&app).await;
    app.put(&path, &body).key(&key).send().await.ok();
    // Terms are spelled as their taxonomy says.
    app.put(&path, &json!({"license": "mit", "name": "d", "creator": [contact], "keyword": ["b", "a"], "description": {"plain": "x"}}))
        .key(&key)
        .send()
        .await
        .ok();
    for patch in [json!({}), json!({"license": "MIT"}), json!({"creator": [contact]}), json!({"version": null})] {
        app.request(Method::PATCH, &path).json(&patch).key(&key).send().await.ok();
    }
    let record = json!({"resource": {"platform_resource_identifier": "d", "name": "d", "creator": [contact], "license": "mit",
        "keyword": ["b", "a"], "description": {"plain": "x"}}});
    assert_eq!(app.batch("datasets", vec![record]).await["results"][0]["outcome"], "unchanged");
    watch.changed(&[]).await;
    let after = app.get(&path).send().await;
    assert_eq!((after.body.clone(), after.header("etag")), (before.body.clone(), before.header("etag")));
    // Another order of links is a change, and so is a link that others made and the body leaves out.
    let second = app.publish("contacts", "c2", json!({})).await;
    watch.changed(&[&second]).await;
    let whole = app.publish("publications", "w", json!({"has_part": [dataset]})).await;
    watch.changed_and_shown(&[&whole], &[&dataset]).await;
    app.put(&path, &body).key(&key).send().await.ok();
    watch.changed_and_shown(&[&dataset], &[&whole]).await;
    for creators in [json!([contact, second]), json!([second, contact])] {
        app.request(Method::PATCH, &path).json(&json!({"creator": creators})).key(&key).send().await.ok();
        watch.changed(&[&dataset]).await;
    }
    app.close().await;
}

#[tokio::test]
async fn images_are_revisions_of_their_resource() {
    let app = TestApp::new().await;
    let key = connector(&app).await;
    let organisation = app.publish("organisations", "o", json!({})).await;
    let mut watch = Watch::begin(&app).await;
    let path = format!("/organisations/{organisation}/image?name=logo");
    for method in [Method::POST, Method::PUT] {
        app.request(method, &path).key(&key).file("image/png", PNG).send().await.ok();
        watch.changed(&[&organisation]).await;
    }
    app.delete(&path).key(&key).send().await.ok();
    watch.changed(&[&organisation]).await;
    app.delete(&path).key(&key).send().await.refused(404);
    app.request(Method::PUT, &path).key(&key).file("image/png", PNG).send().await.refused(404);
    watch.changed(&[]).await;
    app.close().await;
}

#[tokio::test]
async fn a_renamed_term_is_a_revision_of_all_that_use_it() {
    let app = TestApp::new().await;
    let catalogue = &app.app.catalogue;
    catalogue.load_taxonomies(&categories("Old")).await.unwrap();
    let first = app.publish("news", "1", json!({"category": ["old"]})).await;
    let second = app.publish("news", "2", json!({"category": ["OLD"]})).await;
    app.publish("news", "3", json!({})).await;
    let mut watch = Watch::begin(&app).await;
    catalogue.load_taxonomies(&categories("New")).await.unwrap();
    watch.changed(&[&first, &second]).await;
    catalogue.load_taxonomies(&categories("New")).await.unwrap();
    watch.changed(&[]).await;
    app.close().await;
}

#[tokio::test]
async fn a_bulk_upsert_is_a_revision_of_what_it_writes() {
    let app = TestApp::new().await;
    let outcome = |answer: &Value| answer["results"][0]["outcome"].as_str().unwrap().to_owned();
    let mut watch = Watch::begin(&app).await;
    let record = |own: &str, name: &str, part: &str| {
        json!({"resource": {"platform_resource_identifier": own, "name": name},
               "related": {"has_part": [{"dataset": {"platform_resource_identifier": part, "name": "in short"}}]}})
    };
    let find = async |own: &str| app.get(&format!("/platforms/example/datasets/{own}")).send().await.identifier();
    // The related resource is created, and shows the link of the record that is created after it.
    assert_eq!(outcome(&app.batch("datasets", vec![record("1", "one", "2")]).await), "created");
    let (one, two) = (find("1").await, find("2").await);
    watch.changed_and_shown(&[&one, &two], &[&two]).await;
    assert_eq!(outcome(&app.batch("datasets", vec![record("1", "uno", "2")]).await), "updated");
    watch.changed(&[&one]).await;
    assert_eq!(outcome(&app.batch("datasets", vec![record("1", "uno", "2")]).await), "unchanged");
    watch.changed(&[]).await;
    // A link that a record no longer has leaves both ends.
    assert_eq!(outcome(&app.batch("datasets", vec![record("1", "uno", "3")]).await), "updated");
    let three = find("3").await;
    watch.changed_and_shown(&[&one, &three], &[&two, &three]).await;
    let faulty = app.batch("datasets", vec![json!({"resource": {"platform_resource_identifier": "1"}})]).await;
    assert_eq!(outcome(&faulty), "failed");
    watch.changed(&[]).await;
    app.close().await;
}

#[tokio::test]
async fn platforms_and_permissions_are_no_revisions() {
    let app = TestApp::new().await;
    let (owner, admin) = (app.key("ada", &[]).await, app.key("root", &["admin_aiod_resources"]).await);
    app.key("bob", &[]).await;
    let draft = app.draft("datasets", &owner, json!({"name": "d"})).await;
    let mut watch = Watch::begin(&app).await;
    let permission = json!({"asset_identifier": draft, "user": "bob", "permission_type": "write"});
    app.post("/assets/permissions", &permission).key(&owner).send().await.ok();
    app.post(&format!("/bookmarks?resource_identifier={draft}"), &json!({})).key(&owner).send().await.ok();
    app.post("/platforms", &json!({"name": "somewhere"})).key(&admin).send().await.ok();
    watch.changed(&[]).await;
    app.close().await;
}
