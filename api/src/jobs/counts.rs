//! Adds up the changes of the counts that are kept, and checks which terms are in use.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;

/// How often changes are added up and terms are checked. Until then, answers do so: the longer it waits, the more an answer reads.
const INTERVAL: Duration = Duration::from_secs(1);

/// Does so again and again, until `stop` is cancelled.
pub(super) async fn fold(app: Arc<App>, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
        if let Err(error) = app.catalogue.fold_counts().await {
            tracing::warn!(%error, "changes of counts cannot be added up, or terms be checked, now; both are kept");
        }
    }
}
