use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::Model;
use crate::resource::common::AiAsset;
use crate::resource::embedded::{Distribution, Text};

/// An article, book or other publication.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
#[model(resource, path = "publications", prefix = "pub", class = "Asset")]
pub struct Publication {
    /// What every AI asset has.
    #[serde(flatten)]
    pub asset: AiAsset,
    /// A permanent identifier, such as a DOI.
    #[field(search = PermanentIdentifier, max = 256)]
    pub permanent_identifier: Option<String>,
    /// International standard book number, 10 to 13 characters.
    #[field(search = PermanentIdentifier, min = 10, max = 13)]
    pub isbn: Option<String>,
    /// International standard serial number, eight characters without a dash.
    #[field(search = Issn, min = 8, max = 8)]
    pub issn: Option<String>,
    /// The publication itself, as text.
    #[field(search = Text)]
    pub content: Option<Text>,
    /// Files of the publication.
    #[field(role = Files)]
    pub distribution: Vec<Distribution>,
    /// AI assets that it describes.
    #[field(link = "ai_asset")]
    pub documents: Vec<String>,
    /// The same identifier, under its older name.
    #[field(role = IdentifierAlias, read_only)]
    pub knowledge_asset_identifier: Option<String>,
    /// What sort of publication it is.
    #[field(term = "publication_type")]
    pub r#type: Option<String>,
}
