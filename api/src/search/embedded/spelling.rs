//! Words that nothing has, and what is suggested to those who type.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use tantivy::query::{DfaWrapper, FuzzyTermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocSet, Searcher, Term};

use super::collect::Deadline;
use super::layout::Layout;
use super::{failed, find};
use crate::search::analysis::stem;
use crate::search::entry::BEFORE_SUGGESTION;
use crate::search::{MOST_CORRECTED, Part, Query, Result, edits, is_correctable};

/// How many words are looked for in the stead of one.
const MOST_CORRECTIONS: usize = 5;
/// How many terms of a segment are looked at for a suggestion.
const MOST_TERMS: usize = 2_000;

/// Has words that are much like them looked for in the stead of words that nothing has; which.
pub(super) fn correct(searcher: &Searcher, layout: &Layout, query: &mut Query, deadline: Deadline) -> Result<Vec<(String, Vec<String>)>> {
    let mut corrected = Vec::new();
    for word in query.words.any.iter_mut().filter(|word| !word.is_joined && is_correctable(&word.text)) {
        if corrected.len() >= MOST_CORRECTED {
            break;
        }
        if !is_known(searcher, layout, &word.text, &query.parts)? {
            word.corrections = similar(searcher, layout, &word.text, &query.parts, deadline)?;
            corrected.push((word.text.clone(), word.corrections.clone()));
        }
    }
    Ok(corrected)
}

fn is_known(searcher: &Searcher, layout: &Layout, word: &str, parts: &[Part]) -> Result<bool> {
    for (field, stemmed) in parts.iter().filter_map(|part| layout.searched(*part)) {
        let text = if stemmed { stem(word) } else { word.to_owned() };
        // Dictionaries know words of entries that are gone until segments are merged.
        if find(searcher, &Term::from_field_text(field, &text))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The words that need the fewest changes to become this one, the most frequent first.
fn similar(searcher: &Searcher, layout: &Layout, word: &str, parts: &[Part], deadline: Deadline) -> Result<Vec<String>> {
    let fields: Vec<Field> = parts.iter().filter(|part| part.has_stems()).filter_map(|part| layout.exact(*part)).collect();
    let Some(first) = fields.first() else { return Ok(Vec::new()) };
    for distance in 1..=edits(word) {
        let automaton = FuzzyTermQuery::new(Term::from_field_text(*first, word), distance, true).automaton()?;
        let mut counts: HashMap<String, u64> = HashMap::new();
        for field in &fields {
            deadline.check()?;
            count_similar(searcher, *field, &automaton, &mut counts)?;
        }
        let similar = most_frequent(searcher, &fields, counts, deadline)?;
        if !similar.is_empty() {
            return Ok(similar);
        }
    }
    Ok(Vec::new())
}

/// Counts words, those of entries that are gone too.
fn count_similar(searcher: &Searcher, field: Field, automaton: &DfaWrapper, counts: &mut HashMap<String, u64>) -> Result<()> {
    for segment in searcher.segment_readers() {
        let index = segment.inverted_index(field)?;
        let mut terms = index.terms().search(automaton).into_stream().map_err(failed)?;
        while let Some((term, info)) = terms.next() {
            if let Ok(term) = std::str::from_utf8(term) {
                *counts.entry(term.to_owned()).or_default() += u64::from(info.doc_freq);
            }
        }
    }
    Ok(())
}

/// The most frequent of these words among the entries that live; with what they have at most.
fn most_frequent(searcher: &Searcher, fields: &[Field], counts: HashMap<String, u64>, deadline: Deadline) -> Result<Vec<String>> {
    let mut at_most: Vec<(String, u64)> = counts.into_iter().collect();
    at_most.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
    let mut living: Vec<(Reverse<u64>, String)> = Vec::new();
    for (word, at_most) in at_most {
        // No other one can be better.
        if living.get(MOST_CORRECTIONS - 1).is_some_and(|(Reverse(count), _)| *count > at_most) {
            break;
        }
        deadline.check()?;
        let mut count = 0;
        for field in fields {
            count += count_living(searcher, &Term::from_field_text(*field, &word))?;
        }
        if count > 0 {
            living.push((Reverse(count), word));
            living.sort();
            living.truncate(MOST_CORRECTIONS);
        }
    }
    Ok(living.into_iter().map(|(_, word)| word).collect())
}

/// How many entries that live have this term.
fn count_living(searcher: &Searcher, term: &Term) -> Result<u64> {
    let mut count = 0;
    for segment in searcher.segment_readers() {
        let index = segment.inverted_index(term.field())?;
        count += match segment.alive_bitset() {
            None => u64::from(index.doc_freq(term).map_err(failed)?),
            Some(alive) => match index.read_postings(term, IndexRecordOption::Basic).map_err(failed)? {
                Some(mut postings) => u64::from(postings.count(alive)),
                None => 0,
            },
        };
    }
    Ok(count)
}

/// Names and keywords that begin like this, or have a word that does.
pub(super) fn suggest(searcher: &Searcher, layout: &Layout, beginning: &str, limit: usize, deadline: Deadline) -> Result<Vec<String>> {
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
        deadline.check()?;
        // Dictionaries know terms of entries that are gone until segments are merged.
        if is_alive(searcher, layout.suggestion, &terms)? {
            suggestions.push(shown);
        }
    }
    Ok(suggestions)
}

fn is_alive(searcher: &Searcher, field: Field, terms: &BTreeSet<String>) -> Result<bool> {
    for term in terms {
        if find(searcher, &Term::from_field_text(field, term))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
