//! Starting the catalogue, and serving it until the process gets the signal to stop.

mod connections;
mod open;
mod reader;
mod signals;
mod welcome;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::open::{Opened, open};
use self::signals::Signals;
use crate::catalogue;
use crate::config::Config;
use crate::identity::ProviderError;
use crate::jobs::{self, ScheduleError};
use crate::routes;
use crate::store::{Db, StoreError};

/// How long requests that are under way may take after the signal to stop; and then the jobs.
const GRACE: Duration = Duration::from_secs(30);

/// Why the server cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The catalogue failed.
    #[error(transparent)]
    Catalogue(#[from] catalogue::Error),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// Signals cannot be received.
    #[error("cannot receive signals: {0}")]
    Signals(std::io::Error),
    /// The identity provider's configuration makes no sense.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The interface cannot be put together.
    #[error(transparent)]
    Interface(#[from] routes::InterfaceError),
    /// A job cannot be scheduled.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The structure of the database is out of date, and the server may not change it.
    #[error("the database lacks {0} migration(s): run `aiod-api migrate up`, or set database.migrate")]
    Migrations(usize),
    /// A second signal came while the server was stopping.
    #[error("stopped at once: what was under way was cut off")]
    CutOff,
}

/// Serves the catalogue until SIGINT or SIGTERM; then requests under way are finished. Ctrl-C after that ends it at once.
///
/// # Errors
/// As for [`open`]; when the address cannot be listened on; when it is ended at once.
pub async fn serve(config: Config) -> Result<(), ServerError> {
    let begin = Instant::now();
    // Before the database: a second server on the same port must not touch anything.
    let listener = listen(&config.listen).await?;
    let opened = open(config).await?;
    let url = format!("http://{}", local_address(&listener).unwrap_or_else(|| opened.app.config.listen.clone()));
    // Before whatever may fail: the key that it shows cannot be shown again.
    welcome::print(&url, &opened).await?;
    let endpoint = routes::endpoint(Arc::clone(&opened.app))?;
    let mut signals = Signals::listen().map_err(ServerError::Signals)?;
    let stop = CancellationToken::new();
    let stop_jobs = CancellationToken::new();
    let jobs = jobs::start(&opened.app, &stop_jobs)?;
    tracing::info!(millis = begin.elapsed().as_millis(), "ready: {url}, documentation at {url}/docs");
    let run_and_finish = async {
        connections::serve(listener, endpoint, &opened.app.config, &stop, GRACE).await;
        // The last requests count what they read, so that the jobs end after them.
        stop_jobs.cancel();
        finish(&jobs, &opened.app.catalogue.db).await;
    };
    tokio::select! {
        () = run_and_finish => Ok(()),
        () = signals.stop_then_cut_off(&stop) => Err(ServerError::CutOff),
    }
}

async fn listen(address: &str) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::Listen { address: address.to_owned(), source })
}

/// The address that is listened on; its port differs from the configured one where that is 0.
fn local_address(listener: &TcpListener) -> Option<String> {
    listener.local_addr().ok().map(|address| address.to_string())
}

/// Waits for the jobs and closes the database after them: the last counts of reads are written by then.
async fn finish(jobs: &TaskTracker, db: &Db) {
    let finished = tokio::time::timeout(GRACE, async {
        jobs.wait().await;
        db.close().await;
    });
    if finished.await.is_err() {
        tracing::warn!("a job did not end in time and is cut off");
    }
    tracing::info!("stopped");
}
