//! Searching: what a query says, and the resources that the index finds, as the caller may see them.

mod highlight;
mod parse;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use aiod_schema::model::Searched;
use aiod_schema::{ResourceType, Role, by_identifier, resource_types};
use serde_json::Value;

pub use self::highlight::{HIGHLIGHTED, Marks, highlights};
pub use self::parse::{any_of, exactly, parsed};

use self::highlight::texts_of;
use super::error::unknown_platform;
use super::read::{Document, parse};
use super::render::{wire_time, with_nulls};
use super::shapes::{SearchFailure, SearchStatus};
use super::turns::Turn;
use super::{Catalogue, Error, Result};
use crate::identity::Caller;
use crate::search::analysis::words;
use crate::search::{self, Filter, Order, Part, Query, SearchError, Words, facet, facets};
use crate::store::asset::{ReadRow, Status};

/// The most characters of a query.
pub const MAX_QUERY: usize = 2_000;
/// The most values of a parameter that may be repeated.
const MAX_VALUES: usize = 100;
/// The deepest hit that an offset reaches; a cursor goes on from there.
pub const MAX_OFFSET: i64 = 10_000;
/// What a search costs, in resources of a page.
const COST: i64 = 20;
/// What counting the values of a facet costs.
const COST_OF_FACET: i64 = 20;
/// How many words of a resource those that are like it share.
const WORDS_OF_SIMILAR: usize = 24;

/// What a search found.
#[derive(Debug, Default)]
pub struct Hits {
    /// How many there are in all.
    pub total: u64,
    /// The resources in order.
    pub documents: Vec<Document>,
    /// Hits by value, for each facet that was asked for.
    pub facets: Vec<(&'static str, Vec<(String, u64)>)>,
    /// The cursor of what follows.
    pub next: Option<String>,
    /// The query with other words for those that nothing has.
    pub did_you_mean: Option<String>,
    /// Words that were looked for in the stead of those that nothing has.
    pub corrections: Vec<String>,
    /// Held until the answer is made.
    _turn: Turn,
}

/// Work that takes a while, on a thread where that keeps nobody waiting.
///
/// # Errors
/// Those of the work.
pub async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.to_string()))?
}

/// Says in the log that searches fail: once for each reason, and not for every request.
fn log_failure(why: &str) {
    static LAST: Mutex<String> = Mutex::new(String::new());
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if *last != why {
        tracing::error!(why, "a search failed");
        why.clone_into(&mut last);
    }
}

impl From<SearchError> for Error {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Unavailable(why) => Self::NotSearchable(why),
            SearchError::Elsewhere => Self::NotSearchable(error.to_string()),
            SearchError::Failed(why) => {
                log_failure(&why);
                Self::NotSearchable("the search engine failed".to_owned())
            }
            SearchError::Cursor => Self::BadRequest(format!("cursor: {error}.")),
            SearchError::Store(error) => Self::Store(error),
        }
    }
}

/// The facet with this name.
///
/// # Errors
/// When there is none.
fn facet_of(parameter: &str, name: &str) -> Result<&'static str> {
    let known = facets();
    known.iter().copied().find(|facet| *facet == name).ok_or_else(|| {
        Error::query(parameter, format!("'{name}' is nothing by which hits are counted or filtered: {} are", known.join(", ")))
    })
}

/// The different values of a parameter that may be repeated.
///
/// # Errors
/// When there are too many.
pub fn distinct<'t>(parameter: &str, values: impl Iterator<Item = &'t str>) -> Result<Vec<String>> {
    let mut seen = BTreeSet::new();
    for value in values {
        seen.insert(value);
        if seen.len() > MAX_VALUES {
            return Err(Error::query(parameter, format!("ensure this has at most {MAX_VALUES} different values")));
        }
    }
    Ok(seen.into_iter().map(str::to_owned).collect())
}

/// The different names in a parameter that may be repeated, and in which commas stand between names.
fn names(parameter: &str, texts: &[String]) -> Result<Vec<String>> {
    distinct(parameter, texts.iter().flat_map(|names| names.split(',')).map(str::trim).filter(|name| !name.is_empty()))
}

/// The facets with these names.
///
/// # Errors
/// When there is no such facet.
pub fn facets_of(texts: &[String]) -> Result<Vec<&'static str>> {
    names("facets", texts)?.iter().map(|name| facet_of("facets", name)).collect()
}

/// Filters of the form `FACET:VALUE`; of several values of one facet, any is enough.
///
/// # Errors
/// When one has another form, or there is no such facet.
pub fn filters(texts: &[String]) -> Result<Vec<Filter>> {
    let mut values: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for text in &distinct("filter", texts.iter().map(String::as_str))? {
        let pair = text.split_once(':').filter(|(_, value)| !value.is_empty());
        let (name, value) = pair.ok_or_else(|| Error::query("filter", format!("'{text}' is not FACET:VALUE, such as license:MIT")))?;
        values.entry(facet_of("filter", name)?).or_default().push(value.to_owned());
    }
    Ok(values.into_iter().map(|(facet, values)| Filter { facet, values }).collect())
}

/// The types with these names, which are those of paths (`datasets`) or of the model (`dataset`).
///
/// # Errors
/// When there is no such type.
pub fn types_of(texts: &[String]) -> Result<Vec<&'static ResourceType>> {
    let names = names("types", texts)?;
    let found = names.iter().map(|name| {
        resource_types().iter().find(|resource| resource.path == name.as_str() || resource.name == name.as_str()).ok_or_else(|| {
            let known: Vec<&str> = resource_types().iter().map(|resource| resource.path).collect();
            Error::query("types", format!("'{name}' is not a type of resources: {} are", known.join(", ")))
        })
    });
    found.collect()
}

/// The part of resources of a type in which what a field holds is found; `None` when they have no such field that is searched.
pub fn part_of(resource: &ResourceType, field: &str) -> Option<Part> {
    let searched = resource.object.field(field)?.searched?;
    Some(match searched {
        Searched::Name => Part::Name,
        Searched::OtherName => Part::OtherName,
        Searched::Identifier | Searched::PermanentIdentifier => Part::Identifier,
        Searched::Keyword => Part::Keyword,
        Searched::Linked => Part::Linked,
        Searched::Text => Part::Plain,
        Searched::Issn => Part::Issn,
    })
}

impl Catalogue {
    /// Searches; the hits as the caller may see them.
    ///
    /// # Errors
    /// When the index cannot be asked, a cursor has expired, or others ask for too much at the same time.
    pub async fn search(&self, caller: &Caller, text: &str, query: &Query) -> Result<Hits> {
        if query.words.is_nothing() {
            return Ok(Hits::default());
        }
        let counted = i64::try_from(query.facets.len()).unwrap_or(i64::MAX).saturating_mul(COST_OF_FACET);
        let page = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let mut turn = self.turns.take(page.max(COST).saturating_add(counted)).await?;
        let found = self.search.search(query).await?;
        let documents = self.found_documents(caller, &found.ids, &mut turn).await?;
        let did_you_mean = parse::did_you_mean(text, &found.corrected);
        let corrections = found.corrected.into_iter().flat_map(|(_, corrections)| corrections).collect();
        Ok(Hits { total: found.total, documents, facets: found.facets, next: found.next, did_you_mean, corrections, _turn: turn })
    }

    /// Published resources in the order of these row ids. Those that are not published any more are left out.
    async fn found_documents(&self, caller: &Caller, ids: &[i64], turn: &mut Turn) -> Result<Vec<Document>> {
        let rows = self.turns.fetch(turn, |most| self.db.read_by_ids(ids, most)).await?;
        let mut by_type: BTreeMap<&'static str, (&'static ResourceType, Vec<ReadRow>)> = BTreeMap::new();
        for row in rows.into_iter().filter(|row| row.date_deleted.is_none() && row.status == Status::Published) {
            if let Some(resource) = by_identifier(&row.identifier) {
                by_type.entry(resource.name).or_insert_with(|| (resource, Vec::new())).1.push(row);
            }
        }
        let mut documents: HashMap<i64, Document> = HashMap::new();
        for (resource, rows) in by_type.into_values() {
            let page = self.rendered(caller, resource, rows, turn).await?;
            documents.extend(page.documents().into_iter().map(|document| (document.id, document)));
        }
        Ok(ids.iter().filter_map(|id| documents.remove(id)).collect())
    }

    /// Refuses platforms that are not known, and names those that are.
    ///
    /// # Errors
    /// When one is not known.
    pub async fn check_platforms(&self, names: &[String]) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let known = self.db.known_platforms(names).await?;
        let Some(name) = names.iter().find(|name| !known.contains(name)) else { return Ok(()) };
        let known: Vec<String> = self.db.platforms(0, 1_000).await?.into_iter().map(|(_, name)| name).collect();
        Err(Error::BadRequest(format!("platforms: {}. Those that are: {}.", unknown_platform(name), known.join(", "))))
    }

    /// What the index does.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn search_status(&self) -> Result<SearchStatus> {
        let status = self.search.status();
        Ok(SearchStatus {
            state: status.state.as_str().to_owned(),
            engine: self.search.engine().name().to_owned(),
            position: status.position,
            last_position: self.db.last_position().await?,
            built_percent: status.scanned.map(|(scanned, last)| scanned.saturating_mul(100) / last.max(1)),
            failure: status.failure,
        })
    }

    /// Resources that the index refused.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn search_failures(&self, limit: i64) -> Result<Vec<SearchFailure>> {
        let failures = self.db.search_failures(0, limit).await?;
        let shown = |(_, identifier, reason, date)| SearchFailure { identifier, reason, date: wire_time(date) };
        Ok(failures.into_iter().map(shown).collect())
    }

    /// Names and keywords that begin with this text, or have a word that does.
    ///
    /// # Errors
    /// When the index cannot be asked.
    pub async fn suggest(&self, text: &str, limit: usize) -> Result<Vec<String>> {
        let beginning = words(text).join(" ");
        if beginning.is_empty() {
            return Ok(Vec::new());
        }
        let _turn = self.turns.take(1).await?;
        Ok(self.search.engine().suggest(&beginning, limit).await?)
    }

    /// Published resources of the same type that share words with a published one.
    ///
    /// # Errors
    /// When the resource is not there or may not be read, or the index cannot be asked.
    pub async fn similar(&self, caller: &Caller, resource: &'static ResourceType, identifier: &str, limit: usize) -> Result<Hits> {
        let document = self.read(caller, resource, identifier).await?;
        let id = document.id;
        // The turn of a large resource ends here: whoever waits for another one must hold nothing that others wait for.
        let words = apart(move || words_of_document(document)).await?;
        let any = parse::alternatives(&words, WORDS_OF_SIMILAR).into_iter().filter(|word| !word.is_joined).collect();
        let query = Query {
            types: vec![resource],
            words: Words { any, ..Words::default() },
            parts: vec![Part::Name, Part::Keyword, Part::Plain, Part::Html],
            filters: Vec::new(),
            dates: Vec::new(),
            order: Order::Relevance,
            offset: 0,
            // It is itself the one most like it.
            limit: limit + 1,
            cursor: None,
            facets: Vec::new(),
            facet_values: 0,
        };
        let mut hits = self.search(caller, "", &query).await?;
        hits.documents.retain(|hit| hit.id != id);
        hits.documents.truncate(limit);
        hits.total = hits.total.saturating_sub(1);
        Ok(hits)
    }
}

/// The words that say what this resource is about. It is dropped, and its turn with it.
fn words_of_document(document: Document) -> Result<Vec<String>> {
    Ok(words_of(document.resource, &parse(&document.body)?))
}

/// The words that say what a resource is about: those of its name and keywords, and the longer ones that its texts repeat most.
fn words_of(resource: &ResourceType, value: &Value) -> Vec<String> {
    let mut chosen: Vec<String> = Vec::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for field in &resource.object.fields {
        let Some(value) = value.get(field.name) else { continue };
        match field.searched {
            Some(Searched::Name | Searched::Keyword) => texts_of(value).iter().for_each(|text| chosen.extend(words(text))),
            Some(Searched::Text) => texts_of(value).iter().flat_map(|text| words(text)).filter(|word| word.len() > 4).for_each(|word| {
                *counts.entry(word).or_default() += 1;
            }),
            _ => {}
        }
    }
    let mut frequent: Vec<(String, usize)> = counts.into_iter().collect();
    frequent.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
    chosen.truncate(WORDS_OF_SIMILAR);
    let left = WORDS_OF_SIMILAR - chosen.len();
    chosen.extend(frequent.into_iter().take(left).map(|(word, _)| word));
    chosen
}

/// What an index says of a resource, as the existing service shows it: what identifies it, what it is and when it changed. All else is
/// absent.
pub fn in_short(document: &Document) -> Result<Value> {
    let resource = document.resource;
    let mut value: Value = parse(&document.body)?;
    if let Value::Object(map) = &mut value {
        let is_kept = |name: &str| {
            resource.object.field(name).is_some_and(|field| {
                matches!(
                    field.searched,
                    Some(Searched::Name | Searched::Identifier | Searched::Issn | Searched::Text | Searched::PermanentIdentifier)
                ) || matches!(
                    field.role,
                    Some(Role::Identifier | Role::IdentifierAlias | Role::Entry | Role::PlatformIdentifier | Role::DatePublished)
                ) || matches!(field.kind, aiod_schema::Kind::Platform)
            })
        };
        map.retain(|name, _| is_kept(name));
    }
    with_nulls(resource.object, &mut value);
    Ok(value)
}

/// The filter that leaves resources of these platforms.
pub fn of_platforms(names: &[String]) -> Option<Filter> {
    (!names.is_empty()).then(|| Filter { facet: facet::PLATFORM, values: names.to_vec() })
}

/// The parts in which words are looked for unless somebody says otherwise.
pub fn all_parts() -> Vec<Part> {
    search::Part::ALL.to_vec()
}
