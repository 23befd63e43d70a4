//! What a pass over the hits takes along: hits behind a cursor, and counts of facets.

use std::collections::HashMap;
use std::fmt;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::StrColumn;
use tantivy::{DocId, Score, SegmentOrdinal, SegmentReader};

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
        true
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

/// Counts by value, for each field.
pub(super) type Counts = Vec<HashMap<String, u64>>;

impl Collector for FacetCounts {
    type Fruit = Counts;
    type Child = FacetCountsOfSegment;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<FacetCountsOfSegment> {
        let columns = self.fields.iter().map(|field| {
            let column = segment.fast_fields().str(field)?;
            let counts = vec![0; column.as_ref().map_or(0, |column| column.num_terms())];
            Ok(Column { column, counts })
        });
        Ok(FacetCountsOfSegment { columns: columns.collect::<tantivy::Result<_>>()? })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, fruits: Vec<tantivy::Result<Counts>>) -> tantivy::Result<Counts> {
        let mut merged: Counts = vec![HashMap::new(); self.fields.len()];
        for fruit in fruits {
            for (all, counts) in merged.iter_mut().zip(fruit?) {
                if all.is_empty() {
                    *all = counts;
                } else {
                    counts.into_iter().for_each(|(value, count)| *all.entry(value).or_default() += count);
                }
            }
        }
        Ok(merged)
    }
}

struct Column {
    column: Option<StrColumn>,
    /// By the place of the value in the column's dictionary.
    counts: Vec<u32>,
}

pub(super) struct FacetCountsOfSegment {
    columns: Vec<Column>,
}

impl fmt::Debug for FacetCountsOfSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FacetCountsOfSegment").finish_non_exhaustive()
    }
}

impl SegmentCollector for FacetCountsOfSegment {
    type Fruit = tantivy::Result<Counts>;

    fn collect(&mut self, doc: DocId, _: Score) {
        for Column { column, counts } in &mut self.columns {
            let Some(column) = column else { continue };
            for ordinal in column.ords().values_for_doc(doc) {
                if let Some(count) = usize::try_from(ordinal).ok().and_then(|ordinal| counts.get_mut(ordinal)) {
                    *count += 1;
                }
            }
        }
    }

    fn harvest(self) -> tantivy::Result<Counts> {
        self.columns.into_iter().map(Column::by_value).collect()
    }
}

impl Column {
    fn by_value(self) -> tantivy::Result<HashMap<String, u64>> {
        let Some(column) = self.column else { return Ok(HashMap::new()) };
        let counted: Vec<(u64, u32)> = (0..).zip(self.counts).filter(|(_, count)| *count > 0).collect();
        let mut values = HashMap::with_capacity(counted.len());
        let (ordinals, counts): (Vec<u64>, Vec<u32>) = counted.into_iter().unzip();
        let mut counts = counts.into_iter().map(u64::from);
        column.dictionary().sorted_ords_to_term_cb(&ordinals, |value| {
            if let (Ok(value), Some(count)) = (std::str::from_utf8(value), counts.next()) {
                values.insert(value.to_owned(), count);
            }
        })?;
        Ok(values)
    }
}
