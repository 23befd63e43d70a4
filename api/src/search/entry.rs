//! What the index holds of a resource. It follows from the model: attributes of the fields say what is searched and counted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use aiod_schema::model::Searched;
use aiod_schema::platform::protects_personal_data;
use aiod_schema::{Field, ResourceType, Role, by_name, resource_types};
use chrono::{Datelike, NaiveDateTime};
use serde_json::{Map, Value};

use super::analysis::{joined, without_markup, without_tags, words};
use super::{Part, facet};
use crate::store::link;
use crate::store::searchable::{LinkedRow, SearchableRow};

/// The most words of one part: a text of 65,535 characters has fewer, but several texts may come together.
const MAX_WORDS: usize = 20_000;
/// The most characters of a value of a facet.
const MAX_VALUE: usize = 256;
/// The most characters of a name by which hits are ordered.
const MAX_SORT_NAME: usize = 64;
/// The most characters of a suggestion.
const MAX_SUGGESTION: usize = 100;
/// How many words of a name a suggestion may begin with.
const MAX_BEGINNINGS: usize = 8;
/// Stands between the words by which a suggestion is found, and the suggestion.
pub(super) const BEFORE_SUGGESTION: char = '\t';

/// What the index holds of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Row id.
    pub id: i64,
    /// The revision that it is of.
    pub revision: i64,
    /// Words by part, as they are written.
    pub words: BTreeMap<Part, Vec<String>>,
    /// Values by facet.
    pub facets: BTreeMap<&'static str, BTreeSet<String>>,
    /// When its metadata last changed, in microseconds since 1970.
    pub date_modified: i64,
    /// When it was registered.
    pub date_created: i64,
    /// When it was published on its platform.
    pub date_published: Option<i64>,
    /// How often it was read.
    pub popularity: i64,
    /// By what hits are ordered by name.
    pub sort_name: String,
    /// What resources that are linked to it are found by.
    pub label: String,
    /// What is suggested to those who type: beginnings, a tab, and the suggestion.
    pub suggestions: BTreeSet<String>,
}

/// The link fields of a type by whose resources it is found.
pub(super) fn linked_fields(resource: &'static ResourceType) -> impl Iterator<Item = &'static Field> {
    resource.links().filter(|field| field.searched == Some(Searched::Linked))
}

/// Whether others are found by what a resource of this type is called.
pub(super) fn is_linked_type(type_name: &str) -> bool {
    let Some(target) = by_name(type_name) else { return false };
    resource_types().iter().any(|resource| linked_fields(resource).any(|field| field.refers_to(target)))
}

/// The identifiers of published resources by whose names a resource is found.
pub(super) fn named<'r>(resource: &'static ResourceType, links: &'r str) -> impl Iterator<Item = &'r str> {
    /// A resource is found by so many of those that one of its fields names.
    const MAX_NAMED: usize = 100;
    linked_fields(resource)
        .flat_map(|field| link::linked(link::line(links, field.name)).take(MAX_NAMED))
        .filter(|linked| linked.is_published)
        .map(|linked| linked.identifier)
}

/// The fields that identify those in the world by whom others are found.
pub(super) static IDENTIFYING: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let linked = resource_types().iter().filter(|resource| is_linked_type(resource.name));
    let fields = linked.flat_map(|resource| resource.object.fields.iter());
    fields
        .filter(|field| field.searched == Some(Searched::PermanentIdentifier))
        .map(|f| f.name)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
});

/// The link fields of all types by whose resources others are found.
pub(super) static LINKED_FIELDS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| resource_types().iter().flat_map(linked_fields).map(|f| f.name).collect::<BTreeSet<_>>().into_iter().collect());

/// What a resource is called for those that are linked to it; nothing where its name must not be seen by everybody.
pub(super) fn label(row: &LinkedRow) -> String {
    let Some(resource) = by_name(&row.resource_type) else { return String::new() };
    let name_is_seen = resource.field_with(Role::Name).is_some_and(|field| is_seen(field, row.platform.as_deref()));
    let name = row.name.as_deref().filter(|_| name_is_seen).unwrap_or_default();
    format!("{name} {}", row.identifiers).trim().to_owned()
}

/// Whether everybody sees a field of a resource of this platform.
fn is_seen(field: &Field, platform: Option<&str>) -> bool {
    let is_protected = field.personal && platform.is_some_and(protects_personal_data);
    !field.needs_login && !is_protected
}

impl Entry {
    /// The entry of a resource. `labels` says what the resources are called that it names.
    pub(super) fn of(row: &SearchableRow, labels: &HashMap<String, String>) -> Option<Self> {
        let resource = by_name(&row.resource_type)?;
        let document: Map<String, Value> = serde_json::from_str(&row.document).ok()?;
        let mut entry = Self {
            id: row.id,
            revision: row.revision,
            date_modified: row.date_modified,
            date_created: row.date_created,
            popularity: row.times_read,
            ..Self::default()
        };
        entry.add_value(facet::TYPE, resource.path);
        if let Some(platform) = &row.platform {
            entry.add_value(facet::PLATFORM, platform);
        }
        let fields = resource.object.fields.iter().filter(|field| is_seen(field, row.platform.as_deref()));
        for field in fields {
            match (field.searched, document.get(field.name)) {
                (Some(Searched::Linked), _) => {
                    let identifiers = link::linked(link::line(&row.links, field.name)).map(|linked| linked.identifier);
                    let texts: Vec<&str> = identifiers.filter_map(|identifier| labels.get(identifier).map(String::as_str)).collect();
                    texts.iter().for_each(|text| entry.add_words(Part::Linked, text));
                }
                (searched, Some(value)) => entry.add_field(field, searched, value),
                _ => {}
            }
        }
        entry.add_joined();
        Some(entry)
    }

    fn add_field(&mut self, field: &Field, searched: Option<Searched>, value: &Value) {
        if let Some(vocabulary) = field.vocabulary().filter(|_| field.is_facet()) {
            texts(value).into_iter().for_each(|term| self.add_value(vocabulary.name, term));
        }
        if field.role == Some(Role::DatePublished) {
            self.add_date_published(value);
        }
        match searched {
            Some(Searched::Name) => texts(value).into_iter().for_each(|name| self.add_name(name)),
            Some(Searched::OtherName) => texts(value).into_iter().for_each(|name| self.add_words(Part::OtherName, name)),
            Some(Searched::Keyword) => texts(value).into_iter().for_each(|keyword| {
                self.add_words(Part::Keyword, keyword);
                self.add_suggestion(keyword);
            }),
            Some(Searched::Identifier | Searched::PermanentIdentifier) => {
                texts(value).into_iter().for_each(|text| self.add_words(Part::Identifier, text))
            }
            Some(Searched::Issn) => texts(value).into_iter().for_each(|text| self.add_words(Part::Issn, text)),
            Some(Searched::Text) => self.add_text(value),
            Some(Searched::Linked) | None => {}
        }
    }

    /// Adds a text, or an object with one as plain text and as HTML.
    fn add_text(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.add_words(Part::Plain, &without_markup(text)),
            Value::Object(text) => {
                text.get("plain").and_then(Value::as_str).into_iter().for_each(|text| self.add_words(Part::Plain, &without_markup(text)));
                text.get("html").and_then(Value::as_str).into_iter().for_each(|text| self.add_words(Part::Html, &without_tags(text)));
            }
            _ => {}
        }
    }

    fn add_name(&mut self, name: &str) {
        self.add_words(Part::Name, name);
        self.add_suggestion(name);
        self.sort_name = words(name).join(" ").chars().take(MAX_SORT_NAME).collect();
    }

    fn add_words(&mut self, part: Part, text: &str) {
        let found = self.words.entry(part).or_default();
        let left = MAX_WORDS.saturating_sub(found.len());
        found.extend(words(text).into_iter().take(left));
    }

    /// Adds the neighbours among the words of names, keywords and identifiers, written as one.
    fn add_joined(&mut self) {
        let parts = [Part::Name, Part::OtherName, Part::Keyword, Part::Identifier];
        let pairs: BTreeSet<String> = parts.iter().filter_map(|part| self.words.get(part)).flat_map(|words| joined(words)).collect();
        if !pairs.is_empty() {
            self.words.insert(Part::Joined, pairs.into_iter().take(MAX_WORDS).collect());
        }
    }

    fn add_value(&mut self, facet: &'static str, value: &str) {
        self.facets.entry(facet).or_default().insert(value.chars().take(MAX_VALUE).collect());
    }

    fn add_date_published(&mut self, value: &Value) {
        let date = value.as_str().and_then(|text| text.parse::<NaiveDateTime>().ok());
        if let Some(date) = date {
            self.date_published = Some(date.and_utc().timestamp_micros());
            self.add_value(facet::YEAR, &date.year().to_string());
        }
    }

    fn add_suggestion(&mut self, text: &str) {
        let shown: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_SUGGESTION).collect();
        let words = words(&shown);
        for begin in 0..words.len().min(MAX_BEGINNINGS) {
            let beginning = words.get(begin..).unwrap_or_default().join(" ");
            self.suggestions.insert(format!("{beginning}{BEFORE_SUGGESTION}{shown}"));
        }
    }
}

/// The texts of a field that holds one or several.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
