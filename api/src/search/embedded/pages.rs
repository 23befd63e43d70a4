//! Pages of hits, by offset or by cursor.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tantivy::collector::sort_key::{SortBySimilarityScore, SortByStaticFastValue, SortByString};
use tantivy::collector::{Count, SortKeyComputer, TopDocs};
use tantivy::query::{self, AllQuery, RangeQuery};
use tantivy::{DocAddress, Order as Direction, Searcher, SegmentReader, Term};

use super::collect::{Only, Wanted};
use super::layout::{ID, Layout, REVISION, SORT_NAME};
use super::{failed, locked};
use crate::search::{Number, Order, Query, Result, Sample, SearchError};

/// The last hit of a page: what it is ordered by, and its row id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct After {
    key: Key,
    id: i64,
}

/// What a hit is ordered by.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Key {
    Score(f32),
    Number(Option<i64>),
    Text(Option<String>),
}

/// A page of hits.
pub(super) struct Page {
    pub(super) ids: Vec<i64>,
    /// The last hit, where a cursor was asked for and there may be more.
    pub(super) next: Option<After>,
}

/// Points in time at which cursors go on.
#[derive(Debug, Default)]
pub(super) struct Snapshots(Mutex<VecDeque<Snapshot>>);

struct Snapshot {
    generation: u64,
    used: Instant,
    searcher: Searcher,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// For how long a cursor can be used again.
const KEPT: Duration = Duration::from_secs(300);
/// How many points in time are kept.
const MOST_KEPT: usize = 64;

impl Snapshots {
    /// Where a query begins: at a cursor's point in time, or now.
    pub(super) fn begin(&self, query: &Query, now: impl FnOnce() -> Result<Searcher>) -> Result<(Searcher, Option<After>)> {
        let Some(cursor) = query.cursor.as_deref().filter(|cursor| !cursor.is_empty()) else { return Ok((now()?, None)) };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| SearchError::Cursor)?;
        let (generation, after): (u64, After) = serde_json::from_slice(&bytes).map_err(|_| SearchError::Cursor)?;
        let mut kept = locked(&self.0);
        kept.retain(|snapshot| snapshot.used.elapsed() < KEPT);
        let snapshot = kept.iter_mut().find(|snapshot| snapshot.generation == generation).ok_or(SearchError::Cursor)?;
        snapshot.used = Instant::now();
        Ok((snapshot.searcher.clone(), Some(after)))
    }

    /// Keeps a point in time; the cursor that goes on there. All searches between two changes of the index share one.
    pub(super) fn keep(&self, searcher: &Searcher, after: &After) -> String {
        let generation = searcher.generation().generation_id();
        let mut kept = locked(&self.0);
        kept.retain(|snapshot| snapshot.used.elapsed() < KEPT);
        if !kept.iter().any(|snapshot| snapshot.generation == generation) {
            if kept.len() >= MOST_KEPT {
                kept.pop_front();
            }
            kept.push_back(Snapshot { generation, used: Instant::now(), searcher: searcher.clone() });
        }
        let json = serde_json::to_vec(&(generation, after)).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(json)
    }
}

/// A page of the hits of a query.
pub(super) fn page(searcher: &Searcher, layout: &Layout, asked: &Query, query: &dyn query::Query, after: Option<After>) -> Result<Page> {
    if asked.limit == 0 {
        return Ok(Page { ids: Vec::new(), next: None });
    }
    let by_id = || (SortByStaticFastValue::<i64>::for_field(ID), Direction::Asc);
    let direction = |descending| if descending { Direction::Desc } else { Direction::Asc };
    let hits = Hits { searcher, query, asked };
    match asked.order {
        Order::Relevance => {
            let wanted = after.map(|after| move |segment: &SegmentReader| after.behind_score(segment));
            hits.page((SortBySimilarityScore, by_id()), wanted, |(score, _)| Key::Score(*score))
        }
        Order::Registration => {
            let wanted = after.map(|after| move |segment: &SegmentReader| after.behind_id(segment));
            hits.page(((SortByStaticFastValue::<i64>::for_field(ID), Direction::Asc), by_id()), wanted, |(id, _)| Key::Number(*id))
        }
        Order::By { number, descending } => {
            let name = number.as_str();
            let wanted = after.map(|after| move |segment: &SegmentReader| after.behind_number(segment, number, descending));
            let order = (SortByStaticFastValue::<i64>::for_field(name), direction(descending));
            hits.page((order, by_id()), wanted, |(number, _)| Key::Number(*number))
        }
        Order::Name { descending } => {
            let wanted = after.map(|after| move |segment: &SegmentReader| after.behind_text(segment, descending));
            hits.page(((SortByString::for_field(SORT_NAME), direction(descending)), by_id()), wanted, |(name, _)| Key::Text(name.clone()))
        }
    }
    .map(|page| Page { ids: page.ids, next: page.next.filter(|_| asked.cursor.is_some()) })
    .inspect(|_| debug_assert!(layout.schema.get_field(ID).is_ok()))
}

struct Hits<'q> {
    searcher: &'q Searcher,
    query: &'q dyn query::Query,
    asked: &'q Query,
}

impl Hits<'_> {
    fn page<S, T, F>(&self, order: S, wanted: Option<F>, key: impl Fn(&(T, Option<i64>)) -> Key) -> Result<Page>
    where
        S: SortKeyComputer<SortKey = (T, Option<i64>)> + Send + Sync + 'static,
        F: Fn(&SegmentReader) -> tantivy::Result<Wanted> + Send + Sync + 'static,
        T: 'static + Send + Sync + Clone + std::fmt::Debug,
    {
        let top = TopDocs::with_limit(self.asked.limit).and_offset(self.asked.offset).order_by(order);
        let hits: Vec<((T, Option<i64>), DocAddress)> = match wanted {
            Some(wanted) => self.searcher.search(self.query, &Only { collector: top, wanted })?,
            None => self.searcher.search(self.query, &top)?,
        };
        let is_full = hits.len() >= self.asked.limit;
        let next = hits.last().filter(|_| is_full).map(|(sorted, _)| After { key: key(sorted), id: sorted.1.unwrap_or_default() });
        Ok(Page { ids: hits.into_iter().filter_map(|((_, id), _)| id).collect(), next })
    }
}

impl After {
    fn behind_score(&self, segment: &SegmentReader) -> tantivy::Result<Wanted> {
        let (ids, last) = (segment.fast_fields().i64(ID)?, self.id);
        let Key::Score(least) = self.key else { return Ok(Box::new(|_, _| false)) };
        Ok(Box::new(move |doc, score| score < least || (score <= least && ids.first(doc).is_some_and(|id| id > last))))
    }

    fn behind_id(&self, segment: &SegmentReader) -> tantivy::Result<Wanted> {
        let (ids, last) = (segment.fast_fields().i64(ID)?, self.id);
        Ok(Box::new(move |doc, _| ids.first(doc).is_some_and(|id| id > last)))
    }

    fn behind_number(&self, segment: &SegmentReader, number: Number, descending: bool) -> tantivy::Result<Wanted> {
        let (ids, last) = (segment.fast_fields().i64(ID)?, self.id);
        let column = segment.fast_fields().column_opt::<i64>(number.as_str())?;
        let Key::Number(bound) = self.key else { return Ok(Box::new(|_, _| false)) };
        Ok(Box::new(move |doc, _| {
            let value = column.as_ref().and_then(|column| column.first(doc));
            is_behind(value.cmp(&bound), descending, ids.first(doc), last)
        }))
    }

    fn behind_text(&self, segment: &SegmentReader, descending: bool) -> tantivy::Result<Wanted> {
        let (ids, last) = (segment.fast_fields().i64(ID)?, self.id);
        let Key::Text(bound) = self.key.clone() else { return Ok(Box::new(|_, _| false)) };
        let column = segment.fast_fields().str(SORT_NAME)?;
        // The segment knows names by their places in the order; the bound's own place need not be taken there.
        let place = match (&column, &bound) {
            (Some(column), Some(bound)) => {
                Some(column.dictionary().term_bounds_to_ord(std::ops::Bound::Included(bound), std::ops::Bound::Included(bound))?)
            }
            _ => None,
        };
        Ok(Box::new(move |doc, _| {
            let value = column.as_ref().and_then(|column| column.ords().first(doc));
            let order = match (value, &place) {
                (None, None) => std::cmp::Ordering::Equal,
                (None, Some(_)) => std::cmp::Ordering::Less,
                (Some(_), None) => std::cmp::Ordering::Greater,
                (Some(value), Some((from, to))) => {
                    use std::ops::Bound::{Excluded, Included, Unbounded};
                    let before = match from {
                        Included(from) => value < *from,
                        Excluded(from) => value <= *from,
                        Unbounded => false,
                    };
                    let behind = match to {
                        Included(to) => value > *to,
                        Excluded(to) => value >= *to,
                        Unbounded => false,
                    };
                    match (before, behind) {
                        (true, _) => std::cmp::Ordering::Less,
                        (_, true) => std::cmp::Ordering::Greater,
                        _ => std::cmp::Ordering::Equal,
                    }
                }
            };
            is_behind(order, descending, ids.first(doc), last)
        }))
    }
}

fn is_behind(order: std::cmp::Ordering, descending: bool, id: Option<i64>, last: i64) -> bool {
    let order = if descending { order.reverse() } else { order };
    order.is_gt() || (order.is_eq() && id.is_some_and(|id| id > last))
}

/// How many entries there are, and the row ids and revisions of some.
pub(super) fn revisions(searcher: &Searcher, layout: &Layout, after: i64, limit: usize) -> Result<Sample> {
    let total = searcher.search(&AllQuery, &Count)? as u64;
    let behind = RangeQuery::new(std::ops::Bound::Excluded(Term::from_field_i64(layout.id, after)), std::ops::Bound::Unbounded);
    let by_id = (SortByStaticFastValue::<i64>::for_field(ID), Direction::Asc);
    let hits = searcher.search(&behind, &TopDocs::with_limit(limit.max(1)).order_by(by_id))?;
    let mut revisions = Vec::with_capacity(hits.len());
    for (id, address) in hits {
        let segment = searcher.segment_reader(address.segment_ord);
        let revision = segment.fast_fields().i64(REVISION).map_err(failed)?.first(address.doc_id);
        revisions.extend(id.zip(revision));
    }
    Ok(Sample { total, revisions })
}
