use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::Model;
use crate::resource::common::AiAsset;
use crate::resource::embedded::Distribution;

/// A story of how AI was put to use.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
#[model(resource, path = "case_studies", prefix = "case", class = "Asset")]
pub struct CaseStudy {
    /// What every AI asset has.
    #[serde(flatten)]
    pub asset: AiAsset,
    /// Files of the case study.
    #[field(role = Files)]
    pub distribution: Vec<Distribution>,
}
