//! Adds up the changes of the counts that are kept.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;

/// How often changes are added up. Answers count those that are not: the longer they wait, the more of them an answer reads.
const INTERVAL: Duration = Duration::from_secs(1);

/// Adds up again and again, until `stop` is cancelled.
pub(super) async fn fold(app: Arc<App>, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
        if let Err(error) = app.catalogue.fold_counts().await {
            tracing::warn!(%error, "changes of counts cannot be added up now; they are kept");
        }
    }
}
