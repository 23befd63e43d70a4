//! The records that a new embedded catalogue starts with are what the connector makes of OpenML's answers.

use serde_json::Value;

use crate::answers;

const FILE: &str = "../api/examples/openml/datasets.json";

async fn records() -> Value {
    serde_json::to_value(answers::records().await).unwrap()
}

#[tokio::test]
async fn the_example_records_are_what_the_connector_makes_of_openmls_answers() {
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(FILE).unwrap()).unwrap();
    let made = records().await;
    assert_eq!(made.as_array().unwrap().len(), 12);
    assert!(kept == made, "{FILE} differs from what the connector makes now: tests/answers/README.md says how to write it anew");
}

#[tokio::test]
#[ignore = "writes into the source tree, see tests/answers/README.md"]
async fn the_example_records_are_written() {
    std::fs::write(FILE, serde_json::to_string_pretty(&records().await).unwrap() + "\n").unwrap();
}
