//! The search index in Elasticsearch.
//!
//! All types share one index, so that counts are exact and scores comparable. Its name ends with the time of its making. The alias
//! `search.index` stands for the one that is searched, and the same with `-next` for one that is being made. What an index says of itself
//! stands in a document of its own, which is written last: so it never says more than the index holds.
//!
//! Writers name an index by an alias of its own. Where that is gone, because somebody removed the index, nothing is written: Elasticsearch
//! would make an index of that name otherwise, with fields of its own choice.

mod ask;
mod bulk;
mod client;
mod cursor;
mod layout;
mod spelling;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use elasticsearch::http::Method;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, try_join};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::client::{BEING_MADE, Client, Content, SEARCHING, WORKING};
use self::cursor::{Cursor, KEPT, Points};
use self::layout::{ID, LABEL, MARK, MAX_WINDOW, REVISION};
use super::{Engine, Found, Mark, Query, Refused, Result, Sample, SearchError, Target, Write};
use crate::config::SearchConfig;

/// How often the log says that searches get no answer.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// An index in Elasticsearch.
#[derive(Debug)]
pub(super) struct Elastic {
    client: Client,
    /// The alias of the index that is searched; the names of indexes begin with it.
    alias: String,
    /// The names of the indexes that this process writes to.
    names: Mutex<Names>,
    points: Points,
    /// When the log last said that searches get no answer.
    told: Mutex<Option<Instant>>,
}

#[derive(Debug, Default)]
struct Names {
    current: Option<String>,
    next: Option<String>,
}

/// What an index says of itself, as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(flatten)]
    mark: Mark,
    /// Of which fields it was made.
    fields: String,
}

/// The alias by which an index is written to.
fn write_alias(name: &str) -> String {
    format!("{name}-write")
}

/// Values and counts of an aggregation.
fn buckets(aggregation: Option<&Value>) -> Vec<(String, u64)> {
    let buckets = aggregation.and_then(|aggregation| aggregation.get("buckets")).and_then(Value::as_array);
    let counted = |bucket: &Value| Some((bucket.get("key")?.as_str()?.to_owned(), bucket.get("doc_count")?.as_u64()?));
    buckets.into_iter().flatten().filter_map(counted).collect()
}

impl Elastic {
    /// The index of the configuration, which is made when something is written.
    pub(super) fn new(config: &SearchConfig) -> Self {
        Self {
            client: Client::new(config),
            alias: config.index.clone(),
            names: Mutex::default(),
            points: Points::default(),
            told: Mutex::default(),
        }
    }

    fn next_alias(&self) -> String {
        format!("{}-next", self.alias)
    }

    /// The name of the index that this process writes to.
    fn name(&self, target: Target) -> Result<String> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let name = match target {
            Target::Current => names.current.clone(),
            Target::Next => names.next.clone(),
        };
        name.ok_or_else(|| SearchError::Unavailable("the search index is gone".to_owned()))
    }

    fn set_name(&self, target: Target, name: Option<String>) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        match target {
            Target::Current => names.current = name,
            Target::Next => names.next = name,
        }
    }

    /// A request that changes indexes.
    async fn change(&self, method: Method, path: &str, content: Content<'_>) -> Result<Value> {
        self.client.send_patiently(method, path, content).await?.ok()
    }

    /// The name of the index behind an alias.
    async fn resolve(&self, alias: &str) -> Result<Option<String>> {
        let answer = self.client.send(Method::Get, &format!("/_alias/{alias}"), Content::Nothing, WORKING).await?.found()?;
        let names = answer.as_ref().and_then(Value::as_object).into_iter().flat_map(|names| names.keys());
        Ok(names.filter(|name| self.is_ours(name)).max().cloned())
    }

    fn is_ours(&self, name: &str) -> bool {
        let time = name.strip_prefix(&self.alias).and_then(|rest| rest.strip_prefix('-'));
        time.is_some_and(|time| !time.is_empty() && time.bytes().all(|digit| digit.is_ascii_digit()))
    }

    /// Removes all indexes of the catalogue but this one.
    async fn remove_others(&self, kept: Option<&str>) -> Result<()> {
        let path = format!("/{}-*/_alias", self.alias);
        let known = self.client.send(Method::Get, &path, Content::Nothing, WORKING).await?.found()?;
        let names = known.as_ref().and_then(Value::as_object).into_iter().flat_map(|names| names.keys());
        for name in names.filter(|name| self.is_ours(name) && Some(name.as_str()) != kept) {
            self.client.send_patiently(Method::Delete, &format!("/{name}"), Content::Nothing).await?.found()?;
        }
        Ok(())
    }

    async fn read_mark(&self, target: Target) -> Result<Option<Mark>> {
        let alias = if target == Target::Current { self.alias.clone() } else { self.next_alias() };
        let name = self.resolve(&alias).await?;
        self.set_name(target, name.clone());
        let Some(name) = name else { return Ok(None) };
        let path = format!("/{}/_doc/{MARK}?_source_includes={MARK}", write_alias(&name));
        let answer = self.client.send(Method::Get, &path, Content::Nothing, WORKING).await?.found()?;
        let text = answer.as_ref().and_then(|answer| answer.pointer(&format!("/_source/{MARK}"))).and_then(Value::as_str);
        let stored: Option<Stored> = text.and_then(|text| serde_json::from_str(text).ok());
        Ok(stored.filter(|stored| stored.fields == layout::fingerprint()).map(|stored| stored.mark))
    }

    async fn write_mark(&self, name: &str, mark: &Mark) -> Result<()> {
        let stored = Stored { mark: mark.clone(), fields: layout::fingerprint() };
        let text = serde_json::to_string(&stored).map_err(|error| SearchError::Failed(error.to_string()))?;
        let path = format!("/{}/_doc/{MARK}?require_alias=true", write_alias(name));
        self.change(Method::Put, &path, Content::Json(&json!({ MARK: text }))).await.map(drop)
    }

    async fn make_next(&self, mark: &Mark) -> Result<()> {
        self.set_name(Target::Next, None);
        let current = self.resolve(&self.alias).await?;
        self.remove_others(current.as_deref()).await?;
        let name = format!("{}-{}", self.alias, chrono::Utc::now().timestamp_micros());
        let index = layout::index(&[&write_alias(&name), &self.next_alias()]);
        self.change(Method::Put, &format!("/{name}"), Content::Json(&index)).await?;
        self.write_mark(&name, mark).await?;
        self.set_name(Target::Next, Some(name));
        Ok(())
    }

    async fn write_all(&self, target: Target, writes: Vec<Write>, version: i64, mark: &Mark) -> Result<Vec<Refused>> {
        let name = self.name(target)?;
        let refused = bulk::write(&self.client, &write_alias(&name), writes, version).await?;
        self.write_mark(&name, mark).await?;
        Ok(refused)
    }

    async fn refresh(&self, name: &str) -> Result<()> {
        self.change(Method::Post, &format!("/{name}/_refresh"), Content::Nothing).await.map(drop)
    }

    async fn search_next(&self) -> Result<()> {
        let name = self.name(Target::Next)?;
        self.refresh(&name).await?;
        let old = self.resolve(&self.alias).await?;
        let mut actions =
            vec![json!({"remove": {"index": name, "alias": self.next_alias()}}), json!({"add": {"index": name, "alias": self.alias}})];
        actions.extend(old.iter().map(|old| json!({"remove": {"index": old, "alias": self.alias, "must_exist": false}})));
        self.change(Method::Post, "/_aliases", Content::Json(&json!({ "actions": actions }))).await?;
        self.set_name(Target::Next, None);
        self.set_name(Target::Current, Some(name.clone()));
        if let Err(error) = self.remove_others(Some(&name)).await {
            tracing::warn!(%error, "the old search index cannot be removed");
        }
        Ok(())
    }

    /// Searches, and once more where words that nothing has are taken for others.
    async fn search_corrected(&self, query: &Query) -> Result<Found> {
        let cursor = match query.cursor.as_deref() {
            None => None,
            Some("") => Some(self.points.open(&self.client, &self.alias).await?),
            Some(text) => Some(Cursor::read(text, query, ask::keys(query.order))?),
        };
        // What follows the first page looks for the same.
        if let Some(cursor) = cursor.as_ref().filter(|cursor| cursor.after.is_some()) {
            let corrected = cursor.corrected.clone();
            let answer = self.ask(&with_corrections(query, &corrected), Some(cursor), &[]).await?;
            return Ok(self.found(query, Some(cursor), &answer, corrected).await);
        }
        let words = spelling::correctable(query);
        let asked = self.ask(query, cursor.as_ref(), &words);
        let (mut answer, unknown) = try_join(asked, spelling::unknown(&self.client, &self.alias, &words)).await?;
        let mut similar = spelling::similar(&words, &answer);
        let mut corrected: Vec<(String, Vec<String>)> =
            unknown.into_iter().map(|word| similar.remove_entry(&word).unwrap_or((word, Vec::new()))).collect();
        if corrected.iter().any(|(_, corrections)| !corrections.is_empty()) {
            answer = self.ask(&with_corrections(query, &corrected), cursor.as_ref(), &[]).await?;
            // Elasticsearch knows words of entries that are gone until it merges segments.
            let is_alive = |word: &String| answer.pointer(&spelling::living(word)).and_then(Value::as_u64).is_some_and(|count| count > 0);
            corrected.iter_mut().for_each(|(_, corrections)| corrections.retain(is_alive));
        }
        Ok(self.found(query, cursor.as_ref(), &answer, corrected).await)
    }

    /// The answer to a query, and, for words that nothing has as they are written, others that are much like them.
    async fn ask(&self, query: &Query, cursor: Option<&Cursor>, words: &[String]) -> Result<Value> {
        let mut request = ask::request(query, cursor.and_then(|cursor| cursor.after.as_ref()));
        if !words.is_empty() {
            request["suggest"] = spelling::ask_similar(words);
        }
        let corrections: Vec<&String> = query.words.any.iter().flat_map(|word| &word.corrections).collect();
        if !corrections.is_empty() {
            request["aggs"][spelling::LIVING] = spelling::ask_living(&corrections);
        }
        // A point in time knows its index.
        let index = match cursor {
            Some(cursor) => {
                request["pit"] = json!({"id": cursor.point, "keep_alive": KEPT});
                String::new()
            }
            None => format!("/{}", self.alias),
        };
        let parts = "pit_id,hits.total,hits.hits.sort,aggregations,suggest";
        let path = format!("{index}/_search?allow_partial_search_results=false&filter_path={parts}");
        let answer = self.client.send(Method::Post, &path, Content::Json(&request), SEARCHING).await?;
        if matches!(answer.status, 400 | 404) && cursor.is_some_and(|cursor| cursor.after.is_some()) {
            return Err(SearchError::Cursor);
        }
        answer.ok()
    }

    async fn found(&self, query: &Query, cursor: Option<&Cursor>, answer: &Value, corrected: Vec<(String, Vec<String>)>) -> Found {
        let hits = answer.pointer("/hits/hits").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let keys: Vec<&Value> = hits.iter().filter_map(|hit| hit.get("sort")).collect();
        let place = ask::keys(query.order) - 1;
        let ids = keys.iter().filter_map(|keys| keys.get(place).and_then(Value::as_i64)).collect();
        let mut next = None;
        if let Some(cursor) = cursor {
            let point = answer.get("pit_id").and_then(Value::as_str).unwrap_or(&cursor.point);
            match keys.last().filter(|_| keys.len() >= query.limit) {
                Some(last) => next = Some(Cursor::text(query, point, last, &corrected)),
                // Nobody has a cursor of it. What comes last may be asked for again.
                None if cursor.after.is_none() => self.points.close(&self.client, point).await,
                None => {}
            }
        }
        let counts = |facet: &str| {
            let mut counts = buckets(answer.get("aggregations").and_then(|all| all.get(facet)).and_then(|facet| facet.get(ask::VALUES)));
            counts.truncate(query.facet_values);
            counts
        };
        Found {
            ids,
            total: answer.pointer("/hits/total/value").and_then(Value::as_u64).unwrap_or_default(),
            facets: query.facets.iter().map(|facet| (*facet, counts(facet))).collect(),
            next,
            corrected,
        }
    }

    /// An answer that comes while somebody waits for it, or none. Why there is none is for the log: it may name users and addresses.
    async fn in_time<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        let why = match tokio::time::timeout(SEARCHING, answer).await {
            Ok(Err(SearchError::Unavailable(why))) if why != BEING_MADE => why,
            Ok(answer) => return answer,
            Err(_) => "no answer in time".to_owned(),
        };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| told.elapsed() > TELL_EVERY) {
            *told = Some(Instant::now());
            tracing::warn!(why, "searches get no answer: {why}");
        }
        Err(SearchError::Unavailable("the search engine does not answer".to_owned()))
    }

    async fn read_labels(&self, ids: &[i64]) -> Result<Vec<(i64, String)>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        let path = format!("/{}/_mget?_source_includes={LABEL}&filter_path=docs._id,docs.found,docs._source", self.alias);
        let request = json!({ "ids": ids });
        // An index that is not there yet has no labels.
        let answer = self.client.send_patiently(Method::Post, &path, Content::Json(&request)).await?.found()?;
        let documents = answer.as_ref().and_then(|answer| answer.get("docs")).and_then(Value::as_array);
        let label = |document: &Value| {
            document.get("found").and_then(Value::as_bool).filter(|found| *found)?;
            let label = document.pointer(&format!("/_source/{LABEL}")).and_then(Value::as_str).unwrap_or_default();
            Some((document.get("_id")?.as_str()?.parse().ok()?, label.to_owned()))
        };
        Ok(documents.into_iter().flatten().filter_map(label).collect())
    }

    async fn sample(&self, after: i64, limit: usize) -> Result<Sample> {
        let request = json!({
            "size": limit.clamp(1, MAX_WINDOW), "query": {"exists": {"field": ID}}, "sort": [{ID: "asc"}], "search_after": [after],
            "track_total_hits": true, "stored_fields": "_none_", "docvalue_fields": [REVISION],
        });
        let path =
            format!("/{}/_search?allow_partial_search_results=false&filter_path=hits.total,hits.hits.sort,hits.hits.fields", self.alias);
        let answer = self.client.send_patiently(Method::Post, &path, Content::Json(&request)).await?.ok()?;
        let hits = answer.pointer("/hits/hits").and_then(Value::as_array);
        let revision = |hit: &Value| Some((hit.pointer("/sort/0")?.as_i64()?, hit.pointer(&format!("/fields/{REVISION}/0"))?.as_i64()?));
        Ok(Sample {
            total: answer.pointer("/hits/total/value").and_then(Value::as_u64).unwrap_or_default(),
            revisions: hits.into_iter().flatten().filter_map(revision).collect(),
        })
    }
}

/// The query with what is looked for in the stead of words that nothing has.
fn with_corrections(query: &Query, corrected: &[(String, Vec<String>)]) -> Query {
    let mut query = query.clone();
    for word in query.words.any.iter_mut().filter(|word| !word.is_joined) {
        let corrections = corrected.iter().find(|(unknown, _)| *unknown == word.text);
        word.corrections = corrections.map(|(_, corrections)| corrections.clone()).unwrap_or_default();
    }
    query
}

impl Engine for Elastic {
    fn name(&self) -> &'static str {
        "elasticsearch"
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn search<'e>(&'e self, query: &'e Query) -> BoxFuture<'e, Result<Found>> {
        self.in_time(self.search_corrected(query)).boxed()
    }

    fn suggest<'e>(&'e self, beginning: &'e str, limit: usize) -> BoxFuture<'e, Result<Vec<String>>> {
        self.in_time(spelling::suggest(&self.client, &self.alias, beginning, limit)).boxed()
    }

    fn labels<'e>(&'e self, ids: &'e [i64]) -> BoxFuture<'e, Result<Vec<(i64, String)>>> {
        self.read_labels(ids).boxed()
    }

    fn mark(&self, target: Target) -> BoxFuture<'_, Result<Option<Mark>>> {
        self.read_mark(target).boxed()
    }

    fn begin_next<'e>(&'e self, mark: &'e Mark) -> BoxFuture<'e, Result<()>> {
        self.make_next(mark).boxed()
    }

    fn write<'e>(&'e self, target: Target, writes: Vec<Write>, version: i64, mark: &'e Mark) -> BoxFuture<'e, Result<Vec<Refused>>> {
        self.write_all(target, writes, version, mark).boxed()
    }

    fn show(&self) -> BoxFuture<'_, Result<()>> {
        async { self.refresh(&self.name(Target::Current)?).await }.boxed()
    }

    fn swap(&self) -> BoxFuture<'_, Result<()>> {
        self.search_next().boxed()
    }

    fn revisions(&self, after: i64, limit: usize) -> BoxFuture<'_, Result<Sample>> {
        self.sample(after, limit).boxed()
    }
}
