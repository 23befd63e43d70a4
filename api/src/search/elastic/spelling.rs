//! Words that nothing has, and what is suggested to those who type.

use std::collections::HashMap;

use elasticsearch::http::Method;
use serde_json::{Map, Value, json};
use strsim::osa_distance;

use super::client::{Client, Content, SEARCHING};
use super::layout::{BEGINNING, SPELLING, SUGGESTION, searched_field};
use crate::search::analysis::stem;
use crate::search::entry::BEFORE_SUGGESTION;
use crate::search::{MOST_CORRECTED, Part, Query, Result, edits, is_correctable};

/// How many words are looked for in the stead of one.
pub(super) const MOST_CORRECTIONS: usize = 5;
/// How many words of a query are looked at whether anything has them.
const MOST_WORDS: usize = 24;
/// How many words like one Elasticsearch looks at.
const MOST_SIMILAR: usize = 50;
/// How many resources are looked at for suggestions: the suggestions of a single letter are those of some, not of all.
const MOST_SUGGESTING: usize = 5_000;
/// How many suggestions are counted.
const MOST_SUGGESTIONS: usize = 500;
/// A suggestion has at most 100 characters: what is longer begins none.
const MAX_BEGINNING: usize = 200;

/// Words that are taken for others where nothing has them.
pub(super) fn correctable(query: &Query) -> Vec<String> {
    let words = query.words.any.iter().filter(|word| !word.is_joined && is_correctable(&word.text));
    words.take(MOST_WORDS).map(|word| word.text.clone()).collect()
}

/// Asks a search for words that are much like these, for those of them that nothing has as they are written.
pub(super) fn ask_similar(words: &[String]) -> Value {
    let similar = |(place, word): (usize, &String)| {
        let term = json!({
            "field": SPELLING, "suggest_mode": "missing", "sort": "frequency", "size": MOST_SIMILAR, "shard_size": MOST_SIMILAR,
            "max_edits": edits(word), "prefix_length": 0, "min_word_length": 4, "max_inspections": MOST_SIMILAR, "accuracy": 0.0,
        });
        (place.to_string(), json!({"text": word, "term": term}))
    };
    Value::Object(words.iter().enumerate().map(similar).collect::<Map<_, _>>())
}

/// The words that need the fewest changes to become each of these, the most frequent first, as a search that was asked for them says.
pub(super) fn similar(words: &[String], answer: &Value) -> HashMap<String, Vec<String>> {
    let of_word = |(place, word): (usize, &String)| {
        let options = answer.pointer(&format!("/suggest/{place}/0/options")).and_then(Value::as_array);
        let mut options: Vec<(usize, u64, &str)> = options
            .into_iter()
            .flatten()
            .filter_map(|option| {
                let text = option.get("text")?.as_str()?;
                Some((osa_distance(word, text), option.get("freq")?.as_u64()?, text))
            })
            .filter(|(distance, _, _)| *distance <= usize::from(edits(word)))
            .collect();
        let nearest = options.iter().map(|(distance, _, _)| *distance).min();
        options.retain(|(distance, _, _)| Some(*distance) == nearest);
        options.sort_by(|(_, n, a), (_, m, b)| m.cmp(n).then_with(|| a.cmp(b)));
        (word.clone(), options.into_iter().take(MOST_CORRECTIONS).map(|(_, _, text)| text.to_owned()).collect())
    };
    words.iter().enumerate().map(of_word).collect()
}

/// The first of the words that nothing has in any form.
pub(super) async fn unknown(client: &Client, index: &str, words: &[String]) -> Result<Vec<String>> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    // How often a resource's words stand in others: the resource is one that has just these words, in every part.
    let fields: Vec<(String, bool)> = Part::ALL.iter().map(|part| searched_field(*part)).collect();
    let forms = |is_stemmed: bool| words.iter().map(|word| if is_stemmed { stem(word) } else { word.clone() }).collect::<Vec<_>>();
    let resource: Map<String, Value> = fields.iter().map(|(field, stemmed)| (field.clone(), json!(forms(*stemmed).join(" ")))).collect();
    let request = json!({
        "doc": resource, "fields": fields.iter().map(|(field, _)| field).collect::<Vec<_>>(),
        "term_statistics": true, "field_statistics": false, "positions": false, "offsets": false, "payloads": false,
    });
    let path = format!("/{index}/_termvectors?realtime=false");
    let answer = client.send(Method::Post, &path, Content::Json(&request), SEARCHING).await?.ok()?;
    let is_known = |word: &&String| {
        fields.iter().any(|(field, stemmed)| {
            let form = if *stemmed { stem(word) } else { (*word).clone() };
            let terms = answer.get("term_vectors").and_then(|vectors| vectors.get(field)).and_then(|field| field.get("terms"));
            let term = terms.and_then(|terms| terms.get(&form));
            term.and_then(|term| term.get("doc_freq")).and_then(Value::as_u64).is_some_and(|frequency| frequency > 0)
        })
    };
    Ok(words.iter().filter(|word| !is_known(word)).take(MOST_CORRECTED).cloned().collect())
}

/// What counts how many hits have which correction.
pub(super) const LIVING: &str = "living";

/// Counts the hits that have each of these words.
pub(super) fn ask_living(words: &[&String]) -> Value {
    let fields: Vec<String> = Part::ALL.iter().filter(|part| part.has_stems()).map(|part| searched_field(*part).0).collect();
    let has_word = |word: &&String| {
        let in_fields: Vec<Value> = fields.iter().map(|field| json!({"term": {field.clone(): stem(word)}})).collect();
        ((*word).clone(), json!({"bool": {"should": in_fields}}))
    };
    json!({"filters": {"filters": words.iter().map(has_word).collect::<Map<_, _>>()}})
}

/// Where an answer says how many hits have a word.
pub(super) fn living(word: &str) -> String {
    format!("/aggregations/{LIVING}/buckets/{word}/doc_count")
}

/// Names and keywords that begin like this, or have a word that does.
pub(super) async fn suggest(client: &Client, index: &str, beginning: &str, limit: usize) -> Result<Vec<String>> {
    if beginning.chars().count() > MAX_BEGINNING {
        return Ok(Vec::new());
    }
    let escaped: String =
        beginning.chars().flat_map(|c| (!c.is_alphanumeric() && c != ' ').then_some('\\').into_iter().chain([c])).collect();
    let values = json!({"field": SUGGESTION, "include": format!("{escaped}.*"), "execution_hint": "map", "size": MOST_SUGGESTIONS});
    let request = json!({
        "size": 0, "terminate_after": MOST_SUGGESTING, "track_total_hits": false,
        "query": {"constant_score": {"filter": {"prefix": {BEGINNING: beginning}}}},
        "aggs": {SUGGESTION: {"terms": values}},
    });
    let path = format!("/{index}/_search?allow_partial_search_results=false&filter_path=aggregations");
    let answer = client.send(Method::Post, &path, Content::Json(&request), SEARCHING).await?.ok()?;
    let mut counts: HashMap<String, u64> = HashMap::new();
    for (value, count) in super::buckets(answer.pointer(&format!("/aggregations/{SUGGESTION}"))) {
        if let Some((_, shown)) = value.split_once(BEFORE_SUGGESTION) {
            *counts.entry(shown.to_owned()).or_default() += count;
        }
    }
    let mut found: Vec<(String, u64)> = counts.into_iter().collect();
    found.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.len().cmp(&b.len())).then_with(|| a.cmp(b)));
    Ok(found.into_iter().take(limit).map(|(shown, _)| shown).collect())
}
