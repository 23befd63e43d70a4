//! Passages of hits in which the words of a query stand.

use std::collections::{BTreeMap, BTreeSet};

use aiod_schema::model::Searched;
use serde_json::Value;

use crate::catalogue::Result;
use crate::catalogue::read::{Document, parse};
use crate::search::Words;
use crate::search::analysis::{stem, without_markup, without_tags, words};

/// How many hits of a page have passages.
pub const HIGHLIGHTED: usize = 100;
/// In how many characters of a text a passage is looked for.
const MAX_HIGHLIGHTED: usize = 10_000;

/// The words that are marked in passages, whatever their form.
#[derive(Debug)]
pub struct Marks(BTreeSet<String>);

impl Marks {
    /// The words that were asked for, and those that were looked for in their stead.
    pub fn of(asked: &Words, corrections: &[String]) -> Self {
        let typed = asked.any.iter().map(|word| &word.text).chain(asked.phrases.iter().flatten());
        Self(typed.chain(corrections).map(|word| stem(word)).collect())
    }
}

/// Passages of a resource in which words of a query stand, by field: `<mark>` stands around each, all else is escaped. It takes a while.
///
/// # Errors
/// When the resource is not JSON.
pub fn highlights(document: &Document, Marks(wanted): &Marks) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let value: Value = parse(&document.body)?;
    for field in &document.resource.object.fields {
        let is_text = matches!(field.searched, Some(Searched::Name | Searched::OtherName | Searched::Keyword | Searched::Text));
        let Some(value) = value.get(field.name).filter(|_| is_text) else { continue };
        if let Some(passage) = texts_of(&shortened(value)).iter().find_map(|text| marked(text.trim(), wanted)) {
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

/// The texts of a field without their markup: of one text, of a list of them, or of an object with one as plain text and as HTML.
pub(super) fn texts_of(value: &Value) -> Vec<String> {
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
