//! The engine with a connector of a few lines: what a platform's code may do wrong, and what the clock does.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use aiod_connectors::catalogue::Catalogue as Client;
use aiod_connectors::engine::{AnyError, Connector, Engine, Listing, Options, RecordError, RunError};
use aiod_connectors::http::HttpOptions;
use aiod_connectors::record::Record;
use aiod_schema::resource::Dataset;
use reqwest::Url;
use tokio_util::sync::CancellationToken;
use wiremock::ResponseTemplate;

use crate::support::{Catalogue, KEY, OpenMl, args};

/// Numbers as records; some numbers are trouble.
#[derive(Debug, Default)]
struct Numbers {
    last: u64,
    panics: Option<u64>,
    list_panics: bool,
}

impl Connector for Numbers {
    type Listed = u64;

    fn platform(&self) -> &'static str {
        "openml"
    }

    fn type_path(&self) -> &'static str {
        "datasets"
    }

    fn identifier(&self, listed: &u64) -> String {
        listed.to_string()
    }

    async fn list(&self, mut listing: Listing<u64>) -> Result<(), AnyError> {
        for number in 1..=self.last {
            if !listing.give(number).await {
                return Ok(());
            }
        }
        assert!(!self.list_panics, "the listing's defect");
        Ok(())
    }

    async fn record(&self, listed: &u64) -> Result<Record, RecordError> {
        assert_ne!(self.panics, Some(*listed), "the record's defect");
        let mut dataset = Dataset::default();
        dataset.asset.resource.name = format!("number {listed}");
        dataset.asset.resource.concept.platform_resource_identifier = Some(listed.to_string());
        Record::new(&dataset).map_err(|e| RecordError::Bad(e.into()))
    }
}

fn engine(numbers: Numbers, catalogue: &Catalogue, limit: Option<usize>) -> Engine<Numbers> {
    let base = Url::parse(&catalogue.server.uri()).unwrap();
    let client = Client::new(base, KEY.into(), HttpOptions::default()).unwrap();
    let options = Options {
        limit,
        batch_size: NonZeroUsize::new(10).unwrap(),
        concurrency: NonZeroUsize::new(3).unwrap(),
        patience: Duration::ZERO,
        progress_every: 10,
        give_up_after: 10,
        grace: Duration::from_millis(50),
    };
    Engine::new(numbers, client, options)
}

#[tokio::test]
async fn a_connector_that_panics_on_one_record_goes_on() {
    let catalogue = Catalogue::new().await;
    let report = engine(Numbers { last: 25, panics: Some(7), ..Numbers::default() }, &catalogue, None).run(&CancellationToken::new()).await;
    assert_eq!((report.exit_code(), report.summary.created, report.summary.bad), (0, 24, 1));
    let bad = &report.summary.bad_records[0];
    assert_eq!(bad.identifier, "7");
    assert!(bad.reason.starts_with("a defect of the connector"), "{}", bad.reason);
}

#[tokio::test]
async fn a_listing_that_panics_is_a_listing_that_failed() {
    let catalogue = Catalogue::new().await;
    let report =
        engine(Numbers { last: 5, list_panics: true, ..Numbers::default() }, &catalogue, None).run(&CancellationToken::new()).await;
    assert!(matches!(report.outcome, Err(RunError::Listing { .. })), "{:?}", report.outcome);
    assert_eq!(catalogue.taken.all(), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn the_engine_keeps_the_limit_whatever_is_listed() {
    let catalogue = Catalogue::new().await;
    let report = engine(Numbers { last: 1_000, ..Numbers::default() }, &catalogue, Some(12)).run(&CancellationToken::new()).await;
    assert_eq!((report.exit_code(), report.summary.listed, report.summary.created), (0, 12, 12));
}

#[tokio::test]
async fn a_catalogue_that_hangs_does_not_keep_a_stopped_connector() {
    let catalogue = Catalogue::new().await;
    let greeting = ResponseTemplate::new(200).set_body_json(serde_json::json!({"results": []}));
    catalogue.answer_times(greeting.clone(), 1).await;
    catalogue.answer(greeting.set_delay(Duration::from_secs(60))).await;
    let stop = CancellationToken::new();
    let switch = stop.clone();
    let engine = engine(Numbers { last: 10, ..Numbers::default() }, &catalogue, None);
    let running = tokio::spawn(async move { engine.run(&stop).await });
    while catalogue.server.received_requests().await.unwrap().len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let started = Instant::now();
    switch.cancel();
    let report = running.await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(matches!(report.outcome, Err(RunError::Unsent(10))), "{:?}", report.outcome);
    assert!(report.summary.to_string().contains("10 not sent"), "{}", report.summary);
}

#[tokio::test]
async fn runs_follow_each_other_by_the_interval() {
    let (openml, catalogue) = (OpenMl::with(1..=2).await, Catalogue::new().await);
    let stop = CancellationToken::new();
    let switch = stop.clone();
    let mut args = args(&openml.server.uri(), &catalogue.server.uri(), &["--interval", "60"]);
    args.common.once = false;
    let running = tokio::spawn(async move { aiod_connectors::openml::run(&args, &stop).await });
    let runs = |n: usize| {
        let taken = catalogue.taken.clone();
        async move {
            while taken.batches().len() < n {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // Its answer is read.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    runs(1).await;
    skip(59).await;
    assert_eq!(catalogue.taken.batches().len(), 1);
    skip(1).await;
    runs(2).await;
    switch.cancel();
    assert_eq!(running.await.unwrap().summary.unchanged, 2);
}

/// Lets that many minutes pass at once.
async fn skip(minutes: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60 * minutes)).await;
    tokio::time::resume();
    tokio::time::sleep(Duration::from_millis(100)).await;
}
