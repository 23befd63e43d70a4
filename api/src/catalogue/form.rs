//! Small request bodies, read with all their faults.

use aiod_schema::Fault;
use aiod_schema::validate::Step;
use serde_json::{Map, Value};

use super::{Error, Result};

/// A body's fields, and what is wrong with them so far.
pub(super) struct Form<'v> {
    fields: &'v Map<String, Value>,
    faults: Vec<Fault>,
}

fn at<const N: usize>(steps: [&str; N], message: impl Into<String>, code: &'static str) -> Fault {
    Fault::new(steps, message, code)
}

impl<'v> Form<'v> {
    /// # Errors
    /// When the body is no JSON object.
    pub(super) fn new(body: &'v Value) -> Result<Self> {
        let fault = || at(["body"], "value is not a valid dict: a JSON object is expected", "type_error.dict");
        let fields = body.as_object().ok_or_else(|| Error::Invalid(vec![fault()]))?;
        Ok(Self { fields, faults: Vec::new() })
    }

    /// The field's value, unless it is absent or null.
    fn value(&self, name: &str) -> Option<&'v Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    fn missing(&mut self, name: &'static str) {
        self.faults.push(at(["body", name], "field required", "value_error.missing"));
    }

    fn wrong_type(&mut self, name: &'static str) {
        self.faults.push(at(["body", name], "str type expected", "type_error.str"));
    }

    /// A text of at most `max` characters; empty when it is absent.
    pub(super) fn optional_text(&mut self, name: &'static str, max: usize) -> String {
        match self.value(name) {
            None => {}
            Some(Value::String(text)) if text.chars().count() > max => {
                let message = format!("ensure this value has at most {max} characters");
                self.faults.push(at(["body", name], message, "value_error.any_str.max_length"));
            }
            Some(Value::String(text)) => return text.clone(),
            Some(_) => self.wrong_type(name),
        }
        String::new()
    }

    /// A text that must be there, and not be empty.
    pub(super) fn text(&mut self, name: &'static str, max: usize) -> String {
        if self.value(name).is_none() {
            self.missing(name);
            return String::new();
        }
        let text = self.optional_text(name, max);
        if self.value(name).and_then(Value::as_str) == Some("") {
            self.faults.push(at(["body", name], "ensure this value has at least 1 characters", "value_error.any_str.min_length"));
        }
        text
    }

    /// A list of texts with 1 to `max` items.
    pub(super) fn texts(&mut self, name: &'static str, max: usize) -> Vec<String> {
        let Some(value) = self.value(name) else {
            self.missing(name);
            return Vec::new();
        };
        let Some(items) = value.as_array() else {
            self.faults.push(at(["body", name], "value is not a valid list", "type_error.list"));
            return Vec::new();
        };
        if items.is_empty() || items.len() > max {
            let message = format!("ensure this value has 1 to {max} items");
            self.faults.push(at(["body", name], message, "value_error.list"));
        }
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match item.as_str() {
                Some(text) if !text.is_empty() => texts.push(text.to_owned()),
                _ => {
                    let mut fault = at(["body", name], "a text of 1 or more characters is expected", "type_error.str");
                    fault.location.push(Step::Index(index));
                    self.faults.push(fault);
                }
            }
        }
        texts
    }

    /// A whole number.
    pub(super) fn number(&mut self, name: &'static str) -> i64 {
        match self.value(name) {
            None => self.missing(name),
            Some(value) => match value.as_i64() {
                Some(number) => return number,
                None => self.faults.push(at(["body", name], "value is not a valid integer", "type_error.integer")),
            },
        }
        0
    }

    /// One of some values by its name; `None` when it is absent.
    pub(super) fn choice<T: Copy>(&mut self, name: &'static str, values: &[(&'static str, T)]) -> Option<T> {
        let value = self.value(name)?;
        let found = values.iter().find(|(known, _)| value.as_str() == Some(known)).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<&str> = values.iter().map(|(known, _)| *known).collect();
            let message = format!("value is not a valid enumeration member; permitted: {}", known.join(", "));
            self.faults.push(at(["body", name], message, "type_error.enum"));
        }
        found
    }

    /// The same, and it must be there.
    pub(super) fn required_choice<T: Copy>(&mut self, name: &'static str, values: &[(&'static str, T)]) -> Option<T> {
        if self.value(name).is_none() {
            self.missing(name);
        }
        self.choice(name, values)
    }

    /// # Errors
    /// With every fault that was found.
    pub(super) fn finish(self) -> Result<()> {
        if self.faults.is_empty() { Ok(()) } else { Err(Error::Invalid(self.faults)) }
    }
}
