//! What OpenML's descriptions become: by example, by property, and over recorded answers where there are any.

use std::path::Path;

use crate::support::{Catalogue, OpenMl, run};
use aiod_connectors::openml::api::Description;
use aiod_connectors::openml::convert::{ConvertError, dataset, spdx};
use aiod_schema::validate::{MAX_RELATED, normalise};
use proptest::prelude::*;
use reqwest::Url;
use serde_json::{Map, Value, json};
use wiremock::ResponseTemplate;

/// The record of a description, as it is sent.
fn converted(description: Value, instances: Option<f64>) -> Value {
    let description: Description = serde_json::from_value(description).unwrap();
    let base = Url::parse("https://www.openml.org").unwrap();
    serde_json::to_value(dataset(61, &description, instances, &base).unwrap()).unwrap()
}

#[test]
fn everything_has_its_place() {
    let record = converted(
        json!({
            "id": "61", "name": "iris", "version": "3", "description": " **Author**: R. A. Fisher\n ", "description_version": "1",
            "format": "Sparse_ARFF", "creator": ["R. A. Fisher", "Unknown"], "contributor": "R. A. Fisher and Edgar Anderson",
            "collection_date": "1936", "upload_date": "2014-04-06T23:23:39", "language": "English", "licence": "CC BY 4.0",
            "url": "https://api.openml.example/data/v1/download/61/iris.arff", "parquet_url": "https://data.openml.example/dataset_61.pq",
            "file_id": "61", "default_target_attribute": "class", "citation": "https://doi.example/10.1111/j.1469-1809.1936.tb02137.x",
            "tag": ["uci", "study_14", "OpenML100"], "visibility": "public", "original_data_url": "https://archive.example/Iris",
            "paper_url": "http://digital.example/15227", "status": "active", "md5_checksum": "ad484452702105cbf3d30f8deaba39a9",
        }),
        Some(150.0),
    );
    let expected = json!({
        "resource": {
            "platform": "openml", "platform_resource_identifier": "61", "name": "iris", "date_published": "2014-04-06T23:23:39",
            "same_as": "https://www.openml.org/d/61", "description": {"plain": "**Author**: R. A. Fisher"}, "keyword": ["uci", "OpenML100"],
            "note": [{"value": "Original data: https://archive.example/Iris"}, {"value": "Paper: http://digital.example/15227"}],
            "is_accessible_for_free": true, "version": "3", "license": "CC-BY-4.0",
            "distribution": [
                {"checksum": "ad484452702105cbf3d30f8deaba39a9", "checksum_algorithm": "md5",
                    "content_url": "https://api.openml.example/data/v1/download/61/iris.arff", "encoding_format": "text/x-arff"},
                {"content_url": "https://data.openml.example/dataset_61.pq", "encoding_format": "application/vnd.apache.parquet"},
            ],
            "size": {"unit": "instances", "value": 150},
        },
        "related": {
            "creator": [{"contact": {"name": "R. A. Fisher"}}, {"contact": {"name": "R. A. Fisher and Edgar Anderson"}}],
            "citation": [{"publication": {"name": "https://doi.example/10.1111/j.1469-1809.1936.tb02137.x",
                "same_as": "https://doi.example/10.1111/j.1469-1809.1936.tb02137.x"}}],
        },
    });
    assert_eq!(record, expected);
}

#[test]
fn contributors_who_are_the_creators_stand_once() {
    let record = converted(
        json!({"name": "anneal", "creator": ["David Sterling", "Wray Buntine"],
            "contributor": ["David Sterling and Wray Buntine", "wray buntine", "Institute of Statistics and Econometrics"]}),
        None,
    );
    let names: Vec<&str> =
        record["related"]["creator"].as_array().unwrap().iter().map(|c| c["contact"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["David Sterling", "Wray Buntine", "Institute of Statistics and Econometrics"]);
}

#[test]
fn texts_that_are_too_long_are_cut_and_urls_left_out() {
    let long_url = format!("https://data.example/{}", "x".repeat(1800));
    let record = converted(
        json!({"name": "ü".repeat(300), "description": "é".repeat(70_000), "citation": "c".repeat(300), "licence": "l".repeat(300),
            "tag": "t".repeat(300), "creator": "p".repeat(300), "url": long_url}),
        None,
    );
    let length = |value: &Value| value.as_str().unwrap().chars().count();
    let resource = &record["resource"];
    assert_eq!(length(&resource["name"]), 256);
    assert_eq!(length(&resource["description"]["plain"]), 65_535);
    assert_eq!(length(&resource["license"]), 256);
    assert_eq!(length(&resource["keyword"][0]), 256);
    assert_eq!(length(&record["related"]["creator"][0]["contact"]["name"]), 256);
    assert_eq!(resource["note"], json!([{"value": format!("Citation: {}", "c".repeat(300))}]));
    assert_eq!((&record["related"]["citation"], &resource["distribution"]), (&json!(null), &json!(null)));
}

#[test]
fn no_more_people_and_citations_are_sent_than_the_catalogue_takes() {
    let many = |what: &str| (0..=MAX_RELATED).map(|n| format!("{what} {n}")).collect::<Vec<_>>();
    let record = converted(json!({"name": "x", "creator": many("person"), "contributor": many("helper"), "citation": many("paper")}), None);
    for field in ["creator", "citation"] {
        assert_eq!(record["related"][field].as_array().unwrap().len(), MAX_RELATED, "{field}");
    }
}

#[test]
fn what_says_nothing_is_left_out() {
    let record = converted(
        json!({"name": "x", "upload_date": "yesterday", "visibility": "private", "url": "anneal.arff", "md5_checksum": "", "creator": ["?", ""],
            "licence": " ", "citation": "\u{0}"}),
        Some(-1.0),
    );
    let expected = json!({"resource":
        {"platform": "openml", "platform_resource_identifier": "61", "name": "x", "same_as": "https://www.openml.org/d/61"}});
    assert_eq!(record, expected);
}

#[test]
fn pages_lie_on_the_server_that_was_read() {
    let description: Description = serde_json::from_value(json!({"name": "x"})).unwrap();
    for (base, page) in [
        ("https://www.openml.org/", "https://www.openml.org/d/7"),
        ("http://user:password@test.example:8080/openml/?key=1#top", "http://test.example:8080/openml/d/7"),
    ] {
        let record = dataset(7, &description, None, &Url::parse(base).unwrap()).unwrap();
        assert_eq!(record.wire().resource["same_as"], page);
    }
}

#[test]
fn licences_become_spdx_identifiers_where_they_name_one() {
    for (given, expected) in [
        ("Public", "Public"),
        ("CC0: Public Domain", "CC0-1.0"),
        ("CC BY-NC-SA 4.0", "CC-BY-NC-SA-4.0"),
        ("cc_by_4.0", "CC-BY-4.0"),
        ("https://creativecommons.org/licenses/by-sa/4.0/", "CC-BY-SA-4.0"),
        ("Creative Commons Attribution 4.0 International", "CC-BY-4.0"),
        ("MIT License", "MIT"),
        ("CC BY", "CC BY"),
        ("GPL 2", "GPL 2"),
        ("", ""),
    ] {
        assert_eq!(spdx(given), expected, "{given}");
    }
}

/// The fields of a description; a field that is not converted is among them.
const FIELDS: &[&str] = &[
    "id",
    "name",
    "version",
    "description",
    "format",
    "creator",
    "contributor",
    "upload_date",
    "licence",
    "url",
    "parquet_url",
    "minio_url",
    "citation",
    "tag",
    "visibility",
    "original_data_url",
    "paper_url",
    "md5_checksum",
    "language",
];

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => ".{0,20}",
        2 => "[ \\t\\n\\x00a\u{301}é😀]{0,6}",
        1 => ("[a😀]", 250usize..260).prop_map(|(c, n)| c.repeat(n)),
        1 => ("[ a\\x00é]{1,3}", prop::sample::select(vec![900usize, 4_000, 33_000])).prop_map(|(c, n)| c.repeat(n)),
        1 => "[0-9]{1,5}-[0-9]{1,2}-[0-9]{1,2}[T ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(Z|[+-][0-9]{2}:[0-9]{2})?",
        1 => "(https?|ftp|data)://[a-z]{1,5}(:[0-9]{1,6})?/.{0,10}",
        1 => prop::sample::select(vec!["61", "public", "ARFF", "study_1", "2014-04-06T23:19:24", "9999-12-31T23:59:60-01:00", "a and b; a"])
            .prop_map(str::to_owned),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => any_text().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            1 => prop::collection::hash_map("[a-z]{1,5}", inner, 0..3).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_description() -> impl Strategy<Value = Value> {
    let fields = prop::collection::vec((prop::sample::select(FIELDS), any_json()), 0..20);
    // Mostly with a name, or else most cases would end there.
    (fields, prop::option::weighted(0.9, any_text())).prop_map(|(fields, name)| {
        let mut map: Map<String, Value> = fields.into_iter().map(|(field, value)| (field.to_owned(), value)).collect();
        map.remove("id");
        map.extend(name.map(|name| ("name".to_owned(), Value::from(name))));
        Value::Object(map)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_openml_says_becomes_a_valid_record_or_a_fault_of_its_own(description in any_description(), instances in any::<Option<f64>>()) {
        let description: Description = serde_json::from_value(description).unwrap();
        let base = Url::parse("https://www.openml.org").unwrap();
        match dataset(61, &description, instances, &base) {
            Ok(record) => {
                normalise(record.resource_type(), &record.wire().resource).unwrap();
                for related in record.wire().related.values().flatten() {
                    let (name, body) = related.iter().next().unwrap();
                    normalise(aiod_schema::by_name(name).unwrap(), body).unwrap();
                }
            }
            Err(fault) => prop_assert!(matches!(fault, ConvertError::NoName), "{}", fault),
        }
    }
}

/// Answers of the real OpenML, which lie beside the project where it is developed.
#[tokio::test]
async fn recorded_answers_are_understood() {
    let folder = Path::new("../../shared/reference/platforms/openml");
    let Ok(list) = std::fs::read_to_string(folder.join("list_offset_0.json")) else {
        println!("skipped: no recorded answers in {}", folder.display());
        return;
    };
    let (openml, catalogue) = (OpenMl::with([]).await, Catalogue::new().await);
    let recorded = |body: String| ResponseTemplate::new(200).set_body_raw(body, "application/json");
    openml.answer("data/list/limit/1000/offset/0", recorded(list)).await;
    for (path, file) in [("data/2", "data_2.json"), ("data/3", "data_3.json"), ("data/qualities/3", "data_3_qualities.json")] {
        openml.answer(path, recorded(std::fs::read_to_string(folder.join(file)).unwrap())).await;
    }
    let report = run(&openml, &catalogue, &[]).await;
    assert_eq!((report.exit_code(), report.summary.created, report.summary.bad), (0, 2, 0), "{:?}", report.summary);
    let (anneal, chess) = (catalogue.taken.record(2), catalogue.taken.record(3));
    assert_eq!(anneal["resource"]["name"], "anneal");
    assert_eq!(anneal["resource"]["size"], json!({"unit": "instances", "value": 898}));
    assert_eq!(anneal["resource"]["date_published"], "2014-04-06T23:19:24");
    assert_eq!(anneal["resource"]["keyword"], json!(["test", "uci"]));
    assert_eq!(anneal["related"]["creator"], json!([{"contact": {"name": "David Sterling"}}, {"contact": {"name": "Wray Buntine"}}]));
    assert_eq!(anneal["resource"]["distribution"].as_array().unwrap().len(), 2);
    assert_eq!(chess["resource"]["keyword"], json!(["mythbusting_1", "OpenML-CC18", "OpenML100", "uci"]));
    assert_eq!(chess["resource"]["license"], "Public");
}
