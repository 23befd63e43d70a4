//! The OpenAPI document and the pages that show it.

use std::collections::BTreeSet;
use std::process::Command;

use aiod_api::routes::{Version, document};
use poem::http::Method;
use serde_json::Value;

use crate::harness::TestApp;

fn parsed(version: Version) -> Value {
    document(version).unwrap()
}

#[tokio::test]
async fn the_document_keeps_every_promise_of_the_existing_one() {
    let root = "../../shared";
    let tool = format!("{root}/tools/openapi_superset.py");
    if !std::path::Path::new(&tool).exists() {
        println!("skipped: the reference document is not here");
        return;
    }
    for (version, name) in [(Version::Latest, "latest"), (Version::V2, "v2")] {
        let ours = std::env::temp_dir().join(format!("aiod-openapi-{name}-{}.json", std::process::id()));
        std::fs::write(&ours, parsed(version).to_string()).unwrap();
        let output = Command::new("python3")
            .arg(&tool)
            .arg(format!("{root}/reference/openapi-{name}.json"))
            .arg(&ours)
            .arg("--list")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let broken: Vec<&str> = text.lines().filter(|l| !l.is_empty() && !l.starts_with("kept")).collect();
        assert!(text.contains("promises") && broken.is_empty(), "{broken:#?}");
        std::fs::remove_file(ours).unwrap();
    }
}

#[test]
fn the_committed_documents_are_those_of_this_program() {
    for (version, name) in [(Version::Latest, "latest"), (Version::V2, "v2")] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/openapi/{name}.json"));
        let (ours, committed) = (format!("{:#}\n", parsed(version)), std::fs::read_to_string(&path).unwrap());
        let same = ours.lines().zip(committed.lines()).take_while(|(a, b)| a == b).count();
        assert!(
            ours == committed,
            "the interface is not the one of docs/openapi/{name}.json: line {} differs. When that is meant, commit what \
             `cargo run -- openapi --version {name} > docs/openapi/{name}.json` writes.",
            same + 1
        );
    }
}

#[test]
fn groups_are_described_and_every_operation_stands_in_one() {
    for version in Version::ALL {
        let document = parsed(version);
        let tags: Vec<&str> = document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
        assert_eq!(tags.len(), tags.iter().collect::<BTreeSet<_>>().len());
        assert!(document["tags"].as_array().unwrap().iter().all(|tag| tag["description"].as_str().is_some_and(|d| d.len() > 10)));
        let operations = document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
        for operation in operations {
            let of_operation: Vec<&str> = operation["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
            assert!(of_operation.len() == 1 && tags.contains(&of_operation[0]), "{}: {of_operation:?}", operation["operationId"]);
        }
    }
}

#[test]
fn every_operation_has_a_name_a_summary_and_no_placeholder() {
    for version in Version::ALL {
        let document = parsed(version);
        let mut ids = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(operation["summary"].as_str().is_some_and(|s| s.len() > 5), "{method} {path}");
                assert!(ids.insert(operation["operationId"].to_string()), "{method} {path}: operationId stands twice");
                assert!(operation["responses"]["200"].is_object(), "{method} {path}");
                // From its row in the rule table: there is no operation that forgot.
                let needs = operation["description"].as_str().is_some_and(|d| d.contains("Needs `"));
                assert!(needs, "{method} {path} does not say what it needs");
            }
        }
        let text = document.to_string();
        for word in ["RESOURCE", "VOCABULARY", "LABEL", "TERMS", "<Read>", "<Create>", "\"rest\""] {
            assert!(!text.contains(word), "{word} in {version:?}");
        }
    }
}

#[tokio::test]
async fn every_documented_operation_is_served() {
    let app = TestApp::searching().await;
    app.indexed().await;
    for version in Version::ALL {
        for (path, item) in parsed(version)["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                let concrete = path.replace("{platform}", "example").replace("{distribution_idx}", "0").replace("{identifier}", "1");
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let answer = app.request(method.clone(), &concrete).send().await;
                assert!(!matches!(answer.status.as_u16(), 405 | 500..), "{method} {path}: {}", answer.text());
                assert!(!answer.text().contains("\"Not Found\""), "{method} {path}");
            }
        }
    }
    app.close().await;
}

#[tokio::test]
async fn the_pages_work_without_internet_and_behind_a_proxy() {
    let app = TestApp::with(|config| config.limits.behind_proxy = true).await;
    for prefix in ["", "/v2", "/v3"] {
        for page in ["docs", "redoc"] {
            let answer = app.get(&format!("{prefix}/{page}")).header("X-Forwarded-Prefix", "/catalogue").send().await;
            assert_eq!(answer.status.as_u16(), 200);
            assert!(answer.header("content-type").unwrap().starts_with("text/html"));
            let html = answer.text();
            assert!(html.contains("\"servers\":[{\"url\":\"/catalogue\"}]") && html.contains("AIoD metadata catalogue"), "{prefix}/{page}");
            for outside in ["src=\"http", "<link href=\"http", "url(http"] {
                assert!(!html.contains(outside), "{prefix}/{page} calls out: {outside}");
            }
        }
        let json = app.get(&format!("{prefix}/openapi.json")).send().await.ok();
        assert_eq!(json["servers"][0]["url"], "/");
        assert!(json["paths"].as_object().unwrap().keys().all(|p| p.starts_with(prefix)));
    }
    app.close().await;
}
