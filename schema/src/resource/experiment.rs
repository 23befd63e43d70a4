use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::Model;
use crate::resource::common::AiAsset;
use crate::resource::embedded::RunnableDistribution;

/// An experiment that others can repeat.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
#[model(resource, path = "experiments", prefix = "exp", class = "Asset")]
pub struct Experiment {
    /// What every AI asset has.
    #[serde(flatten)]
    pub asset: AiAsset,
    /// A permanent identifier, such as a DOI.
    #[field(max = 64)]
    pub pid: Option<String>,
    /// The steps of the experiment.
    #[field(max = 1800)]
    pub experimental_workflow: Option<String>,
    /// The settings that it ran with.
    #[field(max = 1800)]
    pub execution_settings: Option<String>,
    /// How it can be reproduced.
    #[field(max = 1800)]
    pub reproducibility_explanation: Option<String>,
    /// Badges that it was awarded.
    #[field(term = "badge")]
    pub badge: Vec<String>,
    /// Files of the experiment.
    #[field(role = Files)]
    pub distribution: Vec<RunnableDistribution>,
}
