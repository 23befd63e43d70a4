//! The main job, whole: a connector fills the real catalogue with records that it converted from what OpenML really answers.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::sync::Arc;

use aiod_api::config::Config;
use aiod_api::identity::api_key;
use aiod_api::{routes, server};
use aiod_connectors::openml::{self, Args};
use aiod_connectors::stop::Stop;
use clap::Parser;
use poem::listener::{Acceptor, Listener, TcpListener};
use serde_json::{Value, json};
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// What OpenML answers: recorded answers where they are, else some of the same shape.
fn answer(recorded: Option<&str>, below: &str) -> ResponseTemplate {
    let parts: Vec<&str> = below.split('/').collect();
    let body = match parts.as_slice() {
        ["data", "list", "limit", _, "offset", offset] if *offset != "0" => {
            return ResponseTemplate::new(412).set_body_json(json!({"error": {"code": "372", "message": "No results"}}));
        }
        ["data", "list", ..] => file(recorded, "list_offset_0").unwrap_or_else(|| {
            let entry = |id: u32| json!({"did": id, "name": format!("set {id}"), "version": 1, "status": "active", "format": "ARFF", "quality": [{"name": "NumberOfInstances", "value": "3.0"}]});
            json!({"data": {"dataset": [entry(2), entry(3)]}})
        }),
        ["data", "qualities", id] => file(recorded, &format!("data_{id}_qualities")).unwrap_or(json!({"data_qualities": {"quality": []}})),
        ["data", id] => file(recorded, &format!("data_{id}")).unwrap_or_else(|| {
            json!({"data_set_description": {"id": id, "name": format!("set {id}"), "version": "1", "description": "Words.", "format": "ARFF", "creator": "Ada",
                "upload_date": "2014-04-06T23:19:24", "licence": "Public", "url": "https://data.example/f.arff", "tag": ["uci"], "visibility": "public"}})
        }),
        _ => return ResponseTemplate::new(404),
    };
    ResponseTemplate::new(200).set_body_json(body)
}

fn file(folder: Option<&str>, name: &str) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(format!("{}/{name}.json", folder?)).ok()?).ok()
}

/// The real catalogue on a free port, over a database of its own.
async fn catalogue(folder: &std::path::Path) -> (String, String) {
    let mut config = Config::default();
    config.database.url = format!("sqlite://{}/catalogue.db", folder.display());
    config.examples.load = false;
    let opened = server::open(config).await.unwrap();
    let roles = BTreeSet::from(["platform_openml".to_owned()]);
    let key = api_key::create(&opened.app.catalogue.db, "openml", &roles, None).await.unwrap();
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = acceptor.local_addr()[0].as_socket_addr().unwrap().to_string();
    let app = routes::endpoint(Arc::clone(&opened.app));
    tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(app));
    (format!("http://{address}"), key)
}

async fn get(url: String) -> Value {
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_openml_answers_is_in_the_catalogue() {
    let recorded = "../../shared/reference/platforms/openml";
    let recorded = std::path::Path::new(recorded).exists().then_some(recorded);
    if recorded.is_none() {
        println!("the recorded answers are not here: answers of their shape stand in for them");
    }
    let folder = std::env::temp_dir().join(format!("aiod_end_to_end_{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (url, key) = catalogue(&folder).await;
    let platform = MockServer::start().await;
    let respond = move |request: &Request| answer(recorded, request.url.path().trim_start_matches("/api/v1/json/"));
    Mock::given(method("GET")).and(path_regex("^/api/v1/json/")).respond_with(respond).mount(&platform).await;

    let arguments =
        ["openml", "--once", "--catalogue", &url, "--api-key", &key, "--base-url", &platform.uri(), "--requests-per-minute", "6000"];
    for expected in ["created", "unchanged"] {
        let report = openml::run(&Args::parse_from(arguments), &Stop::never()).await;
        let text = format!("{report:?}");
        assert!(text.contains(&format!("{expected}: 2")), "{text}");
    }
    let datasets = get(format!("{url}/platforms/openml/datasets?direction=asc&sort=date_created")).await;
    assert_eq!(datasets.as_array().unwrap().len(), 2);
    let read = get(format!("{url}/platforms/openml/datasets/2")).await;
    assert_eq!((read["platform"].as_str(), read["aiod_entry"]["status"].as_str()), (Some("openml"), Some("published")));
    assert!(read["same_as"].as_str().unwrap().ends_with("/d/2"), "{read}");
    assert!(!read["creator"].as_array().unwrap().is_empty() && read["distribution"][0]["content_url"].is_string(), "{read}");
    if recorded.is_some() {
        assert_eq!(
            (read["name"].as_str(), read["size"]["value"].as_i64(), read["date_published"].as_str()),
            (Some("anneal"), Some(898), Some("2014-04-06T23:19:24"))
        );
        assert!(read["keyword"].as_array().unwrap().contains(&json!("uci")));
        let creator = read["creator"][0].as_str().unwrap();
        assert_eq!(get(format!("{url}/contacts/{creator}")).await["name"], "David Sterling");
    }
    let schema = get(format!("{url}/platforms/openml/datasets/2?schema=schema.org")).await;
    assert_eq!(schema["@type"], "Dataset");
    std::fs::remove_dir_all(folder).unwrap();
}
