use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::Model;
use crate::resource::common::AiResource;
use crate::resource::embedded::{Location, Text};

/// A course, book or other thing to learn from.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
#[model(resource, path = "educational_resources", prefix = "edu", class = "Resource")]
pub struct EducationalResource {
    /// What every AI resource has.
    #[serde(flatten)]
    pub resource: AiResource,
    /// How long it takes, in ISO 8601 or in words.
    #[field(max = 256)]
    pub time_required: Option<String>,
    /// How it is taken in, such as `textual`.
    #[field(term = "edu_access_mode")]
    pub access_mode: Vec<String>,
    /// The resource itself, as text.
    #[field(search = Text)]
    pub content: Option<Text>,
    /// The levels of education that it is for.
    #[field(term = "educational_level")]
    pub educational_level: Vec<String>,
    /// Its languages, as ISO 639-3 codes.
    #[field(term = "language")]
    pub in_language: Vec<String>,
    /// Where it takes place.
    pub location: Vec<Location>,
    /// How it is paced, such as `full-time`.
    #[field(term = "edu_pace")]
    pub pace: Option<String>,
    /// What must be known beforehand.
    #[field(term = "edu_prerequisite")]
    pub prerequisite: Vec<String>,
    /// The competency that it asks for.
    #[field(term = "educational_competency")]
    pub required_competency_level: Option<String>,
    /// Whom it is for.
    #[field(term = "edu_target_audience")]
    pub target_audience: Vec<String>,
    /// What sort of resource it is.
    #[field(term = "educational_resource_type")]
    pub r#type: Option<String>,
}
