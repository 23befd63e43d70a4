//! Scheduled work. Every process runs the schedule; a lease in the database lets one of them do each job.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::routes::App;
use crate::store::now;

/// Microseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;
/// How long a process holds a job: longer than it takes, shorter than until it is due again.
const LEASE: Duration = Duration::from_secs(10 * 60);

/// Begins the schedule; it ends when what is returned is shut down.
///
/// # Errors
/// When a schedule of the configuration is not a cron expression.
pub async fn start(app: Arc<App>) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    let holder: Arc<str> = format!("{}-{:08x}", std::process::id(), rand::rng().random::<u32>()).into();
    let schedule = app.config.deletion.schedule.clone();
    let job = Job::new_async(schedule, move |_, _| {
        let (app, holder) = (Arc::clone(&app), Arc::clone(&holder));
        Box::pin(async move { purge(&app, &holder).await })
    })?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    Ok(scheduler)
}

/// Removes for good what was deleted long enough ago, unless another process does it right now.
pub async fn purge(app: &App, holder: &str) {
    let expires = now() + i64::try_from(LEASE.as_micros()).unwrap_or(i64::MAX);
    match app.catalogue.db.take_lease("purge", holder, expires).await {
        Ok(true) => {}
        Ok(false) => return,
        Err(error) => return tracing::error!(%error, "the lease of the purge cannot be taken"),
    }
    let before = now() - i64::from(app.config.deletion.keep_days) * DAY;
    match app.catalogue.purge_deleted(before).await {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "{removed} deleted resources were removed for good"),
        Err(error) => tracing::error!(%error, "deleted resources cannot be removed"),
    }
}
