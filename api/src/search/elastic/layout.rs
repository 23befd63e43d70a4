//! The fields of the index in Elasticsearch. They are those of the embedded one, with some more by which spelling is corrected and
//! suggestions are made.

use serde_json::{Map, Value, json};

use crate::digest::sha256_hex;
use crate::search::analysis::stems;
use crate::search::entry::Entry;
use crate::search::{Date, Number, Part, facets};

pub(super) const ID: &str = "id";
pub(super) const REVISION: &str = "revision";
pub(super) const SORT_NAME: &str = "sort_name";
/// What a resource is called for those that are linked to it. Only read back, like [`MARK`].
pub(super) const LABEL: &str = "label";
/// What the index says of itself, in a document of its own.
pub(super) const MARK: &str = "mark";
/// All words that may be meant where one is misspelt.
pub(super) const SPELLING: &str = "spelling";
/// Suggestions as they are looked for: by what they begin with.
pub(super) const BEGINNING: &str = "beginning";
/// Suggestions as they are counted.
pub(super) const SUGGESTION: &str = "suggestion";

/// The deepest hit that an offset reaches, and a page of the largest size behind it.
pub(super) const MAX_WINDOW: usize = 11_000;

/// The field that counts a facet.
pub(super) fn facet_field(facet: &str) -> String {
    format!("facet_{facet}")
}

/// The field of a part's words as they are written.
pub(super) fn exact_field(part: Part) -> String {
    format!("words_{}", part.as_str())
}

fn stems_field(part: Part) -> String {
    format!("stems_{}", part.as_str())
}

/// The field in which a word of a part is looked for, and whether it holds stems.
pub(super) fn searched_field(part: Part) -> (String, bool) {
    if part.has_stems() { (stems_field(part), true) } else { (exact_field(part), false) }
}

/// What a new index is made of. One shard: counts are exact and scores comparable. What is written is shown on demand only.
pub(super) fn index(aliases: &[&str]) -> Value {
    let aliases: Map<String, Value> = aliases.iter().map(|alias| ((*alias).to_owned(), json!({}))).collect();
    json!({
        "settings": {
            "number_of_shards": 1,
            "auto_expand_replicas": "0-1",
            "refresh_interval": "-1",
            "max_result_window": MAX_WINDOW,
            // What was removed is remembered for so long, so that no older entry comes back.
            "gc_deletes": "1h",
        },
        "aliases": aliases,
        "mappings": mappings(),
    })
}

/// Tells this program's fields from those of another one.
pub(super) fn fingerprint() -> String {
    sha256_hex(mappings().to_string().as_bytes(), 8)
}

fn mappings() -> Value {
    let number = || json!({"type": "long"});
    let kept = || json!({"type": "keyword", "index": false, "doc_values": false});
    let mut fields = Map::new();
    let mut add = |name: String, field: Value| drop(fields.insert(name, field));
    add(ID.to_owned(), number());
    add(REVISION.to_owned(), json!({"type": "long", "index": false}));
    for number_field in [Number::Date(Date::Modified), Number::Date(Date::Created), Number::Date(Date::Published), Number::Popularity] {
        add(number_field.as_str().to_owned(), number());
    }
    add(LABEL.to_owned(), kept());
    add(MARK.to_owned(), kept());
    add(SORT_NAME.to_owned(), json!({"type": "keyword", "index": false}));
    for part in Part::ALL {
        let mut words = json!({"type": "text", "analyzer": "whitespace"});
        if part.has_stems() {
            words["copy_to"] = json!(SPELLING);
            add(stems_field(part), json!({"type": "text", "analyzer": "whitespace", "index_options": "freqs"}));
        }
        add(exact_field(part), words);
    }
    add(SPELLING.to_owned(), json!({"type": "text", "analyzer": "whitespace", "norms": false, "index_options": "docs"}));
    add(
        BEGINNING.to_owned(),
        json!({"type": "text", "analyzer": "keyword", "norms": false, "index_options": "docs",
            "index_prefixes": {"min_chars": 1, "max_chars": 10}}),
    );
    add(SUGGESTION.to_owned(), json!({"type": "keyword", "index": false}));
    for facet in facets() {
        add(facet_field(facet), json!({"type": "keyword"}));
    }
    json!({"dynamic": "strict", "_source": {"includes": [LABEL, MARK]}, "properties": fields})
}

/// An entry as the index takes it.
pub(super) fn document(entry: &Entry) -> Value {
    let mut document = Map::new();
    let mut add = |name: String, value: Value| drop(document.insert(name, value));
    add(ID.to_owned(), json!(entry.id));
    add(REVISION.to_owned(), json!(entry.revision));
    add(Number::Date(Date::Modified).as_str().to_owned(), json!(entry.date_modified));
    add(Number::Date(Date::Created).as_str().to_owned(), json!(entry.date_created));
    if let Some(published) = entry.date_published {
        add(Number::Date(Date::Published).as_str().to_owned(), json!(published));
    }
    add(Number::Popularity.as_str().to_owned(), json!(entry.popularity));
    add(LABEL.to_owned(), json!(entry.label));
    add(SORT_NAME.to_owned(), json!(entry.sort_name));
    if !entry.suggestions.is_empty() {
        add(BEGINNING.to_owned(), json!(entry.suggestions));
        add(SUGGESTION.to_owned(), json!(entry.suggestions));
    }
    for (part, words) in entry.words.iter().filter(|(_, words)| !words.is_empty()) {
        add(exact_field(*part), json!(words.join(" ")));
        if part.has_stems() {
            add(stems_field(*part), json!(stems(words)));
        }
    }
    for (facet, values) in &entry.facets {
        add(facet_field(facet), json!(values));
    }
    Value::Object(document)
}
