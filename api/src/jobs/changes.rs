//! The change log: moving what was committed, and removing what is old.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::alone;
use crate::app::App;
use crate::store::{DAY, now};

/// How often the outbox is looked at for what other processes committed.
const LOOK: Duration = Duration::from_millis(200);
/// How long commits are gathered before they are moved together.
const GATHER: Duration = Duration::from_millis(10);
/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// Moves changes as soon as they are committed, until `stop` is cancelled. Processes take turns at it; see `store::change`.
pub(super) async fn relay(app: Arc<App>, stop: CancellationToken) {
    let db = &app.catalogue.db;
    let mut is_failing = false;
    while !stop.is_cancelled() {
        let pause = match db.move_changes().await {
            Ok(0) => {
                is_failing = false;
                tokio::select! {
                    () = db.written() => {}
                    () = tokio::time::sleep(LOOK) => {}
                    () = stop.cancelled() => {}
                }
                GATHER
            }
            Ok(_) => GATHER,
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::warn!(%error, "changes cannot be moved to the change log now; they are kept");
                }
                PAUSE
            }
        };
        stop.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
}

/// Removes changes that are as old as the configuration says and that every follower has read.
pub(super) async fn prune(app: &App) {
    let (config, db) = (&app.config.changes, &app.catalogue.db);
    let days = |days: u32| now() - i64::from(days) * DAY;
    let work = async {
        let mut removed = 0;
        loop {
            match db.prune_changes(days(config.keep_days), days(config.keep_days.saturating_add(config.wait_days))).await? {
                0 => return Ok(removed),
                some => removed += some,
            }
        }
    };
    if let Some(removed) = alone(app, "changes", "removing old changes", work).await
        && removed > 0
    {
        tracing::info!(removed, "{removed} old changes were removed from the change log");
    }
}
