use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::Model;
use crate::resource::common::AiResource;
use crate::resource::embedded::{Location, Text};

/// A conference, meeting or other happening.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
#[model(resource, path = "events", prefix = "evnt", class = "Resource")]
pub struct Event {
    /// What every AI resource has.
    #[serde(flatten)]
    pub resource: AiResource,
    /// When it begins, in UTC.
    pub start_date: Option<NaiveDateTime>,
    /// When it ends, in UTC.
    pub end_date: Option<NaiveDateTime>,
    /// Its programme.
    #[field(max = 1800)]
    pub schedule: Option<String>,
    /// Where to register.
    #[field(max = 1800)]
    pub registration_link: Option<String>,
    /// The event in words.
    #[field(search = Text)]
    pub content: Option<Text>,
    /// Where it takes place.
    pub location: Vec<Location>,
    /// Whether one takes part on the spot, online, or either.
    #[field(term = "event_mode")]
    pub mode: Option<String>,
    /// The person or organisation that organises it.
    #[field(search = Linked, link = "person, organisation")]
    pub organiser: Option<String>,
    /// Persons or organisations that perform.
    #[field(link = "person, organisation")]
    pub performer: Vec<String>,
    /// Whether it takes place as planned.
    #[field(term = "event_status")]
    pub status: Option<String>,
}
