//! Pages of hits, by offset or by cursor.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tantivy::collector::sort_key::{SortBySimilarityScore, SortByStaticFastValue, SortByString};
use tantivy::collector::{Count, SortKeyComputer, TopDocs};
use tantivy::query::{self, AllQuery, RangeQuery};
use tantivy::{DocAddress, Order as Direction, Searcher, SegmentReader, Term};

use super::collect::{Counts, Deadline, FacetCounts, Only, Wanted};
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
    /// How many hits there are in all.
    pub(super) total: u64,
    /// How many there are by the values of fields.
    pub(super) counts: Counts,
}

/// Points in time at which cursors go on.
#[derive(Debug, Default)]
pub(super) struct Snapshots(Mutex<Vec<Snapshot>>);

struct Snapshot {
    /// What cursors call it: nothing that another process, or this one after its next start, calls something else.
    key: u64,
    searcher: Searcher,
    /// When it was the newest.
    made: Instant,
    used: Instant,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Where a query begins.
pub(super) struct Begin {
    pub(super) searcher: Searcher,
    /// Behind this hit.
    pub(super) after: Option<After>,
    /// Whether the searcher is the newest one.
    is_newest: bool,
}

/// For how long a cursor can be used again.
const UNUSED: Duration = Duration::from_secs(300);
/// How old a point in time becomes, however often it is used: it keeps files that could be removed.
const OLDEST: Duration = Duration::from_secs(900);
/// How many points in time are kept.
const MOST_KEPT: usize = 64;
/// From how many on cursors begin at one that is not older than [`SHARED`]: so those who begin very many do not end those of others.
const CROWDED: usize = 16;
/// See [`CROWDED`].
const SHARED: Duration = Duration::from_secs(1);

impl Snapshots {
    /// Where a query begins: at a cursor's point in time, or now.
    pub(super) fn begin(&self, query: &Query, newest: impl FnOnce() -> Result<Searcher>) -> Result<Begin> {
        let Some(cursor) = query.cursor.as_deref() else {
            return Ok(Begin { searcher: newest()?, after: None, is_newest: true });
        };
        if cursor.is_empty() {
            return match self.shared() {
                Some(searcher) => Ok(Begin { searcher, after: None, is_newest: false }),
                None => Ok(Begin { searcher: newest()?, after: None, is_newest: true }),
            };
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| SearchError::Cursor)?;
        let (key, asked, after): (u64, u64, After) = serde_json::from_slice(&bytes).map_err(|_| SearchError::Cursor)?;
        if asked != query.fingerprint() {
            return Err(SearchError::Cursor);
        }
        let mut kept = self.living();
        let snapshot = kept.iter_mut().find(|snapshot| snapshot.key == key).ok_or(SearchError::Cursor)?;
        snapshot.used = Instant::now();
        Ok(Begin { searcher: snapshot.searcher.clone(), after: Some(after), is_newest: false })
    }

    fn living(&self) -> MutexGuard<'_, Vec<Snapshot>> {
        let mut kept = locked(&self.0);
        kept.retain(|snapshot| snapshot.used.elapsed() < UNUSED && snapshot.made.elapsed() < OLDEST);
        kept
    }

    /// Where a new cursor begins while very many are kept.
    fn shared(&self) -> Option<Searcher> {
        let kept = self.living();
        let newest = kept.iter().filter(|_| kept.len() >= CROWDED).max_by_key(|snapshot| snapshot.made)?;
        (newest.made.elapsed() < SHARED).then(|| newest.searcher.clone())
    }

    /// Keeps a point in time; the cursor that goes on there. All searches between two changes of the index share one.
    pub(super) fn keep(&self, begin: &Begin, query: &Query, after: &After) -> String {
        let now = Instant::now();
        let mut kept = self.living();
        // It names the segments of the index, so that no two of different indexes are alike.
        let generation = begin.searcher.generation();
        let place = kept.iter().position(|snapshot| snapshot.searcher.generation() == generation).unwrap_or_else(|| {
            if kept.len() >= MOST_KEPT
                && let Some(oldest) = kept.iter().enumerate().min_by_key(|(_, snapshot)| snapshot.used).map(|(place, _)| place)
            {
                kept.swap_remove(oldest);
            }
            kept.push(Snapshot { key: rand::random(), searcher: begin.searcher.clone(), made: now, used: now });
            kept.len() - 1
        });
        let key = kept.get_mut(place).map_or(0, |snapshot| {
            snapshot.used = now;
            if begin.is_newest {
                snapshot.made = now;
            }
            snapshot.key
        });
        let json = serde_json::to_vec(&(key, query.fingerprint(), after)).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(json)
    }
}

/// A page of the hits of a query, and how many there are by the values of these fields.
pub(super) fn page(begin: &Begin, asked: &Query, query: &dyn query::Query, fields: Vec<String>, deadline: Deadline) -> Result<Page> {
    let counts = FacetCounts { fields };
    let hits = Hits { searcher: &begin.searcher, query, asked, counts, deadline };
    if asked.limit == 0 {
        return hits.counted();
    }
    let by_id = || (SortByStaticFastValue::<i64>::for_field(ID), Direction::Asc);
    let direction = |descending| if descending { Direction::Desc } else { Direction::Asc };
    let after = begin.after.clone();
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
    .map(|page| Page { next: page.next.filter(|_| asked.cursor.is_some()), ..page })
}

struct Hits<'q> {
    searcher: &'q Searcher,
    query: &'q dyn query::Query,
    asked: &'q Query,
    counts: FacetCounts,
    deadline: Deadline,
}

/// What a pass brings: the best hits with what they are ordered by, how many there are in all, and counts of facets.
type Fruit<T> = (Vec<((T, Option<i64>), DocAddress)>, usize, Counts);

impl Hits<'_> {
    /// One pass over all hits, which takes along the best ones and the counts.
    fn page<S, T, F>(self, order: S, wanted: Option<F>, key: impl Fn(&(T, Option<i64>)) -> Key) -> Result<Page>
    where
        S: SortKeyComputer<SortKey = (T, Option<i64>)> + Send + Sync + 'static,
        F: Fn(&SegmentReader) -> tantivy::Result<Wanted> + Send + Sync + 'static,
        T: 'static + Send + Sync + Clone + std::fmt::Debug,
    {
        let Self { searcher, query, asked, counts, deadline } = self;
        let top = TopDocs::with_limit(asked.limit).and_offset(asked.offset).order_by(order);
        let (hits, total, counts): Fruit<T> = match wanted {
            Some(wanted) => deadline.search(searcher, query, (Only { collector: top, wanted }, Count, counts))?,
            None => deadline.search(searcher, query, (top, Count, counts))?,
        };
        let is_full = hits.len() >= asked.limit;
        let next = hits.last().filter(|_| is_full).map(|(sorted, _)| After { key: key(sorted), id: sorted.1.unwrap_or_default() });
        Ok(Page { ids: hits.into_iter().filter_map(|((_, id), _)| id).collect(), next, total: total as u64, counts })
    }

    /// The counts alone.
    fn counted(self) -> Result<Page> {
        let (total, counts) = self.deadline.search(self.searcher, self.query, (Count, self.counts))?;
        Ok(Page { ids: Vec::new(), next: None, total: total as u64, counts })
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

#[cfg(test)]
mod tests {
    use tantivy::schema::{INDEXED, SchemaBuilder};
    use tantivy::{Index, IndexWriter, TantivyDocument};

    use super::*;
    use crate::search::Words;

    fn asked(cursor: Option<String>, order: Order) -> Query {
        Query {
            types: Vec::new(),
            words: Words { or_all: true, ..Words::default() },
            parts: Vec::new(),
            filters: Vec::new(),
            dates: Vec::new(),
            order,
            offset: 0,
            limit: 1,
            cursor,
            facets: Vec::new(),
            facet_values: 0,
        }
    }

    #[test]
    fn cursors_of_different_times_and_queries_are_told_apart_and_the_least_used_go_first() {
        let mut schema = SchemaBuilder::new();
        let field = schema.add_i64_field(ID, INDEXED);
        let index = Index::create_in_ram(schema.build());
        let mut writer: IndexWriter = index.writer_with_num_threads(1, 15 << 20).unwrap();
        let mut newest = |n: i64| {
            let mut document = TantivyDocument::default();
            document.add_i64(field, n);
            writer.add_document(document).unwrap();
            writer.commit().unwrap();
            index.reader().unwrap().searcher()
        };
        let (kept, snapshots) = (Order::Registration, Snapshots::default());
        let after = After { key: Key::Number(None), id: 0 };
        let cursor = |searcher: Searcher| {
            let begin = Begin { searcher, after: None, is_newest: true };
            snapshots.keep(&begin, &asked(Some(String::new()), kept), &after)
        };
        let begin = |cursor: &str, order| snapshots.begin(&asked(Some(cursor.to_owned()), order), || Err(SearchError::Elsewhere));
        let first = newest(0);
        let (one, again) = (cursor(first.clone()), cursor(first.clone()));
        assert_eq!(one, again, "between two changes of the index");
        assert!(matches!(begin(&one, Order::Relevance), Err(SearchError::Cursor)), "of another query");
        assert!(matches!(begin("", kept), Err(SearchError::Elsewhere)), "the newest one");
        let second = cursor(newest(1));
        assert_ne!(one, second);
        for n in 2..MOST_KEPT as i64 + 1 {
            assert!(begin(&one, kept).is_ok(), "used often");
            cursor(newest(n));
        }
        assert_eq!(begin(&one, kept).unwrap().searcher.num_docs(), 1);
        assert!(matches!(begin(&second, kept), Err(SearchError::Cursor)), "the one that was not used for the longest time is gone");
        assert_eq!(begin("", kept).unwrap().searcher.num_docs(), MOST_KEPT as u64 + 1, "shared while there are very many");
        assert!(
            matches!(Snapshots::default().begin(&asked(Some(one), kept), || Ok(first)), Err(SearchError::Cursor)),
            "of another process"
        );
    }
}
