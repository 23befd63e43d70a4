//! Keeping the index in step with the database.
//!
//! One task follows the change log: it reads what changed since the index's position, brings the entries of these resources up to date,
//! and has the index say how far it is, in one step. What is done twice after a crash does no harm. Where that is not enough, it makes a
//! new index beside the old one, which is searched meanwhile: when there is none, when it is of another catalogue or layout, when the log
//! does not reach back far enough, after an import, or on demand.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aiod_schema::by_name;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::check::Round;
use super::elastic::Elastic;
use super::embedded::Embedded;
use super::entry::{self, Entry, IDENTIFYING, LINKED_FIELDS};
use super::{Engine, Found, LAYOUT, Mark, Query, Result, SearchError, Target, Write};
use crate::config::Config;
use crate::store::Db;
use crate::store::change::{Change, EVERYTHING, REINDEX};
use crate::store::lease::Attempt;
use crate::store::searchable::SearchableRow;

/// How many changes are read at once.
const CHANGES_AT_ONCE: i64 = 1_000;
/// How many bytes of documents are read at once: an entry takes some times as much memory while it is made.
const BYTES_AT_ONCE: i64 = 8 << 20;
/// How many resources are read at once while an index is made.
const SCANNED_AT_ONCE: i64 = 2_000;
/// How often the log is looked at for changes that other processes made.
const LOOK: Duration = Duration::from_millis(200);
/// How often an index is looked at that others may remove.
const LOOK_AT_INDEX: Duration = Duration::from_secs(5);
/// How often an index that another process keeps is read anew, before this one tries to keep it.
const WATCH_TIMES: usize = 15;
/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// How often the index is compared with the database.
const CHECK_EVERY: Duration = Duration::from_secs(3_600);
/// How often the log says how far the making of an index is.
const LOG_EVERY: Duration = Duration::from_secs(5);

/// What the catalogue calls its index among the followers of the change log.
pub const FOLLOWER: &str = "search";

/// Stands beside it while a new index is made: how much of it is done, in per cent.
pub const BUILDING: &str = "search building";

/// Searching, and keeping the index in step.
#[derive(Debug)]
pub struct Search {
    pub(super) db: Db,
    engine: Box<dyn Engine>,
    status: watch::Sender<Status>,
    reindex: Notify,
    check: Notify,
    /// What failed last, so that the log says it once.
    failure: Mutex<Option<String>>,
}

/// What the index does at the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// What it does.
    pub state: State,
    /// Up to where the index that is searched has followed the change log.
    pub position: i64,
    /// While an index is made: how many row ids were passed, of how many.
    pub scanned: Option<(i64, i64)>,
    /// Why it does not follow, if it does not.
    pub failure: Option<String>,
}

/// What the index does at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It has not begun.
    #[default]
    Starting,
    /// It follows the change log.
    Following,
    /// A new index is made beside the one that is searched, if there is one.
    Building,
    /// The engine or the database does not answer.
    Failing,
    /// Another process keeps the index.
    Elsewhere,
}

impl State {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Following => "following",
            Self::Building => "building",
            Self::Failing => "failing",
            Self::Elsewhere => "elsewhere",
        }
    }
}

impl Search {
    /// Searching by the engine of the configuration. Nothing is found before [`Search::follow`] has made an index.
    pub fn new(db: Db, config: &Config) -> Self {
        let engine: Box<dyn Engine> =
            if config.search.is_embedded() { Box::new(Embedded::new(&folder(config))) } else { Box::new(Elastic::new(&config.search)) };
        Self { db, engine, status: watch::Sender::default(), reindex: Notify::new(), check: Notify::new(), failure: Mutex::default() }
    }

    /// Searches.
    ///
    /// # Errors
    /// When the engine does not answer, or the cursor has expired.
    pub async fn search(&self, query: &Query) -> Result<Found> {
        self.engine.search(query).await
    }

    /// The engine.
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// What the index does at the moment.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Has a new index made, beside the one that is searched.
    pub fn reindex(&self) {
        self.reindex.notify_one();
    }

    /// Has the index compared with the database now, and not only every hour.
    pub fn check(&self) {
        self.check.notify_one();
    }

    /// Waits until everything that is committed now can be found; `false` when that takes longer than `most`.
    pub async fn await_changes(&self, most: Duration) -> bool {
        tokio::time::timeout(most, self.caught_up()).await.is_ok_and(|caught_up| caught_up.is_ok())
    }

    async fn caught_up(&self) -> Result<()> {
        const AGAIN: Duration = Duration::from_millis(5);
        if let Some(newest) = self.db.newest_unmoved().await? {
            while self.db.has_unmoved_up_to(newest).await? {
                tokio::time::sleep(AGAIN).await;
            }
        }
        let head = self.db.last_position().await?;
        let mut status = self.status.subscribe();
        let _ = status.wait_for(|status| status.position >= head && status.state != State::Starting).await;
        Ok(())
    }

    /// Keeps the index in step until `stop` is cancelled.
    pub async fn follow(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            match self.follow_alone(stop).await {
                None => return,
                Some(Ok(())) => {}
                Some(Err(SearchError::Elsewhere)) => {
                    stop.run_until_cancelled(self.watch()).await;
                    continue;
                }
                Some(Err(error)) => self.note_failure(&error),
            }
            stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
        }
    }

    /// Keeps the index in step until something fails, as the one process that does; `None` when `stop` was cancelled.
    async fn follow_alone(&self, stop: &CancellationToken) -> Option<Result<()>> {
        if !self.engine.is_shared() {
            return stop.run_until_cancelled(self.follow_until_failure()).await;
        }
        let lease = match stop.run_until_cancelled(self.db.take_lease(FOLLOWER)).await? {
            Ok(Attempt::Taken(lease)) => lease,
            Ok(Attempt::Held | Attempt::Done) => return Some(Err(SearchError::Elsewhere)),
            Err(error) => return Some(Err(error.into())),
        };
        let outcome = lease.keep(stop.run_until_cancelled(self.follow_until_failure())).await;
        lease.release().await;
        outcome.unwrap_or(Some(Err(SearchError::Elsewhere)))
    }

    /// Reads the index that another process keeps, for a while: then this process tries to keep it.
    async fn watch(&self) {
        if self.status().state != State::Elsewhere {
            tracing::info!("another process keeps the search index; this one reads it");
        }
        for _ in 0..WATCH_TIMES {
            let position = self.position_elsewhere().await.ok().flatten();
            self.status.send_modify(|status| {
                *status = Status { state: State::Elsewhere, position: position.unwrap_or(status.position), ..Status::default() };
            });
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Up to where another process has followed the change log, and shows it.
    async fn position_elsewhere(&self) -> Result<Option<i64>> {
        if self.engine.is_shared() {
            return Ok(self.db.follower_position(FOLLOWER).await?);
        }
        self.engine.show().await?;
        Ok(self.engine.mark(Target::Current).await?.map(|mark| mark.position))
    }

    /// The log says a failure once, and once that it is over.
    fn note_failure(&self, error: &SearchError) {
        let text = error.to_string();
        let mut last = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_deref() != Some(&text) {
            tracing::warn!(%error, "the search index cannot be kept in step now; it catches up by itself");
        }
        self.status.send_modify(|status| {
            status.state = State::Failing;
            status.failure = Some(text.clone());
        });
        *last = Some(text);
    }

    fn note_success(&self) {
        let mut last = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if last.take().is_some() {
            tracing::info!("the search index is kept in step again");
        }
        self.status.send_modify(|status| status.failure = None);
    }

    async fn follow_until_failure(&self) -> Result<()> {
        let catalogue = self.db.identity().await?;
        let mut mark = match self.usable(Target::Current, &catalogue).await? {
            Ok(mark) => mark,
            Err(why) => {
                tracing::info!("the search index is made anew: {why}");
                self.build(&catalogue, false).await?
            }
        };
        self.note_success();
        self.status.send_modify(|status| {
            status.state = State::Following;
            status.position = mark.position;
            status.scanned = None;
        });
        self.engine.show().await?;
        let (mut told, mut looked) = (Instant::now(), Instant::now());
        let (mut checked, mut round) = (Instant::now(), Round::default());
        self.db.set_follower_position(FOLLOWER, mark.position).await?;
        loop {
            let changes = self.db.changes_after(mark.position, CHANGES_AT_ONCE).await?;
            if changes.is_empty() {
                if told.elapsed() > Duration::from_secs(30) {
                    told = Instant::now();
                    self.db.set_follower_position(FOLLOWER, mark.position).await?;
                }
                if self.engine.is_shared() && looked.elapsed() > LOOK_AT_INDEX {
                    looked = Instant::now();
                    // Somebody removed it, or put an older one in its place.
                    if self.engine.mark(Target::Current).await?.as_ref() != Some(&mark) {
                        return Ok(());
                    }
                }
                if checked.elapsed() > CHECK_EVERY {
                    checked = Instant::now();
                    self.compare(&mark, &mut round).await?;
                }
                tokio::select! {
                    () = self.check.notified() => {
                        round = Round::default();
                        self.compare(&mark, &mut round).await?;
                    }
                    () = self.db.moved() => {}
                    () = tokio::time::sleep(LOOK) => {}
                    () = self.reindex.notified() => {
                        mark = self.build(&catalogue, true).await?;
                        self.shown(&mark).await?;
                    }
                }
                continue;
            }
            let why = if changes.first().is_some_and(|change| change.position != mark.position + 1) {
                Some("the change log no longer holds what it missed")
            } else if changes.iter().any(|change| change.asset_id == EVERYTHING) {
                Some("the catalogue was imported")
            } else {
                changes.iter().any(|change| change.asset_id == REINDEX).then_some("somebody asked for it")
            };
            if let Some(why) = why {
                tracing::info!("the search index is made anew: {why}");
                // What was there before an import is not kept in step.
                let is_same = changes.iter().all(|change| change.asset_id != EVERYTHING);
                mark = self.build(&catalogue, is_same).await?;
            } else {
                mark = self.apply(Target::Current, &changes, mark).await?;
                self.engine.show().await?;
            }
            self.shown(&mark).await?;
        }
    }

    /// Says how far the index is that is searched: here, and to processes that share it.
    async fn shown(&self, mark: &Mark) -> Result<()> {
        self.status.send_modify(|status| {
            status.state = State::Following;
            status.position = mark.position;
            status.scanned = None;
        });
        self.tell_others(mark).await
    }

    async fn tell_others(&self, mark: &Mark) -> Result<()> {
        if self.engine.is_shared() {
            self.db.set_follower_position(FOLLOWER, mark.position).await?;
        }
        Ok(())
    }

    /// Brings the index that is searched up to date.
    async fn keep_in_step(&self, mark: Mark) -> Result<Mark> {
        let changes = self.db.changes_after(mark.position, CHANGES_AT_ONCE).await?;
        if changes.is_empty() {
            return Ok(mark);
        }
        let mark = self.apply(Target::Current, &changes, mark).await?;
        self.engine.show().await?;
        self.status.send_modify(|status| status.position = mark.position);
        self.tell_others(&mark).await?;
        Ok(mark)
    }

    /// What an index says of itself, or why it has to be made anew.
    async fn usable(&self, target: Target, catalogue: &str) -> Result<std::result::Result<Mark, &'static str>> {
        let Some(mark) = self.engine.mark(target).await? else { return Ok(Err("there is none that can be read")) };
        Ok(if mark.layout != LAYOUT {
            Err("this version of the program has another layout")
        } else if mark.catalogue != catalogue {
            Err("it is of another catalogue")
        } else if mark.position > self.db.last_position().await? {
            Err("the database is older than the index")
        } else if mark.position + 1 < self.db.first_position().await? {
            Err("the change log no longer holds what it missed")
        } else {
            Ok(mark)
        })
    }

    /// Makes a new index, goes on with one whose making was interrupted, and searches it from then on. The one that is searched meanwhile is
    /// kept in step, if wanted.
    async fn build(&self, catalogue: &str, keep_current: bool) -> Result<Mark> {
        let begin = Instant::now();
        let mut current = if keep_current { self.usable(Target::Current, catalogue).await?.ok() } else { None };
        let interrupted = self.usable(Target::Next, catalogue).await?.ok().filter(|mark| mark.scanned.is_some());
        let mut mark = match interrupted {
            Some(mark) => mark,
            None => {
                let mark =
                    Mark { catalogue: catalogue.to_owned(), layout: LAYOUT, position: self.db.last_position().await?, scanned: Some(0) };
                self.engine.begin_next(&mark).await?;
                mark
            }
        };
        let last = self.db.last_row_id().await?;
        self.db.set_follower_position(BUILDING, 0).await?;
        let mut told = Instant::now();
        let mut indexed: u64 = 0;
        while let Some(scanned) = mark.scanned {
            self.status.send_modify(|status| {
                status.state = State::Building;
                status.scanned = Some((scanned, last.max(scanned)));
            });
            if told.elapsed() > LOG_EVERY {
                told = Instant::now();
                self.db.set_follower_position(BUILDING, scanned.saturating_mul(100) / last.max(1)).await?;
                tracing::info!("the new search index holds {indexed} resources; {scanned} of {last} rows were read");
            }
            // The version is that of the log before the rows are read: a change that comes later is written over them.
            let version = self.db.last_position().await?;
            let next = self.db.row_id_after(scanned, SCANNED_AT_ONCE).await?;
            let ids: Vec<i64> = match next {
                Some(next) => self.db.published_between(scanned, next).await?.into_iter().map(|(id, _)| id).collect(),
                None => Vec::new(),
            };
            let mut parts = self.parts(&ids).await?.into_iter().peekable();
            while let Some(ids) = parts.next() {
                let writes = self.read(&ids, false).await?;
                indexed += writes.len() as u64;
                if parts.peek().is_none() {
                    mark.scanned = next;
                }
                self.write(Target::Next, writes, version, &mark).await?;
            }
            // The old index is searched meanwhile.
            if let Some(old) = current.take() {
                current = Some(self.keep_in_step(old).await?);
            }
        }
        // What changed while the rows were read.
        loop {
            let changes = self.db.changes_after(mark.position, CHANGES_AT_ONCE).await?;
            let Some(last) = changes.last() else { break };
            if changes.iter().any(|change| change.asset_id == EVERYTHING && change.position > mark.position) {
                // An import replaced what was read: the next round begins anew.
                self.engine.begin_next(&Mark { position: last.position, scanned: Some(0), ..mark.clone() }).await?;
                return Box::pin(self.build(catalogue, false)).await;
            }
            mark = self.apply(Target::Next, &changes, mark).await?;
        }
        self.engine.swap().await?;
        self.db.forget_follower(BUILDING).await?;
        self.db.set_follower_position(FOLLOWER, mark.position).await?;
        tracing::info!(millis = begin.elapsed().as_millis(), "a new search index with {indexed} resources was made");
        Ok(mark)
    }

    /// Brings the entries of changed resources up to date, and of those that are found by their names.
    async fn apply(&self, target: Target, changes: &[Change], mark: Mark) -> Result<Mark> {
        let Some(last) = changes.last() else { return Ok(mark) };
        let ids: BTreeSet<i64> = changes.iter().map(|change| change.asset_id).collect();
        let ids: Vec<i64> = ids.into_iter().collect();
        let mut parts = self.parts(&ids).await?.into_iter().peekable();
        let mut mark = mark;
        while let Some(ids) = parts.next() {
            let writes = self.read(&ids, true).await?;
            let renamed = self.renamed(target, &writes).await?;
            self.write_namers(target, &renamed, last.position, &mark).await?;
            if parts.peek().is_none() {
                mark.position = last.position;
            }
            self.write(target, writes, last.position, &mark).await?;
        }
        Ok(mark)
    }

    /// These resources in parts that are read into memory one after the other. There is one part at least.
    pub(super) async fn parts(&self, ids: &[i64]) -> Result<Vec<Vec<i64>>> {
        let bytes: HashMap<i64, i64> = self.db.searchable_bytes(ids).await?.into_iter().collect();
        let mut parts = vec![Vec::new()];
        let mut left = BYTES_AT_ONCE;
        for id in ids {
            left -= bytes.get(id).copied().unwrap_or_default();
            if left < 0 && parts.last().is_some_and(|part| !part.is_empty()) {
                parts.push(Vec::new());
                left = BYTES_AT_ONCE;
            }
            parts.last_mut().into_iter().for_each(|part| part.push(*id));
        }
        Ok(parts)
    }

    /// Those of the resources that are called something else than the index says.
    async fn renamed(&self, target: Target, writes: &[Write]) -> Result<Vec<i64>> {
        let labelled: BTreeMap<i64, &str> = writes
            .iter()
            .map(|write| match write {
                Write::Put(entry) => (entry.id, entry.label.as_str()),
                Write::Remove(id) => (*id, ""),
            })
            .collect();
        // While an index is made, nobody knows what its entries were made of.
        if target == Target::Next {
            return Ok(labelled.into_iter().filter(|(_, label)| !label.is_empty()).map(|(id, _)| id).collect());
        }
        let ids: Vec<i64> = labelled.keys().copied().collect();
        let known: HashMap<i64, String> = self.engine.labels(&ids).await?.into_iter().collect();
        let is_renamed = |(id, label): &(i64, &str)| known.get(id).map(String::as_str).unwrap_or_default() != *label;
        Ok(labelled.into_iter().filter(is_renamed).map(|(id, _)| id).collect())
    }

    /// Brings the entries of those up to date that are found by the names of these resources.
    async fn write_namers(&self, target: Target, renamed: &[i64], version: i64, mark: &Mark) -> Result<()> {
        for renamed in renamed.chunks(500) {
            let mut after = 0;
            loop {
                let namers = self.db.namers(renamed, &LINKED_FIELDS, after, CHANGES_AT_ONCE).await?;
                let Some(last) = namers.last() else { break };
                after = *last;
                for namers in self.parts(&namers).await? {
                    let writes = self.read(&namers, true).await?;
                    self.write(target, writes, version, mark).await?;
                }
            }
        }
        Ok(())
    }

    pub(super) async fn write(&self, target: Target, writes: Vec<Write>, version: i64, mark: &Mark) -> Result<()> {
        let ids: Vec<i64> = writes.iter().map(Write::id).collect();
        let refused = self.engine.write(target, writes, version, mark).await?;
        self.db.remove_search_failures(&ids).await?;
        for (id, reason) in refused {
            tracing::warn!(id, reason, "the search index refused a resource; it is set aside");
            self.db.add_search_failure(id, &reason).await?;
        }
        Ok(())
    }

    /// What has to be written for these resources: their entries, and, if wanted, that others are gone.
    pub(super) async fn read(&self, ids: &[i64], with_removals: bool) -> Result<Vec<Write>> {
        let rows = self.db.searchable(ids).await?;
        let labels = self.labels(&rows).await?;
        let mut writes: Vec<Write> = Vec::with_capacity(ids.len());
        let mut missing: BTreeSet<i64> = ids.iter().copied().collect();
        for row in &rows {
            let Some(mut entry) = Entry::of(row, &labels) else { continue };
            if entry::is_linked_type(&row.resource_type) {
                entry.label = labels.get(&row.identifier).cloned().unwrap_or_default();
            }
            missing.remove(&row.id);
            writes.push(Write::Put(Box::new(entry)));
        }
        if with_removals {
            writes.extend(missing.into_iter().map(Write::Remove));
        }
        Ok(writes)
    }

    /// What the resources are called that these name, and what those of them are called that others name.
    async fn labels(&self, rows: &[SearchableRow]) -> Result<HashMap<String, String>> {
        let mut identifiers: BTreeSet<&str> = BTreeSet::new();
        for row in rows {
            let Some(resource) = by_name(&row.resource_type) else { continue };
            identifiers.extend(entry::named(resource, &row.links));
            if entry::is_linked_type(&row.resource_type) {
                identifiers.insert(&row.identifier);
            }
        }
        let identifiers: Vec<&str> = identifiers.into_iter().collect();
        let found = self.db.linked_rows(&identifiers, &IDENTIFYING).await?;
        Ok(found.into_iter().map(|row| (row.identifier.clone(), entry::label(&row))).collect())
    }
}

/// The folder of the embedded index.
fn folder(config: &Config) -> PathBuf {
    if !config.search.folder.as_os_str().is_empty() {
        return config.search.folder.clone();
    }
    let file = config.database.url.expose().strip_prefix("sqlite:").map(|path| path.trim_start_matches("//"));
    let file = file.map(|path| path.split_once('?').map_or(path, |(path, _)| path));
    file.and_then(|file| Path::new(file).parent()).map_or_else(|| PathBuf::from("data"), Path::to_owned).join("search")
}
