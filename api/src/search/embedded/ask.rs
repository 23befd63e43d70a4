//! From what is asked to what tantivy looks for.

use std::ops::Bound;

use tantivy::Term;
use tantivy::query::{
    AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, EmptyQuery, Occur, PhraseQuery, Query, RangeQuery, TermQuery,
    TermSetQuery,
};
use tantivy::schema::IndexRecordOption;

use super::layout::Layout;
use crate::search::analysis::stem;
use crate::search::{self, CORRECTED_WEIGHT, DateRange, Filter, Number, Part, TIE_BREAKER, Word, facet};

type Boxed = Box<dyn Query>;

impl Layout {
    /// The query for what is asked, without the filter of one facet.
    pub(super) fn query(&self, asked: &search::Query, without: Option<&str>) -> Boxed {
        let mut clauses: Vec<(Occur, Boxed)> = Vec::new();
        let mut words: Vec<Boxed> = asked.words.any.iter().map(|word| self.word(word, &asked.parts)).collect();
        match words.len() {
            0 => {}
            1 => clauses.extend(words.pop().map(|word| (Occur::Must, word))),
            _ => clauses.push((Occur::Must, Box::new(BooleanQuery::union(words)))),
        }
        clauses.extend(asked.words.phrases.iter().map(|phrase| (Occur::Must, self.phrase(phrase, &asked.parts))));
        if clauses.is_empty() {
            if !asked.words.or_all {
                return Box::new(EmptyQuery);
            }
            clauses.push((Occur::Must, unscored(Box::new(AllQuery))));
        }
        let types: Vec<String> = asked.types.iter().map(|resource| resource.path.to_owned()).collect();
        let of_types = Filter { facet: facet::TYPE, values: types };
        let filters = asked.filters.iter().filter(|filter| without != Some(filter.facet));
        let filters = filters.chain(Some(&of_types).filter(|filter| !filter.values.is_empty() && without != Some(facet::TYPE)));
        clauses.extend(filters.map(|filter| (Occur::Must, unscored(self.filter(filter)))));
        clauses.extend(asked.dates.iter().map(|range| (Occur::Must, unscored(self.range(range)))));
        clauses.extend(asked.words.without.iter().map(|words| (Occur::MustNot, self.phrase(words, &Part::ALL))));
        match clauses.len() {
            1 => clauses.pop().map_or_else(|| Box::new(EmptyQuery) as Boxed, |(_, query)| query),
            _ => Box::new(BooleanQuery::new(clauses)),
        }
    }

    /// A word or what it may stand for, in the part where it weighs most.
    fn word(&self, word: &Word, parts: &[Part]) -> Boxed {
        let mut found = self.word_in_parts(&word.text, parts, 1.0);
        for correction in &word.corrections {
            found.extend(self.word_in_parts(correction, parts, CORRECTED_WEIGHT));
        }
        Box::new(DisjunctionMaxQuery::with_tie_breaker(found, TIE_BREAKER))
    }

    fn word_in_parts(&self, word: &str, parts: &[Part], weight: f32) -> Vec<Boxed> {
        let in_part = |part: &Part| {
            let (field, stemmed) = self.searched(*part)?;
            let text = if stemmed { stem(word) } else { word.to_owned() };
            let query = TermQuery::new(Term::from_field_text(field, &text), IndexRecordOption::WithFreqs);
            Some(Box::new(BoostQuery::new(Box::new(query), part.weight() * weight)) as Boxed)
        };
        parts.iter().filter_map(in_part).collect()
    }

    /// Words side by side, as they are written, in one part.
    fn phrase(&self, words: &[String], parts: &[Part]) -> Boxed {
        let in_part = |part: &Part| {
            let field = self.exact(*part)?;
            let mut terms: Vec<Term> = words.iter().map(|word| Term::from_field_text(field, word)).collect();
            let query: Boxed = if terms.len() > 1 {
                Box::new(PhraseQuery::new(terms))
            } else {
                Box::new(TermQuery::new(terms.pop()?, IndexRecordOption::WithFreqs))
            };
            Some(Box::new(BoostQuery::new(query, part.weight())) as Boxed)
        };
        Box::new(DisjunctionMaxQuery::with_tie_breaker(parts.iter().filter_map(in_part).collect(), TIE_BREAKER))
    }

    fn filter(&self, filter: &Filter) -> Boxed {
        let Some(field) = self.facet(filter.facet) else { return Box::new(EmptyQuery) };
        let mut terms: Vec<Term> = filter.values.iter().map(|value| Term::from_field_text(field, value)).collect();
        match terms.len() {
            1 => terms.pop().map_or_else(|| Box::new(EmptyQuery) as Boxed, |term| Box::new(TermQuery::new(term, IndexRecordOption::Basic))),
            _ => Box::new(TermSetQuery::new(terms)),
        }
    }

    fn range(&self, range: &DateRange) -> Boxed {
        let field = self.number(Number::Date(range.date));
        let from = range.from.map_or(Bound::Unbounded, |from| Bound::Included(Term::from_field_i64(field, from)));
        let before = range.before.map_or(Bound::Unbounded, |before| Bound::Excluded(Term::from_field_i64(field, before)));
        // A range needs a bound that names the field.
        let from = if matches!((&from, &before), (Bound::Unbounded, Bound::Unbounded)) {
            Bound::Included(Term::from_field_i64(field, i64::MIN))
        } else {
            from
        };
        Box::new(RangeQuery::new(from, before))
    }
}

fn unscored(query: Boxed) -> Boxed {
    Box::new(ConstScoreQuery::new(query, 0.0))
}
