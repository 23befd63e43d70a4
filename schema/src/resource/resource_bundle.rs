use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::Model;
use crate::resource::common::AiResource;

/// Resources that belong together.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
#[model(resource, path = "resource_bundles", prefix = "res", class = "Resource")]
pub struct ResourceBundle {
    /// What every AI resource has.
    #[serde(flatten)]
    pub resource: AiResource,
    /// Resources outside the catalogue.
    #[field(term = "external_resource")]
    pub includes_external_reference: Vec<String>,
    /// Resources of the catalogue.
    #[field(link = "ai_resource")]
    pub includes_resource: Vec<String>,
}
