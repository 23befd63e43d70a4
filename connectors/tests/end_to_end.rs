//! The main job, whole: a connector fills the real catalogue with records that it converted from what OpenML really answers.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, reason = "tests")]

mod answers;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use aiod_api::config::Config;
use aiod_api::identity::api_key;
use aiod_api::{routes, server};
use aiod_connectors::catalogue::Catalogue;
use aiod_connectors::http::HttpOptions;
use aiod_connectors::openml::{self, Args};
use aiod_schema::wire::Outcome;
use clap::Parser;
use poem::listener::{Acceptor, Listener, TcpListener};
use reqwest::Url;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// The real catalogue on a free port, over a database of its own: its folder, its address, and a key of the connector.
async fn catalogue(name: &str, examples: bool) -> (PathBuf, String, String) {
    let folder = std::env::temp_dir().join(format!("aiod_end_to_end_{name}_{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut config = Config::default();
    config.database.url = format!("sqlite://{}/catalogue.db", folder.display()).into();
    config.examples.load = examples;
    let opened = server::open(config).await.unwrap();
    let roles = BTreeSet::from(["platform_openml".to_owned()]);
    let key = api_key::create(&opened.app.catalogue.db, "openml", &roles, None).await.unwrap();
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = acceptor.local_addr()[0].as_socket_addr().unwrap().to_string();
    let app = routes::endpoint(Arc::clone(&opened.app)).unwrap();
    tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(app));
    (folder, format!("http://{address}"), key)
}

async fn get(url: String) -> Value {
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

/// One run of the connector against a server: how many records it created, updated and found unchanged.
async fn run(url: &str, key: &str, platform: &str) -> (usize, usize, usize) {
    let arguments = ["openml", "--once", "--catalogue", url, "--api-key", key, "--base-url", platform, "--requests-per-minute", "60000"];
    let report = openml::run(&Args::parse_from(arguments), &CancellationToken::new()).await;
    assert_eq!((report.exit_code(), report.summary.bad), (0, 0), "{report:?}");
    (report.summary.created, report.summary.updated, report.summary.unchanged)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_openml_answers_is_in_the_catalogue() {
    let (folder, url, key) = catalogue("empty", false).await;
    let platform = answers::openml().await;
    assert_eq!(run(&url, &key, &platform.uri()).await, (12, 0, 0));
    assert_eq!(run(&url, &key, &platform.uri()).await, (0, 0, 12));
    let datasets = get(format!("{url}/platforms/openml/datasets?direction=asc&sort=date_created&limit=100")).await;
    assert_eq!(datasets.as_array().unwrap().len(), 12);
    let read = get(format!("{url}/platforms/openml/datasets/61")).await;
    assert_eq!((read["platform"].as_str(), read["aiod_entry"]["status"].as_str()), (Some("openml"), Some("published")));
    assert_eq!(
        (read["name"].as_str(), read["size"]["value"].as_i64(), read["date_published"].as_str()),
        (Some("iris"), Some(150), Some("2014-04-06T23:23:39"))
    );
    assert_eq!((&read["keyword"], &read["same_as"]), (&json!(["uci"]), &json!(format!("{}/d/61", platform.uri()))));
    assert!(read["distribution"][0]["content_url"].is_string(), "{read}");
    let creator = read["creator"][0].as_str().unwrap();
    assert_eq!(get(format!("{url}/contacts/{creator}")).await["name"], "R.A. Fisher");
    let schema = get(format!("{url}/platforms/openml/datasets/61?schema=schema.org")).await;
    assert_eq!(schema["@type"], "Dataset");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connector_finds_the_examples_of_its_platform() {
    let (folder, url, key) = catalogue("examples", true).await;
    let before = get(format!("{url}/platforms/openml/datasets/61")).await;
    let client = Catalogue::new(Url::parse(&url).unwrap(), key.as_str().into(), HttpOptions::default()).unwrap();
    let results = client.upsert("openml", "datasets", &answers::records().await).await.unwrap();
    assert!(results.len() == 12 && results.iter().all(|r| r.outcome == Outcome::Unchanged), "{results:?}");
    // Another server's pages lie elsewhere, which is a change.
    assert_eq!(run(&url, &key, &answers::openml().await.uri()).await, (0, 12, 0));
    let after = get(format!("{url}/platforms/openml/datasets/61")).await;
    assert_eq!((&before["identifier"], &before["creator"]), (&after["identifier"], &after["creator"]));
    assert_ne!(before["same_as"], after["same_as"]);
    std::fs::remove_dir_all(folder).unwrap();
}
