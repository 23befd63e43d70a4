//! A fake OpenML and a fake catalogue, and the connector run against them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aiod_connectors::engine::Report;
use aiod_connectors::http::Retry;
use aiod_connectors::openml::{self, Args};
use clap::Parser;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

pub(crate) const KEY: &str = "key-for-tests-only";

/// The list's page past the end.
pub(crate) fn no_results() -> ResponseTemplate {
    ResponseTemplate::new(412).set_body_json(json!({"error": {"code": "372", "message": "No results"}}))
}

/// An entry of the list.
pub(crate) fn entry(id: u64) -> Value {
    json!({"did": id, "name": format!("set {id}"), "version": 1, "status": "active", "format": "ARFF", "md5_checksum": "", "file_id": id,
        "quality": [{"name": "NumberOfClasses", "value": "2.0"}, {"name": "NumberOfInstances", "value": format!("{}.0", id * 10)}]})
}

/// A page of the list.
pub(crate) fn page(entries: Vec<Value>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"data": {"dataset": entries}}))
}

/// A dataset's description.
pub(crate) fn description(id: u64) -> Value {
    json!({"id": id.to_string(), "name": format!("set {id}"), "version": "1", "description": "Made for a test.", "format": "ARFF",
        "upload_date": "2020-02-03T04:05:06", "licence": "Public", "url": format!("https://data.example/{id}.arff"), "visibility": "public"})
}

/// An answer with a dataset's description.
pub(crate) fn described(description: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"data_set_description": description}))
}

/// The fake OpenML. Answers that a test gives go before the usual ones.
pub(crate) struct OpenMl {
    pub(crate) server: MockServer,
}

impl OpenMl {
    /// One that knows these datasets, and answers any page size by the rules.
    pub(crate) async fn with(ids: impl IntoIterator<Item = u64>) -> Self {
        let entries: Vec<Value> = ids.into_iter().map(entry).collect();
        let openml = Self { server: MockServer::start().await };
        openml.mount_list(entries).await;
        openml.mount_descriptions().await;
        openml
    }

    async fn mount_list(&self, entries: Vec<Value>) {
        let list = move |request: &Request| {
            let numbers: Vec<usize> = request.url.path().split('/').filter_map(|part| part.parse().ok()).collect();
            let (limit, offset) = (numbers[0], numbers[1]);
            let page_entries: Vec<Value> = entries.iter().skip(offset).take(limit).cloned().collect();
            if page_entries.is_empty() { no_results() } else { page(page_entries) }
        };
        let matcher = path_regex(r"^/api/v1/json/data/list/limit/\d+/offset/\d+$");
        Mock::given(method("GET")).and(matcher).respond_with(list).with_priority(9).mount(&self.server).await;
    }

    async fn mount_descriptions(&self) {
        let describe = |request: &Request| {
            let id = request.url.path().rsplit('/').next().unwrap().parse().unwrap();
            described(&description(id))
        };
        Mock::given(method("GET"))
            .and(path_regex(r"^/api/v1/json/data/\d+$"))
            .respond_with(describe)
            .with_priority(9)
            .mount(&self.server)
            .await;
    }

    /// Answers this path, below `/api/v1/json/`, in this way.
    pub(crate) async fn answer(&self, below: &str, response: ResponseTemplate) {
        self.mock(below, response).mount(&self.server).await;
    }

    /// Answers this path in this way, only so many times.
    pub(crate) async fn answer_times(&self, below: &str, response: ResponseTemplate, times: u64) {
        self.mock(below, response).up_to_n_times(times).with_priority(1).mount(&self.server).await;
    }

    fn mock(&self, below: &str, response: ResponseTemplate) -> Mock {
        Mock::given(method("GET")).and(path(format!("/api/v1/json/{below}"))).respond_with(response).with_priority(5)
    }

    /// The paths that were asked for, below `/api/v1/json/`.
    pub(crate) async fn asked(&self) -> Vec<String> {
        let requests = self.server.received_requests().await.unwrap();
        requests.iter().map(|r| r.url.path().trim_start_matches("/api/v1/json/").to_owned()).collect()
    }
}

/// What the fake catalogue took, by platform identifier, in the order of coming.
#[derive(Clone, Default)]
pub(crate) struct Taken(Arc<Mutex<Vec<Vec<Value>>>>);

impl Taken {
    /// The batches.
    pub(crate) fn batches(&self) -> Vec<Vec<Value>> {
        self.0.lock().unwrap().clone()
    }

    /// The identifiers of each batch, sorted: records that are fetched side by side come in any order.
    pub(crate) fn identifiers(&self) -> Vec<Vec<u64>> {
        let numbers = |batch: &Vec<Value>| {
            let mut numbers: Vec<u64> =
                batch.iter().map(|r| r["resource"]["platform_resource_identifier"].as_str().unwrap().parse().unwrap()).collect();
            numbers.sort_unstable();
            numbers
        };
        self.batches().iter().map(numbers).collect()
    }

    /// All identifiers, sorted.
    pub(crate) fn all(&self) -> Vec<u64> {
        let mut all: Vec<u64> = self.identifiers().into_iter().flatten().collect();
        all.sort_unstable();
        all
    }

    /// The record of this identifier.
    pub(crate) fn record(&self, id: u64) -> Value {
        let found = self.batches().into_iter().flatten().find(|r| r["resource"]["platform_resource_identifier"] == *id.to_string());
        found.unwrap_or_else(|| Value::String(format!("no record {id}")))
    }
}

/// The fake catalogue: takes batches as the contract says.
pub(crate) struct Catalogue {
    pub(crate) server: MockServer,
    pub(crate) taken: Taken,
}

/// The rules of the fake catalogue.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    /// Identifiers whose record is refused, as a result of its own.
    pub(crate) refused: Vec<u64>,
    /// Identifiers that make the whole batch a 422.
    pub(crate) poison: Vec<u64>,
    /// Identifiers that the catalogue fails on: the whole batch is a 500.
    pub(crate) broken: Vec<u64>,
    /// The most records before a 413; 0 for any number.
    pub(crate) max_records: usize,
}

struct Batches {
    rules: Rules,
    taken: Taken,
    known: Mutex<HashMap<String, Value>>,
}

impl Respond for Batches {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        if request.headers.get("authorization").is_none_or(|v| v.to_str().unwrap() != format!("Bearer {KEY}")) {
            return refusal(401, "Could not validate the API key");
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let records = body["records"].as_array().unwrap().clone();
        let identifier = |r: &Value| r["resource"]["platform_resource_identifier"].as_str().unwrap().to_owned();
        if self.rules.max_records > 0 && records.len() > self.rules.max_records {
            return refusal(413, "The body is too large");
        }
        let has_one_of = |ids: &[u64]| records.iter().any(|r| ids.iter().any(|id| identifier(r) == id.to_string()));
        if has_one_of(&self.rules.poison) {
            return refusal(422, "The batch is not valid");
        }
        if has_one_of(&self.rules.broken) {
            return refusal(500, "Unexpected error");
        }
        let results: Vec<Value> = records.iter().map(|r| self.result(identifier(r), r)).collect();
        if !records.is_empty() {
            self.taken.0.lock().unwrap().push(records);
        }
        ResponseTemplate::new(200).set_body_json(json!({"results": results, "created": 0, "updated": 0, "unchanged": 0, "failed": 0}))
    }
}

impl Batches {
    fn result(&self, identifier: String, record: &Value) -> Value {
        if self.rules.refused.iter().any(|id| identifier == id.to_string()) {
            let fault = json!({"loc": ["body", "distribution", 0, "name"], "msg": "this name is refused", "type": "value_error"});
            return json!({"platform_resource_identifier": identifier, "identifier": null, "outcome": "failed", "errors": [fault]});
        }
        let outcome = match self.known.lock().unwrap().insert(identifier.clone(), record.clone()) {
            None => "created",
            Some(old) if old == *record => "unchanged",
            Some(_) => "updated",
        };
        json!({"platform_resource_identifier": identifier, "identifier": format!("data_{identifier}"), "outcome": outcome, "errors": []})
    }
}

/// An error of the catalogue.
pub(crate) fn refusal(status: u16, detail: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"detail": detail, "reference": "0123abcd"}))
}

impl Catalogue {
    /// One that takes everything.
    pub(crate) async fn new() -> Self {
        Self::with(Rules::default()).await
    }

    /// One with these rules.
    pub(crate) async fn with(rules: Rules) -> Self {
        let catalogue = Self { server: MockServer::start().await, taken: Taken::default() };
        let batches = Batches { rules, taken: catalogue.taken.clone(), known: Mutex::default() };
        Self::mock().respond_with(batches).with_priority(9).mount(&catalogue.server).await;
        catalogue
    }

    /// Answers every batch in this way, only so many times.
    pub(crate) async fn answer_times(&self, response: ResponseTemplate, times: u64) {
        Self::mock().respond_with(response).up_to_n_times(times).with_priority(1).mount(&self.server).await;
    }

    /// Answers every batch in this way.
    pub(crate) async fn answer(&self, response: ResponseTemplate) {
        Self::mock().respond_with(response).with_priority(5).mount(&self.server).await;
    }

    fn mock() -> wiremock::MockBuilder {
        Mock::given(method("POST")).and(path("/platforms/openml/datasets/batch"))
    }
}

/// The command line for these servers, with quick retries and a pace that no test notices.
pub(crate) fn args(openml: &str, catalogue: &str, more: &[&str]) -> Args {
    let base = ["openml", "--base-url", openml, "--catalogue", catalogue, "--api-key", KEY, "--requests-per-minute", "600000"];
    let wait: &[&str] = if more.contains(&"--catalogue-wait") { &[] } else { &["--catalogue-wait", "0"] };
    let mut args = Args::try_parse_from(base.iter().chain(wait).chain(&["--once"]).chain(more)).unwrap();
    args.common.retry = Retry { first_delay: Duration::from_millis(5), ..Retry::default() };
    args
}

/// Runs the connector once.
pub(crate) async fn run(openml: &OpenMl, catalogue: &Catalogue, more: &[&str]) -> Report {
    openml::run(&args(&openml.server.uri(), &catalogue.server.uri(), more), &CancellationToken::new()).await
}
