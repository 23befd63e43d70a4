use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::Model;
use crate::resource::common::AiResource;

/// A service that one can call on.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
#[model(resource, path = "services", prefix = "srvc", class = "Resource")]
pub struct Service {
    /// What every AI resource has.
    #[serde(flatten)]
    pub resource: AiResource,
    /// Its slogan.
    #[field(search = OtherName, max = 256)]
    pub slogan: Option<String>,
    /// The terms under which it is offered.
    #[field(max = 1800)]
    pub terms_of_service: Option<String>,
}
