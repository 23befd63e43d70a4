//! The OpenML connector against a fake OpenML and a fake catalogue.

use std::time::{Duration, Instant};

use crate::support::{Catalogue, OpenMl, Rules, args, described, description, entry, no_results, page, refusal, run};
use aiod_connectors::catalogue::CatalogueError;
use aiod_connectors::engine::RunError;
use aiod_connectors::openml;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use wiremock::ResponseTemplate;

fn html(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw("<!DOCTYPE html><html>\n<title>Oops</title></html>", "text/html")
}

#[tokio::test]
async fn every_page_is_read_and_every_dataset_sent_in_batches() {
    let (openml, catalogue) = (OpenMl::with(1..=7).await, Catalogue::new().await);
    let report = run(&openml, &catalogue, &["--page-size", "3", "--batch-size", "3", "--concurrency", "1"]).await;
    assert_eq!(report.exit_code(), 0);
    assert_eq!(report.summary.created, 7);
    assert_eq!(catalogue.taken.identifiers(), [vec![1, 2, 3], vec![4, 5, 6], vec![7]]);
    let asked = openml.asked().await;
    let pages: Vec<&str> = asked.iter().map(String::as_str).filter(|p| p.contains("list")).collect();
    assert_eq!(
        pages,
        ["data/list/limit/3/offset/0", "data/list/limit/3/offset/3", "data/list/limit/3/offset/6", "data/list/limit/3/offset/7"],
        "the last one is 412 with code 372"
    );
    assert!(!asked.iter().any(|p| p.contains("qualities")), "the list already has the sizes");
}

#[tokio::test]
async fn a_second_run_finds_everything_unchanged() {
    let (openml, catalogue) = (OpenMl::with(1..=2).await, Catalogue::new().await);
    assert_eq!(run(&openml, &catalogue, &[]).await.summary.created, 2);
    assert_eq!(run(&openml, &catalogue, &[]).await.summary.unchanged, 2);
}

#[tokio::test]
async fn repetitions_and_disorder_of_the_list_do_not_matter() {
    let (openml, catalogue) = (OpenMl::with([]).await, Catalogue::new().await);
    openml.answer("data/list/limit/3/offset/0", page(vec![entry(9), entry(4), entry(9)])).await;
    openml.answer("data/list/limit/3/offset/3", page(vec![entry(4), entry(2)])).await;
    let report = run(&openml, &catalogue, &["--page-size", "3", "--batch-size", "2", "--concurrency", "1"]).await;
    assert_eq!(report.exit_code(), 0);
    assert_eq!(catalogue.taken.identifiers(), [vec![2, 4], vec![9]]);
}

#[tokio::test]
async fn lists_that_end_in_other_ways_end_too() {
    let xml =
        "<oml:error xmlns:oml=\"http://openml.org/openml\"><oml:code>372</oml:code>\n<oml:message>No results</oml:message></oml:error>";
    let ends = [
        page(vec![]),
        ResponseTemplate::new(200).set_body_json(json!({"data": {"dataset": ""}})),
        ResponseTemplate::new(200).set_body_json(json!({"data": []})),
        ResponseTemplate::new(200).set_body_json(json!({"error": {"code": 372, "message": "No results"}})),
        ResponseTemplate::new(412).set_body_raw(xml, "text/xml"),
        ResponseTemplate::new(200).set_body_raw(xml, "text/xml"),
    ];
    for end in ends {
        let (openml, catalogue) = (OpenMl::with([]).await, Catalogue::new().await);
        // A single dataset stands without a list.
        let one = ResponseTemplate::new(200).set_body_json(json!({"data": {"dataset": entry(5)}}));
        openml.answer("data/list/limit/10/offset/0", one).await;
        openml.answer("data/list/limit/10/offset/1", end).await;
        let report = run(&openml, &catalogue, &["--page-size", "10"]).await;
        assert_eq!((report.exit_code(), catalogue.taken.all()), (0, vec![5]));
    }
}

#[tokio::test]
async fn what_is_no_list_does_not_count_as_its_end() {
    for no_list in [json!({}), json!([]), json!(null), json!({"data": {"message": "maintenance"}}), json!({"data": "soon"})] {
        let (openml, catalogue) = (OpenMl::with(1..=3).await, Catalogue::new().await);
        openml.answer("data/list/limit/2/offset/2", ResponseTemplate::new(200).set_body_json(&no_list)).await;
        let report = run(&openml, &catalogue, &["--page-size", "2"]).await;
        assert!(matches!(report.outcome, Err(RunError::Listing { .. })), "{no_list}: {:?}", report.outcome);
        assert_eq!(catalogue.taken.all(), [1, 2], "{no_list}");
    }
}

#[tokio::test]
async fn an_empty_platform_is_no_failure() {
    let (openml, catalogue) = (OpenMl::with([]).await, Catalogue::new().await);
    let report = run(&openml, &catalogue, &[]).await;
    assert_eq!((report.exit_code(), report.summary.listed), (0, 0));
    assert!(catalogue.taken.batches().is_empty());
}

#[tokio::test]
async fn a_list_that_never_ends_is_given_up() {
    let (openml, catalogue) = (OpenMl::with([]).await, Catalogue::new().await);
    for offset in 0..10 {
        openml.answer(&format!("data/list/limit/1/offset/{offset}"), page(vec![entry(1)])).await;
    }
    let report = run(&openml, &catalogue, &["--page-size", "1"]).await;
    assert!(report.outcome.unwrap_err().to_string().contains("nothing new"));
    assert_eq!(catalogue.taken.all(), [1]);
}

#[tokio::test]
async fn a_list_that_fails_midway_still_sends_what_was_read() {
    let (openml, catalogue) = (OpenMl::with(1..=9).await, Catalogue::new().await);
    openml.answer("data/list/limit/2/offset/4", html(503)).await;
    let report = run(&openml, &catalogue, &["--page-size", "2"]).await;
    assert_eq!(report.exit_code(), 1);
    assert!(matches!(report.outcome, Err(RunError::Listing { platform: "openml", .. })), "{:?}", report.outcome);
    assert_eq!(catalogue.taken.all(), [1, 2, 3, 4]);
}

#[tokio::test]
async fn entries_that_are_not_understood_are_reported() {
    let (openml, catalogue) = (OpenMl::with([]).await, Catalogue::new().await);
    openml.answer("data/list/limit/10/offset/0", page(vec![entry(1), json!({"name": "no number"}), json!({"did": "2"}), json!(7)])).await;
    openml.answer("data/qualities/2", no_results()).await;
    let report = run(&openml, &catalogue, &["--page-size", "10"]).await;
    assert_eq!((report.exit_code(), report.summary.listed), (0, 4));
    assert_eq!(catalogue.taken.all(), [1, 2]);
    let bad: Vec<&str> = report.summary.bad_records.iter().map(|r| r.identifier.as_str()).collect();
    assert_eq!(bad, ["(list entry 1)", "(list entry 3)"]);
}

#[tokio::test]
async fn fields_may_be_scalars_or_lists_and_numbers() {
    let (openml, catalogue) = (OpenMl::with([61]).await, Catalogue::new().await);
    let odd = json!({"id": 61, "name": ["iris"], "version": 1, "creator": "R. A. Fisher", "contributor": ["Michael Marshall", []],
        "tag": "uci", "licence": [], "description": {}, "citation": ["Fisher, 1936"], "url": null, "visibility": ["public"]});
    openml.answer("data/61", described(&odd)).await;
    assert_eq!(run(&openml, &catalogue, &[]).await.exit_code(), 0);
    let expected = json!({
        "resource": {"platform": "openml", "platform_resource_identifier": "61", "name": "iris",
            "same_as": format!("{}/d/61", openml.server.uri()), "keyword": ["uci"], "is_accessible_for_free": true, "version": "1",
            "size": {"unit": "instances", "value": 610}},
        "related": {"creator": [{"contact": {"name": "R. A. Fisher"}}, {"contact": {"name": "Michael Marshall"}}],
            "citation": [{"publication": {"name": "Fisher, 1936"}}]},
    });
    assert_eq!(catalogue.taken.record(61), expected);
}

#[tokio::test]
async fn bad_datasets_are_reported_and_stop_nothing() {
    let (openml, catalogue) = (OpenMl::with(1..=8).await, Catalogue::new().await);
    openml.answer("data/2", html(200)).await;
    openml.answer("data/3", html(404)).await;
    let unknown = json!({"error": {"code": "111", "message": "Unknown dataset"}});
    openml.answer("data/4", ResponseTemplate::new(412).set_body_json(unknown)).await;
    openml.answer("data/5", described(&description(6))).await;
    openml.answer("data/6", described(&json!({"id": "6", "name": " "}))).await;
    openml.answer("data/7", ResponseTemplate::new(200).set_body_json(json!([1]))).await;
    let report = run(&openml, &catalogue, &[]).await;
    assert_eq!((report.exit_code(), catalogue.taken.all()), (0, vec![1, 8]));
    let mut bad = report.summary.bad_records;
    bad.sort_by(|a, b| a.identifier.cmp(&b.identifier));
    let expected = [
        ("2", "something else than the expected JSON"),
        ("3", "answered 404 Not Found: <!DOCTYPE html>"),
        ("4", "code 111: Unknown dataset"),
        ("5", "dataset 5 was asked for, dataset 6 came"),
        ("6", "has no name"),
        ("7", "no data_set_description"),
    ];
    assert_eq!(bad.len(), expected.len());
    for (record, (identifier, reason)) in bad.iter().zip(expected) {
        assert_eq!(record.identifier, identifier);
        assert!(record.reason.contains(reason), "{}: {}", record.identifier, record.reason);
    }
}

#[tokio::test]
async fn sizes_come_from_the_qualities_where_the_list_lacks_them() {
    let (openml, catalogue) = (OpenMl::with([]).await, Catalogue::new().await);
    let bare = |id: u64| json!({"did": id, "name": "x", "quality": []});
    openml.answer("data/list/limit/1000/offset/0", page((1..=5).map(bare).collect())).await;
    let quality = |value: Value| ResponseTemplate::new(200).set_body_json(json!({"data_qualities": {"quality": value}}));
    openml.answer("data/qualities/1", quality(json!([{"name": "x", "value": "1"}, {"name": "NumberOfInstances", "value": "150.0"}]))).await;
    openml.answer("data/qualities/2", quality(json!({"name": "NumberOfInstances", "value": 7}))).await;
    let none = json!({"error": {"code": "362", "message": "No qualities found"}});
    openml.answer("data/qualities/3", ResponseTemplate::new(412).set_body_json(none)).await;
    openml.answer("data/qualities/4", html(404)).await;
    openml.answer("data/qualities/5", quality(json!([{"name": "NumberOfInstances", "value": []}]))).await;
    let report = run(&openml, &catalogue, &[]).await;
    assert_eq!((report.exit_code(), report.summary.created), (0, 5));
    let size = |id| catalogue.taken.record(id)["resource"]["size"]["value"].clone();
    assert_eq!([1, 2, 3, 4, 5].map(size), [json!(150), json!(7), json!(null), json!(null), json!(null)]);
}

#[tokio::test]
async fn both_sides_may_ask_to_wait() {
    let (openml, catalogue) = (OpenMl::with(1..=2).await, Catalogue::new().await);
    let wait = ResponseTemplate::new(429).insert_header("Retry-After", "1");
    openml.answer_times("data/1", wait.clone(), 1).await;
    // The first batch is the empty one of the greeting.
    catalogue.answer_times(ResponseTemplate::new(200).set_body_json(json!({"results": []})), 1).await;
    catalogue.answer_times(ResponseTemplate::new(503).insert_header("Retry-After", "1"), 1).await;
    let started = Instant::now();
    let report = run(&openml, &catalogue, &[]).await;
    assert_eq!((report.exit_code(), report.summary.created), (0, 2));
    assert!(started.elapsed() >= Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn too_long_a_wait_is_given_up() {
    let (openml, catalogue) = (OpenMl::with(1..=2).await, Catalogue::new().await);
    openml.answer("data/1", ResponseTemplate::new(429).insert_header("Retry-After", "86400")).await;
    let report = run(&openml, &catalogue, &[]).await;
    assert_eq!((report.exit_code(), catalogue.taken.all()), (0, vec![2]));
    assert!(report.summary.bad_records[0].reason.contains("asks to wait 86400 s"), "{:?}", report.summary.bad_records);
}

#[tokio::test]
async fn what_fails_for_a_while_is_tried_again_at_the_end() {
    let (openml, catalogue) = (OpenMl::with(1..=3).await, Catalogue::new().await);
    // As often as one request is tried.
    openml.answer_times("data/2", html(502), 5).await;
    let report = run(&openml, &catalogue, &["--batch-size", "2"]).await;
    assert_eq!((report.exit_code(), report.summary.bad), (0, 0));
    assert_eq!(report.summary.listed, 3);
    assert_eq!(catalogue.taken.identifiers(), [vec![1, 3], vec![2]]);
}

#[tokio::test]
async fn a_platform_without_its_database_is_asked_again() {
    let (openml, catalogue) = (OpenMl::with([]).await, Catalogue::new().await);
    openml.answer("data/list/limit/1000/offset/0", page(vec![entry(1), json!({"did": 2, "quality": []})])).await;
    let error = json!({"error": {"code": "107", "message": "Database connection error"}});
    let no_database = ResponseTemplate::new(412).set_body_json(error);
    openml.answer_times("data/1", no_database.clone(), 1).await;
    openml.answer_times("data/qualities/2", no_database, 1).await;
    openml.answer("data/qualities/2", no_results()).await;
    openml.answer("data/list/limit/1000/offset/2", no_results()).await;
    let report = run(&openml, &catalogue, &[]).await;
    assert_eq!((report.exit_code(), report.summary.bad, catalogue.taken.all()), (0, 0, vec![1, 2]));
}

#[tokio::test]
async fn a_platform_that_goes_away_at_the_second_try_leaves_no_record_without_a_report() {
    let (openml, catalogue) = (OpenMl::with(1..=30).await, Catalogue::new().await);
    // Every second one, so that the first try reaches the end; then ten in a row.
    for id in (2..=30).step_by(2) {
        openml.answer(&format!("data/{id}"), html(502)).await;
    }
    let report = run(&openml, &catalogue, &["--concurrency", "1"]).await;
    assert!(matches!(report.outcome, Err(RunError::Platform { .. })), "{:?}", report.outcome);
    assert_eq!((report.summary.stored(), report.summary.bad, report.summary.listed), (15, 15, 30));
}

#[tokio::test]
async fn a_platform_that_goes_away_ends_the_run() {
    let (openml, catalogue) = (OpenMl::with(1..=40).await, Catalogue::new().await);
    for id in 5..=40 {
        openml.answer(&format!("data/{id}"), html(502)).await;
    }
    let report = run(&openml, &catalogue, &["--concurrency", "1"]).await;
    assert_eq!((report.exit_code(), catalogue.taken.all()), (1, vec![1, 2, 3, 4]));
    assert!(matches!(report.outcome, Err(RunError::Platform { platform: "openml", records: 10, .. })), "{:?}", report.outcome);
    assert_eq!(report.summary.bad, 10, "those that were tried are reported");
}

#[tokio::test]
async fn records_that_the_catalogue_refuses_are_listed_with_its_reason() {
    let openml = OpenMl::with(1..=3).await;
    let catalogue = Catalogue::with(Rules { refused: vec![2], ..Rules::default() }).await;
    let report = run(&openml, &catalogue, &[]).await;
    assert_eq!((report.exit_code(), report.summary.created, report.summary.bad), (0, 2, 1));
    let bad = &report.summary.bad_records[0];
    assert_eq!(bad.identifier, "2");
    assert_eq!(bad.reason, "the catalogue refused it: body.distribution[0].name: this name is refused");
    assert!(report.summary.to_string().ends_with("; failed: 2"), "{}", report.summary);
}

#[tokio::test]
async fn one_record_cannot_keep_its_batch_out() {
    let openml = OpenMl::with(1..=8).await;
    let catalogue = Catalogue::with(Rules { poison: vec![3], ..Rules::default() }).await;
    let report = run(&openml, &catalogue, &[]).await;
    assert_eq!((report.exit_code(), catalogue.taken.all()), (0, vec![1, 2, 4, 5, 6, 7, 8]));
    assert_eq!(report.summary.bad_records[0].identifier, "3");
}

#[tokio::test]
async fn a_record_that_the_catalogue_fails_on_cannot_keep_its_batch_out() {
    let openml = OpenMl::with(1..=8).await;
    let catalogue = Catalogue::with(Rules { broken: vec![3, 8], ..Rules::default() }).await;
    let report = run(&openml, &catalogue, &[]).await;
    assert_eq!((report.exit_code(), catalogue.taken.all(), report.summary.unsent), (0, vec![1, 2, 4, 5, 6, 7], 0));
    let mut bad = report.summary.bad_records;
    bad.sort_by(|a, b| a.identifier.cmp(&b.identifier));
    assert_eq!(bad.iter().map(|r| r.identifier.as_str()).collect::<Vec<_>>(), ["3", "8"]);
    assert!(bad[0].reason.contains("500") && bad[0].reason.contains("0123abcd"), "with the reference of its log: {}", bad[0].reason);
}

#[tokio::test]
async fn a_catalogue_that_fails_on_record_after_record_ends_the_run() {
    let openml = OpenMl::with(1..=40).await;
    let catalogue = Catalogue::with(Rules { broken: (3..=40).collect(), ..Rules::default() }).await;
    let report = run(&openml, &catalogue, &["--batch-size", "20", "--concurrency", "1"]).await;
    assert!(matches!(report.outcome, Err(RunError::Catalogue(CatalogueError::Failed(_)))), "{:?}", report.outcome);
    assert_eq!((catalogue.taken.all(), report.summary.bad, report.summary.unsent), (vec![1, 2], 9, 9));
}

#[tokio::test]
async fn batches_that_are_too_large_go_in_parts() {
    let openml = OpenMl::with(1..=7).await;
    let catalogue = Catalogue::with(Rules { max_records: 2, ..Rules::default() }).await;
    let report = run(&openml, &catalogue, &[]).await;
    assert_eq!((report.summary.created, report.summary.bad), (7, 0));
    assert!(catalogue.taken.batches().iter().all(|batch| batch.len() <= 2));
}

#[tokio::test]
async fn without_a_catalogue_the_platform_is_left_alone() {
    let openml = OpenMl::with(1..=3).await;
    // A port that was just given back: nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let report = openml::run(&args(&openml.server.uri(), &format!("http://{free}"), &[]), &CancellationToken::new()).await;
    assert_eq!(report.exit_code(), 1);
    let message = report.outcome.unwrap_err().to_string();
    assert!(message.starts_with("the catalogue does not answer: http://127.0.0.1:"), "{message}");
    assert!(message.contains("Connection refused"), "{message}");
    assert!(openml.asked().await.is_empty());
}

#[tokio::test]
async fn a_catalogue_that_is_still_starting_is_waited_for() {
    let (openml, catalogue) = (OpenMl::with(1..=2).await, Catalogue::new().await);
    catalogue.answer_times(html(502), 1).await;
    let report = run(&openml, &catalogue, &["--catalogue-wait", "1"]).await;
    assert_eq!((report.exit_code(), report.summary.created), (0, 2));
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let cases = [
        (401, "Check --api-key (AIOD_CONNECTOR_API_KEY)"),
        (403, "The key needs the role platform_openml"),
        (412, "does not know the platform 'openml'"),
        (404, "Check --catalogue (AIOD_CONNECTOR_CATALOGUE)"),
        (301, "Check --catalogue (AIOD_CONNECTOR_CATALOGUE)"),
    ];
    for (status, advice) in cases {
        let (openml, catalogue) = (OpenMl::with(1..=3).await, Catalogue::new().await);
        catalogue.answer(refusal(status, "No.").insert_header("Location", "https://elsewhere.example/")).await;
        // Without --once too: waiting for the next run would hide the trouble for a day.
        let mut args = args(&openml.server.uri(), &catalogue.server.uri(), &[]);
        args.common.once = false;
        let report = openml::run(&args, &CancellationToken::new()).await;
        assert_eq!(report.exit_code(), 1);
        let message = report.outcome.unwrap_err().to_string();
        assert!(message.contains(advice), "{status}: {message}");
        assert!(message.contains("No. (reference 0123abcd)"), "{message}");
        assert!(openml.asked().await.is_empty());
    }
}

#[tokio::test]
async fn refusals_without_a_reference_show_their_detail() {
    let faults = json!([{"loc": ["body"], "msg": "Too long", "type": "value_error"}]);
    for (detail, shown) in [(json!("Not Found"), ": Not Found. Check"), (faults, ": body: Too long. Check")] {
        let (openml, catalogue) = (OpenMl::with(1..=3).await, Catalogue::new().await);
        catalogue.answer(ResponseTemplate::new(404).set_body_json(json!({"detail": detail}))).await;
        let message = run(&openml, &catalogue, &[]).await.outcome.unwrap_err().to_string();
        assert!(message.contains(shown), "{message}");
    }
}

#[tokio::test]
async fn a_catalogue_that_fails_midway_ends_the_run() {
    // 500 is asked about once more, by an empty batch.
    for (status, requests) in [(500, 1 + 5 + 1), (503, 1 + 5)] {
        let (openml, catalogue) = (OpenMl::with(1..=6).await, Catalogue::new().await);
        let greeting = ResponseTemplate::new(200).set_body_json(json!({"results": []}));
        catalogue.answer_times(greeting, 1).await;
        catalogue.answer(html(status)).await;
        let report = run(&openml, &catalogue, &["--batch-size", "2", "--concurrency", "1"]).await;
        assert!(matches!(report.outcome, Err(RunError::Catalogue(_))), "{:?}", report.outcome);
        assert_eq!((report.summary.unsent, report.summary.bad), (2, 0));
        assert_eq!(catalogue.server.received_requests().await.unwrap().len(), requests, "{status}");
    }
}

#[tokio::test]
async fn answers_that_are_not_the_contracts_are_not_taken_for_success() {
    for answer in [html(200), ResponseTemplate::new(200).set_body_json(json!({"results": []}))] {
        let (openml, catalogue) = (OpenMl::with(1..=2).await, Catalogue::new().await);
        catalogue.answer(answer).await;
        let report = run(&openml, &catalogue, &[]).await;
        assert_eq!((report.exit_code(), report.summary.stored(), report.summary.unsent), (1, 0, 2));
        assert!(report.outcome.unwrap_err().to_string().contains("not understood"));
    }
}

#[tokio::test]
async fn limit_takes_no_more_and_asks_for_no_more() {
    let (openml, catalogue) = (OpenMl::with(1..=9).await, Catalogue::new().await);
    let report = run(&openml, &catalogue, &["--limit", "2"]).await;
    assert_eq!((report.exit_code(), catalogue.taken.all()), (0, vec![1, 2]));
    let mut asked = openml.asked().await;
    asked.sort();
    assert_eq!(asked, ["data/1", "data/2", "data/list/limit/2/offset/0"]);
}

#[tokio::test]
async fn stopping_sends_what_is_converted() {
    let (openml, catalogue) = (OpenMl::with(1..=5).await, Catalogue::new().await);
    let slow = described(&description(4)).set_delay(Duration::from_secs(60));
    openml.answer("data/4", slow).await;
    let stop = CancellationToken::new();
    let switch = stop.clone();
    let mut args = args(&openml.server.uri(), &catalogue.server.uri(), &["--concurrency", "1"]);
    args.common.once = false;
    let running = tokio::spawn(async move { openml::run(&args, &stop).await });
    while !openml.asked().await.contains(&"data/4".to_owned()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    switch.cancel();
    let report = running.await.unwrap();
    assert_eq!((report.exit_code(), report.stopped), (0, true));
    assert_eq!((catalogue.taken.all(), report.summary.unsent), (vec![1, 2, 3], 0));
}

#[tokio::test]
async fn without_once_it_waits_for_the_next_run_until_stopped() {
    let (openml, catalogue) = (OpenMl::with(1..=2).await, Catalogue::new().await);
    let stop = CancellationToken::new();
    let switch = stop.clone();
    let mut args = args(&openml.server.uri(), &catalogue.server.uri(), &[]);
    args.common.once = false;
    let running = tokio::spawn(async move { openml::run(&args, &stop).await });
    while catalogue.taken.batches().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!running.is_finished());
    switch.cancel();
    assert_eq!(running.await.unwrap().exit_code(), 0);
}

#[tokio::test]
async fn stopping_while_waiting_for_the_catalogue_is_quick() {
    let openml = OpenMl::with(1..=2).await;
    let catalogue = Catalogue::new().await;
    catalogue.answer(html(502)).await;
    let stop = CancellationToken::new();
    let switch = stop.clone();
    let args = args(&openml.server.uri(), &catalogue.server.uri(), &["--catalogue-wait", "600"]);
    switch.cancel();
    let report = tokio::time::timeout(Duration::from_secs(5), openml::run(&args, &stop)).await.unwrap();
    assert_eq!((report.exit_code(), report.stopped), (0, true));
}
