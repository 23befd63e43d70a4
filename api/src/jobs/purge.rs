//! Removes for good what was deleted long enough ago.

use super::alone;
use crate::app::App;
use crate::store::{DAY, now};

/// Removes for good what was deleted long enough ago, unless another process does so right now.
pub async fn purge(app: &App) {
    let before = now() - i64::from(app.config.deletion.keep_days) * DAY;
    let work = app.catalogue.purge_deleted(before);
    if let Some(removed @ 1..) = alone(app, "purge", "removing deleted resources for good", work).await {
        tracing::info!(removed, "{removed} deleted resources were removed for good");
    }
}
