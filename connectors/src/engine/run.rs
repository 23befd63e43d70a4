//! One run, from the check of access to the report.

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aiod_schema::wire::{Outcome, RecordResult};
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{AnyError, BadRecord, Connector, Engine, Found, Listing, RecordError, Report, RunError, Summary};
use crate::catalogue::{CatalogueError, reason};
use crate::record::Record;

/// How far the listing may be ahead of the fetching, in records.
const LISTED_AHEAD: usize = 100;

/// How many records are kept for a second try. If more fail, the fault is not in single records.
const MAX_RETRIED: usize = 1_000;

/// What a task that fetches a record ends with; the listed entry comes back for a second try.
type Fetched<L> = (L, Result<Record, RecordError>);

/// The tasks that fetch records, and what they fetch: a task that panics cannot say.
struct Fetching<L> {
    tasks: JoinSet<Fetched<L>>,
    identifiers: HashMap<Id, String>,
}

pub(super) struct Run<'a, C: Connector> {
    engine: &'a Engine<C>,
    stop: &'a CancellationToken,
    started: Instant,
    total: Arc<AtomicUsize>,
    summary: Summary,
    batch: Vec<Record>,
    /// How many records are converted and neither stored nor refused yet.
    unsent: usize,
    /// Records that failed for a passing reason, with that reason.
    to_retry: Vec<(C::Listed, String)>,
    second_try: bool,
    /// Records whose second try has not ended yet, with the reason why the first failed.
    retrying: BTreeMap<String, String>,
    failed_in_a_row: usize,
    /// How many records in a row the catalogue failed on, each sent by itself.
    catalogue_failures_in_a_row: usize,
    next_progress: usize,
    stopped: bool,
}

impl<'a, C: Connector> Run<'a, C> {
    pub(super) fn new(engine: &'a Engine<C>, stop: &'a CancellationToken) -> Self {
        Self {
            engine,
            stop,
            started: Instant::now(),
            total: Arc::default(),
            summary: Summary::default(),
            batch: Vec::new(),
            unsent: 0,
            to_retry: Vec::new(),
            second_try: false,
            retrying: BTreeMap::new(),
            failed_in_a_row: 0,
            catalogue_failures_in_a_row: 0,
            next_progress: engine.options.progress_every.max(1),
            stopped: false,
        }
    }

    pub(super) async fn report(mut self) -> Report {
        let outcome = self.complete().await;
        // Only a run that ended early has any left: the second try counts each of them.
        for (listed, reason) in mem::take(&mut self.to_retry) {
            self.bad(self.engine.connector.identifier(&listed), reason);
        }
        for (identifier, reason) in mem::take(&mut self.retrying) {
            self.bad(identifier, reason);
        }
        self.summary.unsent = self.unsent;
        self.summary.elapsed = self.started.elapsed();
        Report { summary: self.summary, stopped: self.stopped, outcome }
    }

    async fn complete(&mut self) -> Result<(), RunError> {
        self.check_access().await?;
        let (listing, found) = self.listing(self.engine.options.limit, LISTED_AHEAD);
        let connector = Arc::clone(&self.engine.connector);
        let mut lister = JoinSet::new();
        lister.spawn(async move { connector.list(listing).await });
        self.harvest_and_send(found).await?;
        // After a stop nobody reads the listing any more, and it may need hours to its end.
        let listed = if self.stopped { Ok(()) } else { self.listed(lister.join_next().await) };
        self.try_again().await?;
        listed
    }

    async fn check_access(&mut self) -> Result<(), RunError> {
        let Engine { connector, catalogue, options } = self.engine;
        tokio::select! {
            checked = catalogue.check_access(connector.platform(), connector.type_path(), options.patience) => Ok(checked?),
            () = self.stop.cancelled() => {
                self.stopped = true;
                Ok(())
            }
        }
    }

    fn listing(&self, limit: Option<usize>, ahead: usize) -> (Listing<C::Listed>, mpsc::Receiver<Found<C::Listed>>) {
        let (sender, receiver) = mpsc::channel(ahead);
        (Listing { found: sender, limit, given: 0, total: Arc::clone(&self.total) }, receiver)
    }

    fn listed(&self, ended: Option<Result<Result<(), AnyError>, JoinError>>) -> Result<(), RunError> {
        let platform = self.engine.platform();
        match ended {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(source))) => Err(RunError::Listing { platform, source }),
            Some(Err(panicked)) => Err(RunError::Listing { platform, source: panicked.into() }),
        }
    }

    /// Gives the records that failed for a passing reason a second try.
    async fn try_again(&mut self) -> Result<(), RunError> {
        if self.to_retry.is_empty() || self.stopped {
            return Ok(());
        }
        self.second_try = true;
        self.failed_in_a_row = 0;
        let to_retry = mem::take(&mut self.to_retry);
        tracing::info!("{}: trying {} records again", self.engine.platform(), to_retry.len());
        let (mut listing, found) = self.listing(None, to_retry.len());
        for (listed, reason) in to_retry {
            self.retrying.insert(self.engine.connector.identifier(&listed), reason);
            // There is room for all of them.
            listing.give(listed).await;
        }
        drop(listing);
        // Counted when they were listed first.
        let listed = self.summary.listed;
        let outcome = self.harvest_and_send(found).await;
        self.summary.listed = listed;
        outcome
    }

    async fn harvest_and_send(&mut self, found: mpsc::Receiver<Found<C::Listed>>) -> Result<(), RunError> {
        match self.harvest(found).await {
            // The catalogue takes nothing, so the rest cannot be sent.
            Err(error @ (RunError::Catalogue(_) | RunError::Unsent(_))) => Err(error),
            harvested => self.flush().await.and(harvested),
        }
    }

    /// Fetches and converts what is found, and sends full batches, until all is done or stopping is asked for.
    async fn harvest(&mut self, mut found: mpsc::Receiver<Found<C::Listed>>) -> Result<(), RunError> {
        let concurrency = self.engine.options.concurrency.get();
        let mut fetching = Fetching { tasks: JoinSet::new(), identifiers: HashMap::new() };
        let mut open = true;
        while !self.stopped && (open || !fetching.tasks.is_empty()) {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => self.stopped = true,
                Some(ended) = fetching.tasks.join_next_with_id() => self.take(ended, &mut fetching).await?,
                next = found.recv(), if open && fetching.tasks.len() < concurrency => match next {
                    None => open = false,
                    Some(Found::Bad(record)) => {
                        self.summary.listed += 1;
                        self.bad(record.identifier, record.reason);
                    }
                    Some(Found::Listed(listed)) => self.fetch(listed, &mut fetching),
                },
            }
        }
        // Tasks that are already done have a record worth sending; the others end with the set.
        while let Some(ended) = fetching.tasks.try_join_next_with_id() {
            self.take(ended, &mut fetching).await?;
        }
        Ok(())
    }

    /// A task of its own, so that a slow catalogue does not let open connections to the platform time out.
    fn fetch(&mut self, listed: C::Listed, fetching: &mut Fetching<C::Listed>) {
        self.summary.listed += 1;
        let connector = Arc::clone(&self.engine.connector);
        let identifier = connector.identifier(&listed);
        let task = fetching.tasks.spawn(async move {
            let record = connector.record(&listed).await;
            (listed, record)
        });
        fetching.identifiers.insert(task.id(), identifier);
    }

    async fn take(
        &mut self,
        ended: Result<(Id, Fetched<C::Listed>), JoinError>,
        fetching: &mut Fetching<C::Listed>,
    ) -> Result<(), RunError> {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let identifier = fetching.identifiers.remove(&id).unwrap_or_default();
        self.retrying.remove(&identifier);
        match ended {
            Ok((_, (_, Ok(record)))) => {
                self.failed_in_a_row = 0;
                self.unsent += 1;
                self.batch.push(record);
                if self.batch.len() >= self.engine.options.batch_size.get() {
                    self.flush().await?;
                }
            }
            Ok((_, (listed, Err(RecordError::Unavailable(error))))) => return self.unavailable(listed, identifier, error.to_string()),
            Ok((_, (_, Err(RecordError::Bad(error))))) => {
                self.failed_in_a_row = 0;
                self.bad(identifier, error.to_string());
            }
            Err(panicked) => self.bad(identifier, format!("a defect of the connector: {panicked}")),
        }
        Ok(())
    }

    /// Keeps the record for a second try, or counts it; many in a row mean that the platform is gone.
    fn unavailable(&mut self, listed: C::Listed, identifier: String, reason: String) -> Result<(), RunError> {
        self.failed_in_a_row += 1;
        if self.second_try || self.to_retry.len() >= MAX_RETRIED {
            self.bad(identifier, reason.clone());
        } else {
            tracing::debug!(record = identifier, "record {identifier} is tried again later: {reason}");
            self.to_retry.push((listed, reason.clone()));
        }
        if self.failed_in_a_row < self.engine.options.give_up_after {
            return Ok(());
        }
        Err(RunError::Platform { platform: self.engine.platform(), records: self.failed_in_a_row, reason })
    }

    fn bad(&mut self, identifier: String, reason: String) {
        let platform = self.engine.platform();
        tracing::warn!(platform, record = identifier, "{platform} record {identifier} failed: {reason}");
        self.summary.add_bad(BadRecord { identifier, reason });
        self.progress();
    }

    /// Sends the batch. Once stopping is asked for, that may take the time of grace only.
    async fn flush(&mut self) -> Result<(), RunError> {
        let batch = mem::take(&mut self.batch);
        let (stop, grace) = (self.stop, self.engine.options.grace);
        let out_of_time = async {
            stop.cancelled().await;
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            sent = self.send(batch) => sent?,
            () = out_of_time => {
                self.stopped = true;
                return Err(RunError::Unsent(self.unsent));
            }
        }
        self.progress();
        Ok(())
    }

    /// Sends records; a batch that is refused as a whole, or that the catalogue fails on, goes again in halves, so that one record cannot
    /// keep the others out.
    async fn send(&mut self, batch: Vec<Record>) -> Result<(), CatalogueError> {
        let Engine { connector, catalogue, options } = self.engine;
        let (platform, type_path) = (connector.platform(), connector.type_path());
        let mut parts = vec![batch];
        let mut is_access_checked = false;
        while let Some(mut part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let error = match catalogue.upsert(platform, type_path, &part).await {
                Ok(results) => {
                    self.catalogue_failures_in_a_row = 0;
                    part.iter().zip(&results).for_each(|(record, result)| self.account(record, result));
                    continue;
                }
                Err(error) if error.is_about_records() => error,
                Err(error) => return Err(error),
            };
            if matches!(error, CatalogueError::Failed(_)) && !is_access_checked {
                // A catalogue that fails on an empty batch too would fail on every part of this one.
                catalogue.check_access(platform, type_path, options.patience).await?;
                is_access_checked = true;
            }
            match part.as_slice() {
                [record] => self.not_taken(record, error)?,
                records => {
                    tracing::debug!("{} records go again in halves: {error}", records.len());
                    let tail = part.split_off(part.len() / 2);
                    parts.extend([tail, part]);
                }
            }
        }
        Ok(())
    }

    /// Counts a record that is not taken by itself. Where the catalogue fails on many in a row, the reason is not in the records.
    fn not_taken(&mut self, record: &Record, error: CatalogueError) -> Result<(), CatalogueError> {
        if matches!(error, CatalogueError::Failed(_)) {
            self.catalogue_failures_in_a_row += 1;
            if self.catalogue_failures_in_a_row >= self.engine.options.give_up_after {
                return Err(error);
            }
        }
        self.unsent -= 1;
        self.bad(record.identifier().to_owned(), error.to_string());
        Ok(())
    }

    fn account(&mut self, record: &Record, result: &RecordResult) {
        self.unsent -= 1;
        match result.outcome {
            Outcome::Created => self.summary.created += 1,
            Outcome::Updated => self.summary.updated += 1,
            Outcome::Unchanged => self.summary.unchanged += 1,
            Outcome::Failed => self.bad(record.identifier().to_owned(), format!("the catalogue refused it: {}", reason(result))),
        }
    }

    fn progress(&mut self) {
        let done = self.summary.done();
        if done < self.next_progress {
            return;
        }
        let every = self.engine.options.progress_every.max(1);
        self.next_progress = (done / every + 1) * every;
        let Summary { created, updated, unchanged, bad, .. } = &self.summary;
        let of = match self.total.load(Ordering::Relaxed) {
            0 => String::new(),
            total => format!(" of {total}"),
        };
        let rate = done as f64 / self.started.elapsed().as_secs_f64().max(0.001);
        let platform = self.engine.platform();
        tracing::info!(
            platform,
            "{platform}: {done}{of} records done: {created} created, {updated} updated, {unchanged} unchanged, {bad} failed; {rate:.1} records/s"
        );
    }
}
