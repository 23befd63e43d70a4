//! A body in normal form.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{Fault, Step};
use crate::model::{Field, Kind, MASK, ResourceType, Role};
use crate::vocabulary::Vocabulary;

/// The terms that a body uses of one vocabulary.
#[derive(Clone, Debug)]
pub struct TermUse {
    /// The field that they stand in.
    pub field: &'static Field,
    /// The vocabulary.
    pub vocabulary: &'static Vocabulary,
    /// The terms, trimmed, without repetitions in any spelling; lower-cased in open vocabularies.
    pub terms: Vec<String>,
    /// The way to a field of a nested object, such as `location`, 0, `address`, `country`; empty for a field of the body itself. The term of
    /// a nested field stands in [`Input::values`], too.
    pub nested: Vec<Step>,
    /// Whether its field stays as it is stored, see [`normalise_keeping`](super::normalise_keeping): no taxonomy needs to have these terms.
    pub kept: bool,
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
    /// Those who look after the metadata, as the entry names them.
    pub editors: Vec<String>,
    /// References to other resources.
    pub links: Vec<LinkUse>,
    /// References that stay as they are, see [`normalise_keeping`](super::normalise_keeping): they are neither checked nor written.
    pub kept: Vec<LinkUse>,
    /// Terms.
    pub terms: Vec<TermUse>,
    /// Fields in which a mask stands for what is stored, see [`Self::restore`]. Their other values stand where they always do.
    pub masked: Vec<&'static Field>,
    /// Platforms named within the body (in distributions), with where.
    pub platforms: Vec<(Vec<Step>, String)>,
}

impl Input {
    /// A body without any value.
    pub(super) fn new(resource: &'static ResourceType) -> Self {
        Self {
            resource,
            platform: None,
            platform_resource_identifier: None,
            values: Map::new(),
            editors: Vec::new(),
            links: Vec::new(),
            kept: Vec::new(),
            terms: Vec::new(),
            masked: Vec::new(),
            platforms: Vec::new(),
        }
    }

    /// Puts what is stored in place of the masks, so that whoever must not see a value does not lose it by writing what they read. In a
    /// list, it comes before what the body adds.
    pub fn restore(&mut self, stored: &Map<String, Value>) {
        for field in std::mem::take(&mut self.masked) {
            let Some(value) = stored.get(field.name) else { continue };
            match field.kind {
                Kind::Term(vocabulary) => self.restore_terms(field, vocabulary, value),
                _ => self.restore_value(field, value),
            }
        }
    }

    fn restore_terms(&mut self, field: &'static Field, vocabulary: &'static Vocabulary, stored: &Value) {
        let mut terms = texts(stored);
        let added = self.terms.extract_if(.., |used| used.nested.is_empty() && used.field.name == field.name);
        let added: Vec<String> = added.flat_map(|used| used.terms).collect();
        let kept = added.is_empty();
        let mut keys: HashSet<String> = terms.iter().map(|term| vocabulary.key(term)).collect();
        terms.extend(added.into_iter().filter(|term| keys.insert(vocabulary.key(term))));
        self.terms.push(TermUse { field, vocabulary, terms, nested: Vec::new(), kept });
    }

    fn restore_value(&mut self, field: &Field, stored: &Value) {
        let mut value = stored.clone();
        if let (Value::Array(items), Some(Value::Array(added))) = (&mut value, self.values.get(field.name)) {
            items.extend(added.iter().filter(|item| !texts(stored).iter().any(|text| item.as_str() == Some(text))).cloned());
        }
        self.values.insert(field.name.to_owned(), value);
        // In the order of the model, in which the hash of a body counts them.
        let mut values = std::mem::take(&mut self.values);
        self.values = self.resource.object.fields.iter().filter_map(|field| values.remove_entry(field.name)).collect();
    }

    /// The faults of masks where nothing is stored that they could stand for: a value that a new resource must have. Others count as absent.
    pub fn mask_faults(&self) -> Vec<Fault> {
        let message = format!("field required: '{MASK}' stands for a value that is stored, and a new resource has none");
        let required = self.masked.iter().filter(|field| field.required);
        required.map(|field| Fault::new(["body", field.name], message.as_str(), "value_error.missing")).collect()
    }

    /// The resource's name; contacts may have none.
    pub fn name(&self) -> Option<&str> {
        self.values.get(self.resource.field_with(Role::Name)?.name)?.as_str()
    }
}

/// The texts of a value that is a text or a list of them.
pub(super) fn texts(value: &Value) -> Vec<String> {
    let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
