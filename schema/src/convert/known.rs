//! What a converter knows beside the resource itself: where the catalogue is, and the names of what the resource is linked to.

use std::collections::HashMap;

use crate::model::{ResourceType, by_identifier};
use crate::resource::target;

/// What a converter knows beside the resource.
#[derive(Clone, Copy, Debug)]
pub struct Known<'k> {
    /// Where the catalogue is, such as `https://catalogue.example.org`: what the addresses of its resources begin with.
    pub base: &'k str,
    /// Names of resources that this one is linked to.
    pub names: &'k Names,
    /// Whether the document is for clients of `/v2`, who want it letter for letter as they know it.
    pub is_v2: bool,
}

impl Known<'_> {
    /// The address of a resource in the catalogue, which is also its identifier in the world.
    pub(super) fn address(&self, identifier: &str) -> String {
        let path = by_identifier(identifier).map_or("assets", |resource| resource.path);
        format!("{}/{path}/{identifier}", self.base)
    }
}

/// What resources are called, by their identifiers. Whoever reads the document may read each of these names.
#[derive(Clone, Debug, Default)]
pub struct Names {
    names: HashMap<String, String>,
    owners: HashMap<String, String>,
}

/// A person or an organisation that has to do with a resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agent<'n> {
    /// The person's or the organisation's identifier; that of the contact where it is not known whom it reaches.
    pub(super) identifier: &'n str,
    pub(super) name: &'n str,
}

impl Names {
    /// Adds a resource's name.
    pub fn add(&mut self, identifier: String, name: String) {
        self.names.insert(identifier, name);
    }

    /// Adds who is reached by a contact.
    pub fn add_owner(&mut self, contact: String, owner: String) {
        self.owners.insert(contact, owner);
    }

    /// A resource's name.
    pub(super) fn name(&self, identifier: &str) -> Option<&str> {
        self.names.get(identifier).map(String::as_str)
    }

    /// Whom an identifier stands for: of a contact, the person or the organisation that it reaches, where this one's name is known.
    pub(super) fn agent<'n>(&'n self, identifier: &'n str) -> Option<Agent<'n>> {
        let owner = self.owners.get(identifier).and_then(|owner| Some(Agent { identifier: owner, name: self.name(owner)? }));
        owner.or_else(|| Some(Agent { identifier, name: self.name(identifier)? }))
    }
}

impl Agent<'_> {
    pub(super) fn is_organisation(&self) -> bool {
        self.resource().is_some_and(|resource| resource.name == target::organisation)
    }

    pub(super) fn is_person(&self) -> bool {
        self.resource().is_some_and(|resource| resource.name == target::person)
    }

    fn resource(&self) -> Option<&'static ResourceType> {
        by_identifier(self.identifier)
    }
}
