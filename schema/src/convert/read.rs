//! What the converters read from a resource and how they write, whatever JSON they are given.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::model::by_identifier;
use crate::validate::{DATE_TIME, parse_date_time};

/// A text that is there and not empty.
pub(super) fn text<'v>(object: &'v Value, field: &str) -> Option<&'v str> {
    object.get(field)?.as_str().filter(|text| !text.trim().is_empty())
}

/// The members of a list; none when it is absent.
pub(super) fn items<'v>(object: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> {
    object.get(field).and_then(Value::as_array).into_iter().flatten()
}

/// The texts of a list that are not empty.
pub(super) fn texts<'v>(object: &'v Value, field: &str) -> impl Iterator<Item = &'v str> {
    items(object, field).filter_map(Value::as_str).filter(|text| !text.trim().is_empty())
}

/// A date-time in normal form.
pub(super) fn time(object: &Value, field: &str) -> Option<String> {
    let time = parse_date_time(text(object, field)?)?;
    Some(time.format(DATE_TIME).to_string())
}

/// When the metadata last changed.
pub(super) fn date_modified(resource: &Value) -> Option<String> {
    time(resource.get("aiod_entry")?, "date_modified")
}

/// The description without markup, else as HTML.
pub(super) fn description(resource: &Value) -> Option<&str> {
    let description = resource.get("description")?;
    text(description, "plain").or_else(|| text(description, "html"))
}

/// A person or an organisation whose name is known.
#[derive(Clone, Copy)]
pub(super) struct Agent<'v> {
    pub(super) name: &'v str,
    pub(super) is_organisation: bool,
}

/// Everyone that stands in `contacts` with a name, by identifier; everywhere else in the document there are only identifiers.
pub(super) fn agents(resource: &Value) -> HashMap<&str, Agent<'_>> {
    items(resource, "contacts").filter_map(|contact| Some((text(contact, "identifier")?, agent(contact)?))).collect()
}

fn agent(contact: &Value) -> Option<Agent<'_>> {
    // Names of people may be masked, and a mask is no name.
    let name = text(contact, "name").filter(|name| name.chars().any(|c| c != '*'))?;
    let type_name = text(contact, "identifier").and_then(by_identifier).map(|t| t.name);
    let is_organisation = text(contact, "organisation").is_some() || type_name == Some("organisation");
    Some(Agent { name, is_organisation })
}

/// A JSON-LD node under construction: absent values leave no trace.
#[derive(Default)]
pub(super) struct Node(Map<String, Value>);

impl Node {
    pub(super) fn with(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
        self
    }

    /// A value that there may be several of: without a list around it when there is one, nothing when there is none.
    pub(super) fn with_any<V: Into<Value>>(self, name: &str, values: impl Iterator<Item = V>) -> Self {
        let mut values: Vec<Value> = values.map(Into::into).collect();
        let value = if values.len() > 1 { Some(Value::Array(values)) } else { values.pop() };
        self.with(name, value)
    }

    /// The list of values, even when there is none.
    pub(super) fn with_all<V: Into<Value>>(self, name: &str, values: impl Iterator<Item = V>) -> Self {
        self.with(name, Some(values.map(Into::into).collect::<Vec<Value>>()))
    }
}

impl From<Node> for Value {
    fn from(node: Node) -> Self {
        Self::Object(node.0)
    }
}
