//! Keeping the index in step with the database.
//!
//! One task follows the change log: it reads what changed since the index's position, brings the entries of these resources up to date,
//! and has the index say how far it is, in one step. What is done twice after a crash does no harm. Where that is not enough, it makes a
//! new index beside the old one, which is searched meanwhile: when there is none, when it is of another catalogue or layout, when the log
//! does not reach back far enough, after an import, or on demand.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::check::Round;
use super::elastic::Elastic;
use super::embedded::Embedded;
use super::{Engine, Found, LAYOUT, Mark, Query, Result, SearchError, Target};
use crate::config::Config;
use crate::store::Db;
use crate::store::change::{Change, EVERYTHING, REINDEX};
use crate::store::lease::Attempt;

/// How many changes are read at once.
pub(super) const CHANGES_AT_ONCE: i64 = 1_000;
/// How often the log is looked at for changes that other processes made.
const LOOK: Duration = Duration::from_millis(200);
/// How often an index is looked at that others may remove.
const LOOK_AT_INDEX: Duration = Duration::from_secs(2);
/// How often an index that another process keeps is read anew, before this one tries to keep it.
const WATCH_TIMES: usize = 15;
/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// How often the index is compared with the database.
const CHECK_EVERY: Duration = Duration::from_secs(3_600);

/// What the catalogue calls its index among the followers of the change log.
pub const FOLLOWER: &str = "search";

/// What a new index is called while it is made.
pub const BUILDING: &str = "search building";

/// Searching, and keeping the index in step.
#[derive(Debug)]
pub struct Search {
    pub(super) db: Db,
    pub(super) engine: Box<dyn Engine>,
    pub(super) status: watch::Sender<Status>,
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
        const SELDOM: Duration = Duration::from_millis(160);
        let mut again = AGAIN;
        if let Some(newest) = self.db.newest_unmoved().await? {
            while self.db.has_unmoved_up_to(newest).await? {
                tokio::time::sleep(again).await;
                again = SELDOM.min(again * 2);
            }
        }
        let head = self.db.last_position().await?;
        let mut status = self.status.subscribe();
        // At position 0 there may be no index yet, and nothing to wait for.
        let is_searched = |status: &Status| status.position > 0 || matches!(status.state, State::Following | State::Elsewhere);
        let _ = status.wait_for(|status| status.position >= head && is_searched(status)).await;
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
        self.engine.claim().await?;
        let catalogue = self.db.identity().await?;
        let current = self.usable(Target::Current, &catalogue).await?;
        let mut mark = if self.usable(Target::Next, &catalogue).await?.is_ok() {
            tracing::info!("the making of a new search index goes on");
            self.build(&catalogue, current.is_ok()).await?
        } else {
            match current {
                Ok(mark) => mark,
                Err(why) => {
                    tracing::info!("the search index is made anew: {why}");
                    self.build(&catalogue, false).await?
                }
            }
        };
        self.note_success();
        // Should the process have ended right after the last one was complete.
        self.db.forget_follower(BUILDING).await?;
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
                if looked.elapsed() > LOOK_AT_INDEX {
                    looked = Instant::now();
                    // Somebody removed it, or put an older one in its place.
                    if self.engine.mark(Target::Current).await?.as_ref() != Some(&mark) {
                        return Ok(());
                    }
                }
                // A check that changes interrupted goes on soon.
                if checked.elapsed() > CHECK_EVERY && self.compare(&mark, &mut round).await? {
                    checked = Instant::now();
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
            let why = if has_gap(&changes, &mark) {
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

    pub(super) async fn tell_others(&self, mark: &Mark) -> Result<()> {
        if self.engine.is_shared() {
            self.db.set_follower_position(FOLLOWER, mark.position).await?;
        }
        Ok(())
    }

    /// What an index says of itself, or why it has to be made anew.
    pub(super) async fn usable(&self, target: Target, catalogue: &str) -> Result<std::result::Result<Mark, &'static str>> {
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
}

/// Whether changes are missing between what the index has followed and these.
pub(super) fn has_gap(changes: &[Change], mark: &Mark) -> bool {
    changes.first().is_some_and(|change| change.position != mark.position + 1)
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
