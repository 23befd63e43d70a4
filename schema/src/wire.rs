//! What the catalogue and its clients send each other besides resources: the bulk upsert and the errors. The server writes these
//! types and the connectors read them, so that the two cannot differ. The fields stand in the order of the JSON.

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::{FieldType, Kind, Shape};
use crate::validate::{Fault, Step, path};
use crate::{Model, choice};

/// The body of a bulk upsert. `Record` is [`Record`], or a borrowed or unchecked form of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct BatchRequest<R = Record> {
    /// The records, at most [`crate::validate::MAX_RECORDS`].
    pub records: Vec<R>,
}

/// A resource of a platform, and the resources that it refers to.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Record {
    /// The resource in create form, with its `platform_resource_identifier`.
    pub resource: Value,
    /// By link field, the resources that the field refers to. Their order is part of the record: it decides their order in the field.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub related: IndexMap<String, Vec<Related>>,
}

/// A related resource: an object with one key, the name of its type, such as `{"contact": {…}}`.
pub type Related = Map<String, Value>;

/// The answer to a bulk upsert.
#[derive(Clone, Debug, Default, Deserialize, Model, PartialEq, Serialize)]
pub struct BatchAnswer {
    /// How many records are new.
    #[serde(default)]
    #[field(required)]
    pub created: usize,
    /// How many records replaced an older state.
    #[serde(default)]
    #[field(required)]
    pub updated: usize,
    /// How many records were there already.
    #[serde(default)]
    #[field(required)]
    pub unchanged: usize,
    /// How many records were refused.
    #[serde(default)]
    #[field(required)]
    pub failed: usize,
    /// One result for each record, in the order of the records.
    #[field(required)]
    pub results: Vec<RecordResult>,
}

impl BatchAnswer {
    /// The answer that consists of these results.
    pub fn new(results: Vec<RecordResult>) -> Self {
        let count = |outcome| results.iter().filter(|result| result.outcome == outcome).count();
        Self {
            created: count(Outcome::Created),
            updated: count(Outcome::Updated),
            unchanged: count(Outcome::Unchanged),
            failed: count(Outcome::Failed),
            results,
        }
    }
}

/// What the catalogue did with one record.
#[derive(Clone, Debug, Deserialize, Model, PartialEq, Serialize)]
#[model(title = "BatchResult")]
pub struct RecordResult {
    /// The platform's identifier, where the record has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_resource_identifier: Option<String>,
    /// The identifier in the catalogue, unless the record failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// What became of the record.
    #[field(required)]
    pub outcome: Outcome,
    /// Why the record failed; the locations begin within the record.
    #[serde(default)]
    #[field(required)]
    pub errors: Vec<ValidationError>,
}

choice! {
    /// What became of a record.
    pub enum Outcome = "BatchOutcome" {
        /// The resource is new.
        Created = "created",
        /// The record replaced an older state.
        Updated = "updated",
        /// The record says what is there already; nothing was written.
        Unchanged = "unchanged",
        /// The record is faulty; nothing of it was written.
        Failed = "failed",
    }
}

/// A [`Fault`] on the wire.
#[derive(Clone, Debug, Deserialize, Model, PartialEq, Eq, Serialize)]
pub struct ValidationError {
    /// Where the fault is: names of fields and places in lists, from the outermost.
    #[serde(default)]
    #[field(required)]
    pub loc: Vec<Step>,
    /// What is wrong and what would be right.
    #[field(required)]
    pub msg: String,
    /// A machine-readable name of the fault, such as `value_error.missing`.
    #[serde(default)]
    #[field(required)]
    pub r#type: String,
}

impl From<&Fault> for ValidationError {
    fn from(fault: &Fault) -> Self {
        Self { loc: fault.location.clone(), msg: fault.message.clone(), r#type: fault.code.to_owned() }
    }
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.loc.is_empty() {
            write!(f, "{}: ", path(&self.loc))?;
        }
        f.write_str(&self.msg)
    }
}

impl FieldType for Step {
    const SHAPE: Shape = Shape::one(Kind::AnyOf(&[String::SHAPE, i64::SHAPE]));
}

/// The body of an error other than 422.
#[derive(Clone, Debug, Deserialize, Model, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What is wrong.
    #[field(required)]
    pub detail: String,
    /// What identifies the error in the catalogue's log.
    // Errors of a proxy before the catalogue may have none.
    #[serde(default)]
    #[field(required)]
    pub reference: String,
}

/// The body of a 422: every fault of a request.
#[derive(Clone, Debug, Deserialize, Model, PartialEq, Eq, Serialize)]
#[model(title = "HTTPValidationError")]
pub struct HttpValidationError {
    /// The faults.
    #[field(required)]
    pub detail: Vec<ValidationError>,
    /// What identifies the error in the catalogue's log.
    // Errors of a proxy before the catalogue may have none.
    #[serde(default)]
    #[field(required)]
    pub reference: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_wire_is_as_documented() {
        let fault = Fault::new(["resource".into(), "distribution".into(), Step::Index(0)], "field required", "value_error.missing");
        let created = RecordResult {
            platform_resource_identifier: Some("61".to_owned()),
            identifier: Some("data_1".to_owned()),
            outcome: Outcome::Created,
            errors: Vec::new(),
        };
        let failed =
            RecordResult { platform_resource_identifier: None, identifier: None, outcome: Outcome::Failed, errors: vec![(&fault).into()] };
        let answer = BatchAnswer::new(vec![created, failed]);
        let error = json!({"loc": ["resource", "distribution", 0], "msg": "field required", "type": "value_error.missing"});
        let json = json!({"created": 1, "updated": 0, "unchanged": 0, "failed": 1, "results": [
            {"platform_resource_identifier": "61", "identifier": "data_1", "outcome": "created", "errors": []},
            {"outcome": "failed", "errors": [error]}]});
        assert_eq!(serde_json::to_string(&answer).unwrap(), json.to_string(), "in this order");
        assert_eq!(serde_json::from_value::<BatchAnswer>(json).unwrap(), answer);
        assert_eq!(answer.results[1].errors[0].to_string(), "resource.distribution[0]: field required");
    }
}
