//! A server that answers as OpenML does about some of its datasets, and what the connector makes of that. See README.md beside this file.

use aiod_connectors::http::{HttpOptions, Polite};
use aiod_connectors::openml::api::{Api, Listed};
use aiod_connectors::openml::{Args, convert};
use aiod_connectors::record::Record;
use clap::Parser;
use reqwest::Url;
use serde_json::json;
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

fn error(code: &str, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(412).set_body_json(json!({"error": {"code": code, "message": message}}))
}

fn answer(below: &str) -> ResponseTemplate {
    let parts: Vec<&str> = below.split('/').collect();
    let name = match parts.as_slice() {
        ["data", "list", "limit", _, "offset", "0"] => "data_list".to_owned(),
        ["data", "list", ..] => return error("372", "No results"),
        _ => below.replace('/', "_"),
    };
    match std::fs::read_to_string(format!("tests/answers/openml/{name}.json")) {
        Ok(body) => ResponseTemplate::new(200).set_body_raw(body, "application/json"),
        Err(_) => error("111", "Unknown dataset"),
    }
}

/// The server.
pub(crate) async fn openml() -> MockServer {
    let server = MockServer::start().await;
    let respond = |request: &Request| answer(request.url.path().trim_start_matches("/api/v1/json/"));
    Mock::given(method("GET")).and(path_regex("^/api/v1/json/")).respond_with(respond).mount(&server).await;
    server
}

/// The records of all its datasets as if they came from the real OpenML: their pages lie there.
pub(crate) async fn records() -> Vec<Record> {
    let server = openml().await;
    let base = Args::parse_from(["openml", "--api-key", "none"]).base_url;
    let api = Api::new(Polite::new(HttpOptions::default()).unwrap(), Url::parse(&server.uri()).unwrap());
    let mut records = Vec::new();
    for listed in api.page(1_000, 0).await.unwrap() {
        let entry = match listed {
            Listed::Entry(entry) => Ok(entry),
            Listed::Broken(reason) => Err(reason),
        };
        let entry = entry.unwrap();
        let description = api.dataset(entry.id).await.unwrap();
        let instances = if entry.instances.is_some() { entry.instances } else { api.instances(entry.id).await.unwrap() };
        records.push(convert::dataset(entry.id, &description, instances, &base).unwrap());
    }
    records
}
