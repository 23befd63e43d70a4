//! Scheduled work. Every process runs the schedule; a lease in the database lets one of them do each job.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::app::App;
use crate::store::lease::Attempt;
use crate::store::now;

/// Microseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// Whether a schedule is a cron expression; if not, what one looks like.
///
/// # Errors
/// When it is none.
pub fn check_schedule(schedule: &str) -> Result<(), &'static str> {
    match Job::new(schedule, |_, _| {}) {
        Ok(_) => Ok(()),
        Err(_) => {
            Err("a cron expression of six fields (second, minute, hour, day of the month, month, day of the week) such as 0 30 3 * * *")
        }
    }
}

/// Begins the schedule; it ends when what is returned is shut down.
///
/// # Errors
/// When a schedule of the configuration is not a cron expression.
pub async fn start(app: Arc<App>) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    let schedule = app.config.deletion.schedule.clone();
    let job = Job::new_async(schedule, move |_, _| {
        let app = Arc::clone(&app);
        Box::pin(async move { purge(&app).await })
    })?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    Ok(scheduler)
}

/// How long counts of reads are gathered before they are written together.
const GATHERED: Duration = Duration::from_secs(10);

/// Writes the counts of reads now and then, and once more when `stop` ends.
pub async fn keep_counts(app: Arc<App>, mut stop: oneshot::Receiver<()>) {
    let mut stopping = false;
    while !stopping {
        tokio::select! {
            () = tokio::time::sleep(GATHERED) => {}
            _ = &mut stop => stopping = true,
        }
        if let Err(error) = app.catalogue.flush_reads().await {
            tracing::warn!(%error, "counts of reads cannot be written now; they are kept");
        }
    }
}

/// Removes for good what was deleted long enough ago, unless another process does it right now.
pub async fn purge(app: &App) {
    let lease = match app.catalogue.db.take_lease("purge").await {
        Ok(Attempt::Taken(lease)) => lease,
        Ok(Attempt::Held | Attempt::Done) => return,
        Err(error) => return tracing::error!(%error, "the lease of the purge cannot be taken"),
    };
    let before = now() - i64::from(app.config.deletion.keep_days) * DAY;
    match lease.keep(app.catalogue.purge_deleted(before)).await {
        None => tracing::warn!("the purge took so long that another process has taken it over"),
        Some(Ok(0)) => {}
        Some(Ok(removed)) => tracing::info!(removed, "{removed} deleted resources were removed for good"),
        Some(Err(error)) => tracing::error!(%error, "deleted resources cannot be removed"),
    }
    lease.release().await;
}
