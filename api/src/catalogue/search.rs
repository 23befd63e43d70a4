//! Searching: what a query says, and the resources that the index finds, as the caller may see them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aiod_schema::model::Searched;
use aiod_schema::{ResourceType, Role, by_identifier, resource_types};
use serde_json::Value;

use super::error::unknown_platform;
use super::read::{Document, parse};
use super::render::{wire_time, with_nulls};
use super::shapes::{SearchFailure, SearchStatus};
use super::turns::Turn;
use super::{Catalogue, Error, Result};
use crate::identity::Caller;
use crate::search::analysis::{joined, stem, without_markup, without_tags, words};
use crate::search::{self, Filter, Found, Order, Part, Query, SearchError, Word, Words, facet, facets};
use crate::store::asset::{ReadRow, Status};

/// The most characters of a query.
pub const MAX_QUERY: usize = 2_000;
/// The most different words of a query that count.
const MAX_WORDS: usize = 64;
/// The deepest hit that an offset reaches; a cursor goes on from there.
pub const MAX_OFFSET: i64 = 10_000;
/// What a search costs, in resources of a page.
const COST: i64 = 20;
/// What counting the values of a facet costs.
const COST_OF_FACET: i64 = 20;
/// How many words of a resource those that are like it share.
const WORDS_OF_SIMILAR: usize = 24;

/// What a search found.
#[derive(Debug)]
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
}

impl From<SearchError> for Error {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Unavailable(why) => Self::NotSearchable(why),
            SearchError::Elsewhere => Self::NotSearchable(error.to_string()),
            SearchError::Failed(why) => {
                tracing::error!(why, "a search failed");
                Self::NotSearchable("the search engine failed".to_owned())
            }
            SearchError::Cursor => Self::BadRequest(format!("cursor: {error}.")),
            SearchError::Store(error) => Self::Store(error),
        }
    }
}

/// Any of the words of a text, without meaning of quotes and other signs.
pub fn any_of(text: &str) -> Words {
    Words { any: alternatives(&words(text)), ..Words::default() }
}

/// The words of a text side by side.
pub fn exactly(text: &str) -> Words {
    let phrase = words(text);
    Words { phrases: if phrase.is_empty() { Vec::new() } else { vec![phrase] }, ..Words::default() }
}

/// What a query says: `words`, `"words side by side"`, `-without`. One that says nothing asks for everything.
pub fn parsed(text: &str) -> Words {
    let mut parsed = Words::default();
    let mut plain = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (is_unwanted, piece) = rest.strip_prefix('-').map_or((false, rest), |piece| (true, piece));
        let phrase = piece.strip_prefix('"').and_then(|quoted| quoted.split_once('"'));
        // A quote that is never closed has no meaning.
        let (piece, tail) = phrase.unwrap_or_else(|| {
            let end = piece.char_indices().skip(1).find(|(_, c)| c.is_whitespace() || *c == '"').map_or(piece.len(), |(end, _)| end);
            piece.split_at(end)
        });
        match (is_unwanted, phrase.is_some()) {
            (true, _) => parsed.without.push(words(piece)),
            (false, true) => parsed.phrases.push(words(piece)),
            (false, false) => plain.extend(words(piece)),
        }
        rest = tail.trim_start();
    }
    parsed.phrases.retain(|words| !words.is_empty());
    parsed.without.retain(|words| !words.is_empty());
    parsed.any = alternatives(&plain);
    parsed.phrases.truncate(MAX_WORDS);
    parsed.without.truncate(MAX_WORDS);
    parsed.or_all = parsed.any.is_empty() && parsed.phrases.is_empty() && (text.trim().is_empty() || !parsed.without.is_empty());
    parsed
}

/// Words as alternatives, and neighbours among them written as one.
fn alternatives(words: &[String]) -> Vec<Word> {
    let words = words.get(..words.len().min(MAX_WORDS)).unwrap_or_default();
    let typed = words.iter().map(|text| (text.clone(), false));
    let mut seen = BTreeSet::new();
    let all = typed.chain(joined(words).map(|text| (text, true))).filter(|(text, _)| seen.insert(text.clone()));
    all.map(|(text, is_joined)| Word { text, is_joined, corrections: Vec::new() }).collect()
}

/// The facet with this name.
///
/// # Errors
/// When there is none.
pub fn facet_of(parameter: &str, name: &str) -> Result<&'static str> {
    let known = facets();
    known.iter().copied().find(|facet| *facet == name).ok_or_else(|| {
        Error::query(parameter, format!("'{name}' is nothing by which hits are counted or filtered: {} are", known.join(", ")))
    })
}

/// Filters of the form `FACET:VALUE`; of several values of one facet, any is enough.
///
/// # Errors
/// When one has another form, or there is no such facet.
pub fn filters(texts: &[String]) -> Result<Vec<Filter>> {
    let mut values: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for text in texts {
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
pub fn types_of(names: &[String]) -> Result<Vec<&'static ResourceType>> {
    let names = names.iter().flat_map(|names| names.split(',')).map(str::trim).filter(|name| !name.is_empty());
    let found = names.map(|name| {
        resource_types().iter().find(|resource| resource.path == name || resource.name == name).ok_or_else(|| {
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
            return Ok(Hits { total: 0, documents: Vec::new(), facets: Vec::new(), next: None, did_you_mean: None });
        }
        let counted = i64::try_from(query.facets.len()).unwrap_or(i64::MAX).saturating_mul(COST_OF_FACET);
        let page = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let mut turn = self.turns.take(page.max(COST).saturating_add(counted)).await?;
        let found = self.search.search(query).await?;
        let documents = self.found_documents(caller, &found.ids, &mut turn).await?;
        let did_you_mean = did_you_mean(text, &found);
        Ok(Hits { total: found.total, documents, facets: found.facets, next: found.next, did_you_mean })
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
        for name in names {
            if self.db.platform_by_name(name).await?.is_none() {
                let known: Vec<String> = self.db.platforms(0, 1_000).await?.into_iter().map(|(_, name)| name).collect();
                return Err(Error::BadRequest(format!("platforms: {}. Those that are: {}.", unknown_platform(name), known.join(", "))));
            }
        }
        Ok(())
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
        let value: Value = parse(&document.body)?;
        let any = alternatives(&words_of(resource, &value)).into_iter().filter(|word| !word.is_joined).collect();
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
        hits.documents.retain(|hit| hit.id != document.id);
        hits.documents.truncate(limit);
        hits.total = hits.total.saturating_sub(1);
        Ok(hits)
    }
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

/// The texts of a field without their markup: of one text, of a list of them, or of an object with one as plain text and as HTML.
fn texts_of(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![without_markup(text)],
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::Object(text) => {
            let plain = text.get("plain").and_then(Value::as_str).map(without_markup);
            plain.or_else(|| text.get("html").and_then(Value::as_str).map(without_tags)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// The query with the best other word for each that nothing has; `None` where there is nothing to mend.
fn did_you_mean(text: &str, found: &Found) -> Option<String> {
    let better: HashMap<&str, &str> =
        found.corrected.iter().filter_map(|(word, better)| Some((word.as_str(), better.first()?.as_str()))).collect();
    if better.is_empty() {
        return None;
    }
    let mended = text.split_whitespace().map(|token| {
        let mended = words(token).iter().map(|word| better.get(word.as_str()).copied().unwrap_or(word).to_owned()).collect::<Vec<_>>();
        let is_mended = words(token).iter().any(|word| better.contains_key(word.as_str()));
        if is_mended { mended.join(" ") } else { token.to_owned() }
    });
    Some(mended.collect::<Vec<_>>().join(" "))
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

/// How many hits of a page have passages.
pub const HIGHLIGHTED: usize = 100;
/// In how many characters of a text a passage is looked for.
const MAX_HIGHLIGHTED: usize = 10_000;

/// Passages of a resource in which words of a query stand, by field: `<mark>` stands around each, all else is escaped.
pub fn highlights(document: &Document, asked: &Words) -> Result<BTreeMap<String, String>> {
    let wanted: BTreeSet<String> =
        asked.any.iter().map(|word| word.text.as_str()).chain(asked.phrases.iter().flatten().map(String::as_str)).map(stem).collect();
    let mut found = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let value: Value = parse(&document.body)?;
    for field in &document.resource.object.fields {
        let is_text = matches!(field.searched, Some(Searched::Name | Searched::OtherName | Searched::Keyword | Searched::Text));
        let Some(value) = value.get(field.name).filter(|_| is_text) else { continue };
        if let Some(passage) = texts_of(&shortened(value)).iter().find_map(|text| marked(text, &wanted)) {
            found.insert(field.name.to_owned(), passage);
        }
    }
    Ok(found)
}

/// A value whose texts have no more characters than a passage is looked for in.
fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) => text.chars().take(MAX_HIGHLIGHTED).collect::<String>().into(),
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), shortened(value))).collect(),
        value => value.clone(),
    }
}

/// A passage of a text around the first word that is wanted; `None` when there is none.
fn marked(text: &str, wanted: &BTreeSet<String>) -> Option<String> {
    /// How many characters stand before the first word, and in all.
    const BEFORE: usize = 60;
    const ALL: usize = 240;
    let is_wanted = |word: &str| words(word).iter().any(|word| wanted.contains(&stem(word)));
    let runs = runs(text);
    let first = &runs.iter().find(|(_, run)| is_wanted(run))?.0.clone();
    let begin = text.get(..*first)?.char_indices().rev().take(BEFORE).last().map_or(*first, |(place, _)| place);
    let mut passage = String::new();
    if begin > 0 {
        passage.push('…');
    }
    let mut length = 0;
    for (place, run) in runs.into_iter().filter(|(place, _)| *place >= begin) {
        length += run.chars().count();
        if length > ALL && place > *first {
            passage.push('…');
            break;
        }
        if is_wanted(run) {
            passage.push_str("<mark>");
            push_escaped(&mut passage, run);
            passage.push_str("</mark>");
        } else {
            push_escaped(&mut passage, run);
        }
    }
    Some(passage)
}

/// A text cut into words and what stands between them, with the place of each.
fn runs(text: &str) -> Vec<(usize, &str)> {
    let mut runs = Vec::new();
    let mut begin = 0;
    let mut last: Option<bool> = None;
    for (place, character) in text.char_indices() {
        let is_word = character.is_alphanumeric();
        if last.is_some_and(|last| last != is_word) {
            runs.extend(text.get(begin..place).map(|run| (begin, run)));
            begin = place;
        }
        last = Some(is_word);
    }
    runs.extend(text.get(begin..).filter(|run| !run.is_empty()).map(|run| (begin, run)));
    runs
}

fn push_escaped(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\r' | '\t' => out.push(' '),
            character => out.push(character),
        }
    }
}

/// The filter that leaves resources of these platforms.
pub fn of_platforms(names: &[String]) -> Option<Filter> {
    (!names.is_empty()).then(|| Filter { facet: facet::PLATFORM, values: names.to_vec() })
}

/// The parts in which words are looked for unless somebody says otherwise.
pub fn all_parts() -> Vec<Part> {
    search::Part::ALL.to_vec()
}
