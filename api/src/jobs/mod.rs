//! Work in the background, one file a job. Every process runs all jobs; a lease in the database lets one of them do what must happen once.

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
use crate::config::Schedule;

/// A schedule of the configuration is not a cron expression.
#[derive(Debug, thiserror::Error)]
#[error("{0} must be {1}")]
pub struct ScheduleError(&'static str, &'static str);

/// Starts all jobs. Each ends soon after `stop` is cancelled; what is returned waits for that.
///
/// # Errors
/// When a schedule of the configuration is not a cron expression.
pub fn start(app: &Arc<App>, stop: &CancellationToken) -> Result<TaskTracker, ScheduleError> {
    let deletion = schedule("deletion.schedule", &app.config.deletion.schedule)?;
    let history = schedule("history.schedule", &app.config.history.schedule)?;
    let jobs = TaskTracker::new();
    jobs.spawn(purge::on_schedule(Arc::clone(app), deletion, stop.clone()));
    jobs.spawn(history::on_schedule(Arc::clone(app), history, stop.clone()));
    jobs.spawn(counts::fold(Arc::clone(app), stop.clone()));
    jobs.spawn(reads::save_counts(Arc::clone(app), stop.clone()));
    jobs.spawn(fetch_keys(Arc::clone(app), stop.clone()));
    jobs.close();
    Ok(jobs)
}

fn schedule(key: &'static str, text: &str) -> Result<Schedule, ScheduleError> {
    Schedule::parse(text).map_err(|expected| ScheduleError(key, expected))
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
