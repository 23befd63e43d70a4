use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::Model;
use crate::resource::common::AiResource;

/// A company, university or other body.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
#[model(resource, path = "organisations", prefix = "org", class = "Agent", images)]
pub struct Organisation {
    /// What every AI resource has.
    #[serde(flatten)]
    pub resource: AiResource,
    /// When it was founded.
    pub date_founded: Option<NaiveDate>,
    /// Its name in law.
    #[field(role = LegalName, search = OtherName, max = 256)]
    pub legal_name: Option<String>,
    /// What it has to do with AI.
    #[field(search = Text, max = 1800)]
    pub ai_relevance: Option<String>,
    /// The same identifier, under its older name.
    #[field(role = IdentifierAlias, read_only)]
    pub agent_identifier: Option<String>,
    /// How to reach it.
    #[field(link = "contact", inverse = "organisation")]
    pub contact_details: Option<String>,
    /// Its members.
    #[field(link = "person, organisation")]
    pub member: Vec<String>,
    /// How many people it employs.
    #[field(term = "number_of_employees")]
    pub number_of_employees: Option<String>,
    /// Its turnover in a year.
    #[field(term = "turnover")]
    pub turnover: Option<String>,
    /// What sort of body it is.
    #[field(term = "organisation_type")]
    pub r#type: Option<String>,
}
