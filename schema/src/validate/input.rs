//! A body in normal form.

use serde_json::{Map, Value};

use super::Step;
use crate::model::{Field, ResourceType, Role};
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
            platforms: Vec::new(),
        }
    }

    /// The resource's name; contacts may have none.
    pub fn name(&self) -> Option<&str> {
        self.values.get(self.resource.field_with(Role::Name)?.name)?.as_str()
    }
}
