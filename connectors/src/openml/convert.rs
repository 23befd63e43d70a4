//! From OpenML's description of a dataset to AIoD: a pure function.
//!
//! | AIoD | OpenML |
//! |---|---|
//! | `platform_resource_identifier` | `id` |
//! | `name` | `name` |
//! | `same_as` | `{base}/d/{id}`: the dataset's page on the server that was read. With the default server that is `https://www.openml.org/d/{id}`; another server counts its datasets on its own, so that its numbers must not become pages of openml.org |
//! | `description.plain` | `description` (Markdown, which reads as plain text), cut to the field's length |
//! | `version` | `version` |
//! | `license` | `licence`; spellings that name one licence become its SPDX identifier ([`spdx`]), everything else stays as it is (`Public` names no licence) |
//! | `date_published` | `upload_date` |
//! | `is_accessible_for_free` | `true` when `visibility` is `public`; otherwise not said |
//! | `keyword` | `tag` without `study_…`, which number OpenML's benchmark suites |
//! | `distribution` | `url` with the media type of `format` and `md5_checksum`; `parquet_url` (or `minio_url`) as Parquet |
//! | `size` | quality `NumberOfInstances`, unit `instances` |
//! | `creator` (contacts) | `creator`, then `contributor`, each name once; `Unknown` and the like are nobody |
//! | `citation` (publications) | `citation`, when it fits into a name; a URL is also the publication's `same_as`. A longer one is a `note` |
//! | `note` | `Original data: ` `original_data_url`, `Paper: ` `paper_url` |
//!
//! The two URLs are notes, since `relevant_link` is a vocabulary whose terms are lower-cased, which breaks URLs.
//! Left out: `language` (no field of the model takes it, and as a keyword it would say `english` nearly everywhere),
//! `collection_date` (when data were collected is not the period that they are about), and what only OpenML itself uses
//! (`status`, `file_id`, `processing_date`, target and ignored attributes).
//!
//! Texts that are too long are cut; URLs that are too long are left out, since a part of one leads nowhere.

use std::collections::HashSet;

use aiod_schema::model::Model;
use aiod_schema::resource::common::{AiAsset, AiResource, Concept};
use aiod_schema::resource::embedded::{DatasetSize, Distribution, Note, Text};
use aiod_schema::resource::{Contact, Dataset, Publication};
use aiod_schema::validate::{MAX_ITEMS, MAX_RELATED, parse_date_time};
use reqwest::Url;

use super::PLATFORM;
use super::api::Description;
use crate::http::bare;
use crate::limits::{Limits, clean, max_length};
use crate::record::{Record, RecordFault};

/// The unit of a dataset's size.
const UNIT: &str = "instances";

/// The media type of Parquet, as registered with IANA.
const PARQUET: &str = "application/vnd.apache.parquet";

/// What stands where nobody is named.
const NOBODY: &[&str] = &["unknown", "anonymous", "none", "n/a", "na", "-", "?"];

/// Why a description cannot be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The catalogue needs a name.
    #[error("the dataset has no name")]
    NoName,
    /// The server answered about something else than what was asked.
    #[error("dataset {asked} was asked for, dataset {answered} came")]
    OtherDataset {
        /// What was asked for.
        asked: u64,
        /// What the answer says.
        answered: String,
    },
    /// The result is not as the model says: a defect of this conversion.
    #[error(transparent)]
    Record(#[from] RecordFault),
}

/// Converts the description of dataset `id`, which has so many instances, on the server at `base`.
///
/// # Errors
/// When the description has no name or is that of another dataset.
pub fn dataset(id: u64, description: &Description, instances: Option<f64>, base: &Url) -> Result<Record, ConvertError> {
    if let Some(answered) = description.id.as_deref().filter(|answered| answered.trim() != id.to_string()) {
        return Err(ConvertError::OtherDataset { asked: id, answered: answered.to_owned() });
    }
    let identifier = id.to_string();
    let limits = Limits::new(Dataset::object(), &identifier);
    let (citations, long_citations) = citations(description);
    let name = description.name.as_deref().and_then(|name| limits.cut("name", name)).ok_or(ConvertError::NoName)?;
    let resource = AiResource {
        concept: Concept {
            platform: Some(PLATFORM.to_owned()),
            platform_resource_identifier: Some(identifier.clone()),
            ..Concept::default()
        },
        name,
        date_published: description.upload_date.as_deref().and_then(|date| parse_date_time(date.trim())),
        same_as: limits.whole("same_as", &page_url(base, id)),
        description: text(&limits, description),
        keyword: keywords(&limits, description),
        note: notes(&limits, description, &long_citations),
        ..AiResource::default()
    };
    let dataset = Dataset {
        asset: AiAsset {
            resource,
            is_accessible_for_free: (description.visibility.as_deref() == Some("public")).then_some(true),
            version: description.version.as_deref().and_then(|version| limits.cut("version", version)),
            license: description.licence.as_deref().and_then(|licence| limits.cut("license", spdx(licence))),
            ..AiAsset::default()
        },
        distribution: distributions(&limits, description),
        size: size(instances),
        ..Dataset::default()
    };
    let mut record = Record::new(&dataset)?;
    for name in people(description) {
        let name = Limits::new(Contact::object(), &identifier).cut("name", &name);
        record.relate("creator", &Contact { name, ..Contact::default() })?;
    }
    for citation in &citations {
        record.relate("citation", &publication(&identifier, citation))?;
    }
    Ok(record)
}

fn page_url(base: &Url, id: u64) -> String {
    format!("{}/d/{id}", bare(base).as_str().trim_end_matches('/'))
}

fn text(limits: &Limits<'_>, description: &Description) -> Option<Text> {
    let plain = limits.cut("description.plain", description.description.as_deref()?)?;
    Some(Text { plain: Some(plain), html: None })
}

fn keywords(limits: &Limits<'_>, description: &Description) -> Vec<String> {
    let tags = description.tag.iter().filter(|tag| !tag.trim().starts_with("study_"));
    tags.filter_map(|tag| limits.cut("keyword", tag)).take(MAX_ITEMS).collect()
}

fn notes(limits: &Limits<'_>, description: &Description, long_citations: &[String]) -> Vec<Note> {
    let remark = |what: &str, text: &String| limits.cut("note.value", &format!("{what}: {}", clean(text)?)).map(|value| Note { value });
    let citations = long_citations.iter().filter_map(|text| remark("Citation", text));
    let originals = description.original_data_url.iter().filter_map(|url| remark("Original data", url));
    let papers = description.paper_url.iter().filter_map(|url| remark("Paper", url));
    citations.chain(originals).chain(papers).take(MAX_ITEMS).collect()
}

/// The citations that may be a publication's name, each once, and those that are too long for that.
fn citations(description: &Description) -> (Vec<String>, Vec<String>) {
    let max = max_length(Publication::object(), "name").unwrap_or(usize::MAX);
    let mut seen = HashSet::new();
    let texts = description.citation.iter().filter_map(|citation| clean(citation));
    texts.filter(|text| seen.insert(text.to_lowercase())).take(MAX_RELATED).partition(|text| text.chars().count() <= max)
}

fn publication(identifier: &str, citation: &str) -> Publication {
    let limits = Limits::new(Publication::object(), identifier);
    let same_as = is_url(citation).then(|| limits.whole("same_as", citation)).flatten();
    let resource = AiResource { name: citation.to_owned(), same_as, ..AiResource::default() };
    Publication { asset: AiAsset { resource, ..AiAsset::default() }, ..Publication::default() }
}

fn is_url(text: &str) -> bool {
    !text.contains(char::is_whitespace) && Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https" | "ftp"))
}

fn distributions(limits: &Limits<'_>, description: &Description) -> Vec<Distribution> {
    let url = |url: &Option<String>| limits.whole("distribution.content_url", url.as_deref()?).filter(|url| is_url(url));
    let original = url(&description.url).map(|content_url| {
        let checksum = description.md5_checksum.as_deref().and_then(|md5| limits.whole("distribution.checksum", md5));
        Distribution {
            content_url: Some(content_url),
            encoding_format: description
                .format
                .as_deref()
                .and_then(|format| limits.cut("distribution.encoding_format", media_type(format))),
            checksum_algorithm: checksum.is_some().then(|| "md5".to_owned()),
            checksum,
            ..Distribution::default()
        }
    });
    let parquet = url(&description.parquet_url).or_else(|| url(&description.minio_url)).map(|content_url| Distribution {
        content_url: Some(content_url),
        encoding_format: Some(PARQUET.to_owned()),
        ..Distribution::default()
    });
    original.into_iter().chain(parquet).collect()
}

/// The media type of OpenML's name of a format; unknown names stay as they are. ARFF has no registered type.
fn media_type(format: &str) -> &str {
    match format.trim().to_lowercase().as_str() {
        "arff" | "sparse_arff" => "text/x-arff",
        "csv" => "text/csv",
        "json" => "application/json",
        "parquet" => PARQUET,
        "zip" => "application/zip",
        _ => format,
    }
}

fn size(instances: Option<f64>) -> Option<DatasetSize> {
    // Whole numbers below 2^53 are exact; anything else is no count.
    let count = instances.filter(|n| *n >= 0.0 && n.fract() == 0.0 && *n < 9.0e15)?;
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
    Some(DatasetSize { unit: Some(UNIT.to_owned()), value: Some(count as i64) })
}

/// The names of creators and contributors, each once.
///
/// Contributors are often the creators again, all in one text ("David Sterling and Wray Buntine"): such a text is left out. Others are
/// not taken apart, since "Institute of Statistics and Econometrics" is one name.
fn people(description: &Description) -> Vec<String> {
    let mut people = Vec::new();
    let mut known = HashSet::new();
    for name in description.creator.iter().chain(&description.contributor).filter_map(|name| clean(name)) {
        let key = name.to_lowercase();
        let parts = key.replace(" and ", ",").replace([';', '&'], ",");
        let repeats = parts.split(',').map(str::trim).filter(|part| !part.is_empty()).all(|part| known.contains(part));
        if !repeats && !NOBODY.contains(&key.as_str()) && people.len() < MAX_RELATED {
            known.insert(key);
            people.push(name);
        }
    }
    people
}

/// Spellings of licences on OpenML, in lower case with single spaces for punctuation, and their SPDX identifiers
/// (<https://spdx.org/licenses>). Only spellings that leave no doubt: "CC BY" without a version or "GPL 2" ("only", or "or later"?) do.
const LICENCES: &[(&str, &str)] = &[
    ("apache 2.0", "Apache-2.0"),
    ("apache license 2.0", "Apache-2.0"),
    ("bsd 3 clause", "BSD-3-Clause"),
    ("cc by 2.0", "CC-BY-2.0"),
    ("cc by 3.0", "CC-BY-3.0"),
    ("cc by 4.0", "CC-BY-4.0"),
    ("attribution 4.0 international", "CC-BY-4.0"),
    ("attribution 4.0 international cc by 4.0", "CC-BY-4.0"),
    ("creative commons attribution 4.0 international", "CC-BY-4.0"),
    ("cc by nc 3.0", "CC-BY-NC-3.0"),
    ("cc by nc 4.0", "CC-BY-NC-4.0"),
    ("cc by nc nd 4.0", "CC-BY-NC-ND-4.0"),
    ("cc by nc sa 3.0", "CC-BY-NC-SA-3.0"),
    ("cc by nc sa 4.0", "CC-BY-NC-SA-4.0"),
    ("cc by nd 4.0", "CC-BY-ND-4.0"),
    ("cc by sa 3.0", "CC-BY-SA-3.0"),
    ("cc by sa 4.0", "CC-BY-SA-4.0"),
    ("cc0", "CC0-1.0"),
    ("cc0 1.0", "CC0-1.0"),
    ("cc0 1.0 universal", "CC0-1.0"),
    ("cc0 public domain", "CC0-1.0"),
    ("cdla permissive 1.0", "CDLA-Permissive-1.0"),
    ("cdla sharing 1.0", "CDLA-Sharing-1.0"),
    ("mit", "MIT"),
    ("mit license", "MIT"),
    ("odbl", "ODbL-1.0"),
    ("odbl 1.0", "ODbL-1.0"),
    ("odc by 1.0", "ODC-By-1.0"),
    ("pddl", "PDDL-1.0"),
    ("pddl 1.0", "PDDL-1.0"),
];

/// The SPDX identifier of a licence that is given in other words; the licence itself when there is none.
pub fn spdx(licence: &str) -> &str {
    let words = licence.to_lowercase().replace(|c: char| !c.is_alphanumeric() && c != '.', " ");
    let mut key = words.split_whitespace().collect::<Vec<_>>().join(" ");
    // https://creativecommons.org/licenses/by-sa/4.0/
    if let Some((_, kind)) = key.split_once("creativecommons.org licenses ") {
        key = format!("cc {kind}");
    }
    LICENCES.iter().find(|(spelling, _)| *spelling == key).map_or(licence, |(_, identifier)| identifier)
}
