//! The document of a resource as it is stored, and the hash of what a body says.

use std::collections::{BTreeMap, HashMap, HashSet};

use aiod_schema::validate::{Step, TermUse};
use aiod_schema::{Input, Kind, Role};
use serde_json::{Map, Value, json};

use super::resolve::Resolved;
use crate::digest::sha256_hex;

/// How long content hashes are, in bytes.
pub(in crate::catalogue) const HASH_LENGTH: usize = 16;

/// What a body says, in 128 bits: equal hashes mean that nothing changed.
///
/// Links that stay as they are count as if the body named them. A body without them changes something.
pub(in crate::catalogue) fn content_hash(input: &Input) -> String {
    let kept = input.kept.iter().filter(|l| !l.identifiers.is_empty());
    let links: BTreeMap<&str, &Vec<String>> = input.links.iter().chain(kept).map(|l| (l.field.name, &l.identifiers)).collect();
    let own_terms = input.terms.iter().filter(|t| t.nested.is_empty());
    let terms: BTreeMap<&str, &Vec<String>> = own_terms.map(|t| (t.field.name, &t.terms)).collect();
    let content = json!([input.platform_resource_identifier, input.values, input.editors, links, terms]);
    sha256_hex(content.to_string().as_bytes(), HASH_LENGTH)
}

/// The stored document: the fields in the order of the model, the entry last, where reading adds status and dates.
pub(super) fn document(input: &Input, platform: Option<&str>, platform_resource_identifier: Option<&str>, resolved: &Resolved) -> String {
    let mut terms: HashMap<&str, &TermUse> = input.terms.iter().filter(|t| t.nested.is_empty()).map(|t| (t.field.name, t)).collect();
    let mut out = Map::new();
    for field in input.resource.object.fields.iter().filter(|f| f.is_stored()) {
        let value = match (field.kind, field.role) {
            (Kind::Platform, _) => platform.map(Value::from),
            (_, Some(Role::PlatformIdentifier)) => platform_resource_identifier.map(Value::from),
            (_, Some(Role::Entry)) => None,
            _ => match terms.remove(field.name) {
                Some(used) => Some(spelled(used, field.list, resolved)),
                None => input.values.get(field.name).cloned(),
            },
        };
        if let Some(value) = value {
            out.insert(field.name.to_owned(), value);
        }
    }
    out.extend(entry(input));
    let mut out = Value::Object(out);
    for used in input.terms.iter().filter(|t| !t.nested.is_empty()) {
        if let Some(value) = nested(&mut out, &used.nested) {
            *value = spelled(used, false, resolved);
        }
    }
    out.to_string()
}

/// The value that stands at the end of a way into a document.
fn nested<'v>(document: &'v mut Value, way: &[Step]) -> Option<&'v mut Value> {
    way.iter().try_fold(document, |value, step| match step {
        Step::Name(name) => value.get_mut(name),
        Step::Index(index) => value.get_mut(index),
    })
}

/// The entry's field, and what is stored of it.
fn entry(input: &Input) -> Option<(String, Value)> {
    let field = input.resource.field_with(Role::Entry)?;
    let editors = input.resource.editors()?;
    Some((field.name.to_owned(), json!({ editors.name: input.editors })))
}

/// Terms as they are officially spelled.
fn spelled(used: &TermUse, list: bool, resolved: &Resolved) -> Value {
    let mut names: Vec<String> = used.terms.iter().map(|term| resolved.spelling(used.vocabulary, term)).collect();
    if !list {
        return names.pop().map_or(Value::Null, Value::from);
    }
    let mut seen = HashSet::new();
    names.retain(|n| seen.insert(n.clone()));
    Value::from(names)
}
