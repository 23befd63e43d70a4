use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::Model;
use crate::resource::common::AiAsset;
use crate::resource::embedded::{DatasetSize, Distribution, Location};

/// A collection of data, ready to be used.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
#[model(resource, path = "datasets", prefix = "data", class = "Asset")]
pub struct Dataset {
    /// What every AI asset has.
    #[serde(flatten)]
    pub asset: AiAsset,
    /// International standard serial number, eight characters without a dash.
    #[field(search = Issn, min = 8, max = 8)]
    pub issn: Option<String>,
    /// How the data were measured.
    #[field(max = 256)]
    pub measurement_technique: Option<String>,
    /// The period that the data are about, in ISO 8601.
    #[field(max = 64)]
    pub temporal_coverage: Option<String>,
    /// Files of the dataset.
    #[field(role = Files)]
    pub distribution: Vec<Distribution>,
    /// Persons or organisations that paid for it.
    #[field(link = "person, organisation")]
    pub funder: Vec<String>,
    /// How large it is.
    pub size: Option<DatasetSize>,
    /// The place that the data are about.
    pub spatial_coverage: Option<Location>,
}
