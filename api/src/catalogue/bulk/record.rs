//! Records of a bulk upsert in normal form, or with all their faults. Nothing here asks the database.

use std::collections::HashSet;

use aiod_schema::identifier::platform_identifier_fault;
use aiod_schema::validate::{MAX_RELATED, Step, normalise};
use aiod_schema::{Fault, Field, Input, Kind, ResourceType, by_name};
use serde_json::Value;

use crate::catalogue::write::{HASH_LENGTH, content_hash, name_key, platform_key};
use crate::digest::sha256_hex;

/// The most faults of a record that are answered each by itself.
const MAX_FAULTS: usize = 100;

/// The name of a resource's type, and its key on the platform.
pub(super) type Place = (&'static str, String);

/// A related resource of a record: the field that refers to it, and how it is found.
#[derive(Clone)]
pub(super) struct Related {
    pub(super) field: &'static Field,
    pub(super) key: String,
    pub(super) input: Input,
}

impl Related {
    /// What finds it on its platform.
    pub(super) fn place(&self) -> Place {
        (self.input.resource.name, self.key.clone())
    }
}

/// A record in normal form.
#[derive(Clone)]
pub(super) struct Record {
    pub(super) input: Input,
    pub(super) key: String,
    pub(super) hash: String,
    pub(super) related: Vec<Related>,
}

/// A record in normal form, or its faults.
pub(super) type Prepared = Result<Record, Vec<Fault>>;

/// Checks the records of a platform, each by itself, and that none of them comes twice.
pub(super) fn prepare_all(platform: &str, resource: &'static ResourceType, records: &[Value]) -> Vec<Prepared> {
    let mut seen = HashSet::new();
    let prepare_one = |record| {
        let record = prepare(platform, resource, record).map_err(shortened)?;
        if !seen.insert(record.key.clone()) {
            let message = "another record of this batch has the same platform_resource_identifier";
            return Err(vec![Fault::value(["resource", "platform_resource_identifier"], message)]);
        }
        Ok(record)
    };
    records.iter().map(prepare_one).collect()
}

/// As many faults as an answer for a thousand records has room for.
fn shortened(mut faults: Vec<Fault>) -> Vec<Fault> {
    if faults.len() > MAX_FAULTS {
        let more = faults.split_off(MAX_FAULTS).len();
        faults.push(Fault::value(["resource"], format!("{more} more faults")));
    }
    faults
}

/// Checks a record by itself.
fn prepare(platform: &str, resource: &'static ResourceType, record: &Value) -> Prepared {
    let mut faults = Vec::new();
    let body = record.get("resource").unwrap_or(&Value::Null);
    let input = normalised(platform, resource, body, &["resource".into()]).map_err(|found| faults.extend(found)).ok();
    let related = related_of(platform, resource, record.get("related"), &mut faults);
    let Some(input) = input.filter(|_| faults.is_empty()) else { return Err(faults) };
    let Some(own) = input.platform_resource_identifier.as_deref() else {
        return Err(vec![Fault::new(["resource", "platform_resource_identifier"], "field required", "value_error.missing")]);
    };
    let key = platform_key(own);
    let itself = |r: &&Related| r.input.resource == resource && r.key == key;
    if let Some(related) = related.iter().find(itself) {
        return Err(vec![Fault::value(["related", related.field.name], "a resource cannot refer to itself")]);
    }
    let hash = record_hash(&input, &related);
    Ok(Record { input, key, hash, related })
}

impl Record {
    /// Takes the hash anew, after the body has changed.
    pub(super) fn hash_again(&mut self) {
        self.hash = record_hash(&self.input, &self.related);
    }

    /// The faults of masks in the body of a new resource, which has nothing that they could stand for.
    pub(super) fn mask_faults(&self) -> Vec<Fault> {
        located(self.input.mask_faults(), &["resource".into()])
    }
}

/// The hash of a record. It also says which resources the record relates to; these themselves are found or created, never changed.
fn record_hash(input: &Input, related: &[Related]) -> String {
    let hash = content_hash(input);
    if related.is_empty() {
        return hash;
    }
    let places: Vec<(&str, Place)> = related.iter().map(|r| (r.field.name, r.place())).collect();
    sha256_hex(format!("{hash} {}", serde_json::json!(places)).as_bytes(), HASH_LENGTH)
}

/// A body of this platform in normal form, or its faults, located below `location`.
fn normalised(platform: &str, resource: &'static ResourceType, body: &Value, location: &[Step]) -> Result<Input, Vec<Fault>> {
    let faults = match normalise(resource, body) {
        Ok(input) => {
            let faults = platform_faults(platform, &input);
            if faults.is_empty() {
                return Ok(input);
            }
            faults
        }
        Err(faults) => faults,
    };
    Err(located(faults, location))
}

/// Faults of a body, located below another place.
fn located(mut faults: Vec<Fault>, location: &[Step]) -> Vec<Fault> {
    for fault in &mut faults {
        fault.location.splice(..1, location.iter().cloned());
    }
    faults
}

/// What is wrong with a body's platform and its identifier there.
fn platform_faults(platform: &str, input: &Input) -> Vec<Fault> {
    let mut faults = Vec::new();
    if input.platform.as_deref().is_some_and(|given| given != platform) {
        let message = format!("the records of this path are of platform '{platform}'; leave the field out");
        faults.push(Fault::value(["body", "platform"], message));
    }
    if let Some(message) = input.platform_resource_identifier.as_deref().and_then(|own| platform_identifier_fault(platform, own)) {
        faults.push(Fault::value(["body", "platform_resource_identifier"], message));
    }
    faults
}

/// The related resources of a record: lists by the names of link fields.
fn related_of(platform: &str, resource: &'static ResourceType, related: Option<&Value>, faults: &mut Vec<Fault>) -> Vec<Related> {
    let Some(related) = related.filter(|r| !r.is_null()) else { return Vec::new() };
    let Some(fields) = related.as_object() else {
        faults.push(Fault::new(["related"], "an object is expected: link fields with lists of related resources", "type_error.dict"));
        return Vec::new();
    };
    let mut out = Vec::new();
    for (name, entries) in fields {
        match related_entries(platform, resource, name, entries) {
            Ok(entries) => {
                for entry in entries {
                    entry.map_or_else(|found| faults.extend(found), |one| out.push(one));
                }
            }
            Err(fault) => faults.push(fault),
        }
    }
    out
}

/// The related resources of one link field, each by itself right or wrong.
fn related_entries(
    platform: &str,
    resource: &'static ResourceType,
    name: &str,
    entries: &Value,
) -> Result<Vec<Result<Related, Vec<Fault>>>, Fault> {
    let Some(field) = resource.links().find(|f| f.name == name) else {
        let links: Vec<&str> = resource.links().map(|f| f.name).collect();
        let message = format!("not a field that refers to other resources; those are {}", links.join(", "));
        return Err(Fault::value(["related", name], message));
    };
    let Some(entries) = entries.as_array().filter(|e| e.len() <= MAX_RELATED) else {
        let message = format!("a list of at most {MAX_RELATED} related resources is expected");
        return Err(Fault::new(["related", name], message, "type_error.list"));
    };
    let one = |(index, entry): (usize, &Value)| related_entry(platform, field, entry, vec!["related".into(), name.into(), index.into()]);
    Ok(entries.iter().enumerate().map(one).collect())
}

/// `{"contact": {…}}`: one related resource, by its type's name.
fn related_entry(platform: &str, field: &'static Field, entry: &Value, mut at: Vec<Step>) -> Result<Related, Vec<Fault>> {
    let single = entry.as_object().filter(|map| map.len() == 1).and_then(|map| map.iter().next());
    let Some((type_name, body)) = single else {
        let shape = "an object with one key, the type's name, is expected, such as {\"contact\": {…}}";
        return Err(vec![Fault::value(at, shape)]);
    };
    let Some(resource) = by_name(type_name).filter(|r| field.refers_to(r)) else {
        let targets = if let Kind::Link(targets) = field.kind { targets } else { &[] };
        let message = format!("'{type_name}' is not a type that this field refers to: {}", targets.join(", "));
        return Err(vec![Fault::value(at, message)]);
    };
    at.push(type_name.as_str().into());
    let input = normalised(platform, resource, body, &at)?;
    let Some(key) = related_key(&input) else {
        return Err(vec![Fault::value(at, "a related resource needs a platform_resource_identifier or a name, by which it is found")]);
    };
    Ok(Related { field, key, input })
}

/// What finds a related resource on its platform: the platform's identifier, else its name.
fn related_key(input: &Input) -> Option<String> {
    match (&input.platform_resource_identifier, input.name()) {
        (Some(own), _) => Some(platform_key(own)),
        (None, Some(name)) if !name.trim().is_empty() => Some(name_key(name)),
        _ => None,
    }
}
