//! What a pass over the hits takes along: hits behind a cursor, counts of facets, and a look at the clock.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::time::{Duration, Instant};

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::StrColumn;
use tantivy::query::{Query, Weight};
use tantivy::schema::Schema;
use tantivy::{COLLECT_BLOCK_BUFFER_LEN, DocId, Score, Searcher, SegmentOrdinal, SegmentReader, TERMINATED, TantivyError};

use crate::search::{Result, SearchError};

/// When a search is given up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// So long from now on.
    pub(super) fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    fn is_over(self) -> bool {
        Instant::now() >= self.0
    }

    /// Ends what takes too long.
    pub(super) fn check(self) -> Result<()> {
        if self.is_over() { Err(SearchError::Unavailable("the search took too long".to_owned())) } else { Ok(()) }
    }

    /// Searches within this time.
    pub(super) fn search<C: Collector>(self, searcher: &Searcher, query: &dyn Query, collector: C) -> Result<C::Fruit> {
        searcher.search(query, &InTime { collector, deadline: self }).or_else(|error| {
            self.check()?;
            Err(error.into())
        })
    }
}

/// After how many hits the clock is looked at.
const UNTIMED: usize = 4_096;

/// Collects until a search is given up.
struct InTime<C> {
    collector: C,
    deadline: Deadline,
}

impl<C> InTime<C> {
    fn check(&self) -> tantivy::Result<()> {
        if self.deadline.is_over() { Err(TantivyError::InternalError("the search took too long".to_owned())) } else { Ok(()) }
    }
}

impl<C: Collector> Collector for InTime<C> {
    type Fruit = C::Fruit;
    type Child = C::Child;

    fn check_schema(&self, schema: &Schema) -> tantivy::Result<()> {
        self.collector.check_schema(schema)
    }

    fn for_segment(&self, ordinal: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<C::Child> {
        self.collector.for_segment(ordinal, segment)
    }

    fn requires_scoring(&self) -> bool {
        self.collector.requires_scoring()
    }

    fn merge_fruits(&self, fruits: Vec<<C::Child as SegmentCollector>::Fruit>) -> tantivy::Result<C::Fruit> {
        self.collector.merge_fruits(fruits)
    }

    fn collect_segment(
        &self,
        weight: &dyn Weight,
        ordinal: SegmentOrdinal,
        segment: &SegmentReader,
    ) -> tantivy::Result<<C::Child as SegmentCollector>::Fruit> {
        self.check()?;
        let mut child = self.collector.for_segment(ordinal, segment)?;
        let mut scorer = weight.scorer(segment, 1.0)?;
        let alive = segment.alive_bitset();
        let is_alive = |doc: DocId| alive.is_none_or(|alive| alive.is_alive(doc));
        let mut untimed = UNTIMED;
        if self.requires_scoring() {
            let mut doc = scorer.doc();
            while doc != TERMINATED {
                if is_alive(doc) {
                    child.collect(doc, scorer.score());
                }
                doc = scorer.advance();
                untimed -= 1;
                if untimed == 0 {
                    self.check()?;
                    untimed = UNTIMED;
                }
            }
            return Ok(child.harvest());
        }
        let mut docs = [0; COLLECT_BLOCK_BUFFER_LEN];
        loop {
            let found = scorer.fill_buffer(&mut docs);
            let docs = docs.get_mut(..found).unwrap_or_default();
            let living = if alive.is_some() { keep(docs, is_alive) } else { found };
            child.collect_block(docs.get(..living).unwrap_or_default());
            if found < COLLECT_BLOCK_BUFFER_LEN {
                return Ok(child.harvest());
            }
            untimed = untimed.saturating_sub(found);
            if untimed == 0 {
                self.check()?;
                untimed = UNTIMED;
            }
        }
    }
}

/// Moves those that are wanted to the front; how many they are.
fn keep(docs: &mut [DocId], is_wanted: impl Fn(DocId) -> bool) -> usize {
    let mut kept = 0;
    for place in 0..docs.len() {
        if docs.get(place).is_some_and(|doc| is_wanted(*doc)) {
            docs.swap(kept, place);
            kept += 1;
        }
    }
    kept
}

/// Whether a hit of a segment is wanted.
pub(super) type Wanted = Box<dyn Fn(DocId, Score) -> bool>;

/// Collects only those hits that are wanted.
pub(super) struct Only<C, F> {
    pub(super) collector: C,
    /// Which hits of a segment are.
    pub(super) wanted: F,
}

impl<C: Collector, F: Fn(&SegmentReader) -> tantivy::Result<Wanted> + Send + Sync> Collector for Only<C, F> {
    type Fruit = C::Fruit;
    type Child = OnlyOfSegment<C::Child>;

    fn for_segment(&self, ordinal: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<Self::Child> {
        Ok(OnlyOfSegment { collector: self.collector.for_segment(ordinal, segment)?, wanted: (self.wanted)(segment)? })
    }

    fn requires_scoring(&self) -> bool {
        self.collector.requires_scoring()
    }

    fn merge_fruits(&self, fruits: Vec<<C::Child as SegmentCollector>::Fruit>) -> tantivy::Result<C::Fruit> {
        self.collector.merge_fruits(fruits)
    }
}

pub(super) struct OnlyOfSegment<C> {
    collector: C,
    wanted: Wanted,
}

impl<C: SegmentCollector> SegmentCollector for OnlyOfSegment<C> {
    type Fruit = C::Fruit;

    fn collect(&mut self, doc: DocId, score: Score) {
        if (self.wanted)(doc, score) {
            self.collector.collect(doc, score);
        }
    }

    fn harvest(self) -> C::Fruit {
        self.collector.harvest()
    }
}

/// Counts hits by the values of facets, all of them.
pub(super) struct FacetCounts {
    /// Names of the fields.
    pub(super) fields: Vec<String>,
}

/// What was counted: for each field, the counts of each segment that has it.
pub(super) type Counts = Vec<Vec<Counted>>;

impl Collector for FacetCounts {
    type Fruit = Counts;
    type Child = FacetCountsOfSegment;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<FacetCountsOfSegment> {
        let columns = self.fields.iter().map(|field| {
            let column = segment.fast_fields().str(field)?;
            Ok(column.map(|column| Counted { counts: vec![0; column.num_terms()], column }))
        });
        let columns = columns.collect::<tantivy::Result<_>>()?;
        Ok(FacetCountsOfSegment { columns, waiting: Vec::with_capacity(COLLECT_BLOCK_BUFFER_LEN), block: Block::default() })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, fruits: Vec<Vec<Option<Counted>>>) -> tantivy::Result<Counts> {
        let mut merged: Counts = self.fields.iter().map(|_| Vec::new()).collect();
        for fruit in fruits {
            merged.iter_mut().zip(fruit).for_each(|(all, counted)| all.extend(counted));
        }
        Ok(merged)
    }
}

/// The hits of a segment by the values of a field.
pub(super) struct Counted {
    column: StrColumn,
    /// By the place of the value in the column's dictionary.
    counts: Vec<u32>,
}

pub(super) struct FacetCountsOfSegment {
    columns: Vec<Option<Counted>>,
    /// Hits that are not counted yet: many are counted together, column by column.
    waiting: Vec<DocId>,
    block: Block,
}

/// Room for the values of hits that are counted together.
#[derive(Default)]
struct Block {
    docs: Vec<DocId>,
    rows: Vec<u32>,
    ordinals: Vec<u64>,
}

impl fmt::Debug for FacetCountsOfSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FacetCountsOfSegment").finish_non_exhaustive()
    }
}

impl FacetCountsOfSegment {
    fn count(&mut self, docs: &[DocId]) {
        let block = &mut self.block;
        for Counted { column, counts } in self.columns.iter_mut().flatten() {
            block.docs.clear();
            block.rows.clear();
            column.ords().row_ids_for_docs(docs, &mut block.docs, &mut block.rows);
            block.ordinals.resize(block.rows.len(), 0);
            column.ords().values.get_vals(&block.rows, &mut block.ordinals);
            for ordinal in &block.ordinals {
                if let Some(count) = usize::try_from(*ordinal).ok().and_then(|ordinal| counts.get_mut(ordinal)) {
                    *count += 1;
                }
            }
        }
    }

    fn count_waiting(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        self.count(&waiting);
        waiting.clear();
        self.waiting = waiting;
    }
}

impl SegmentCollector for FacetCountsOfSegment {
    type Fruit = Vec<Option<Counted>>;

    fn collect(&mut self, doc: DocId, _: Score) {
        if self.columns.is_empty() {
            return;
        }
        self.waiting.push(doc);
        if self.waiting.len() == COLLECT_BLOCK_BUFFER_LEN {
            self.count_waiting();
        }
    }

    fn collect_block(&mut self, docs: &[DocId]) {
        if !docs.is_empty() {
            self.count(docs);
        }
    }

    fn harvest(mut self) -> Self::Fruit {
        if !self.waiting.is_empty() {
            self.count_waiting();
        }
        self.columns
    }
}

/// How many values are looked up in the dictionaries of segments; beyond that it is faster to walk through them.
const MOST_LOOKED_UP: usize = 2_000;

/// The most frequent values, with exact counts. Only values that may be among them are read from the dictionaries: one that has so many hits in
/// all has its part of them in one segment at least.
pub(super) fn most_frequent(segments: &[Counted], most: usize) -> tantivy::Result<Vec<(String, u64)>> {
    let number = u32::try_from(segments.len()).unwrap_or(u32::MAX).max(1);
    let bound = segments.iter().map(|counted| counted.nth_count(most)).max().unwrap_or_default().div_ceil(number).max(1);
    let candidates: Vec<Vec<u64>> = segments.iter().map(|counted| counted.ordinals(bound, most, number == 1)).collect();
    let looked_up = candidates.iter().map(Vec::len).sum::<usize>().saturating_mul(segments.len());
    let mut counts: HashMap<Vec<u8>, u64> = HashMap::new();
    if number == 1 || bound == 1 || looked_up > MOST_LOOKED_UP {
        for counted in segments {
            let ordinals = if number == 1 { candidates.concat() } else { counted.ordinals(1, most, false) };
            counted.values(&ordinals, |value, count| match counts.get_mut(value) {
                Some(sum) => *sum += count,
                None => counts.extend([(value.to_owned(), count)]),
            })?;
        }
    } else {
        let mut values: BTreeSet<Vec<u8>> = BTreeSet::new();
        for (counted, ordinals) in segments.iter().zip(&candidates) {
            counted.values(ordinals, |value, _| values.extend([value.to_owned()]))?;
        }
        for value in values {
            let mut sum = 0;
            for Counted { column, counts } in segments {
                let place = column.dictionary().term_ord(&value)?.and_then(|ordinal| usize::try_from(ordinal).ok());
                sum += place.and_then(|place| counts.get(place)).copied().map_or(0, u64::from);
            }
            counts.insert(value, sum);
        }
    }
    let mut counts: Vec<(Reverse<u64>, Vec<u8>)> = counts.into_iter().map(|(value, count)| (Reverse(count), value)).collect();
    if counts.len() > most {
        counts.select_nth_unstable(most);
        counts.truncate(most);
    }
    counts.sort_unstable();
    Ok(counts.into_iter().filter_map(|(Reverse(count), value)| Some((String::from_utf8(value).ok()?, count))).collect())
}

impl Counted {
    /// The count of the value that is so far from the most frequent one; 0 where there are fewer.
    fn nth_count(&self, nth: usize) -> u32 {
        let mut counts: Vec<u32> = self.counts.iter().copied().filter(|count| *count > 0).collect();
        let Some(last) = nth.checked_sub(1).filter(|last| *last < counts.len()) else { return 0 };
        *counts.select_nth_unstable_by(last, |a, b| b.cmp(a)).1
    }

    /// The places of values with at least so many hits, in order; at most so many of the most frequent ones where all of a value's hits
    /// are here.
    fn ordinals(&self, least: u32, most: usize, is_all: bool) -> Vec<u64> {
        let mut found: Vec<(Reverse<u32>, u64)> =
            self.counts.iter().zip(0..).filter(|(count, _)| **count >= least).map(|(count, ordinal)| (Reverse(*count), ordinal)).collect();
        if is_all && found.len() > most {
            found.select_nth_unstable(most);
            found.truncate(most);
        }
        let mut ordinals: Vec<u64> = found.into_iter().map(|(_, ordinal)| ordinal).collect();
        ordinals.sort_unstable();
        ordinals
    }

    /// Takes the values at these places, which are in order, with their counts.
    fn values(&self, ordinals: &[u64], mut take: impl FnMut(&[u8], u64)) -> tantivy::Result<()> {
        let mut left = ordinals.iter();
        self.column.dictionary().sorted_ords_to_term_cb(ordinals, |value| {
            let count = left.next().and_then(|ordinal| self.counts.get(usize::try_from(*ordinal).ok()?));
            take(value, count.copied().map_or(0, u64::from));
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tantivy::collector::Count;
    use tantivy::query::AllQuery;
    use tantivy::schema::{SchemaBuilder, TextOptions};
    use tantivy::{Index, IndexWriter, TantivyDocument};

    use super::*;

    /// An index whose segments have these values.
    fn searcher(segments: &[Vec<String>]) -> Searcher {
        let mut schema = SchemaBuilder::new();
        let field = schema.add_text_field("colour", TextOptions::default().set_fast("raw"));
        let index = Index::create_in_ram(schema.build());
        let mut writer: IndexWriter = index.writer_with_num_threads(1, 15 << 20).unwrap();
        writer.set_merge_policy(Box::new(tantivy::merge_policy::NoMergePolicy));
        for values in segments {
            for value in values {
                let mut document = TantivyDocument::default();
                document.add_text(field, value);
                writer.add_document(document).unwrap();
            }
            writer.commit().unwrap();
        }
        index.reader().unwrap().searcher()
    }

    #[test]
    fn the_most_frequent_values_are_exact_however_many_there_are() {
        // The nth colour stands n % 7 times in one segment, n % 5 times in another one, and so on.
        let many = |divisor: usize, all: usize| (0..all).flat_map(move |n| std::iter::repeat_n(format!("{n:05}"), n % divisor)).collect();
        for segments in [vec![many(7, 300)], vec![many(7, 300), many(5, 400), many(3, 10)], vec![many(40, 45), many(30, 33), vec![]]] {
            let searcher = searcher(&segments);
            let mut expected: HashMap<&String, u64> = HashMap::new();
            segments.iter().flatten().for_each(|value| *expected.entry(value).or_default() += 1);
            let mut expected: Vec<(String, u64)> = expected.into_iter().map(|(value, count)| (value.clone(), count)).collect();
            expected.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
            for most in [1, 3, 10, 100, 1_000] {
                let deadline = Deadline::after(Duration::from_secs(60));
                let counts = deadline.search(&searcher, &AllQuery, FacetCounts { fields: vec!["colour".to_owned()] }).unwrap();
                assert_eq!(most_frequent(&counts[0], most).unwrap(), expected[..most.min(expected.len())], "{most}");
            }
        }
    }

    #[test]
    fn a_search_that_takes_too_long_is_given_up() {
        let searcher = searcher(&[vec!["red".to_owned()]]);
        let search = |time| Deadline::after(time).search(&searcher, &AllQuery, Count);
        assert!(matches!(search(Duration::ZERO), Err(SearchError::Unavailable(why)) if why == "the search took too long"));
        assert_eq!(search(Duration::from_secs(60)).unwrap(), 1);
    }
}
