//! Work in the background, one file a job. Every process runs all jobs; a lease in the database lets one of them do what must happen once.

mod changes;
mod counts;
mod history;
mod purge;
mod reads;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::history::prune;
pub use self::purge::purge;
use crate::app::App;
use crate::catalogue;
use crate::config::Schedule;
use crate::store::lease::Attempt;

/// A schedule of the configuration is not a cron expression.
#[derive(Debug, thiserror::Error)]
#[error("{0} must be {1}")]
pub struct ScheduleError(&'static str, &'static str);

/// Starts all jobs. Each ends soon after `stop` is cancelled; what is returned waits for that.
///
/// # Errors
/// When a schedule of the configuration is not a cron expression.
pub fn start(app: &Arc<App>, stop: &CancellationToken) -> Result<TaskTracker, ScheduleError> {
    let deletion = Planned::new("deletion.schedule", &app.config.deletion.schedule)?;
    let history = Planned::new("history.schedule", &app.config.history.schedule)?;
    let changes = Planned::new("changes.schedule", &app.config.changes.schedule)?;
    let jobs = TaskTracker::new();
    jobs.spawn(on_schedule(Arc::clone(app), deletion, stop.clone(), async |app| purge(app).await));
    jobs.spawn(on_schedule(Arc::clone(app), history, stop.clone(), async |app| prune(app).await));
    jobs.spawn(on_schedule(Arc::clone(app), changes, stop.clone(), async |app| changes::prune(app).await));
    jobs.spawn(changes::relay(Arc::clone(app), stop.clone()));
    jobs.spawn(follow(Arc::clone(app), stop.clone()));
    jobs.spawn(counts::fold(Arc::clone(app), stop.clone()));
    jobs.spawn(reads::save_counts(Arc::clone(app), stop.clone()));
    jobs.spawn(fetch_keys(Arc::clone(app), stop.clone()));
    jobs.close();
    Ok(jobs)
}

/// A schedule of the configuration, and its key there.
struct Planned {
    key: &'static str,
    schedule: Schedule,
}

impl Planned {
    fn new(key: &'static str, text: &str) -> Result<Self, ScheduleError> {
        Schedule::parse(text).map(|schedule| Self { key, schedule }).map_err(|expected| ScheduleError(key, expected))
    }
}

/// Does work whenever the schedule says so. Before it ends, work under way is finished.
async fn on_schedule(app: Arc<App>, planned: Planned, stop: CancellationToken, work: impl AsyncFn(&App)) {
    while let Some(time) = planned.schedule.next_after(Utc::now()) {
        if !wait_until(time, &stop).await {
            return;
        }
        work(&app).await;
    }
    tracing::warn!("{} never comes: its work is not done", planned.key);
}

/// The outcome of work that one process at a time does. None when another process does it right now, or when it failed, which the log says.
async fn alone<T>(app: &App, lease: &'static str, what: &str, work: impl Future<Output = catalogue::Result<T>>) -> Option<T> {
    let lease = match app.catalogue.db.take_lease(lease).await {
        Ok(Attempt::Taken(lease)) => lease,
        Ok(Attempt::Held | Attempt::Done) => return None,
        Err(error) => {
            tracing::error!(%error, "the lease for {what} cannot be taken");
            return None;
        }
    };
    let outcome = lease.keep(work).await;
    lease.release().await;
    match outcome {
        None => tracing::warn!("{what} took so long that another process has taken it over"),
        Some(Ok(done)) => return Some(done),
        Some(Err(error)) => tracing::error!(%error, "{what} failed"),
    }
    None
}

/// Keeps the search index in step.
async fn follow(app: Arc<App>, stop: CancellationToken) {
    app.catalogue.search.follow(&stop).await;
}

/// Keeps the keys of Keycloak up to date. Whether Keycloak answers decides neither about starting nor about reading.
async fn fetch_keys(app: Arc<App>, stop: CancellationToken) {
    stop.run_until_cancelled(app.identity.keep_fresh()).await;
}

/// Waits until the clock shows this time; `false` when `stop` came first.
async fn wait_until(time: DateTime<Utc>, stop: &CancellationToken) -> bool {
    /// The clock is looked at this often, because it may be set while we wait.
    const LOOK: TimeDelta = TimeDelta::minutes(1);
    loop {
        let left = time - Utc::now();
        let Ok(pause) = left.min(LOOK).to_std() else { return true };
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_ends_at_the_time_or_when_it_is_stopped() {
        let stop = CancellationToken::new();
        assert!(wait_until(Utc::now() - TimeDelta::days(1), &stop).await);
        assert!(wait_until(Utc::now() + TimeDelta::milliseconds(20), &stop).await);
        stop.cancel();
        assert!(!wait_until(Utc::now() + TimeDelta::days(1), &stop).await);
    }
}
