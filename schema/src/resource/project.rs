use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::Model;
use crate::resource::common::AiResource;

/// A project with a beginning and an end.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
#[model(resource, path = "projects", prefix = "proj", class = "Resource", images)]
pub struct Project {
    /// What every AI resource has.
    #[serde(flatten)]
    pub resource: AiResource,
    /// When it begins, in UTC.
    pub start_date: Option<NaiveDateTime>,
    /// When it ends, in UTC.
    pub end_date: Option<NaiveDateTime>,
    /// What it costs in all, in euros.
    #[field(v2_alias = "total_cost_euro", digits(10, 2))]
    pub total_cost_euros: Option<f64>,
    /// Its subtitle.
    #[field(search = OtherName, max = 1800)]
    pub subtitle: Option<String>,
    /// Where its funding is described.
    #[field(max = 1800)]
    pub funding_link: Option<String>,
    /// The organisation that leads it.
    #[field(search = Linked, link = "organisation")]
    pub coordinator: Option<String>,
    /// Organisations that pay for it.
    #[field(link = "organisation")]
    pub funder: Vec<String>,
    /// Organisations that take part.
    #[field(link = "organisation")]
    pub participant: Vec<String>,
    /// AI assets that came out of it.
    #[field(link = "ai_asset")]
    pub produced: Vec<String>,
    /// AI assets that it uses.
    #[field(link = "ai_asset")]
    pub used: Vec<String>,
}
