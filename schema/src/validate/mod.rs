//! From a request's body to its normal form, or to all its faults at once.

mod fault;
mod input;
mod size;
mod time;
mod values;

use std::collections::HashSet;

use serde_json::Value;

pub(crate) use self::fault::path;
pub use self::fault::{Fault, FaultKind, Step};
use self::input::texts;
pub use self::input::{Input, LinkUse, TermUse};
use self::size::json_size;
pub use self::time::{DATE_TIME, parse_date_time};
use self::values::Checker;
use crate::link;
use crate::model::{Field, Kind, MASK, Object, ResourceType, Role};
use crate::vocabulary::Vocabulary;

/// The most values that a list may hold.
pub const MAX_ITEMS: usize = 5_000;

/// The most bytes that the values of a resource may have as JSON: 4 MiB.
pub const MAX_SIZE: usize = 4 << 20;

/// The most records of one bulk upsert.
pub const MAX_RECORDS: usize = 1_000;

/// The most related resources that one link field of a record of a bulk upsert may bring.
pub const MAX_RELATED: usize = 500;

/// Checks a body against its type's table and brings it into normal form.
///
/// Unknown fields and read-only ones are ignored (inside a closed object they are faults), `null` counts as absent.
///
/// # Errors
/// All faults of the body, each with its location.
pub fn normalise(resource: &'static ResourceType, body: &Value) -> Result<Input, Vec<Fault>> {
    normalise_keeping(resource, body, |_| false)
}

/// The same for a body of which some fields hold what is stored already. No limit holds for those that are links, since others may have
/// made these links from their end; rules over several fields see them. Terms of such fields, and of objects in them, are marked as kept:
/// they may be older than their taxonomy. Everything else is checked.
///
/// # Errors
/// All faults of the body but those of links that are kept.
pub fn normalise_keeping(resource: &'static ResourceType, body: &Value, is_kept: impl Fn(&Field) -> bool) -> Result<Input, Vec<Fault>> {
    let Value::Object(map) = body else {
        return Err(vec![Fault::new(["body"], "value is not a valid dict: a JSON object is expected", "type_error.dict")]);
    };
    let mut checker = Checker::new("body");
    let mut input = Input::new(resource);
    for field in resource.object.fields.iter().filter(|f| !f.read_only) {
        let value = map.get(field.name).filter(|v| !v.is_null());
        let unmasked = value.and_then(|value| without_mask(field, value));
        if unmasked.is_some() {
            input.masked.push(field);
        }
        let value = unmasked.as_ref().or(value);
        if field.is_link() && is_kept(field) {
            input.kept.push(LinkUse { field, identifiers: stored(value) });
        } else {
            checker.at(field.name, |checker| take_field(checker, &mut input, field, value));
        }
    }
    checker.faults.extend(resource.rule.into_iter().flat_map(|rule| rule(map)));
    checker.faults.extend(link::exclusion_faults(resource, map));
    if checker.faults.is_empty() && json_size(&input.values) > MAX_SIZE {
        checker.fault(format!("ensure the whole of it has at most {MAX_SIZE} bytes"), "value_error.any_str.max_length");
    }
    if !checker.faults.is_empty() {
        return Err(checker.faults);
    }
    input.platforms = checker.platforms;
    input.terms.append(&mut checker.terms);
    for used in &mut input.terms {
        used.kept = own_field(resource, used).is_some_and(&is_kept);
    }
    Ok(input)
}

/// A value without the masks that stand in it; `None` where there are none. A single mask leaves `null`.
fn without_mask(field: &Field, value: &Value) -> Option<Value> {
    let is_mask = |value: &Value| value.as_str() == Some(MASK);
    match value {
        _ if !field.is_masked() => None,
        Value::Array(items) if items.iter().any(is_mask) => Some(items.iter().filter(|item| !is_mask(item)).cloned().collect()),
        value => is_mask(value).then_some(Value::Null),
    }
}

/// The field of the body itself in which a term stands.
fn own_field(resource: &ResourceType, used: &TermUse) -> Option<&'static Field> {
    match used.nested.first() {
        Some(Step::Name(name)) => resource.object.field(name),
        _ => Some(used.field),
    }
}

/// Checks a JSON object against its table, whatever it is for; `place` begins the locations of faults. What is absent and has a default
/// gets it.
///
/// # Errors
/// All faults of the object.
pub(crate) fn checked_object(object: &'static Object, place: &'static str, value: &Value) -> Result<Value, Vec<Fault>> {
    let mut checker = Checker::new(place);
    match checker.object(object, value) {
        Some(value) if checker.faults.is_empty() => Ok(value),
        _ => Err(checker.faults),
    }
}

/// The identifiers of a link field as they are.
fn stored(value: Option<&Value>) -> Vec<String> {
    value.map(texts).unwrap_or_default()
}

/// Puts the value of a field where the input has its kind.
fn take_field(checker: &mut Checker, input: &mut Input, field: &'static Field, value: Option<&Value>) {
    let is_masked = input.masked.iter().any(|masked| masked.name == field.name);
    let Some(value) = value.filter(|value| !value.is_null()) else {
        if field.required && !is_masked {
            checker.missing();
        }
        return;
    };
    match (field.kind, field.role) {
        (Kind::Link(_), _) => {
            let identifiers = checker.texts(field, value, Checker::identifier);
            input.links.push(LinkUse { field, identifiers });
        }
        (Kind::Term(vocabulary), _) => input.terms.extend(terms(checker, field, vocabulary, value)),
        (Kind::Platform, _) => input.platform = checker.text(field, value),
        (_, Some(Role::PlatformIdentifier)) => input.platform_resource_identifier = checker.text(field, value),
        (_, Some(Role::Entry)) => input.editors = editors(checker, field, value),
        _ => {
            if let Some(value) = checker.value(field, value) {
                input.values.insert(field.name.to_owned(), value);
            }
        }
    }
}

fn terms(checker: &mut Checker, field: &'static Field, vocabulary: &'static Vocabulary, value: &Value) -> Option<TermUse> {
    let mut terms = checker.texts(field, value, |checker, text| checker.term(vocabulary, text));
    let mut keys = HashSet::new();
    terms.retain(|term| keys.insert(vocabulary.key(term)));
    (!terms.is_empty()).then_some(TermUse { field, vocabulary, terms, nested: Vec::new(), kept: false })
}

/// The editors that an entry names; all else in it is set by the catalogue.
fn editors(checker: &mut Checker, field: &'static Field, value: &Value) -> Vec<String> {
    let entry = checker.value(field, value);
    let Kind::Object(object) = field.kind else { return Vec::new() };
    let editors = object().field_with(Role::Editors).and_then(|editors| entry.as_ref()?.get(editors.name));
    let mut seen = HashSet::new();
    stored(editors).into_iter().filter(|editor| seen.insert(editor.clone())).collect()
}
