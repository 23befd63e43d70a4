//! Removes for good what was deleted long enough ago.

use std::sync::Arc;

use chrono::Utc;
use tokio_util::sync::CancellationToken;

use super::wait_until;
use crate::app::App;
use crate::config::Schedule;
use crate::store::lease::Attempt;
use crate::store::{DAY, now};

/// Purges whenever the schedule says so. Before it ends, a purge under way is finished.
pub(super) async fn on_schedule(app: Arc<App>, schedule: Schedule, stop: CancellationToken) {
    while let Some(time) = schedule.next_after(Utc::now()) {
        if !wait_until(time, &stop).await {
            return;
        }
        purge(&app).await;
    }
    tracing::warn!("deletion.schedule never comes: deleted resources are not removed for good");
}

/// Removes for good what was deleted long enough ago, unless another process does so right now.
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
