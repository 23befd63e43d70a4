//! The versions of the interface.

use aiod_schema::{Field, ResourceType};
use serde_json::Value;

/// A version of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Version {
    /// The newest, without a prefix.
    Latest,
    /// Below `/v2`.
    V2,
}

impl Version {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Latest, Self::V2];

    /// What its paths begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Latest => "",
            Self::V2 => "/v2",
        }
    }

    /// Whether it has what the interface of the existing service does not have.
    pub(super) fn is_newest(self) -> bool {
        self == Self::Latest
    }

    /// The other name that a field has in this version, beside its own.
    pub(super) fn alias(self, field: &Field) -> Option<&'static str> {
        field.v2_alias.filter(|_| self == Self::V2)
    }

    /// Fields of a type that have another name as well in this version: the model's name and the other.
    pub(super) fn aliases(self, resource: &'static ResourceType) -> impl Iterator<Item = (&'static str, &'static str)> {
        resource.object.fields.iter().filter_map(move |field| Some((field.name, self.alias(field)?)))
    }

    /// Whether a type has fields with another name in this version.
    pub(super) fn has_aliases(self, resource: &'static ResourceType) -> bool {
        self.aliases(resource).next().is_some()
    }

    /// Adds the other names that fields of a resource have in this version; its identifier tells its type.
    pub(super) fn add_aliases(self, value: &mut Value) {
        let Some(map) = value.as_object_mut() else { return };
        let identifier = map.get("identifier").and_then(Value::as_str);
        let Some(resource) = identifier.and_then(aiod_schema::by_identifier) else { return };
        for (name, alias) in self.aliases(resource) {
            if let Some(copy) = map.get(name).cloned() {
                map.insert(alias.to_owned(), copy);
            }
        }
    }

    /// A body in the names of the model.
    pub(super) fn without_aliases(self, resource: &'static ResourceType, mut body: Value) -> Value {
        let Some(map) = body.as_object_mut() else { return body };
        for (name, alias) in self.aliases(resource) {
            if let Some(value) = map.shift_remove(alias)
                && map.get(name).is_none_or(Value::is_null)
            {
                map.insert(name.to_owned(), value);
            }
        }
        body
    }
}
