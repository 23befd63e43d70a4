//! Removes past revisions that the configuration does not keep.

use std::sync::Arc;

use chrono::Utc;
use tokio_util::sync::CancellationToken;

use super::wait_until;
use crate::app::App;
use crate::config::Schedule;
use crate::store::lease::Attempt;

/// Removes them whenever the schedule says so. Before it ends, work under way is finished.
pub(super) async fn on_schedule(app: Arc<App>, schedule: Schedule, stop: CancellationToken) {
    while let Some(time) = schedule.next_after(Utc::now()) {
        if !wait_until(time, &stop).await {
            return;
        }
        prune(&app).await;
    }
    tracing::warn!("history.schedule never comes: past revisions are not removed");
}

/// Removes past revisions that are not kept, unless another process does so right now.
pub async fn prune(app: &App) {
    let lease = match app.catalogue.db.take_lease("history").await {
        Ok(Attempt::Taken(lease)) => lease,
        Ok(Attempt::Held | Attempt::Done) => return,
        Err(error) => return tracing::error!(%error, "the lease for removing past revisions cannot be taken"),
    };
    match lease.keep(app.catalogue.prune_history(&app.config.history)).await {
        None => tracing::warn!("removing past revisions took so long that another process has taken it over"),
        Some(Ok(0)) => {}
        Some(Ok(removed)) => tracing::info!(removed, "{removed} past revisions were removed"),
        Some(Err(error)) => tracing::error!(%error, "past revisions cannot be removed"),
    }
    lease.release().await;
}
