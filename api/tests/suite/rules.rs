//! Who may do what: every operation, by everyone, on resources in every state.

use std::collections::{BTreeMap, BTreeSet};

use aiod_api::catalogue::permission::OPERATIONS;
use poem::http::Method;
use serde_json::json;

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
        let app = TestApp::new().await;
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
    async fn act(&self, operation: &str, who: usize, Subject { path, identifier, submission }: &Subject) -> Answer {
        let (get, post, put, delete) = (Method::GET, Method::POST, Method::PUT, Method::DELETE);
        let name = WHO[who].0;
        let image = format!("/{path}/{identifier}/image?name=logo");
        let platform_body = json!({"name": format!("new-{name}")});
        let (method, url, body) = match operation {
            "read_RESOURCE" => (get, format!("/{path}/{identifier}"), None),
            "read_platform_RESOURCE" => (get, format!("/platforms/aiod/{path}/{identifier}"), None),
            "read_asset" => (get, format!("/assets/{identifier}"), None),
            "read_ai_asset" => (get, format!("/ai_assets/{identifier}"), None),
            "read_ai_resource" => (get, format!("/ai_resources/{identifier}"), None),
            "read_agent" => (get, format!("/agents/{identifier}"), None),
            "content_RESOURCE" => (get, format!("/{path}/{identifier}/content"), None),
            "content_n_RESOURCE" => (get, format!("/{path}/{identifier}/content/0"), None),
            "images_RESOURCE" => (get, format!("/{path}/{identifier}/image"), None),
            "add_image_RESOURCE" => (post, image, None),
            "replace_image_RESOURCE" => (put, image, None),
            "delete_image_RESOURCE" => (delete, image, None),
            "replace_RESOURCE" => (put, format!("/{path}/{identifier}"), Some(json!({"name": "other"}))),
            "patch_RESOURCE" => (Method::PATCH, format!("/{path}/{identifier}"), Some(json!({"name": "other"}))),
            "delete_RESOURCE" => (delete, format!("/{path}/{identifier}"), None),
            "history_RESOURCE" => (get, format!("/{path}/{identifier}/history"), None),
            "revision_RESOURCE" => (get, format!("/{path}/{identifier}/history/1"), None),
            "list_permissions" => (get, format!("/assets/permissions/{identifier}"), None),
            "set_permission" => (
                post,
                "/assets/permissions".to_owned(),
                Some(json!({"asset_identifier": identifier, "user": "zoe", "permission_type": "read"})),
            ),
            "submit" => (post, "/submissions".to_owned(), Some(json!({"asset_identifiers": [identifier]}))),
            "submit_RESOURCE" => (post, format!("/v2/{path}/submit/{identifier}"), Some(json!({}))),
            "read_submission" => (get, format!("/submissions/{submission}"), None),
            "retract_submission" => (post, format!("/submissions/retract/{submission}"), None),
            "review" => (post, "/reviews".to_owned(), Some(json!({"submission_identifier": submission, "decision": "rejected"}))),
            "add_bookmark" => (post, format!("/bookmarks?resource_identifier={identifier}"), None),
            "remove_bookmark" => (delete, format!("/bookmarks?resource_identifier={identifier}"), None),
            "list_RESOURCE" => (get, format!("/{path}"), None),
            "list_platform_RESOURCE" => (get, format!("/platforms/aiod/{path}"), None),
            "count_RESOURCE" => (get, format!("/counts/{path}"), None),
            "list_VOCABULARY" => (get, "/keywords".to_owned(), None),
            "counts" => (get, "/counts".to_owned(), None),
            "count_platforms" => (get, "/counts/platforms".to_owned(), None),
            "list_platforms" => (get, "/platforms".to_owned(), None),
            "read_platform" => (get, "/platforms/1".to_owned(), None),
            "top" => (get, format!("/stats/top/{path}"), None),
            "top_all" => (get, "/stats/top/all".to_owned(), None),
            "register_RESOURCE" => (post, format!("/{path}"), Some(json!({"name": "mine"}))),
            "upsert_RESOURCE" => (
                post,
                format!("/platforms/aiod/{path}/batch"),
                Some(json!({"records": [{"resource": {"platform_resource_identifier": name, "name": "n"}}]})),
            ),
            "register_platform" => (post, "/platforms".to_owned(), Some(platform_body)),
            "replace_platform" => (put, "/platforms/999".to_owned(), Some(platform_body)),
            "delete_platform" => (delete, "/platforms/999".to_owned(), None),
            "list_submissions" => (get, "/submissions".to_owned(), None),
            "list_own_resources" => (get, "/user/resources".to_owned(), None),
            "list_bookmarks" => (get, "/bookmarks".to_owned(), None),
            "authorization_test" => (get, "/authorization_test".to_owned(), None),
            other => panic!("'{other}' is no operation"),
        };
        let mut request = self.app.request(method, &url);
        if who > 0 {
            request = request.key(&self.keys[who]);
        }
        if operation.ends_with("_image_RESOURCE") && operation != "delete_image_RESOURCE" {
            request = request.file("image/png", b"\x89PNG\r\n\x1a\n-and-so-on");
        }
        if let Some(body) = &body {
            request = request.json(body);
        }
        request.send().await
    }
}

/// Whether doing it leaves everything as it was.
fn changes_nothing(operation: &str, status: u16) -> bool {
    const READS: [&str; 11] =
        ["read_", "content_", "images_", "history_", "revision_", "list_", "count", "top", "authorization_", "register_", "upsert_"];
    READS.iter().any(|begin| operation.starts_with(begin)) || !matches!(status, 200 | 303)
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
        for (who, expected) in cells.enumerate() {
            let answer = cast.act(operation, who, &subject).await;
            let status = answer.status.as_u16();
            if status.to_string() != expected {
                wrong.push(format!("{operation} {state} by {}: {status}, not {expected}: {}", WHO[who].0, answer.text()));
            }
            if !changes_nothing(operation, status) {
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
