//! Saves how often resources were read. Reads are counted in memory, so that a read never waits for a write.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;

/// How long counts are gathered before they are written together.
const INTERVAL: Duration = Duration::from_secs(10);

/// Writes the counts again and again, and a last time after `stop` is cancelled.
pub(super) async fn save_counts(app: Arc<App>, stop: CancellationToken) {
    let mut is_last = false;
    while !is_last {
        // Looked at before the counts are written: what is counted while they are written comes with the next time.
        is_last = stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_none();
        if let Err(error) = app.catalogue.flush_reads().await {
            tracing::warn!(%error, "counts of reads cannot be written now; they are kept");
        }
    }
}
