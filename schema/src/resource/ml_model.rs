use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::Model;
use crate::resource::common::AiAsset;
use crate::resource::embedded::RunnableDistribution;

/// A machine learning model.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
#[model(resource, title = "MLModel", phrase = "an ml model", path = "ml_models", prefix = "mdl", class = "Asset")]
pub struct MlModel {
    /// What every AI asset has.
    #[serde(flatten)]
    pub asset: AiAsset,
    /// A permanent identifier, such as a DOI.
    #[field(search = PermanentIdentifier, max = 64)]
    pub pid: Option<String>,
    /// Files of the model.
    #[field(role = Files)]
    pub distribution: Vec<RunnableDistribution>,
    /// Experiments that it came out of or was used in.
    #[field(link = "experiment")]
    pub related_experiment: Vec<String>,
    /// What sort of model it is.
    #[field(term = "ml_model_type")]
    pub r#type: Option<String>,
}
