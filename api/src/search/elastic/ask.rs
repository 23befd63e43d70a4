//! From what is asked to what Elasticsearch looks for.

use serde_json::{Map, Value, json};

use super::layout::{ID, SORT_NAME, exact_field, facet_field, searched_field};
use crate::search::analysis::stem;
use crate::search::{CORRECTED_WEIGHT, DateRange, Filter, Number, Order, Part, Query, TIE_BREAKER, Word, facet};

/// The name of the counts within an aggregation that narrows them.
pub(super) const VALUES: &str = "values";

/// The request for a page of hits behind `after`, which is what the last hit was ordered by.
pub(super) fn request(query: &Query, after: Option<&Value>) -> Value {
    let (counted, uncounted) = filters(query);
    let mut clauses: Vec<Value> = uncounted.iter().map(filter).collect();
    clauses.extend(query.dates.iter().map(range));
    let mut request = json!({
        "size": query.limit,
        "query": {"bool": {"must": required(query), "filter": clauses, "must_not": unwanted(query)}},
        "sort": order(query.order),
        "track_total_hits": true,
        "stored_fields": "_none_",
    });
    if !counted.is_empty() {
        request["post_filter"] = all(counted.iter());
    }
    if !query.facets.is_empty() {
        request["aggs"] = counts(query, &counted);
    }
    match after {
        Some(after) => request["search_after"] = after.clone(),
        None => request["from"] = json!(query.offset),
    }
    request
}

/// What must be found: any of the words, and every phrase.
fn required(query: &Query) -> Vec<Value> {
    let words: Vec<Value> = query.words.any.iter().map(|asked| word(asked, &query.parts)).collect();
    let mut required = Vec::new();
    if !words.is_empty() {
        required.push(json!({"bool": {"should": words, "minimum_should_match": 1}}));
    }
    required.extend(query.words.phrases.iter().map(|words| phrase(words, &query.parts)));
    if required.is_empty() {
        // What the index says of itself has no row id.
        let everything = if query.words.or_all { json!({"exists": {"field": ID}}) } else { json!({"match_none": {}}) };
        required.push(json!({"constant_score": {"filter": everything, "boost": 0.0}}));
    }
    required
}

fn unwanted(query: &Query) -> Vec<Value> {
    query.words.without.iter().map(|words| phrase(words, &Part::ALL)).collect()
}

/// A word or what it may stand for, in the part where it weighs most.
fn word(word: &Word, parts: &[Part]) -> Value {
    let mut found = word_in_parts(&word.text, parts, 1.0);
    for correction in &word.corrections {
        found.extend(word_in_parts(correction, parts, CORRECTED_WEIGHT));
    }
    json!({"dis_max": {"queries": found, "tie_breaker": TIE_BREAKER}})
}

fn word_in_parts(word: &str, parts: &[Part], weight: f32) -> Vec<Value> {
    let in_part = |part: &Part| {
        let (field, stemmed) = searched_field(*part);
        let text = if stemmed { stem(word) } else { word.to_owned() };
        json!({"term": {field: {"value": text, "boost": part.weight() * weight}}})
    };
    parts.iter().map(in_part).collect()
}

/// Words side by side, as they are written, in one part.
fn phrase(words: &[String], parts: &[Part]) -> Value {
    let text = words.join(" ");
    let in_part = |part: &Part| json!({"match_phrase": {exact_field(*part): {"query": text, "boost": part.weight()}}});
    json!({"dis_max": {"queries": parts.iter().map(in_part).collect::<Vec<_>>(), "tie_breaker": TIE_BREAKER}})
}

/// The filters: those whose facet is counted as if they were not, and the others.
fn filters(query: &Query) -> (Vec<Filter>, Vec<Filter>) {
    let types = Filter { facet: facet::TYPE, values: query.types.iter().map(|resource| resource.path.to_owned()).collect() };
    let all = query.filters.iter().chain(Some(&types).filter(|types| !types.values.is_empty()));
    let is_narrowed = |facet: &str| query.filters.iter().any(|filter| filter.facet == facet);
    all.cloned().partition(|filter| query.facets.contains(&filter.facet) && is_narrowed(filter.facet))
}

fn filter(filter: &Filter) -> Value {
    json!({"terms": {facet_field(filter.facet): filter.values}})
}

fn all<'f>(filters: impl Iterator<Item = &'f Filter>) -> Value {
    json!({"bool": {"filter": filters.map(filter).collect::<Vec<_>>()}})
}

/// Counts of hits by value, for each facet with all filters but its own.
fn counts(query: &Query, counted: &[Filter]) -> Value {
    let of_facet = |facet: &&'static str| {
        let others = counted.iter().filter(|filter| filter.facet != *facet);
        let values = json!({"terms": {"field": facet_field(facet), "size": query.facet_values.max(1)}});
        ((*facet).to_owned(), json!({"filter": all(others), "aggs": {VALUES: values}}))
    };
    Value::Object(query.facets.iter().map(of_facet).collect::<Map<_, _>>())
}

fn range(range: &DateRange) -> Value {
    let mut bounds = Map::new();
    bounds.extend(range.from.map(|from| ("gte".to_owned(), json!(from))));
    bounds.extend(range.before.map(|before| ("lt".to_owned(), json!(before))));
    json!({"range": {Number::Date(range.date).as_str(): bounds}})
}

/// By what hits are ordered; the row id is always the last.
fn order(order: Order) -> Value {
    let direction = |descending: bool| if descending { "desc" } else { "asc" };
    let by = |field: &str, descending: bool| {
        let missing = if descending { "_last" } else { "_first" };
        json!({field: {"order": direction(descending), "missing": missing}})
    };
    let first = match order {
        Order::Relevance => json!({"_score": "desc"}),
        Order::Registration => return json!([{ID: "asc"}]),
        Order::Name { descending } => by(SORT_NAME, descending),
        Order::By { number, descending } => by(number.as_str(), descending),
    };
    json!([first, {ID: "asc"}])
}

/// How many values a hit is ordered by.
pub(super) fn keys(order: Order) -> usize {
    if order == Order::Registration { 1 } else { 2 }
}
