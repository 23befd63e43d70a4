//! Removes past revisions that the configuration does not keep.

use super::alone;
use crate::app::App;

/// Removes past revisions that are not kept, unless another process does so right now.
pub async fn prune(app: &App) {
    let work = app.catalogue.prune_history(&app.config.history);
    if let Some(removed @ 1..) = alone(app, "history", "removing past revisions", work).await {
        tracing::info!(removed, "{removed} past revisions were removed");
    }
}
