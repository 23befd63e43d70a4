//! Words that nothing has, and what is suggested to those who type.

use std::collections::{BTreeSet, HashMap};

use tantivy::collector::Count;
use tantivy::query::{FuzzyTermQuery, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, Term};

use super::failed;
use super::layout::Layout;
use crate::search::analysis::stem;
use crate::search::entry::BEFORE_SUGGESTION;
use crate::search::{MOST_CORRECTED, Part, Query, Result, edits, is_correctable};

/// How many words are looked for in the stead of one.
const MOST_CORRECTIONS: usize = 5;
/// How many terms of a segment are looked at for a suggestion.
const MOST_TERMS: usize = 2_000;

/// Has words that are much like them looked for in the stead of words that nothing has; which.
pub(super) fn correct(searcher: &Searcher, layout: &Layout, query: &mut Query) -> Result<Vec<(String, Vec<String>)>> {
    let mut corrected = Vec::new();
    for word in query.words.any.iter_mut().filter(|word| !word.is_joined && is_correctable(&word.text)) {
        if corrected.len() >= MOST_CORRECTED {
            break;
        }
        if !is_known(searcher, layout, &word.text, &query.parts)? {
            word.corrections = similar(searcher, layout, &word.text, &query.parts)?;
            corrected.push((word.text.clone(), word.corrections.clone()));
        }
    }
    Ok(corrected)
}

fn is_known(searcher: &Searcher, layout: &Layout, word: &str, parts: &[Part]) -> Result<bool> {
    for (field, stemmed) in parts.iter().filter_map(|part| layout.searched(*part)) {
        let text = if stemmed { stem(word) } else { word.to_owned() };
        if searcher.doc_freq(&Term::from_field_text(field, &text))? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The words that need the fewest changes to become this one, the most frequent first.
fn similar(searcher: &Searcher, layout: &Layout, word: &str, parts: &[Part]) -> Result<Vec<String>> {
    for distance in 1..=edits(word) {
        let mut counts: HashMap<String, u64> = HashMap::new();
        for field in parts.iter().filter(|part| part.has_stems()).filter_map(|part| layout.exact(*part)) {
            count_similar(searcher, field, word, distance, &mut counts)?;
        }
        if !counts.is_empty() {
            let mut similar: Vec<(String, u64)> = counts.into_iter().collect();
            similar.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
            return Ok(similar.into_iter().take(MOST_CORRECTIONS).map(|(word, _)| word).collect());
        }
    }
    Ok(Vec::new())
}

fn count_similar(searcher: &Searcher, field: Field, word: &str, distance: u8, counts: &mut HashMap<String, u64>) -> Result<()> {
    let query = FuzzyTermQuery::new(Term::from_field_text(field, word), distance, true);
    for segment in searcher.segment_readers() {
        let index = segment.inverted_index(field)?;
        let mut terms = index.terms().search(query.automaton()?).into_stream().map_err(failed)?;
        while let Some((term, info)) = terms.next() {
            if let Ok(term) = std::str::from_utf8(term) {
                *counts.entry(term.to_owned()).or_default() += u64::from(info.doc_freq);
            }
        }
    }
    Ok(())
}

/// Names and keywords that begin like this, or have a word that does.
pub(super) fn suggest(searcher: &Searcher, layout: &Layout, beginning: &str, limit: usize) -> Result<Vec<String>> {
    let mut counts: HashMap<String, (u64, BTreeSet<String>)> = HashMap::new();
    for segment in searcher.segment_readers() {
        let index = segment.inverted_index(layout.suggestion)?;
        // Behind all that begins so: no text has this byte.
        let mut end = beginning.as_bytes().to_vec();
        end.push(0xff);
        let mut terms = index.terms().range().ge(beginning).lt(&end).into_stream().map_err(failed)?;
        let mut seen = 0;
        while let Some((term, info)) = terms.next() {
            if let Ok(term) = std::str::from_utf8(term)
                && let Some((_, shown)) = term.split_once(BEFORE_SUGGESTION)
            {
                let (count, terms) = counts.entry(shown.to_owned()).or_default();
                *count += u64::from(info.doc_freq);
                terms.insert(term.to_owned());
            }
            seen += 1;
            if seen >= MOST_TERMS {
                break;
            }
        }
    }
    let mut found: Vec<(String, (u64, BTreeSet<String>))> = counts.into_iter().collect();
    found.sort_by(|(a, (n, _)), (b, (m, _))| m.cmp(n).then_with(|| a.len().cmp(&b.len())).then_with(|| a.cmp(b)));
    let mut suggestions = Vec::with_capacity(limit);
    for (shown, (_, terms)) in found {
        if suggestions.len() >= limit {
            break;
        }
        // Dictionaries know terms of entries that are gone until segments are merged.
        if is_alive(searcher, layout.suggestion, &terms)? {
            suggestions.push(shown);
        }
    }
    Ok(suggestions)
}

fn is_alive(searcher: &Searcher, field: Field, terms: &BTreeSet<String>) -> Result<bool> {
    for term in terms {
        let query = TermQuery::new(Term::from_field_text(field, term), IndexRecordOption::Basic);
        if searcher.search(&query, &Count)? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}
