use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::Model;
use crate::resource::common::AiResource;

/// People who work together.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
#[model(resource, path = "teams", prefix = "team", class = "Resource")]
pub struct Team {
    /// What every AI resource has.
    #[serde(flatten)]
    pub resource: AiResource,
    /// What an hour of work costs, in euros.
    #[field(digits(2, 2))]
    pub price_per_hour_euro: Option<f64>,
    /// How many people it has.
    pub size: Option<i64>,
    /// Its members.
    #[field(link = "person")]
    pub member: Vec<String>,
    /// The organisation that it belongs to.
    #[field(link = "organisation")]
    pub organisation: Option<String>,
}
