//! Making a new index beside the one that is searched.

use std::time::{Duration, Instant};

use super::follow::{BUILDING, CHANGES_AT_ONCE, FOLLOWER, has_gap};
use super::refresh::BYTES_AT_ONCE;
use super::{LAYOUT, Mark, Result, Search, State, Target, Write};
use crate::store::change::EVERYTHING;

/// How many resources are read at once while an index is made.
const SCANNED_AT_ONCE: i64 = 5_000;
/// How often the log says how far the making of an index is.
const LOG_EVERY: Duration = Duration::from_secs(5);

/// Entries of the next row ids.
struct Step {
    writes: Vec<Write>,
    /// The last position of the change log before the rows were read: a change that comes later is written over them.
    version: i64,
    /// The last row id that was read; `None` at the end.
    last: Option<i64>,
}

/// How far the making of an index is.
struct Progress {
    begin: Instant,
    told: Instant,
    indexed: usize,
    last: i64,
}

impl Search {
    /// Makes a new index, goes on with one whose making was interrupted, and searches it from then on. The one that is searched meanwhile is
    /// kept in step, if wanted.
    pub(super) async fn build(&self, catalogue: &str, keep_current: bool) -> Result<Mark> {
        let mut current = if keep_current { self.usable(Target::Current, catalogue).await?.ok() } else { None };
        let mut mark = match self.usable(Target::Next, catalogue).await? {
            Ok(mark) => mark,
            Err(_) => self.begin(catalogue).await?,
        };
        // The log is kept from here on.
        self.db.set_follower_position(BUILDING, mark.position).await?;
        let mut progress = Progress { begin: Instant::now(), told: Instant::now(), indexed: 0, last: self.db.last_row_id().await? };
        let mut step = match mark.scanned {
            Some(scanned) => Some(self.scan(scanned).await?),
            None => None,
        };
        while let Some(Step { writes, version, last }) = step.take() {
            self.tell_progress(&mut progress, mark.scanned.unwrap_or_default(), writes.len()).await?;
            mark.scanned = last;
            // While entries are written, the next ones are made.
            let next = async {
                match last {
                    Some(last) => self.scan(last).await.map(Some),
                    None => Ok(None),
                }
            };
            let (written, next) = tokio::join!(self.write(Target::Next, writes, version, &mark), next);
            written?;
            step = next?;
            self.keep_in_step(&mut current).await?;
        }
        // What changed while the rows were read.
        loop {
            let changes = self.db.changes_after(mark.position, CHANGES_AT_ONCE).await?;
            if changes.is_empty() {
                break;
            }
            if has_gap(&changes, &mark) || changes.iter().any(|change| change.asset_id == EVERYTHING) {
                // What was read is not what there is any more.
                self.begin(catalogue).await?;
                return Box::pin(self.build(catalogue, false)).await;
            }
            mark = self.apply(Target::Next, &changes, mark).await?;
            self.keep_in_step(&mut current).await?;
        }
        self.engine.swap().await?;
        self.db.forget_follower(BUILDING).await?;
        self.db.set_follower_position(FOLLOWER, mark.position).await?;
        let (indexed, millis) = (progress.indexed, progress.begin.elapsed().as_millis());
        tracing::info!(millis, "a new search index with {indexed} resources was made");
        Ok(mark)
    }

    /// Begins an empty index.
    async fn begin(&self, catalogue: &str) -> Result<Mark> {
        let mark = Mark { catalogue: catalogue.to_owned(), layout: LAYOUT, position: self.db.last_position().await?, scanned: Some(0) };
        self.engine.begin_next(&mark).await?;
        Ok(mark)
    }

    /// Makes the entries of the next published resources, as many as are read into memory at once.
    async fn scan(&self, after: i64) -> Result<Step> {
        let version = self.db.last_position().await?;
        let Some(mut last) = self.db.row_id_after(after, SCANNED_AT_ONCE).await? else {
            return Ok(Step { writes: Vec::new(), version, last: None });
        };
        let mut left = BYTES_AT_ONCE;
        let mut ids = Vec::new();
        for (id, bytes) in self.db.searchable_bytes_between(after, last).await? {
            left -= bytes;
            if left < 0 && !ids.is_empty() {
                last = id - 1;
                break;
            }
            ids.push(id);
        }
        Ok(Step { writes: self.read(&ids, false).await?, version, last: Some(last) })
    }

    async fn tell_progress(&self, progress: &mut Progress, scanned: i64, entries: usize) -> Result<()> {
        progress.indexed += entries;
        let last = progress.last.max(scanned).max(1);
        self.status.send_modify(|status| {
            status.state = State::Building;
            status.scanned = Some((scanned, last));
        });
        if progress.told.elapsed() > LOG_EVERY {
            progress.told = Instant::now();
            self.db.set_progress(BUILDING, scanned.saturating_mul(100) / last).await?;
            let (indexed, rest) = (progress.indexed, rest_of(progress.begin.elapsed(), scanned, last));
            tracing::info!("the new search index holds {indexed} resources; {scanned} of {last} rows were read, some {rest} s are left");
        }
        Ok(())
    }

    /// Brings the index that is searched up to date, as long as the log holds what it needs and the catalogue is the same.
    async fn keep_in_step(&self, current: &mut Option<Mark>) -> Result<()> {
        let Some(mark) = current.take() else { return Ok(()) };
        let mut changes = self.db.changes_after(mark.position, CHANGES_AT_ONCE).await?;
        if has_gap(&changes, &mark) {
            return Ok(());
        }
        let same = changes.iter().position(|change| change.asset_id == EVERYTHING).unwrap_or(changes.len());
        changes.truncate(same);
        if changes.is_empty() {
            *current = Some(mark);
            return Ok(());
        }
        let mark = self.apply(Target::Current, &changes, mark).await?;
        self.engine.show().await?;
        self.status.send_modify(|status| status.position = mark.position);
        self.tell_others(&mark).await?;
        *current = Some(mark);
        Ok(())
    }
}

/// How many seconds are left when the rest takes as long as what is done.
fn rest_of(taken: Duration, done: i64, all: i64) -> u64 {
    let left = (all - done).max(0) as f64 / done.max(1) as f64;
    (taken.as_secs_f64() * left) as u64
}
