//! Who may do what: every operation, by everyone, on resources in every state.

use std::collections::{BTreeMap, BTreeSet};

use aiod_api::catalogue::permission::OPERATIONS;
use aiod_api::routes::{Version, document};
use poem::http::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, TestApp};

/// Who asks, in the order of the table's columns, with their roles. `reader`, `writer` and `owner` have read, write and admin
/// permission on the resource; `bot` is the connector of its platform, `other` that of another; the resource was submitted by
/// somebody else who has admin permission on it, too.
const WHO: [(&str, &[&str]); 12] = [
    ("nobody", &[]),
    ("user", &[]),
    ("reader", &[]),
    ("writer", &[]),
    ("owner", &[]),
    ("reviewer", &["review_aiod_resources"]),
    ("bot", &["platform_aiod"]),
    ("other", &["platform_example"]),
    ("read_", &["read_dataset", "read_organisation"]),
    ("update_", &["update_dataset", "update_organisation"]),
    ("delete_", &["delete_dataset", "delete_organisation"]),
    ("admin", &["admin_aiod_resources"]),
];

/// For each operation and state of the resource (`-` where there is none) the expected statuses.
const TABLE: &str = "
operation             state     nobody user reader writer owner reviewer bot other read_ update_ delete_ admin
read_RESOURCE         draft        401  403    200    200   200      403 200   403   200     403     403   200
read_RESOURCE         submitted    401  403    200    200   200      200 200   403   200     403     403   200
read_RESOURCE         published    200  200    200    200   200      200 200   200   200     200     200   200
read_RESOURCE         deleted      404  404    404    404   404      404 404   404   404     404     404   404
similar_RESOURCE      draft        401  403    200    200   200      403 200   403   200     403     403   200
similar_RESOURCE      submitted    401  403    200    200   200      200 200   403   200     403     403   200
similar_RESOURCE      published    200  200    200    200   200      200 200   200   200     200     200   200
similar_RESOURCE      deleted      404  404    404    404   404      404 404   404   404     404     404   404
read_platform_RESOURCE draft       401  403    200    200   200      403 200   403   200     403     403   200
read_platform_RESOURCE submitted   401  403    200    200   200      200 200   403   200     403     403   200
read_platform_RESOURCE published   200  200    200    200   200      200 200   200   200     200     200   200
read_platform_RESOURCE deleted     404  404    404    404   404      404 404   404   404     404     404   404
read_asset            draft        401  403    200    200   200      403 200   403   200     403     403   200
read_asset            submitted    401  403    200    200   200      200 200   403   200     403     403   200
read_asset            published    200  200    200    200   200      200 200   200   200     200     200   200
read_asset            deleted      404  404    404    404   404      404 404   404   404     404     404   404
read_ai_asset         draft        401  403    200    200   200      403 200   403   200     403     403   200
read_ai_asset         submitted    401  403    200    200   200      200 200   403   200     403     403   200
read_ai_asset         published    200  200    200    200   200      200 200   200   200     200     200   200
read_ai_asset         deleted      404  404    404    404   404      404 404   404   404     404     404   404
read_ai_resource      draft        401  403    200    200   200      403 200   403   200     403     403   200
read_ai_resource      submitted    401  403    200    200   200      200 200   403   200     403     403   200
read_ai_resource      published    200  200    200    200   200      200 200   200   200     200     200   200
read_ai_resource      deleted      404  404    404    404   404      404 404   404   404     404     404   404
read_agent            draft        401  403    200    200   200      403 200   403   200     403     403   200
read_agent            submitted    401  403    200    200   200      200 200   403   200     403     403   200
read_agent            published    200  200    200    200   200      200 200   200   200     200     200   200
read_agent            deleted      404  404    404    404   404      404 404   404   404     404     404   404
content_RESOURCE      draft        401  403    303    303   303      403 303   403   303     403     403   303
content_RESOURCE      submitted    401  403    303    303   303      303 303   403   303     403     403   303
content_RESOURCE      published    303  303    303    303   303      303 303   303   303     303     303   303
content_RESOURCE      deleted      404  404    404    404   404      404 404   404   404     404     404   404
content_n_RESOURCE    draft        401  403    303    303   303      403 303   403   303     403     403   303
content_n_RESOURCE    submitted    401  403    303    303   303      303 303   403   303     403     403   303
content_n_RESOURCE    published    303  303    303    303   303      303 303   303   303     303     303   303
content_n_RESOURCE    deleted      404  404    404    404   404      404 404   404   404     404     404   404
images_RESOURCE       draft        401  403    200    200   200      403 200   403   200     403     403   200
images_RESOURCE       submitted    401  403    200    200   200      200 200   403   200     403     403   200
images_RESOURCE       published    200  200    200    200   200      200 200   200   200     200     200   200
images_RESOURCE       deleted      404  404    404    404   404      404 404   404   404     404     404   404
replace_RESOURCE      draft        401  403    403    200   200      403 200   403   403     200     403   200
replace_RESOURCE      submitted    401  403    403    403   403      403 403   403   403     403     403   403
replace_RESOURCE      published    401  403    403    200   200      403 200   403   403     200     403   200
replace_RESOURCE      deleted      401  404    404    404   404      404 404   404   404     404     404   404
patch_RESOURCE        draft        401  403    403    200   200      403 200   403   403     200     403   200
patch_RESOURCE        submitted    401  403    403    403   403      403 403   403   403     403     403   403
patch_RESOURCE        published    401  403    403    200   200      403 200   403   403     200     403   200
patch_RESOURCE        deleted      401  404    404    404   404      404 404   404   404     404     404   404
add_image_RESOURCE    draft        401  403    403    200   200      403 200   403   403     200     403   200
add_image_RESOURCE    submitted    401  403    403    403   403      403 403   403   403     403     403   403
add_image_RESOURCE    published    401  403    403    200   200      403 200   403   403     200     403   200
add_image_RESOURCE    deleted      401  404    404    404   404      404 404   404   404     404     404   404
replace_image_RESOURCE draft       401  403    403    404   404      403 404   403   403     404     403   404
replace_image_RESOURCE submitted   401  403    403    403   403      403 403   403   403     403     403   403
replace_image_RESOURCE published   401  403    403    404   404      403 404   403   403     404     403   404
replace_image_RESOURCE deleted     401  404    404    404   404      404 404   404   404     404     404   404
delete_image_RESOURCE draft        401  403    403    404   404      403 404   403   403     404     403   404
delete_image_RESOURCE submitted    401  403    403    403   403      403 403   403   403     403     403   403
delete_image_RESOURCE published    401  403    403    404   404      403 404   403   403     404     403   404
delete_image_RESOURCE deleted      401  404    404    404   404      404 404   404   404     404     404   404
delete_RESOURCE       draft        401  403    403    403   200      403 200   403   403     403     200   200
delete_RESOURCE       submitted    401  403    403    403   200      403 200   403   403     403     200   200
delete_RESOURCE       published    401  403    403    403   200      403 200   403   403     403     200   200
delete_RESOURCE       deleted      401  404    404    404   404      404 404   404   404     404     404   404
history_RESOURCE      draft        401  403    403    200   200      403 200   403   403     200     403   200
history_RESOURCE      submitted    401  403    403    200   200      403 200   403   403     200     403   200
history_RESOURCE      published    401  403    403    200   200      403 200   403   403     200     403   200
history_RESOURCE      deleted      401  404    404    404   404      404 404   404   404     404     404   404
revision_RESOURCE     draft        401  403    403    200   200      403 200   403   403     200     403   200
revision_RESOURCE     submitted    401  403    403    200   200      403 200   403   403     200     403   200
revision_RESOURCE     published    401  403    403    200   200      403 200   403   403     200     403   200
revision_RESOURCE     deleted      401  404    404    404   404      404 404   404   404     404     404   404
list_permissions      draft        401  403    403    403   200      403 403   403   403     403     403   200
list_permissions      submitted    401  403    403    403   200      403 403   403   403     403     403   200
list_permissions      published    401  403    403    403   200      403 403   403   403     403     403   200
list_permissions      deleted      401  404    404    404   404      404 404   404   404     404     404   404
set_permission        draft        401  403    403    403   200      403 403   403   403     403     403   200
set_permission        submitted    401  403    403    403   200      403 403   403   403     403     403   200
set_permission        published    401  403    403    403   200      403 403   403   403     403     403   200
set_permission        deleted      401  404    404    404   404      404 404   404   404     404     404   404
submit                draft        401  403    403    403   200      403 403   403   403     403     403   200
submit                submitted    401  403    403    403   400      403 403   403   403     403     403   400
submit                published    401  403    403    403   400      403 403   403   403     403     403   400
submit                deleted      401  404    404    404   404      404 404   404   404     404     404   404
submit_RESOURCE       draft        401  403    403    403   200      403 403   403   403     403     403   200
submit_RESOURCE       submitted    401  403    403    403   400      403 403   403   403     403     403   400
submit_RESOURCE       published    401  403    403    403   400      403 403   403   403     403     403   400
submit_RESOURCE       deleted      401  404    404    404   404      404 404   404   404     404     404   404
read_submission       draft        401  404    404    404   404      404 404   404   404     404     404   404
read_submission       submitted    401  403    403    403   403      200 403   403   403     403     403   200
read_submission       published    401  403    403    403   403      200 403   403   403     403     403   200
read_submission       deleted      401  404    404    404   404      404 404   404   404     404     404   404
retract_submission    draft        401  404    404    404   404      404 404   404   404     404     404   404
retract_submission    submitted    401  403    403    403   200      403 403   403   403     403     403   200
retract_submission    published    401  403    403    403   400      403 403   403   403     403     403   400
retract_submission    deleted      401  404    404    404   404      404 404   404   404     404     404   404
review                draft        401  403    403    403   403      404 403   403   403     403     403   404
review                submitted    401  403    403    403   403      200 403   403   403     403     403   200
review                published    401  403    403    403   403      400 403   403   403     403     403   400
review                deleted      401  403    403    403   403      404 403   403   403     403     403   404
add_bookmark          draft        401  403    200    200   200      403 200   403   200     403     403   200
add_bookmark          submitted    401  403    200    200   200      200 200   403   200     403     403   200
add_bookmark          published    401  200    200    200   200      200 200   200   200     200     200   200
add_bookmark          deleted      401  404    404    404   404      404 404   404   404     404     404   404
remove_bookmark       draft        401  200    200    200   200      200 200   200   200     200     200   200
remove_bookmark       submitted    401  200    200    200   200      200 200   200   200     200     200   200
remove_bookmark       published    401  200    200    200   200      200 200   200   200     200     200   200
remove_bookmark       deleted      401  200    200    200   200      200 200   200   200     200     200   200
list_RESOURCE         -            200  200    200    200   200      200 200   200   200     200     200   200
list_platform_RESOURCE -           200  200    200    200   200      200 200   200   200     200     200   200
count_RESOURCE        -            200  200    200    200   200      200 200   200   200     200     200   200
list_VOCABULARY       -            200  200    200    200   200      200 200   200   200     200     200   200
counts                -            200  200    200    200   200      200 200   200   200     200     200   200
count_platforms       -            200  200    200    200   200      200 200   200   200     200     200   200
list_platforms        -            200  200    200    200   200      200 200   200   200     200     200   200
read_platform         -            200  200    200    200   200      200 200   200   200     200     200   200
top                   -            200  200    200    200   200      200 200   200   200     200     200   200
top_all               -            200  200    200    200   200      200 200   200   200     200     200   200
search_RESOURCE       -            200  200    200    200   200      200 200   200   200     200     200   200
search                -            200  200    200    200   200      200 200   200   200     200     200   200
suggest               -            200  200    200    200   200      200 200   200   200     200     200   200
search_status         -            401  403    403    403   403      403 403   403   403     403     403   200
search_failures       -            401  403    403    403   403      403 403   403   403     403     403   200
register_RESOURCE     -            401  200    200    200   200      200 403   403   200     200     200   200
upsert_RESOURCE       -            401  403    403    403   403      403 200   403   403     403     403   200
register_platform     -            401  403    403    403   403      403 403   403   403     403     403   200
replace_platform      -            401  403    403    403   403      403 403   403   403     403     403   404
delete_platform       -            401  403    403    403   403      403 403   403   403     403     403   404
list_submissions      -            401  200    200    200   200      200 200   200   200     200     200   200
list_own_resources    -            401  200    200    200   200      200 200   200   200     200     200   200
list_bookmarks        -            401  200    200    200   200      200 200   200   200     200     200   200
authorization_test    -            401  200    200    200   200      200 200   200   200     200     200   200
";

/// A resource in some state, and the submission that brought it there (0 where there is none).
struct Subject {
    path: &'static str,
    identifier: String,
    submission: i64,
}

struct Cast {
    app: TestApp,
    keys: Vec<String>,
    submitter: String,
}

impl Cast {
    async fn new() -> Self {
        let app = TestApp::searching().await;
        app.indexed().await;
        let mut keys = vec![String::new()];
        for (name, roles) in &WHO[1..] {
            keys.push(app.key(name, roles).await);
        }
        let submitter = app.key("submitter", &[]).await;
        app.key("zoe", &[]).await;
        Self { app, keys, submitter }
    }

    async fn subject(&self, path: &'static str, state: &str) -> Subject {
        let (app, key) = (&self.app, self.submitter.as_str());
        let mut body = json!({"name": "subject"});
        if path == "datasets" {
            body["distribution"] = json!([{"name": "f", "content_url": "https://files.example.org/f"}]);
        }
        let identifier = app.draft(path, key, body).await;
        for (user, kind) in [("reader", "read"), ("writer", "write"), ("owner", "admin")] {
            let wish = json!({"asset_identifier": identifier, "user": user, "permission_type": kind});
            app.post("/assets/permissions", &wish).key(key).send().await.ok();
        }
        let mut submission = 0;
        if matches!(state, "submitted" | "published") {
            let answer = app.post("/submissions", &json!({"asset_identifiers": [identifier]})).key(key).send().await.ok();
            submission = answer["submission_identifier"].as_i64().unwrap();
        }
        if state == "published" {
            let review = json!({"submission_identifier": submission, "decision": "accepted"});
            app.post("/reviews", &review).key(&self.keys[5]).send().await.ok();
        }
        if state == "deleted" {
            app.delete(&format!("/{path}/{identifier}")).key(key).send().await.ok();
        }
        Subject { path, identifier, submission }
    }

    /// Does what an operation does, as one of the cast.
    async fn act(&self, operation: &Documented, who: usize, subject: &Subject) -> Answer {
        let mut request = self.app.request(operation.method.clone(), &operation.url(subject));
        if who > 0 {
            request = request.key(&self.keys[who]);
        }
        if operation.takes_file {
            request = request.file("image/png", b"\x89PNG\r\n\x1a\n-and-so-on");
        } else if let Some(schema) = &operation.body {
            request = request.json(&example_body(schema, WHO[who].0, subject));
        }
        request.send().await
    }
}

/// An operation as the OpenAPI document has it.
struct Documented {
    id: &'static str,
    method: Method,
    path: String,
    /// The parameters that must be there: name, and whether it is a number.
    parameters: Vec<(String, bool)>,
    /// The name of the body's schema; empty where it has none of its own.
    body: Option<String>,
    takes_file: bool,
}

impl Documented {
    /// What a row of the rules means for a type.
    fn find(id: &'static str, path: &str) -> Self {
        let name = id.replace("RESOURCE", path).replace("VOCABULARY", "keywords");
        let found = Version::ALL.into_iter().find_map(|version| Self::find_in(id, &document(version).unwrap(), &name));
        found.unwrap_or_else(|| panic!("'{id}' is no operation"))
    }

    fn find_in(id: &'static str, document: &Value, name: &str) -> Option<Self> {
        let paths = document["paths"].as_object().unwrap();
        let mut operations = paths.iter().flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |(m, o)| (path, m, o)));
        let (path, method, operation) = operations.find(|(_, _, operation)| operation["operationId"] == name)?;
        let content = &operation["requestBody"]["content"];
        let parameters = operation["parameters"].as_array().into_iter().flatten().filter(|p| p["required"] == true);
        Some(Self {
            id,
            method: Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(),
            path: path.clone(),
            parameters: parameters.map(|p| (p["name"].as_str().unwrap().to_owned(), p["schema"]["type"] == "integer")).collect(),
            body: content
                .get("application/json")
                .map(|c| c["schema"]["$ref"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned()),
            takes_file: content.get("multipart/form-data").is_some(),
        })
    }

    fn url(&self, subject: &Subject) -> String {
        let mut url = self.path.clone();
        let mut query = Vec::new();
        for (name, is_number) in &self.parameters {
            let value = self.value(name, *is_number, subject);
            if url.contains(&format!("{{{name}}}")) {
                url = url.replace(&format!("{{{name}}}"), &value);
            } else {
                query.push(format!("{name}={value}"));
            }
        }
        format!("{url}?{}", query.join("&"))
    }

    fn value(&self, name: &str, is_number: bool, subject: &Subject) -> String {
        match name {
            "platform" => "aiod".to_owned(),
            "name" => "logo".to_owned(),
            "resource_type" => subject.path.to_owned(),
            "revision" => "1".to_owned(),
            "distribution_idx" => "0".to_owned(),
            "submission_identifier" => subject.submission.to_string(),
            // Of platforms, one that is there to read, and one that nobody has to change.
            "identifier" if self.path.starts_with("/platforms/{identifier}") => {
                if self.method == Method::GET { "1" } else { "999" }.to_owned()
            }
            "identifier" if is_number => subject.submission.to_string(),
            _ => subject.identifier.clone(),
        }
    }

    /// Whether doing it leaves everything as it was.
    fn changes_nothing(&self, status: u16) -> bool {
        let makes_others = ["register_", "upsert_"].iter().any(|begin| self.id.starts_with(begin));
        self.method == Method::GET || makes_others || status != 200
    }
}

/// A body of this schema that is right.
fn example_body(schema: &str, who: &str, Subject { identifier, submission, .. }: &Subject) -> Value {
    match schema {
        "PermissionCreate" => json!({"asset_identifier": identifier, "user": "zoe", "permission_type": "read"}),
        "SubmissionCreate" => json!({"asset_identifiers": [identifier]}),
        "SubmissionComment" => json!({}),
        "ReviewCreate" => json!({"submission_identifier": submission, "decision": "rejected"}),
        "PlatformCreate" => json!({"name": format!("new-{who}")}),
        batch if batch.ends_with("Batch") => json!({"records": [{"resource": {"platform_resource_identifier": who, "name": "n"}}]}),
        _ => json!({"name": "other"}),
    }
}

#[tokio::test]
async fn everyone_may_do_what_the_table_says() {
    let cast = Cast::new().await;
    let mut lines = TABLE.lines().filter(|line| !line.is_empty());
    let columns: Vec<&str> = lines.next().unwrap().split_whitespace().skip(2).collect();
    assert_eq!(columns, WHO.map(|(name, _)| name));
    let mut covered: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for line in lines {
        let mut cells = line.split_whitespace();
        let (operation, state) = (cells.next().unwrap(), cells.next().unwrap());
        covered.entry(operation).or_default().insert(state);
        let path = if operation.contains("image") || operation == "read_agent" { "organisations" } else { "datasets" };
        let mut subject = cast.subject(path, state).await;
        let documented = Documented::find(operation, path);
        for (who, expected) in cells.enumerate() {
            let answer = cast.act(&documented, who, &subject).await;
            let status = answer.status.as_u16();
            if status.to_string() != expected {
                wrong.push(format!("{operation} {state} by {}: {status}, not {expected}: {}", WHO[who].0, answer.text()));
            }
            if !documented.changes_nothing(status) {
                subject = cast.subject(path, state).await;
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let all: Vec<&str> = OPERATIONS.iter().map(|(id, _)| *id).collect();
    assert_eq!(covered.keys().copied().collect::<BTreeSet<_>>(), all.into_iter().collect(), "the table has every operation");
    for (operation, states) in covered {
        let whole = BTreeSet::from(["draft", "submitted", "published", "deleted"]);
        assert!(states == whole || states == BTreeSet::from(["-"]), "{operation} is not in the table for every state: {states:?}");
    }
    cast.app.close().await;
}
