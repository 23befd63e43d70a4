//! The check of a body's values, one by one.

use std::collections::HashSet;

use chrono::NaiveDate;
use serde_json::{Map, Value};

use super::time::{DATE_TIME, has_common_year, parse_date_time};
use super::{Fault, FaultKind, MAX_ITEMS, Step, TermUse};
use crate::choice::Choice;
use crate::identifier::{MAX_PLATFORM_IDENTIFIER, platform_identifier_fault};
use crate::model::{Digits, Field, Kind, Object, Role};
use crate::vocabulary::Vocabulary;

/// Goes through a body and collects what is wrong with it.
pub(super) struct Checker {
    /// Where it is.
    location: Vec<Step>,
    /// What is wrong so far.
    pub(super) faults: Vec<Fault>,
    /// Platforms that stand within the body, with where.
    pub(super) platforms: Vec<(Vec<Step>, String)>,
    /// Terms of nested objects.
    pub(super) terms: Vec<TermUse>,
}

impl Checker {
    pub(super) fn new(root: &str) -> Self {
        Self { location: vec![root.into()], faults: Vec::new(), platforms: Vec::new(), terms: Vec::new() }
    }

    /// Checks what stands one step further.
    pub(super) fn at<T>(&mut self, step: impl Into<Step>, check: impl FnOnce(&mut Self) -> T) -> T {
        self.location.push(step.into());
        let outcome = check(self);
        self.location.pop();
        outcome
    }

    pub(super) fn fault(&mut self, message: impl Into<String>, code: &'static str) {
        self.faults.push(Fault::new(self.location.iter().cloned(), message, code));
    }

    pub(super) fn missing(&mut self) {
        self.fault("field required", "value_error.missing");
    }

    /// The texts of a field that is a text or a list of them, checked, without repetitions.
    pub(super) fn texts(&mut self, field: &Field, value: &Value, check: impl Fn(&mut Self, &str) -> Option<String>) -> Vec<String> {
        let one = |checker: &mut Self, value: &Value| match value.as_str() {
            Some(text) => check(checker, text),
            None => {
                checker.fault("str type expected", "type_error.str");
                None
            }
        };
        if !field.list {
            return one(self, value).into_iter().collect();
        }
        let mut texts: Vec<String> = Vec::new();
        let mut seen = HashSet::new();
        for (index, item) in self.list(field, value).into_iter().flatten().enumerate() {
            texts.extend(self.at(index, |checker| one(checker, item)).filter(|text| seen.insert(text.clone())));
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

    pub(super) fn identifier(&mut self, text: &str) -> Option<String> {
        // Whether it exists is the catalogue's question; this keeps nonsense out of messages and queries.
        if text.is_empty() || text.chars().count() > MAX_PLATFORM_IDENTIFIER || text.contains('\0') {
            self.fault("an identifier of a resource is expected", "value_error.identifier");
            return None;
        }
        Some(text.to_owned())
    }

    pub(super) fn term(&mut self, vocabulary: &Vocabulary, text: &str) -> Option<String> {
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

    pub(super) fn text(&mut self, field: &Field, value: &Value) -> Option<String> {
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
    pub(super) fn value(&mut self, field: &'static Field, value: &Value) -> Option<Value> {
        if !field.list {
            return self.single(field, value);
        }
        let items = self.list(field, value)?.iter().enumerate();
        let out: Vec<Value> = items.filter_map(|(index, item)| self.at(index, |checker| checker.single(field, item))).collect();
        (!out.is_empty()).then_some(Value::Array(out))
    }

    fn single(&mut self, field: &'static Field, value: &Value) -> Option<Value> {
        match field.kind {
            Kind::Text => self.text(field, value).map(Value::String),
            Kind::Platform => self.platform(field, value),
            Kind::Boolean => self.expect(
                value.is_boolean(),
                value,
                "value could not be parsed to a boolean: true or false is expected",
                "type_error.bool",
            ),
            Kind::Integer => self.integer(field, value),
            Kind::Number => self.number(field, value),
            Kind::Date => self.date(value),
            Kind::DateTime => self.date_time(value),
            Kind::Choice(choice) => self.choice(choice, value),
            Kind::Object(object) => self.object(object(), value),
            Kind::Blob => self.blob(),
            Kind::Term(vocabulary) => self.nested_term(field, vocabulary, value),
            // Those of the body itself are taken by `take_field`.
            Kind::Link(_) => self.text(field, value).and_then(|text| self.identifier(&text)).map(Value::String),
            // These are in answers alone.
            Kind::Map(_) | Kind::AnyOf(_) | Kind::Resource(_) => None,
        }
    }

    /// A term of a nested object; those of the body itself are taken by `take_field`.
    fn nested_term(&mut self, field: &'static Field, vocabulary: &'static Vocabulary, value: &Value) -> Option<Value> {
        let Value::String(text) = value else {
            self.fault("str type expected", "type_error.str");
            return None;
        };
        let term = self.term(vocabulary, text)?;
        let nested = self.location.iter().skip(1).cloned().collect();
        self.terms.push(TermUse { field, vocabulary, terms: vec![term.clone()], nested, kept: false });
        Some(Value::String(term))
    }

    fn platform(&mut self, field: &Field, value: &Value) -> Option<Value> {
        let platform = self.text(field, value)?;
        self.platforms.push((self.location.clone(), platform.clone()));
        Some(Value::String(platform))
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

    fn number(&mut self, field: &Field, value: &Value) -> Option<Value> {
        let number = self.expect(value.is_number(), value, "value is not a valid float", "type_error.float")?;
        if let Some(Digits { before, after }) = field.digits {
            let (digits_before, digits_after) = Digits::of(value.as_f64()?);
            if digits_before > before.into() {
                let message = format!("ensure that there are no more than {before} digits before the decimal point");
                self.fault(message, "value_error.decimal.whole_digits");
                return None;
            }
            if digits_after > after.into() {
                self.fault(format!("ensure that there are no more than {after} decimal places"), "value_error.decimal.max_places");
                return None;
            }
        }
        Some(number)
    }

    fn choice(&mut self, choice: &Choice, value: &Value) -> Option<Value> {
        if value.as_str().is_some_and(|name| choice.names.contains(&name)) {
            return Some(value.clone());
        }
        self.fault(format!("value is not a valid enumeration member; permitted: {}", choice.permitted()), "type_error.enum");
        None
    }

    fn blob(&mut self) -> Option<Value> {
        self.fault("a file cannot be part of the body: images have paths of their own, POST …/image", "value_error.binary_blob");
        if let Some(fault) = self.faults.last_mut() {
            fault.kind = FaultKind::Blob;
        }
        None
    }

    fn expect(&mut self, holds: bool, value: &Value, message: &str, code: &'static str) -> Option<Value> {
        if holds {
            return Some(value.clone());
        }
        self.fault(message, code);
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

    pub(super) fn object(&mut self, object: &'static Object, value: &Value) -> Option<Value> {
        let Value::Object(map) = value else {
            self.fault("value is not a valid dict: a JSON object is expected", "type_error.dict");
            return None;
        };
        let mut out = Map::new();
        for field in object.fields.iter().filter(|f| !f.read_only) {
            let member = map.get(field.name).filter(|v| !v.is_null());
            let checked = self.at(field.name, |checker| checker.member(field, member));
            out.extend(checked.map(|value| (field.name.to_owned(), value)));
        }
        self.check_platform_identifier(object, map, &out);
        // What the catalogue adds when it is read may come back, or else no client could write what it read.
        if object.closed {
            for name in map.keys().filter(|name| object.field(name).is_none()) {
                self.at(name.as_str(), |checker| checker.fault("extra fields not permitted", "value_error.extra"));
            }
        }
        Some(Value::Object(out))
    }

    /// Where an object names a platform and what the platform calls it, one does not stand without the other, and the platform's rule for
    /// identifiers holds.
    fn check_platform_identifier(&mut self, object: &'static Object, given: &Map<String, Value>, checked: &Map<String, Value>) {
        let platform = object.fields.iter().find(|field| matches!(field.kind, Kind::Platform));
        let (Some(platform), Some(own)) = (platform, object.field_with(Role::PlatformIdentifier)) else { return };
        let is_absent = |field: &Field| given.get(field.name).is_none_or(Value::is_null);
        let text = |field: &Field| checked.get(field.name).and_then(Value::as_str);
        let fault = match (is_absent(platform), is_absent(own)) {
            (true, false) => Some((platform, format!("field required: {} does not stand alone", own.name))),
            (false, true) => Some((own, format!("field required: {} does not stand alone", platform.name))),
            _ => text(platform)
                .zip(text(own))
                .and_then(|(platform, text)| platform_identifier_fault(platform, text))
                .map(|fault| (own, fault)),
        };
        if let Some((field, message)) = fault {
            self.at(field.name, |checker| checker.fault(message, "value_error"));
        }
    }

    fn member(&mut self, field: &'static Field, value: Option<&Value>) -> Option<Value> {
        match value {
            Some(value) => self.value(field, value),
            None if field.required => {
                self.missing();
                None
            }
            None if field.optional => None,
            None => field.default.map(Value::from),
        }
    }
}
