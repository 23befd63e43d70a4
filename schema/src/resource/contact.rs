use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serde_with::skip_serializing_none;

use crate::Model;
use crate::resource::common::Concept;
use crate::resource::embedded::Location;
use crate::validate::Fault;

/// How to reach a person or an organisation.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
#[model(resource, path = "contacts", prefix = "con", class = "Other", rule = one_owner)]
pub struct Contact {
    /// Platform, identifiers and administration.
    #[serde(flatten)]
    pub concept: Concept,
    /// The contact's name.
    #[field(role = Name, personal, max = 256)]
    pub name: Option<String>,
    /// E-mail addresses; shown as `******` to anyone who is not logged in.
    #[field(personal, needs_login, term = "email")]
    pub email: Vec<String>,
    /// Where the contact is.
    pub location: Vec<Location>,
    /// The organisation that is reached.
    #[field(link = "organisation")]
    pub organisation: Option<String>,
    /// The person who is reached.
    #[field(link = "person")]
    pub person: Option<String>,
    /// Telephone numbers.
    #[field(personal, term = "telephone")]
    pub telephone: Vec<String>,
}

/// A contact belongs to a person or to an organisation, never to both.
fn one_owner(body: &Map<String, Value>) -> Vec<Fault> {
    let given = |field: &str| body.get(field).is_some_and(|v| !v.is_null());
    if given("person") && given("organisation") {
        let message = "a contact has either a person or an organisation, not both";
        return vec![Fault::value(["body", "organisation"], message)];
    }
    Vec::new()
}
