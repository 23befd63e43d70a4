use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::Model;
use crate::resource::common::AiAsset;
use crate::resource::embedded::Distribution;

/// Hardware or a computing service for AI.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
#[model(resource, path = "computational_assets", prefix = "comp", class = "Asset")]
pub struct ComputationalAsset {
    /// What every AI asset has.
    #[serde(flatten)]
    pub asset: AiAsset,
    /// Where its state of operation is shown.
    #[field(max = 256)]
    pub status_info: Option<String>,
    /// Ways to get at it.
    #[field(role = Files)]
    pub distribution: Vec<Distribution>,
    /// What sort of asset it is.
    #[field(term = "computational_asset_type")]
    pub r#type: Option<String>,
}
