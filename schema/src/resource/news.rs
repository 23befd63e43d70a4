use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::Model;
use crate::resource::common::AiResource;
use crate::resource::embedded::Text;

/// A piece of news.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
#[model(resource, path = "news", phrase = "a piece of news", prefix = "news", class = "Resource")]
pub struct News {
    /// What every AI resource has.
    #[serde(flatten)]
    pub resource: AiResource,
    /// Its headline.
    #[field(search = OtherName, max = 256)]
    pub headline: Option<String>,
    /// A second headline.
    #[field(search = OtherName, max = 256)]
    pub alternative_headline: Option<String>,
    /// Where it was first published.
    #[field(max = 1800)]
    pub source: Option<String>,
    /// What it is about.
    #[field(term = "news_category")]
    pub category: Vec<String>,
    /// The news itself.
    #[field(search = Text)]
    pub content: Option<Text>,
}
