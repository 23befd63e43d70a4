//! Arbitrary requests: whatever comes in, the answer is one of the document's and never the server's fault.

use std::sync::Arc;

use poem::http::Method;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::harness::TestApp;

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:]{0,9}(Z|[+-][0-9:]{0,6})?)?".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,12}", inner, 0..6).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

/// A body whose keys are those of the type, most of the time.
fn body(resource: &'static aiod_schema::ResourceType) -> impl Strategy<Value = Value> {
    let names: Vec<&'static str> = resource.object.fields.iter().map(|f| f.name).collect();
    let field = (prop::sample::select(names), json_value());
    prop::collection::vec(field, 0..8).prop_map(|fields| {
        let mut map: serde_json::Map<String, Value> = fields.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        map.entry("name").or_insert(json!("n"));
        Value::Object(map)
    })
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(48)
}

fn run<S: Strategy>(strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let mut runner = TestRunner::new(Config { cases: cases(), failure_persistence: None, ..Config::default() });
    runner.run(strategy, test).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_is_our_fault() {
    let app = Arc::new(TestApp::new().await);
    let key = app.key("bot", &["admin_aiod_resources", "platform_example"]).await;
    let handle = tokio::runtime::Handle::current();
    let runner = Arc::clone(&app);
    tokio::task::spawn_blocking(move || {
        for resource in aiod_schema::resource_types() {
            run(&(body(resource), json_value()), |(mut body, record)| {
                let mut requests = vec![(Method::POST, format!("/{}", resource.path), body.clone())];
                requests.push((
                    Method::POST,
                    format!("/platforms/example/{}/batch", resource.path),
                    json!({"records": [{"resource": body.clone()}, {"resource": record, "related": body.clone()}]}),
                ));
                body["platform"] = json!("example");
                body["platform_resource_identifier"] = json!(format!("{:x}", rand_of(&body)));
                requests.push((Method::POST, format!("/{}", resource.path), body));
                for (method, path, body) in requests {
                    let answer = handle.block_on(runner.request(method, &path).json(&body).key(&key).send());
                    prop_assert!(
                        matches!(answer.status.as_u16(), 200 | 400 | 403 | 404 | 409 | 412 | 422),
                        "{} {path} {body}: {}",
                        answer.status,
                        answer.text()
                    );
                    if answer.status.as_u16() == 200
                        && let Some(id) = answer.json()["identifier"].as_str()
                    {
                        let read = handle.block_on(runner.get(&format!("/{}/{id}", resource.path)).key(&key).send());
                        prop_assert_eq!(read.status.as_u16(), 200, "{}", read.text());
                        let written = handle.block_on(runner.put(&format!("/{}/{id}", resource.path), &read.json()).key(&key).send());
                        prop_assert!(matches!(written.status.as_u16(), 200 | 404), "{} {}", written.status, written.text());
                    }
                }
                Ok(())
            });
        }
    })
    .await
    .unwrap();
    Arc::into_inner(app).unwrap().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_small_body_is_our_fault() {
    let app = Arc::new(TestApp::new().await);
    let key = app.key("root", &["admin_aiod_resources"]).await;
    let draft = app.draft("datasets", &key, json!({"name": "d"})).await;
    let handle = tokio::runtime::Handle::current();
    let runner = Arc::clone(&app);
    tokio::task::spawn_blocking(move || {
        let names =
            ["asset_identifiers", "asset_identifier", "comment", "decision", "submission_identifier", "user", "permission_type", "name"];
        let likely = prop::sample::select(vec![
            json!(draft),
            json!([draft]),
            json!(1),
            json!("accepted"),
            json!("rejected"),
            json!("read"),
            json!("root"),
        ]);
        let field = (prop::sample::select(names.to_vec()), prop_oneof![likely, json_value()]);
        let body = prop::collection::vec(field, 0..6)
            .prop_map(|fields| Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()));
        run(&prop_oneof![4 => body, 1 => json_value()], |body| {
            for path in ["/submissions", "/reviews", "/assets/permissions", "/submissions/retract/1", "/platforms"] {
                let answer = handle.block_on(runner.post(path, &body).key(&key).send());
                let fine = matches!(answer.status.as_u16(), 200 | 400 | 403 | 404 | 409 | 422);
                prop_assert!(fine, "{path} {body}: {} {}", answer.status, answer.text());
            }
            Ok(())
        });
    })
    .await
    .unwrap();
    Arc::into_inner(app).unwrap().close().await;
}

fn rand_of(value: &Value) -> u64 {
    value.to_string().bytes().fold(7, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_or_query_is_our_fault() {
    let app = Arc::new(TestApp::new().await);
    app.publish("datasets", "1", json!({})).await;
    let handle = tokio::runtime::Handle::current();
    let runner = Arc::clone(&app);
    tokio::task::spawn_blocking(move || {
        let paths = prop::sample::select(vec![
            "/datasets",
            "/datasets/",
            "/assets/",
            "/platforms/",
            "/platforms/example/datasets/",
            "/counts/",
            "/v2/contacts/",
            "/submissions/",
            "/submissions",
            "/bookmarks",
            "/assets/permissions/",
            "/stats/top/",
            "/",
        ]);
        let queries = prop::sample::select(vec![
            "mode",
            "resource_identifier",
            "limit",
            "offset",
            "sort",
            "direction",
            "cursor",
            "schema",
            "date_modified_after",
            "detailed",
            "x",
        ]);
        let text = "[ -~é世]{0,12}|[0-9-]{1,22}";
        run(&(paths, text, prop::collection::vec((queries, text), 0..4), "[ -~]{0,30}"), |(path, rest, query, header)| {
            let encode = |text: &str| {
                text.bytes()
                    .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
                    .collect::<String>()
            };
            let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
            let url = format!("{path}{}?{}", encode(&rest), query.join("&"));
            for name in ["Authorization", "If-None-Match", "If-Match", "X-Forwarded-Prefix", "Accept-Encoding"] {
                for method in [Method::GET, Method::DELETE] {
                    let answer = handle.block_on(runner.request(method, &url).header(name, &header).send());
                    prop_assert!(answer.status.as_u16() < 500, "{url}: {}", answer.text());
                }
            }
            Ok(())
        });
    })
    .await
    .unwrap();
    Arc::into_inner(app).unwrap().close().await;
}
