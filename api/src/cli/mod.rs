//! The command line.
#![allow(clippy::print_stderr, reason = "what a command line is for")]

mod keys;
mod search;
mod settings;

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::keys::KeysStep;
use self::search::SearchStep;
use self::settings::Settings;
use crate::catalogue::{self, Catalogue};
use crate::config::{Config, ConfigError};
use crate::routes::{InterfaceError, Version, document_for};
use crate::server::{self, ServerError};
use crate::store::dump::{self, DumpReport};
use crate::store::{Db, StoreError};

/// The AIoD metadata catalogue.
///
/// Without a command it serves the catalogue, on embedded parts unless configured otherwise. Configuration comes from defaults,
/// a TOML file, environment variables AIOD_… (`AIOD_DATABASE_URL` is `database.url`) and flags, each over the one before;
/// `aiod-api config` prints what is in force.
#[derive(Parser)]
#[command(name = "aiod-api", version, about, long_about)]
pub struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the catalogue (the default).
    Serve,
    /// Bring the database's structure up to date, or take the newest migration back.
    Migrate {
        #[command(subcommand)]
        step: MigrateStep,
    },
    /// Load official terms.
    Taxonomy {
        #[command(subcommand)]
        step: TaxonomyStep,
    },
    /// Count published resources anew, and look which terms are in use, should what is kept of that be wrong.
    Recount,
    /// API keys.
    Keys {
        #[command(subcommand)]
        step: KeysStep,
    },
    /// The search index.
    Search {
        #[command(subcommand)]
        step: SearchStep,
    },
    /// Write everything that the catalogue holds into a file, one JSON value a line (`-`: standard output).
    Export {
        /// The file.
        file: PathBuf,
    },
    /// Fill an empty catalogue from an export, of this kind of database or another (`-`: standard input).
    Import {
        /// The file.
        file: PathBuf,
    },
    /// Print the OpenAPI document.
    Openapi {
        /// Which version of the interface.
        #[arg(long, value_enum, default_value_t = Version::Latest)]
        version: Version,
    },
    /// Print the configuration in force, secrets masked.
    Config,
}

#[derive(Subcommand)]
enum MigrateStep {
    /// Apply what is missing.
    Up,
    /// Take the newest applied migration back. What it made is lost: export first.
    Down,
    /// List migrations, and which are applied.
    Status,
}

#[derive(Subcommand)]
enum TaxonomyStep {
    /// Make taxonomies what a file says: adds, renames and moves terms, and marks those that vanished as unofficial.
    Load {
        /// The file: `{"aiod_taxonomies": [{"taxonomy_name": "Event Mode", "elements": [{"id": "1", "label": {"value": "online"},
        /// "definition": "Over a network.", "elements": []}]}]}`; what stands within `elements` are narrower terms.
        file: PathBuf,
    },
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Interface(#[from] InterfaceError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Catalogue(#[from] catalogue::Error),
    #[error("the configuration cannot be printed: {0}")]
    Toml(#[from] toml::ser::Error),
    #[error("standard output: {0}")]
    Output(std::io::Error),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{0}")]
    Usage(String),
}

/// Runs a command; what it is about goes to standard output, what went wrong to standard error.
// The runtime starts here and not in the program: otherwise the compiler would translate the whole server once more for the program.
#[tokio::main]
pub async fn run(cli: Cli) -> ExitCode {
    match execute(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ (CliError::Config(_) | CliError::Usage(_))) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn execute(cli: Cli) -> Result<(), CliError> {
    let config = cli.settings.load()?;
    start_log(&config)?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => Ok(server::serve(config).await?),
        Command::Config => say(config.to_toml()?.trim_end()),
        Command::Openapi { version } => say(format_args!("{:#}", document_for(version, &config)?)),
        command => {
            let db = Db::open(config.database.url.expose(), config.database.connections).await?;
            let outcome = on_database(&db, &config, command).await;
            db.close().await;
            outcome
        }
    }
}

/// Writes a line to standard output. Whoever reads it may have seen enough (`| head`): that is no failure.
fn say(line: impl Display) -> Result<(), CliError> {
    match writeln!(std::io::stdout().lock(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        _ => Ok(()),
    }
}

fn start_log(config: &Config) -> Result<(), CliError> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log.filter).map_err(|e| CliError::Usage(format!("log.filter: {e}")))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Colours are for terminals; in a file they are noise.
    let log = log.with_ansi(std::io::stderr().is_terminal());
    // A second subscriber cannot be set; the first one does.
    drop(if config.log.json { log.json().try_init() } else { log.try_init() });
    Ok(())
}

async fn on_database(db: &Db, config: &Config, command: Command) -> Result<(), CliError> {
    // An export is of a catalogue as it is.
    if config.database.migrate && !matches!(command, Command::Migrate { .. } | Command::Export { .. }) {
        db.migrate_up().await?;
    }
    match command {
        Command::Migrate { step } => migrate(db, step).await,
        Command::Taxonomy { step: TaxonomyStep::Load { file } } => load_taxonomies(db, config, &file).await,
        Command::Recount => {
            Catalogue::new(db.clone(), config).recount().await?;
            say("counted anew")
        }
        Command::Search { step } => search::run(db, step).await,
        Command::Keys { step } => keys::run(db, &config.roles, step).await,
        Command::Export { file } => report("exported", &dump::export(db, &file).await.map_err(|error| about(error, file))?),
        Command::Import { file } => {
            report("imported", &dump::import(db, config.database.url.expose(), &file).await.map_err(|error| about(error, file))?)
        }
        Command::Serve | Command::Config | Command::Openapi { .. } => Ok(()),
    }
}

/// Names the file that an export or an import failed on.
fn about(error: StoreError, path: PathBuf) -> CliError {
    match error {
        StoreError::File(source) => CliError::File { path, source },
        other => other.into(),
    }
}

async fn migrate(db: &Db, step: MigrateStep) -> Result<(), CliError> {
    match step {
        MigrateStep::Up => db.migrate_up().await?,
        MigrateStep::Down => match db.migrate_down().await? {
            Some(version) => say(format_args!("migration {version} was taken back"))?,
            None => say(format_args!("no migration is applied"))?,
        },
        MigrateStep::Status => {}
    }
    for state in db.migration_states().await? {
        say(format_args!("{:04} {} {}", state.version, if state.applied { "applied" } else { "missing" }, state.description))?;
    }
    Ok(())
}

async fn load_taxonomies(db: &Db, config: &Config, path: &Path) -> Result<(), CliError> {
    let text = tokio::fs::read_to_string(path).await.map_err(|source| CliError::File { path: path.to_owned(), source })?;
    let file = aiod_schema::vocabulary::parse(&text).map_err(|e| CliError::Usage(format!("{}: {e}", path.display())))?;
    for name in &file.unknown_schemes {
        say(format_args!("{name}: left out, no vocabulary of the model is called so"))?;
    }
    for id in &file.repeated {
        say(format_args!("{id}: left out, its taxonomy has a term of this name before it"))?;
    }
    for (name, report) in Catalogue::new(db.clone(), config).load_taxonomies(&file.taxonomies).await? {
        say(format_args!(
            "{name}: {} added, {} renamed, {} moved, {} redefined, {} made unofficial, {} unchanged",
            report.added, report.renamed, report.moved, report.redefined, report.retired, report.unchanged
        ))?;
    }
    Ok(())
}

fn report(what: &str, report: &DumpReport) -> Result<(), CliError> {
    for (table, rows) in &report.tables {
        eprintln!("{what} {rows} rows of {table}");
    }
    eprintln!("{what} {} rows in {:.1} s", report.tables.iter().map(|(_, rows)| rows).sum::<u64>(), report.seconds);
    Ok(())
}
