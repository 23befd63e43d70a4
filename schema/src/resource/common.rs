//! What resource types share: every concept, every AI resource, every AI asset.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::Model;
use crate::identifier::MAX_PLATFORM_IDENTIFIER;
use crate::platform::MAX_NAME;
use crate::resource::Contact;
use crate::resource::embedded::{Distribution, Entry, Note, Text};

/// What every registered thing has: where it comes from and how it is administered.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
pub struct Concept {
    /// The platform that the resource comes from, such as `zenodo`. Together with `platform_resource_identifier` it is the resource's identity on its platform.
    #[field(platform, max = MAX_NAME)]
    pub platform: Option<String>,
    /// How the platform itself identifies the resource; unique among the platform's resources of one type, whatever its case.
    #[field(role = PlatformIdentifier, search = Identifier, max = MAX_PLATFORM_IDENTIFIER)]
    pub platform_resource_identifier: Option<String>,
    /// How the resource is administered in the catalogue.
    #[field(role = Entry)]
    pub aiod_entry: Option<Entry>,
    /// The resource's identifier in this catalogue: the type's prefix, `_` and 24 letters or digits.
    #[field(role = Identifier, read_only, max = 30)]
    pub identifier: Option<String>,
}

/// What every AI resource has.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
pub struct AiResource {
    /// Platform, identifiers and administration.
    #[serde(flatten)]
    pub concept: Concept,
    /// The resource's name.
    #[field(role = Name, search = Name, required, max = 256)]
    pub name: String,
    /// When the resource was first published on its platform, in UTC.
    #[field(role = DatePublished)]
    pub date_published: Option<NaiveDateTime>,
    /// A URL that unambiguously identifies the resource: its page on its platform.
    #[field(search = Identifier, max = 256)]
    pub same_as: Option<String>,
    /// The same identifier, under its older name.
    #[field(role = IdentifierAlias, read_only)]
    pub ai_resource_identifier: Option<String>,
    /// Other names that the resource is known by.
    #[field(search = OtherName, term = "alternate_name")]
    pub alternate_name: Vec<String>,
    /// What the resource is applied to.
    #[field(term = "application_area")]
    pub application_area: Vec<String>,
    /// Contacts who answer questions about the resource.
    #[field(link = "contact")]
    pub contact: Vec<String>,
    /// The contacts of `contact`, in full.
    #[field(read_only, embeds = "contact")]
    pub contacts: Vec<Contact>,
    /// Contacts of those who made the resource.
    #[field(search = Linked, link = "contact")]
    pub creator: Vec<String>,
    /// What the resource is.
    #[field(search = Text)]
    pub description: Option<Text>,
    /// The AI paradigms that the resource falls under.
    #[field(term = "ai_paradigm")]
    pub falls_under_paradigm: Vec<String>,
    /// Resources that are part of this one.
    #[field(link = "ai_resource", inverse = "is_part_of")]
    pub has_part: Vec<String>,
    /// The industrial sectors that the resource is meant for.
    #[field(term = "industrial_sector")]
    pub industrial_sector: Vec<String>,
    /// Resources that this one is part of.
    #[field(link = "ai_resource", inverse = "has_part")]
    pub is_part_of: Vec<String>,
    /// Words or phrases that the resource is found by.
    #[field(search = Keyword, term = "keyword")]
    pub keyword: Vec<String>,
    /// Pictures, films and the like that show the resource.
    #[field(role = Images)]
    pub media: Vec<Distribution>,
    /// Remarks about the resource.
    pub note: Vec<Note>,
    /// URLs of pages about the resource.
    #[field(term = "relevant_link")]
    pub relevant_link: Vec<String>,
    /// Resources that matter to this one.
    #[field(link = "ai_resource", inverse = "relevant_to")]
    pub relevant_resource: Vec<String>,
    /// Resources that this one matters to.
    #[field(link = "ai_resource", inverse = "relevant_resource")]
    pub relevant_to: Vec<String>,
    /// The areas of AI research that the resource belongs to.
    #[field(term = "research_area")]
    pub research_area: Vec<String>,
    /// The sciences that the resource belongs to.
    #[field(term = "scientific_domain")]
    pub scientific_domain: Vec<String>,
}

/// What every AI asset has.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
pub struct AiAsset {
    /// What every AI resource has.
    #[serde(flatten)]
    pub resource: AiResource,
    /// Whether it can be used without paying.
    pub is_accessible_for_free: Option<bool>,
    /// Its version, in whatever scheme its makers use.
    #[field(max = 256)]
    pub version: Option<String>,
    /// The same identifier, under its older name.
    #[field(role = IdentifierAlias, read_only)]
    pub ai_asset_identifier: Option<String>,
    /// Publications that the asset cites or wants to be cited by.
    #[field(search = Linked, link = "publication")]
    pub citation: Vec<String>,
    /// The licence, as an SPDX identifier where there is one.
    #[field(term = "license")]
    pub license: Option<String>,
}
