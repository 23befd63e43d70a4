//! What the resources are called that others are linked to: for formats that tell names instead of identifiers.

use std::sync::LazyLock;

use aiod_schema::convert::{Format, Names};
use aiod_schema::{Role, by_identifier, resource_types};

use super::read::Document;
use super::render::{View, is_hidden};
use super::{Catalogue, Result};
use crate::identity::Caller;
use crate::store::asset::{NameQuery, NameRow};

/// The fields by which a resource leads to the one that it stands for, as a contact to a person.
static OWNERS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut names: Vec<&str> = resource_types().iter().flat_map(|r| r.links()).filter(|f| f.one_of.is_some()).map(|f| f.name).collect();
    names.sort_unstable();
    names.dedup();
    names
});

/// The field that holds a name in law.
static LEGAL_NAME: LazyLock<&'static str> =
    LazyLock::new(|| resource_types().iter().find_map(|r| r.field_with(Role::LegalName)).map_or("", |field| field.name));

impl Catalogue {
    /// The names that a format tells of what these resources are linked to: those of published resources, where the caller may read them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn names(&self, caller: &Caller, documents: &[Document], format: &Format) -> Result<Names> {
        let ids: Vec<i64> = documents.iter().map(|document| document.id).collect();
        if ids.is_empty() || format.named.is_empty() {
            return Ok(Names::default());
        }
        let query = NameQuery { ids: &ids, fields: format.named, owners: &OWNERS, legal_name: *LEGAL_NAME };
        let view = self.view_of_names(caller);
        let mut names = Names::default();
        for row in self.db.names_of_linked(query).await? {
            let Some(name) = shown_name(&row, view) else { continue };
            if let Some(contact) = &row.reached_by {
                names.add_owner(contact.clone(), row.identifier.clone());
            }
            names.add(row.identifier, name);
        }
        Ok(names)
    }

    fn view_of_names<'c>(&self, caller: &'c Caller) -> View<'c> {
        let user = caller.user();
        View { user, full: user.is_some_and(|u| u.has_role(&self.roles.full_view)), unpublished_links: false }
    }
}

/// A resource's name in law, or else its name, as far as the reader may see it.
fn shown_name(row: &NameRow, view: View<'_>) -> Option<String> {
    let resource = by_identifier(&row.identifier)?;
    let shown = |role, name: &Option<String>| {
        resource.field_with(role).filter(|field| !is_hidden(field, row.platform.as_deref(), view))?;
        name.clone().filter(|name| !name.trim().is_empty())
    };
    shown(Role::LegalName, &row.legal_name).or_else(|| shown(Role::Name, &row.name))
}
