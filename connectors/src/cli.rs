//! What the command lines of all connectors share: options, logging, the schedule, exit codes.

use std::io::IsTerminal;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::process::ExitCode;
use std::time::Duration;

use aiod_schema::validate::MAX_RECORDS;
use clap::error::ErrorKind;
use clap::{Args, Parser};
use reqwest::Url;
use secrecy::SecretString;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::catalogue::Catalogue;
use crate::engine::{Connector, Engine, Options, Report, RunError};
use crate::http::{HttpError, HttpOptions, Retry, check_key, read_key};
use crate::stop;

/// How long a connector waits after a failed run, unless the interval is shorter: an outage should not cost a whole day.
const AFTER_A_FAILED_RUN: Duration = Duration::from_secs(15 * 60);

/// How the exit code is explained in every connector's help.
pub const AFTER_HELP: &str = "Exit codes: 0 the run was completed, or stopped by a signal (records that failed are listed in the log and do not \
     count as a failure of the run); 1 the run could not be completed: the platform or the catalogue cannot be reached, or the key is refused; \
     2 wrong usage.";

/// Options that every connector has.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Address of the catalogue that the records go to
    #[arg(long, env = "AIOD_CONNECTOR_CATALOGUE", value_name = "URL", default_value = "http://localhost:8000", value_parser = http_url)]
    pub catalogue: Url,

    /// API key with the platform's role (platform_NAME); better given by the environment, since a command line is visible to others
    #[arg(long, env = "AIOD_CONNECTOR_API_KEY", value_name = "KEY", hide_env_values = true, value_parser = read_key)]
    pub api_key: SecretString,

    /// How long to wait at the beginning of a run for a catalogue that does not answer yet, in seconds
    #[arg(long, env = "AIOD_CONNECTOR_CATALOGUE_WAIT", value_name = "SECONDS", default_value_t = 120)]
    pub catalogue_wait: u64,

    /// Run once and exit, instead of once per interval until SIGINT or SIGTERM
    #[arg(long)]
    pub once: bool,

    /// Time from the beginning of one run to the beginning of the next, in minutes; after a failed run it is at most 15
    #[arg(long, env = "AIOD_CONNECTOR_INTERVAL", value_name = "MINUTES", default_value = "1440")]
    pub interval: NonZeroU64,

    /// Take at most this many records from the platform, for trying things out
    #[arg(long, value_name = "N")]
    pub limit: Option<NonZeroUsize>,

    /// How many records go to the catalogue in one request, 1 to 1000
    #[arg(long, env = "AIOD_CONNECTOR_BATCH_SIZE", value_name = "N", default_value = "100", value_parser = batch_size)]
    pub batch_size: NonZeroUsize,

    /// How many records are fetched from the platform at the same time
    #[arg(long, env = "AIOD_CONNECTOR_CONCURRENCY", value_name = "N", default_value = "2")]
    pub concurrency: NonZeroUsize,

    /// What is logged: error, warn, info, debug, trace or off, also per module (info,aiod_connectors=debug)
    #[arg(long, env = "AIOD_CONNECTOR_LOG", value_name = "FILTER", default_value = "info", value_parser = log_filter)]
    pub log: String,

    /// When requests are tried again.
    #[arg(skip)]
    pub retry: Retry,
}

impl Common {
    /// The HTTP client's options towards the platform.
    pub fn platform_http(&self, requests_per_minute: NonZeroU32) -> HttpOptions {
        HttpOptions { requests_per_minute: Some(requests_per_minute), retry: self.retry.clone(), ..HttpOptions::default() }
    }

    /// An engine for this connector with these options.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn engine<C: Connector>(&self, connector: C) -> Result<Engine<C>, HttpError> {
        // A thousand records with their related resources take the catalogue longer than a page takes a platform.
        let http = HttpOptions { timeout: Duration::from_secs(300), retry: self.retry.clone(), ..HttpOptions::default() };
        let catalogue = Catalogue::new(self.catalogue.clone(), self.api_key.clone(), http)?;
        Ok(Engine::new(connector, catalogue, self.options()))
    }

    fn options(&self) -> Options {
        Options {
            limit: self.limit.map(NonZeroUsize::get),
            batch_size: self.batch_size,
            concurrency: self.concurrency,
            patience: Duration::from_secs(self.catalogue_wait),
            progress_every: 500,
            give_up_after: 10,
            grace: Duration::from_secs(8),
        }
    }
}

/// Runs a connector once, or by its interval until stopped. Answers with the last run's report, which is already logged.
///
/// A failed run is followed by the next one, unless someone has to change something first (a refused key, say): then the connector ends,
/// so that it is noticed.
pub async fn serve<C: Connector>(common: &Common, connector: C, stop: &CancellationToken) -> Report {
    let platform = connector.platform();
    let engine = match common.engine(connector) {
        Ok(engine) => engine,
        Err(error) => return log_and_return(platform, Report::not_started(RunError::Start(error))),
    };
    let interval = Duration::from_secs(60).saturating_mul(u32::try_from(common.interval.get()).unwrap_or(u32::MAX));
    loop {
        let started = Instant::now();
        tracing::info!(platform, "{platform}: run begins, catalogue {}", crate::http::shown(&common.catalogue));
        let report = log_and_return(platform, engine.run(stop).await);
        let needs_change = matches!(&report.outcome, Err(RunError::Catalogue(error)) if error.needs_change());
        if common.once || needs_change || stop.is_cancelled() {
            return report;
        }
        let pause = if report.outcome.is_err() { interval.min(AFTER_A_FAILED_RUN) } else { interval };
        let next = started + pause;
        tracing::info!(
            platform,
            "{platform}: next run in {} minutes",
            next.saturating_duration_since(Instant::now()).as_secs().div_ceil(60)
        );
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            () = stop.cancelled() => return report,
        }
    }
}

fn log_and_return(platform: &str, report: Report) -> Report {
    report.log(platform);
    report
}

/// A binary's `main`: reads the command line, sets up logging and signals, runs, and turns the report into an exit code.
pub async fn main<A: Parser>(common: fn(&A) -> &Common, run: impl AsyncFnOnce(&A, &CancellationToken) -> Report) -> ExitCode {
    let args = A::parse();
    if let Err(error) = check_key(&common(&args).api_key) {
        A::command().error(ErrorKind::InvalidValue, format!("--api-key (AIOD_CONNECTOR_API_KEY): {error}")).exit();
    }
    start_logging(&common(&args).log);
    match stop::on_signals() {
        Ok(stop) => run(&args, &stop).await.exit_code().into(),
        Err(error) => {
            tracing::error!("cannot listen for signals: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Logs to standard error. The HTTP libraries' own lines stay out whatever the filter says: they may hold whole URLs, and platforms put
/// tokens into URLs.
fn start_logging(filter: &str) {
    let filter = EnvFilter::new(format!("{filter},reqwest=warn,hyper=warn,hyper_util=warn,h2=warn,rustls=warn"));
    // Colours are for terminals; in a container's log they are noise.
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).init();
}

/// Reads an http or https URL, for options that take one.
///
/// # Errors
/// When the text is something else.
pub fn http_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| e.to_string())?;
    if matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err("an http or https URL is expected".to_owned()) }
}

fn batch_size(text: &str) -> Result<NonZeroUsize, String> {
    let size = text.parse::<NonZeroUsize>().ok().filter(|n| n.get() <= MAX_RECORDS);
    size.ok_or_else(|| format!("a number from 1 to {MAX_RECORDS} is expected"))
}

fn log_filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map_err(|e| e.to_string())?;
    Ok(text.to_owned())
}
