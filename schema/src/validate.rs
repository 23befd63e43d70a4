//! From a request's body to its normal form, or to all its faults at once.

use std::collections::HashSet;
use std::fmt::Write as _;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::choice::Choice;
use crate::identifier::MAX_PLATFORM_IDENTIFIER;
use crate::link;
use crate::model::{Field, Kind, Object, ResourceType};
use crate::vocabulary::Vocabulary;

/// The most values that a list may hold.
pub const MAX_ITEMS: usize = 5_000;

/// The most bytes that the values of a resource may have as JSON: 4 MiB.
pub const MAX_SIZE: usize = 4 << 20;

/// The most records of one bulk upsert.
pub const MAX_RECORDS: usize = 1_000;

/// The most related resources that one link field of a record of a bulk upsert may bring.
pub const MAX_RELATED: usize = 500;

/// How date-times look on the wire and in stored documents: whole seconds, UTC, no zone.
pub const DATE_TIME: &str = "%Y-%m-%dT%H:%M:%S";

/// One step of the way to a fault; on the wire a text or a number.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Step {
    /// A field's name (or `body`, `query`, `path`).
    Name(String),
    /// A place in a list.
    Index(usize),
}

impl From<&str> for Step {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// What kind of fault it is; decides the status of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The body is not as the model says.
    Invalid,
    /// A file stands in the body, which belongs to a path of its own.
    Blob,
}

/// One fault of an input: where, what, and of which type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands, such as `body`, `distribution`, 0, `name`.
    pub location: Vec<Step>,
    /// What is wrong and what would be right.
    pub message: String,
    /// A machine-readable name, such as `value_error.missing`.
    pub code: &'static str,
    /// What kind of fault it is.
    pub kind: FaultKind,
}

impl Fault {
    /// A fault of a value.
    pub fn value<S: Into<Step>>(location: impl IntoIterator<Item = S>, message: impl Into<String>) -> Self {
        Self::new(location, message, "value_error")
    }

    /// A fault with its own code.
    pub fn new<S: Into<Step>>(location: impl IntoIterator<Item = S>, message: impl Into<String>, code: &'static str) -> Self {
        let location = location.into_iter().map(Into::into).collect();
        Self { location, message: message.into(), code, kind: FaultKind::Invalid }
    }

    /// The location in one text, `body.distribution[0].name`.
    pub fn path(&self) -> String {
        path(&self.location)
    }
}

/// A location in one text.
pub(crate) fn path(location: &[Step]) -> String {
    let mut path = String::new();
    for step in location {
        match step {
            Step::Name(name) if path.is_empty() => path.push_str(name),
            Step::Name(name) => {
                path.push('.');
                path.push_str(name);
            }
            // Writing to a string cannot fail.
            Step::Index(index) => drop(write!(path, "[{index}]")),
        }
    }
    path
}

/// The terms that a body uses of one vocabulary.
#[derive(Clone, Debug)]
pub struct TermUse {
    /// The field that they stand in.
    pub field: &'static Field,
    /// The vocabulary.
    pub vocabulary: &'static Vocabulary,
    /// The terms, trimmed, without repetitions in any spelling; lower-cased in open vocabularies.
    pub terms: Vec<String>,
}

/// The resources that one field refers to.
#[derive(Clone, Debug)]
pub struct LinkUse {
    /// The field.
    pub field: &'static Field,
    /// Identifiers, without repetitions.
    pub identifiers: Vec<String>,
}

/// A body in normal form.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its type.
    pub resource: &'static ResourceType,
    /// The platform, when the body names one.
    pub platform: Option<String>,
    /// The platform's identifier, when the body has one.
    pub platform_resource_identifier: Option<String>,
    /// Values of fields that are neither links nor terms, dates in normal form, without `null`s and empty lists.
    pub values: Map<String, Value>,
    /// `aiod_entry.editor`.
    pub editors: Vec<String>,
    /// References to other resources.
    pub links: Vec<LinkUse>,
    /// References that stay as they are, see [`normalise_keeping`]: they are neither checked nor written.
    pub kept: Vec<LinkUse>,
    /// Terms.
    pub terms: Vec<TermUse>,
    /// Platforms named within the body (in distributions), with where.
    pub platforms: Vec<(Vec<Step>, String)>,
}

impl Input {
    /// The resource's name; contacts may have none.
    pub fn name(&self) -> Option<&str> {
        self.values.get("name").and_then(Value::as_str)
    }
}

/// Checks a body against its type's table and brings it into normal form.
///
/// Unknown fields and read-only ones are ignored (inside a closed object they are faults), `null` counts as absent.
///
/// # Errors
/// All faults of the body, each with its location.
pub fn normalise(resource: &'static ResourceType, body: &Value) -> Result<Input, Vec<Fault>> {
    normalise_keeping(resource, body, |_| false)
}

/// The same for a body of which some link fields hold what is stored already. No limit holds for them, since others may have made
/// these links from their end; rules over several fields see them.
///
/// # Errors
/// All faults of the body but those of the fields that are kept.
pub fn normalise_keeping(resource: &'static ResourceType, body: &Value, is_kept: impl Fn(&Field) -> bool) -> Result<Input, Vec<Fault>> {
    let Value::Object(map) = body else {
        return Err(vec![Fault::new(["body"], "value is not a valid dict: a JSON object is expected", "type_error.dict")]);
    };
    let mut walk = Walk { location: vec!["body".into()], faults: Vec::new(), platforms: Vec::new() };
    let mut input = Input {
        resource,
        platform: None,
        platform_resource_identifier: None,
        values: Map::new(),
        editors: Vec::new(),
        links: Vec::new(),
        kept: Vec::new(),
        terms: Vec::new(),
        platforms: Vec::new(),
    };
    for field in resource.object.fields.iter().filter(|f| !f.read_only) {
        let value = map.get(field.name).filter(|v| !v.is_null());
        if matches!(field.kind, Kind::Link(_)) && is_kept(field) {
            input.kept.push(LinkUse { field, identifiers: stored(value) });
            continue;
        }
        walk.location.push(field.name.into());
        walk.top_level(&mut input, field, value);
        walk.location.pop();
    }
    if let Some(rule) = resource.rule {
        walk.faults.extend(rule(map));
    }
    walk.faults.extend(link::exclusion_faults(resource, map));
    if walk.faults.is_empty() && json_size(&input.values) > MAX_SIZE {
        walk.fault(format!("ensure the whole of it has at most {MAX_SIZE} bytes"), "value_error.any_str.max_length");
    }
    if !walk.faults.is_empty() {
        return Err(walk.faults);
    }
    input.platforms = walk.platforms;
    Ok(input)
}

/// Checks a JSON object against its table, whatever it is for; `place` begins the locations of faults. What is absent and has a default
/// gets it.
///
/// # Errors
/// All faults of the object.
pub(crate) fn checked_object(object: &'static Object, place: &'static str, value: &Value) -> Result<Value, Vec<Fault>> {
    let mut walk = Walk { location: vec![place.into()], faults: Vec::new(), platforms: Vec::new() };
    let checked = walk.object(object, value);
    match checked {
        Some(value) if walk.faults.is_empty() => Ok(value),
        _ => Err(walk.faults),
    }
}

/// How many bytes a value has as JSON.
fn json_size(value: &impl serde::Serialize) -> usize {
    /// Counts what is written.
    struct Size(usize);

    impl std::io::Write for Size {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let mut size = Size(0);
    // What has no form as JSON has no size either; values always have one.
    serde_json::to_writer(&mut size, value).map_or(0, |()| size.0)
}

/// The identifiers of a link field as they are.
fn stored(value: Option<&Value>) -> Vec<String> {
    let values = match value {
        Some(Value::Array(values)) => values.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

struct Walk {
    location: Vec<Step>,
    faults: Vec<Fault>,
    platforms: Vec<(Vec<Step>, String)>,
}

impl Walk {
    fn fault(&mut self, message: impl Into<String>, code: &'static str) {
        self.faults.push(Fault::new(self.location.iter().cloned(), message, code));
    }

    fn missing(&mut self) {
        self.fault("field required", "value_error.missing");
    }

    fn top_level(&mut self, input: &mut Input, field: &'static Field, value: Option<&Value>) {
        let Some(value) = value else {
            if field.required {
                self.missing();
            }
            return;
        };
        match field.kind {
            Kind::Link(_) => {
                let identifiers = self.texts(field, value, Self::identifier);
                input.links.push(LinkUse { field, identifiers });
            }
            Kind::Term(_) => {
                let Some(vocabulary) = field.vocabulary() else { return };
                let mut terms = self.texts(field, value, |walk, text| walk.term(vocabulary, text));
                let mut keys = HashSet::new();
                terms.retain(|term| keys.insert(vocabulary.key(term)));
                if !terms.is_empty() {
                    input.terms.push(TermUse { field, vocabulary, terms });
                }
            }
            Kind::Platform => input.platform = self.text(field, value),
            _ if field.name == "platform_resource_identifier" => input.platform_resource_identifier = self.text(field, value),
            _ if field.name == "aiod_entry" => {
                if let Some(Value::Object(mut entry)) = self.value(field, value)
                    && let Some(Value::Array(editors)) = entry.remove("editor")
                {
                    input.editors = editors.into_iter().filter_map(|e| e.as_str().map(str::to_owned)).collect();
                }
            }
            _ => {
                if let Some(value) = self.value(field, value) {
                    input.values.insert(field.name.to_owned(), value);
                }
            }
        }
    }

    /// The texts of a field that is a text or a list of them, checked, without repetitions.
    fn texts(&mut self, field: &Field, value: &Value, check: impl Fn(&mut Self, &str) -> Option<String>) -> Vec<String> {
        let mut texts = Vec::new();
        let mut seen = HashSet::new();
        let one = |walk: &mut Self, value: &Value| match value.as_str() {
            Some(text) => check(walk, text),
            None => {
                walk.fault("str type expected", "type_error.str");
                None
            }
        };
        if field.list {
            let Some(items) = self.list(field, value) else { return texts };
            for (index, item) in items.iter().enumerate() {
                self.location.push(index.into());
                if let Some(text) = one(self, item)
                    && seen.insert(text.clone())
                {
                    texts.push(text);
                }
                self.location.pop();
            }
        } else {
            texts.extend(one(self, value));
        }
        texts
    }

    fn list<'v>(&mut self, field: &Field, value: &'v Value) -> Option<&'v Vec<Value>> {
        let Value::Array(items) = value else {
            self.fault("value is not a valid list", "type_error.list");
            return None;
        };
        let (least, most) = (field.min_items.unwrap_or_default(), field.max_items.unwrap_or(MAX_ITEMS));
        if items.len() > most {
            self.fault(format!("ensure this value has at most {most} items"), "value_error.list.max_items");
            return None;
        }
        if items.len() < least {
            self.fault(format!("ensure this value has at least {least} items"), "value_error.list.min_items");
            return None;
        }
        Some(items)
    }

    fn identifier(&mut self, text: &str) -> Option<String> {
        // Whether it exists is the catalogue's question; this keeps nonsense out of messages and queries.
        if text.is_empty() || text.chars().count() > MAX_PLATFORM_IDENTIFIER || text.contains('\0') {
            self.fault("an identifier of a resource is expected", "value_error.identifier");
            return None;
        }
        Some(text.to_owned())
    }

    fn term(&mut self, vocabulary: &Vocabulary, text: &str) -> Option<String> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            self.fault("a term must not be empty", "value_error.any_str.min_length");
            return None;
        }
        // Lower case may be longer, and must fit as well.
        let key = vocabulary.key(trimmed);
        self.check_length(&key, None, Some(vocabulary.max_length)).then(|| {
            // Taxonomies keep the spelling until the official one is known.
            if vocabulary.is_taxonomy() { trimmed.to_owned() } else { key }
        })
    }

    fn text(&mut self, field: &Field, value: &Value) -> Option<String> {
        let Value::String(text) = value else {
            self.fault("str type expected", "type_error.str");
            return None;
        };
        self.check_length(text, field.min_length, field.max_length).then(|| text.clone())
    }

    fn check_length(&mut self, text: &str, min: Option<usize>, max: Option<usize>) -> bool {
        if text.contains('\0') {
            self.fault("a text must not contain NUL characters", "value_error.nul");
            return false;
        }
        if let Some(max) = max
            // A text has no more characters than bytes: most need no counting.
            && text.len() > max
            && text.chars().count() > max
        {
            self.fault(format!("ensure this value has at most {max} characters"), "value_error.any_str.max_length");
            return false;
        }
        if let Some(min) = min
            && text.chars().count() < min
        {
            self.fault(format!("ensure this value has at least {min} characters"), "value_error.any_str.min_length");
            return false;
        }
        true
    }

    /// A value of a field that is neither link nor term, list or not; `None` when it is faulty or an empty list.
    fn value(&mut self, field: &Field, value: &Value) -> Option<Value> {
        if !field.list {
            return self.single(field, value);
        }
        let mut out = Vec::new();
        for (index, item) in self.list(field, value)?.iter().enumerate() {
            self.location.push(index.into());
            out.extend(self.single(field, item));
            self.location.pop();
        }
        (!out.is_empty()).then_some(Value::Array(out))
    }

    fn single(&mut self, field: &Field, value: &Value) -> Option<Value> {
        match field.kind {
            Kind::Text => self.text(field, value).map(Value::String),
            Kind::Platform => {
                let platform = self.text(field, value)?;
                self.platforms.push((self.location.clone(), platform.clone()));
                Some(Value::String(platform))
            }
            Kind::Boolean => self.expect(value.is_boolean(), value, "value could not be parsed to a boolean", "type_error.bool"),
            Kind::Integer => self.integer(field, value),
            Kind::Number => self.expect(value.is_number(), value, "value is not a valid float", "type_error.float"),
            Kind::Date => self.date(value),
            Kind::DateTime => self.date_time(value),
            Kind::Choice(choice) => self.choice(choice, value),
            Kind::Object(object) => self.object(object(), value),
            Kind::Blob => {
                self.fault("a file cannot be part of the body: images have paths of their own, POST …/image", "value_error.binary_blob");
                if let Some(fault) = self.faults.last_mut() {
                    fault.kind = FaultKind::Blob;
                }
                None
            }
            // Links and terms stand at the top level only, where `top_level` takes them; the others are in answers alone.
            Kind::Link(_) | Kind::Term(_) | Kind::Map(_) | Kind::AnyOf(_) | Kind::Resource(_) => None,
        }
    }

    fn expect(&mut self, holds: bool, value: &Value, message: &str, code: &'static str) -> Option<Value> {
        if holds {
            return Some(value.clone());
        }
        self.fault(message, code);
        None
    }

    fn integer(&mut self, field: &Field, value: &Value) -> Option<Value> {
        // 3.0 is a whole number; many JSON writers know no other numbers than floats.
        let whole = value.as_f64().filter(|n| !value.is_i64() && n.fract() == 0.0 && n.abs() < 9.0e15);
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        let Some(number) = whole.map(|number| number as i64).or_else(|| value.as_i64()) else {
            self.fault("value is not a valid integer between -2^63 and 2^63-1", "type_error.integer");
            return None;
        };
        if let Some(least) = field.minimum.filter(|least| number < i64::from(*least)) {
            self.fault(format!("ensure this value is greater than or equal to {least}"), "value_error.number.not_ge");
            return None;
        }
        if let Some(most) = field.maximum.filter(|most| number > i64::from(*most)) {
            self.fault(format!("ensure this value is less than or equal to {most}"), "value_error.number.not_le");
            return None;
        }
        Some(Value::from(number))
    }

    fn choice(&mut self, choice: &Choice, value: &Value) -> Option<Value> {
        if value.as_str().is_some_and(|name| choice.names.contains(&name)) {
            return Some(value.clone());
        }
        self.fault(format!("value is not a valid enumeration member; permitted: {}", choice.permitted()), "type_error.enum");
        None
    }

    fn date(&mut self, value: &Value) -> Option<Value> {
        let written_so = |date: &NaiveDate, text: &str| has_common_year(date) && date.to_string() == text;
        let parsed = value.as_str().and_then(|t| NaiveDate::parse_from_str(t, "%Y-%m-%d").ok().filter(|d| written_so(d, t)));
        match parsed {
            Some(date) => Some(Value::String(date.to_string())),
            None => {
                self.fault("invalid date format: yyyy-mm-dd is expected", "value_error.date");
                None
            }
        }
    }

    fn date_time(&mut self, value: &Value) -> Option<Value> {
        match value.as_str().and_then(parse_date_time) {
            Some(time) => Some(Value::String(time.format(DATE_TIME).to_string())),
            None => {
                self.fault("invalid datetime format: yyyy-mm-ddThh:mm:ss is expected, with or without a zone", "value_error.datetime");
                None
            }
        }
    }

    fn object(&mut self, object: &'static Object, value: &Value) -> Option<Value> {
        let Value::Object(map) = value else {
            self.fault("value is not a valid dict: a JSON object is expected", "type_error.dict");
            return None;
        };
        let mut out = Map::new();
        for field in object.fields.iter().filter(|f| !f.read_only) {
            self.location.push(field.name.into());
            match map.get(field.name).filter(|v| !v.is_null()) {
                Some(value) => {
                    if let Some(value) = self.value(field, value) {
                        out.insert(field.name.to_owned(), value);
                    }
                }
                None if field.required => self.missing(),
                None if field.optional => {}
                None => out.extend(field.default.map(|default| (field.name.to_owned(), default.into()))),
            }
            self.location.pop();
        }
        // What the catalogue adds when it is read may come back, or else no client could write what it read.
        if object.closed {
            for name in map.keys().filter(|name| object.field(name).is_none()) {
                self.location.push(name.as_str().into());
                self.fault("extra fields not permitted", "value_error.extra");
                self.location.pop();
            }
        }
        Some(Value::Object(out))
    }
}

/// Reads a date-time in any zone (none is UTC); a bare date is not one.
pub fn parse_date_time(text: &str) -> Option<NaiveDateTime> {
    let bytes = text.as_bytes();
    // Four digits for the year: chrono would take more, and databases and clients would not.
    let looks_right = bytes.len() >= 16
        && bytes.len() <= 40
        && bytes.get(..4)?.iter().all(u8::is_ascii_digit)
        && matches!(bytes.get(10)?, b'T' | b't' | b' ');
    if !looks_right {
        return None;
    }
    let text = text.replacen([' ', 't'], "T", 1);
    // `%#z` takes `Z`, `+01`, `+0100` and `+01:00`.
    let zoned = |format| DateTime::parse_from_str(&text, format).map(|t| t.naive_utc());
    let time = zoned("%Y-%m-%dT%H:%M:%S%.f%#z")
        .or_else(|_| zoned("%Y-%m-%dT%H:%M%#z"))
        .or_else(|_| NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f"))
        .or_else(|_| NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M"))
        .ok()?;
    // chrono keeps a leap second as a fraction beyond one: without it 23:59:60, which few can read, becomes 23:59:59.
    time.with_nanosecond(0).filter(has_common_year)
}

/// Whether the year is one that databases and clients know: many begin with year 1 and end with 9999.
fn has_common_year(time: &impl Datelike) -> bool {
    (1..=9999).contains(&time.year())
}
