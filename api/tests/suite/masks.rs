//! Who sees personal data, and what becomes of a mask that is sent back.

use poem::http::Method;
use serde_json::{Value, json};

use crate::harness::TestApp;

const MASK: &str = "******";

/// A person and a contact of a platform that protects personal data, and who asks for them.
struct Protected {
    app: TestApp,
    person: String,
    contact: String,
    /// The platform's connector.
    connector: String,
    /// A user with the role for personal data.
    full: String,
    /// A user without it, who may change both.
    editor: String,
}

async fn protected() -> Protected {
    let app = TestApp::new().await;
    let connector = app.key("cms", &["platform_ai4europe_cms"]).await;
    let full = app.key("bob", &["full_view_ai4europe_cms_resources"]).await;
    let editor = app.key("eve", &["update_person", "update_contact"]).await;
    let person = json!({"platform": "ai4europe_cms", "platform_resource_identifier": "9", "name": "Ada L.", "given_name": "Ada",
        "surname": "Lovelace", "languages": ["eng"]});
    let person = app.post("/persons", &person).key(&connector).send().await.identifier();
    let contact = json!({"platform": "ai4europe_cms", "platform_resource_identifier": "9", "name": "Office",
        "email": ["a@b.example", "c@d.example"], "telephone": ["0"]});
    let contact = app.post("/contacts", &contact).key(&connector).send().await.identifier();
    Protected { app, person, contact, connector, full, editor }
}

impl Protected {
    /// What is stored, as those see it who see everything.
    async fn stored(&self) -> (Value, Value) {
        let read = async |path: String| {
            let mut read = self.app.get(&path).key(&self.full).send().await.ok();
            read.as_object_mut().unwrap().remove("aiod_entry");
            read
        };
        (read(format!("/persons/{}", self.person)).await, read(format!("/contacts/{}", self.contact)).await)
    }
}

#[tokio::test]
async fn a_protected_platform_hides_names_of_persons_and_addresses_of_contacts() {
    let all = protected().await;
    let Protected { app, person, contact, connector, full, editor } = &all;
    let other = app.key("other", &["platform_example"]).await;
    for key in [Some(editor), Some(&other), None] {
        let get = |path: String| {
            let request = app.get(&path);
            match key {
                Some(key) => request.key(key).send(),
                None => request.send(),
            }
        };
        for path in [format!("/persons/{person}"), format!("/agents/{person}"), format!("/v2/persons/{person}")] {
            let read = get(path).await.ok();
            assert_eq!(["name", "given_name", "surname"].map(|name| read[name].as_str().unwrap().to_owned()), [MASK; 3], "{key:?}");
            assert_eq!(read["languages"], json!(["eng"]));
        }
        let read = get(format!("/contacts/{contact}")).await.ok();
        assert_eq!((&read["name"], &read["email"], &read["telephone"]), (&json!("Office"), &json!([MASK]), &json!(["0"])), "{key:?}");
    }
    for key in [connector, full] {
        assert_eq!(app.get(&format!("/persons/{person}")).key(key).send().await.ok()["surname"], "Lovelace");
        assert_eq!(app.get("/contacts").key(key).send().await.ok()[0]["email"], json!(["a@b.example", "c@d.example"]));
    }
    all.app.close().await;
}

#[tokio::test]
async fn a_mask_that_is_put_back_leaves_what_is_stored() {
    let all = protected().await;
    let Protected { app, person, contact, editor, .. } = &all;
    let before = all.stored().await;
    let (person, contact) = (format!("/persons/{person}"), format!("/contacts/{contact}"));
    for version in ["", "/v2", "/v3"] {
        for path in [&person, &contact] {
            let read = app.get(&format!("{version}{path}")).key(editor).send().await.ok();
            app.put(&format!("{version}{path}"), &read).key(editor).send().await.ok();
        }
    }
    assert_eq!(all.stored().await, before);
    let patch = |path: &str, body: Value| app.request(Method::PATCH, path).json(&body).key(editor).send();
    patch(&person, json!({"name": MASK, "given_name": MASK, "surname": MASK})).await.ok();
    patch(&contact, json!({"email": [MASK]})).await.ok();
    assert_eq!(all.stored().await, before);
    // What stands beside a mask is added, and what is left out goes.
    patch(&contact, json!({"email": ["new@b.example", MASK, "A@B.example"]})).await.ok();
    app.put(&person, &json!({"name": MASK, "given_name": "Augusta"})).key(editor).send().await.ok();
    let (read_person, read_contact) = all.stored().await;
    assert_eq!(read_contact["email"], json!(["a@b.example", "c@d.example", "new@b.example"]));
    assert_eq!((&read_person["name"], &read_person["given_name"], read_person.get("surname")), (&json!("Ada L."), &json!("Augusta"), None));
    all.app.close().await;
}

#[tokio::test]
async fn a_mask_in_a_batch_leaves_what_is_stored() {
    let all = protected().await;
    let Protected { app, connector, .. } = &all;
    let batch = async |path: &str, records: Vec<Value>| {
        let body = json!({ "records": records });
        app.post(&format!("/platforms/ai4europe_cms/{path}/batch"), &body).key(connector).send().await.ok()
    };
    let record = |name: &str| {
        let own =
            json!({"platform_resource_identifier": "9", "name": name, "given_name": MASK, "surname": "Lovelace", "languages": ["eng"]});
        json!({ "resource": own })
    };
    let before = all.stored().await;
    // The same body in full has the same hash.
    assert_eq!(batch("persons", vec![record(MASK)]).await["unchanged"], 1);
    let contact = json!({"resource": {"platform_resource_identifier": "9", "name": "Office", "email": [MASK], "telephone": ["0"]}});
    assert_eq!(batch("contacts", vec![contact]).await["unchanged"], 1);
    assert_eq!(all.stored().await, before);
    assert_eq!(batch("persons", vec![record("Ada K.")]).await["updated"], 1);
    assert_eq!((&all.stored().await.0["name"], &all.stored().await.0["given_name"]), (&json!("Ada K."), &json!("Ada")));
    // A new resource has nothing that a mask could stand for.
    let answer = batch("persons", vec![json!({"resource": {"platform_resource_identifier": "10", "name": MASK}})]).await;
    assert_eq!((&answer["failed"], &answer["results"][0]["errors"][0]["loc"]), (&json!(1), &json!(["resource", "name"])));
    all.app.close().await;
}

#[tokio::test]
async fn a_mask_never_becomes_data() {
    let app = TestApp::new().await;
    let key = app.key("ada", &[]).await;
    assert_eq!(app.post("/persons", &json!({"name": MASK})).key(&key).send().await.faults(), ["body.name"]);
    let id = app.draft("persons", &key, json!({"name": "x", "surname": MASK})).await;
    assert_eq!(app.get(&format!("/persons/{id}")).key(&key).send().await.ok().get("surname"), None);
    let id = app.draft("contacts", &key, json!({"name": MASK, "email": [MASK, "a@b.example"]})).await;
    let read = app.get(&format!("/contacts/{id}")).key(&key).send().await.ok();
    // The name of a contact is never masked: this is one.
    assert_eq!((&read["name"], &read["email"]), (&json!(MASK), &json!(["a@b.example"])));
    app.put(&format!("/contacts/{id}"), &json!({"email": [MASK]})).key(&key).send().await.ok();
    assert_eq!(app.get(&format!("/contacts/{id}")).key(&key).send().await.ok()["email"], json!(["a@b.example"]));
    let masked =
        app.rows::<(i64,)>("SELECT count(*) FROM asset WHERE document LIKE '%surname%******%' OR document LIKE '%email%******%'").await;
    assert_eq!(masked, [(0,)]);
    app.close().await;
}
