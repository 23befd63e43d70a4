use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::Model;
use crate::resource::common::Concept;
use crate::resource::embedded::Location;

/// How to reach a person or an organisation.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
#[model(resource, path = "contacts", prefix = "con", class = "Other")]
pub struct Contact {
    /// Platform, identifiers and administration.
    #[serde(flatten)]
    pub concept: Concept,
    /// The contact's name.
    #[field(role = Name, search = Name, max = 256)]
    pub name: Option<String>,
    /// E-mail addresses; shown as `******` to anyone who is not logged in.
    #[field(personal, needs_login, term = "email")]
    pub email: Vec<String>,
    /// Where the contact is.
    pub location: Vec<Location>,
    /// The organisation that is reached.
    #[field(link = "organisation", inverse = "contact_details", one_of = "owner")]
    pub organisation: Option<String>,
    /// The person who is reached.
    #[field(link = "person", inverse = "contact_details", one_of = "owner")]
    pub person: Option<String>,
    /// Telephone numbers.
    #[field(term = "telephone")]
    pub telephone: Vec<String>,
}
