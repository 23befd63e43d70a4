//! What connectors send: a resource in create form, and the resources that it refers to.

use aiod_schema::model::Resource;
use aiod_schema::validate::{MAX_RELATED, normalise};
use aiod_schema::{ResourceType, by_name, wire};
use serde::Serialize;
use serde_json::Value;

/// One record of a bulk upsert, checked.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Record {
    #[serde(skip)]
    resource_type: &'static ResourceType,
    #[serde(skip)]
    identifier: String,
    wire: wire::Record,
}

/// Why a record cannot be made or sent.
#[derive(Debug, thiserror::Error)]
pub enum RecordFault {
    /// The type is not one of the registry.
    #[error("the model has no type '{0}'")]
    UnknownType(&'static str),
    /// It does not serialise.
    #[error("it cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It has no identifier of its platform.
    #[error("it has no platform_resource_identifier")]
    NoIdentifier,
    /// It is not as the model says: a defect of the conversion.
    #[error("it does not fit the model: {0}")]
    Invalid(String),
    /// One of its link fields brings more related resources than the catalogue takes, for which it would refuse the whole record.
    #[error("{0} has more than {MAX_RELATED} related resources")]
    TooManyRelated(&'static str),
}

impl Record {
    /// The record of a resource, which must have its `platform_resource_identifier`.
    ///
    /// # Errors
    /// When the resource has no such identifier, or is not valid; see [`RecordFault`].
    pub fn new<R: Resource + Serialize>(resource: &R) -> Result<Self, RecordFault> {
        let (resource_type, resource) = checked(resource)?;
        let identifier = resource.get("platform_resource_identifier").and_then(Value::as_str).unwrap_or_default().to_owned();
        if identifier.is_empty() {
            return Err(RecordFault::NoIdentifier);
        }
        Ok(Self { resource_type, identifier, wire: wire::Record { resource, ..wire::Record::default() } })
    }

    /// Adds a resource that the link field refers to. The catalogue finds or creates it, once per platform; without a
    /// `platform_resource_identifier` its name identifies it.
    ///
    /// # Errors
    /// When the related resource is not valid, or when the field has [`MAX_RELATED`] already; see [`RecordFault`].
    pub fn relate<R: Resource + Serialize>(&mut self, field: &'static str, related: &R) -> Result<(), RecordFault> {
        let (resource_type, body) = checked(related)?;
        let list = self.wire.related.entry(field.to_owned()).or_default();
        if list.len() >= MAX_RELATED {
            return Err(RecordFault::TooManyRelated(field));
        }
        list.push(wire::Related::from_iter([(resource_type.name.to_owned(), body)]));
        Ok(())
    }

    /// How the platform identifies the resource.
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// The resource's type.
    pub fn resource_type(&self) -> &'static ResourceType {
        self.resource_type
    }

    /// The record as it is sent.
    pub fn wire(&self) -> &wire::Record {
        &self.wire
    }
}

/// The create form of a resource, checked as the catalogue checks it, so that a defect of a conversion shows where it is.
fn checked<R: Resource + Serialize>(resource: &R) -> Result<(&'static ResourceType, Value), RecordFault> {
    let name = R::resource_type().name;
    let resource_type = by_name(name).ok_or(RecordFault::UnknownType(name))?;
    let body = without_empties(serde_json::to_value(resource)?);
    match normalise(resource_type, &body) {
        Ok(_) => Ok((resource_type, body)),
        Err(faults) => {
            let faults: Vec<String> = faults.iter().map(|f| format!("{}: {}", f.path(), f.message)).collect();
            Err(RecordFault::Invalid(faults.join("; ")))
        }
    }
}

/// Drops empty lists: absent means the same, requests get shorter, and a link field never stands in both `resource` and `related`.
fn without_empties(body: Value) -> Value {
    match body {
        Value::Object(map) => {
            map.into_iter().filter(|(_, v)| !v.as_array().is_some_and(Vec::is_empty)).map(|(k, v)| (k, without_empties(v))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_empties).collect(),
        other => other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use aiod_schema::resource::common::{AiAsset, AiResource, Concept};
    use aiod_schema::resource::{Contact, Dataset};
    use serde_json::json;

    use super::*;

    fn dataset(identifier: Option<&str>, name: &str) -> Dataset {
        let concept = Concept { platform_resource_identifier: identifier.map(str::to_owned), ..Concept::default() };
        let resource = AiResource { concept, name: name.to_owned(), ..AiResource::default() };
        Dataset { asset: AiAsset { resource, ..AiAsset::default() }, ..Dataset::default() }
    }

    #[test]
    fn a_record_is_short_and_names_the_types_of_what_it_refers_to() {
        let mut record = Record::new(&dataset(Some("61"), "iris")).unwrap();
        for name in ["R. A. Fisher", "Michael Marshall"] {
            record.relate("creator", &Contact { name: Some(name.to_owned()), ..Contact::default() }).unwrap();
        }
        let expected = json!({
            "resource": {"platform_resource_identifier": "61", "name": "iris"},
            "related": {"creator": [{"contact": {"name": "R. A. Fisher"}}, {"contact": {"name": "Michael Marshall"}}]},
        });
        assert_eq!(serde_json::to_value(&record).unwrap(), expected);
    }

    #[test]
    fn faults_are_found_before_the_catalogue_finds_them() {
        assert!(matches!(Record::new(&dataset(None, "iris")), Err(RecordFault::NoIdentifier)));
        let fault = Record::new(&dataset(Some("61"), &"n".repeat(257))).unwrap_err().to_string();
        assert_eq!(fault, "it does not fit the model: body.name: ensure this value has at most 256 characters");
        let mut record = Record::new(&dataset(Some("61"), "iris")).unwrap();
        let contact = Contact { name: Some("R. A. Fisher".to_owned()), ..Contact::default() };
        for _ in 0..MAX_RELATED {
            record.relate("creator", &contact).unwrap();
        }
        assert_eq!(record.relate("creator", &contact).unwrap_err().to_string(), "creator has more than 500 related resources");
    }
}
