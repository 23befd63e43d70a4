use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::Model;
use crate::resource::common::AiResource;

/// A person who has to do with AI.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
#[model(resource, path = "persons", prefix = "prsn", class = "Agent")]
pub struct Person {
    /// What every AI resource has.
    #[serde(flatten)]
    #[field(overrides(name, personal))]
    pub resource: AiResource,
    /// First names.
    #[field(personal, search = OtherName, max = 256)]
    pub given_name: Option<String>,
    /// Family name.
    #[field(personal, search = OtherName, max = 256)]
    pub surname: Option<String>,
    /// What an hour of work costs, in euros.
    #[field(digits(2, 2))]
    pub price_per_hour_euro: Option<f64>,
    /// Whether the person wants to be contacted.
    #[field(default = false)]
    pub wants_to_be_contacted: bool,
    /// The same identifier, under its older name.
    #[field(role = IdentifierAlias, read_only)]
    pub agent_identifier: Option<String>,
    /// How to reach the person.
    #[field(link = "contact", inverse = "person")]
    pub contact_details: Option<String>,
    /// What the person is an expert in.
    #[field(term = "expertise")]
    pub expertise: Vec<String>,
    /// The languages that the person speaks, as ISO 639-3 codes.
    #[field(term = "language")]
    pub languages: Vec<String>,
    /// Organisations that the person belongs to.
    #[field(link = "organisation")]
    pub member_of: Vec<String>,
}
