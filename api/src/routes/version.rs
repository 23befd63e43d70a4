//! The versions of the interface.

use aiod_schema::{Field, ResourceType};
use serde_json::Value;

use super::template::InterfaceError;
use crate::catalogue::Error;
use crate::config::Versions;

/// A version of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Version {
    /// The newest, without a prefix.
    Latest,
    /// The newest as well, below `/v3`: for clients that want to stay with it when there is a newer one.
    V3,
    /// Below `/v2`.
    V2,
}

impl Version {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Latest, Self::V3, Self::V2];

    /// What its paths begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Latest => "",
            Self::V3 => "/v3",
            Self::V2 => "/v2",
        }
    }

    /// What a configuration calls it; the newest one has no name there.
    fn name(self) -> &'static str {
        self.prefix().trim_start_matches('/')
    }

    /// Whether a catalogue with this configuration serves it.
    pub(super) fn is_served(self, versions: &Versions) -> bool {
        self == Self::Latest || versions.retired.iter().all(|name| name != self.name())
    }

    /// Makes sure that only versions are retired that there are. The newest one stays without a prefix.
    pub(super) fn check_retired(versions: &Versions) -> Result<(), InterfaceError> {
        let is_known = |name: &String| !name.is_empty() && Self::ALL.iter().any(|version| version.name() == name);
        match versions.retired.iter().find(|name| !is_known(name)) {
            None => Ok(()),
            Some(name) => Err(InterfaceError::NoVersion(name.clone())),
        }
    }

    /// Whether it has what the interface of the existing service does not have.
    pub(super) fn is_newest(self) -> bool {
        matches!(self, Self::Latest | Self::V3)
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
    ///
    /// # Errors
    /// When a field has two values, one under each of its names.
    pub(super) fn without_aliases(self, resource: &'static ResourceType, mut body: Value) -> Result<Value, Error> {
        let Some(map) = body.as_object_mut() else { return Ok(body) };
        for (name, alias) in self.aliases(resource) {
            let Some(value) = map.shift_remove(alias).filter(|value| !value.is_null()) else { continue };
            match map.get(name).filter(|own| !own.is_null()) {
                Some(own) if !is_same(own, &value) => {
                    return Err(Error::body(alias, format!("{name}, which is the same field, has another value: leave one of them out")));
                }
                Some(_) => {}
                None => drop(map.insert(name.to_owned(), value)),
            }
        }
        Ok(body)
    }
}

/// Whether two values are the same: 1 and 1.0 are.
fn is_same(one: &Value, other: &Value) -> bool {
    one == other || one.as_f64().is_some_and(|number| other.as_f64() == Some(number))
}
