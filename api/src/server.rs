//! Starting the catalogue, and serving it until it is told to stop.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aiod_schema::vocabulary;
use poem::listener::{Acceptor, Listener, TcpListener};

use tokio::sync::oneshot;

use crate::app::App;
use crate::catalogue::examples::PLATFORM as EXAMPLE_PLATFORM;
use crate::catalogue::{self, Catalogue};
use crate::config::Config;
use crate::identity::{ProviderError, api_key};
use crate::jobs;
use crate::routes;
use crate::store::lease::Attempt;
use crate::store::{Db, StoreError};

/// How long requests that are under way may take after the signal to stop.
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
    /// The identity provider's configuration makes no sense.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The interface cannot be put together.
    #[error(transparent)]
    Interface(#[from] routes::InterfaceError),
    /// Scheduled work cannot be started or stopped.
    #[error("schedule: {0}")]
    Schedule(#[from] tokio_cron_scheduler::JobSchedulerError),
    /// The structure of the database is out of date, and the server may not change it.
    #[error("the database lacks {0} migration(s): run `aiod-api migrate up`, or set database.migrate")]
    Migrations(usize),
}

/// What was found and done when the catalogue was opened.
#[derive(Debug)]
pub struct Opened {
    /// The application, ready to serve.
    pub app: Arc<App>,
    /// The administrator's key, when it was made just now: this is the only time that it can be shown.
    pub administrator_key: Option<String>,
}

/// Opens the catalogue: brings the database up to date, registers the platforms that the model declares, and fills a new one with the default vocabularies; an embedded one gets
/// an administrator and, unless that is switched off, example resources.
///
/// # Errors
/// When the database fails or lacks migrations that the server may not apply.
pub async fn open(config: Config) -> Result<Opened, ServerError> {
    let db = Db::open(&config.database.url, config.database.connections).await?;
    if config.database.migrate {
        db.migrate_up().await?;
    }
    let missing = db.migration_states().await?.iter().filter(|m| !m.applied).count();
    if missing > 0 {
        return Err(ServerError::Migrations(missing));
    }
    let catalogue = Catalogue::new(db, &config);
    catalogue.add_declared_platforms().await?;
    let administrator_key = set_up(&catalogue, &config).await?;
    Ok(Opened { app: Arc::new(App::new(catalogue, config)?), administrator_key })
}

/// Fills a new catalogue; the administrator's key, when one was made. However often servers start, at once or after one that was
/// killed, this is done once and whole.
async fn set_up(catalogue: &Catalogue, config: &Config) -> Result<Option<String>, ServerError> {
    const PAUSE: Duration = Duration::from_millis(200);
    let mut waiting = false;
    loop {
        match catalogue.db.take_lease("set_up").await? {
            Attempt::Done => return Ok(None),
            Attempt::Taken(lease) => {
                // When another process has taken over meanwhile, it is waited for.
                let Some(filled) = lease.keep(fill(catalogue, config)).await else { continue };
                match &filled {
                    Ok(_) => lease.finish().await?,
                    Err(_) => lease.release().await,
                }
                return filled;
            }
            Attempt::Held if waiting => {}
            Attempt::Held => tracing::info!("another process is filling the new catalogue: waiting for it"),
        }
        waiting = true;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn fill(catalogue: &Catalogue, config: &Config) -> Result<Option<String>, ServerError> {
    let known = catalogue.db.official_vocabularies().await?;
    let missing: Vec<_> = vocabulary::defaults().into_iter().filter(|t| !known.contains(t.vocabulary.name)).collect();
    let loaded = catalogue.load_taxonomies(&missing).await?;
    let terms: usize = loaded.iter().map(|(_, report)| report.added).sum();
    if !loaded.is_empty() {
        tracing::info!(terms, taxonomies = loaded.len(), "{terms} terms of {} taxonomies were loaded", loaded.len());
    }
    if !config.is_embedded() {
        return Ok(None);
    }
    if config.examples.load && !catalogue.db.has_assets_besides(EXAMPLE_PLATFORM).await? {
        let examples = catalogue.load_examples().await?;
        tracing::info!(examples, "{examples} example resources were loaded");
    }
    if !config.api_keys.enabled || !catalogue.db.api_keys().await?.is_empty() {
        return Ok(None);
    }
    let roles = BTreeSet::from([config.roles.administrator.clone()]);
    Ok(Some(api_key::create(&catalogue.db, "administrator", &roles, None).await?))
}

/// Serves the catalogue until the process is told to stop; requests that are under way are finished.
///
/// # Errors
/// As for [`open`]; when the address cannot be listened on.
pub async fn serve(config: Config) -> Result<(), ServerError> {
    let begin = Instant::now();
    let address = config.listen.clone();
    let listen_failed = |source| ServerError::Listen { address: address.clone(), source };
    // Before the database: a second server on the same port must not touch anything.
    let acceptor = TcpListener::bind(address.clone()).into_acceptor().await.map_err(listen_failed)?;
    let Opened { app, administrator_key } = open(config).await?;
    if let Some(key) = administrator_key {
        announce(&key);
    }
    let endpoint = routes::endpoint(Arc::clone(&app))?;
    let mut scheduler = jobs::start(Arc::clone(&app)).await?;
    let local = acceptor.local_addr().iter().find_map(|a| a.as_socket_addr().map(ToString::to_string)).unwrap_or_else(|| address.clone());
    tracing::info!(millis = begin.elapsed().as_millis(), "ready: http://{local}, documentation at http://{local}/docs");
    // In the background: whether Keycloak answers decides neither about starting nor about reading.
    let identity = Arc::clone(&app.identity);
    let keeping_fresh = tokio::spawn(async move { identity.keep_fresh().await });
    let (stop_counting, stop) = oneshot::channel();
    let counting = tokio::spawn(jobs::keep_counts(Arc::clone(&app), stop));
    let db = app.catalogue.db.clone();
    let served = poem::Server::new_with_acceptor(acceptor).run_with_graceful_shutdown(endpoint, stop_signal(), Some(GRACE)).await;
    served.map_err(listen_failed)?;
    keeping_fresh.abort();
    scheduler.shutdown().await?;
    // The last counts are written before the database is closed.
    drop(stop_counting);
    if let Err(error) = counting.await {
        tracing::error!(%error, "counting reads has failed");
    }
    db.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Shows a key on standard output, for the only time.
#[expect(clippy::print_stdout, reason = "the key belongs to the operator, not into the log")]
fn announce(key: &str) {
    println!("The administrator's API key, shown only now: {key}");
    println!("Use it as `Authorization: Bearer {key}`; more keys: `aiod-api keys create`.");
}

/// Returns when the process is told to stop.
async fn stop_signal() {
    let interrupt = async { tokio::signal::ctrl_c().await.unwrap_or_else(|error| tracing::error!(%error, "no signals can be received")) };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
    tracing::info!("stopping: requests under way are finished first");
}
