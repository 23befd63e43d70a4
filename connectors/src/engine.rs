//! What every connector shares: a platform's listing goes in, bulk upserts to the catalogue come out.
//!
//! One run: access to the catalogue is checked; the listing runs as a task of its own; a few records at a time are fetched and converted, each as
//! a task of its own; full batches are sent. What failed for a passing reason is tried once more at the end. A bad record is reported
//! by its identifier and never stops a run; what does stop one ([`RunError`]) first sends what is converted, as long as there is a
//! catalogue to send it to.

mod run;
mod summary;

use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::catalogue::{Catalogue, CatalogueError};
use crate::http::HttpError;
use crate::record::Record;
pub use summary::{BadRecord, Report, Summary};

/// Any error, as a platform's module has it.
pub type AnyError = Box<dyn Error + Send + Sync>;

/// A platform, as the engine sees it.
pub trait Connector: Send + Sync + 'static {
    /// An entry of the listing: what is needed to fetch its record.
    type Listed: Send + 'static;

    /// The platform's name in the catalogue.
    fn platform(&self) -> &'static str;

    /// Where the catalogue serves the type of its records, such as `datasets`.
    fn type_path(&self) -> &'static str;

    /// How the platform identifies a listed record.
    fn identifier(&self, listed: &Self::Listed) -> String;

    /// Gives every record that the platform has to `listing`, until that wants no more.
    ///
    /// # Errors
    /// When the listing cannot be completed. What was given before is still sent.
    fn list(&self, listing: Listing<Self::Listed>) -> impl Future<Output = Result<(), AnyError>> + Send;

    /// Fetches one record and converts it.
    ///
    /// # Errors
    /// When that fails, and whether it may succeed later.
    fn record(&self, listed: &Self::Listed) -> impl Future<Output = Result<Record, RecordError>> + Send;
}

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The platform did not answer, or said that it cannot now; another try may succeed.
    #[error("{0}")]
    Unavailable(#[source] AnyError),
    /// The record cannot be read or converted, however often it is tried.
    #[error("{0}")]
    Bad(#[source] AnyError),
}

/// Why a run did not reach its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no HTTP client.
    #[error("the connector cannot start: {0}")]
    Start(#[source] HttpError),
    /// The platform's listing failed.
    #[error("the listing of {platform} failed: {source}")]
    Listing {
        /// The platform.
        platform: &'static str,
        /// Why.
        source: AnyError,
    },
    /// Record after record could not be fetched.
    #[error("{platform} is unavailable: {records} records in a row could not be fetched, lastly: {reason}")]
    Platform {
        /// The platform.
        platform: &'static str,
        /// How many.
        records: usize,
        /// Why the last one could not.
        reason: String,
    },
    /// The catalogue accepts nothing.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// Stopping was asked for, and the catalogue did not take what was left in time.
    #[error("stopped before the catalogue took the last {0} records; the next run sends them")]
    Unsent(usize),
}

/// How a run goes.
#[derive(Clone, Debug)]
pub struct Options {
    /// At most this many records are taken from the listing.
    pub limit: Option<usize>,
    /// How many records one bulk upsert has: 1 to [`aiod_schema::validate::MAX_RECORDS`].
    pub batch_size: NonZeroUsize,
    /// How many records are fetched at the same time.
    pub concurrency: NonZeroUsize,
    /// How long to wait for the catalogue at the beginning.
    pub patience: Duration,
    /// After how many records there is a line on progress; 0 counts as 1.
    pub progress_every: usize,
    /// After how many records in a row that could not be fetched the platform counts as unavailable; after as many that the catalogue
    /// failed on, the catalogue does.
    pub give_up_after: usize,
    /// How long the last batch may take once stopping was asked for: less than the ten seconds that containers are given.
    pub grace: Duration,
}

/// Where a connector puts what it lists.
#[derive(Debug)]
pub struct Listing<L> {
    found: mpsc::Sender<Found<L>>,
    limit: Option<usize>,
    given: usize,
    total: Arc<AtomicUsize>,
}

/// What a listing holds.
#[derive(Debug)]
pub(crate) enum Found<L> {
    Listed(L),
    Bad(BadRecord),
}

impl<L> Listing<L> {
    /// How many records the run wants at most; a connector need not ask its platform for more.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Says how many records there will be, for the lines on progress.
    pub fn announce(&self, total: usize) {
        self.total.store(self.limit.map_or(total, |limit| total.min(limit)), Ordering::Relaxed);
    }

    /// Gives one record; waits while the engine has enough to do. `false` when no more are wanted.
    pub async fn give(&mut self, listed: L) -> bool {
        if self.limit.is_some_and(|limit| self.given >= limit) {
            return false;
        }
        self.given += 1;
        self.found.send(Found::Listed(listed)).await.is_ok() && self.limit.is_none_or(|limit| self.given < limit)
    }

    /// Reports an entry of the listing that is not understood, by whatever identifies it. `false` when no more are wanted.
    pub async fn report(&mut self, identifier: String, reason: String) -> bool {
        self.found.send(Found::Bad(BadRecord { identifier, reason })).await.is_ok()
    }
}

/// Runs a connector against a catalogue.
#[derive(Debug)]
pub struct Engine<C> {
    connector: Arc<C>,
    catalogue: Catalogue,
    options: Options,
}

impl<C: Connector> Engine<C> {
    /// An engine for this connector.
    pub fn new(connector: C, catalogue: Catalogue, options: Options) -> Self {
        Self { connector: Arc::new(connector), catalogue, options }
    }

    /// The platform's name in the catalogue.
    pub fn platform(&self) -> &'static str {
        self.connector.platform()
    }

    /// One run over everything that the platform lists. Being asked to stop ends it at a record's boundary: what is converted is
    /// sent, and the report says that the run was stopped.
    pub async fn run(&self, stop: &CancellationToken) -> Report {
        run::Run::new(self, stop).report().await
    }
}
