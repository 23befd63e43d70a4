//! Opening a catalogue, and filling a new one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aiod_schema::vocabulary;
use secrecy::SecretString;

use super::ServerError;
use crate::app::App;
use crate::catalogue::Catalogue;
use crate::catalogue::examples::PLATFORM as EXAMPLE_PLATFORM;
use crate::config::Config;
use crate::identity::api_key;
use crate::store::Db;
use crate::store::lease::Attempt;

/// What was found and done when the catalogue was opened.
#[derive(Debug)]
pub struct Opened {
    /// The application, ready to serve.
    pub app: Arc<App>,
    /// The administrator's key, when it was made just now: this is the only time that it can be shown.
    pub administrator_key: Option<SecretString>,
}

/// Opens the catalogue: brings the database up to date, registers the platforms that the model declares, and fills a new one with the default
/// vocabularies. A new embedded one also gets an administrator and, unless that is switched off, example resources.
///
/// # Errors
/// When the database fails or lacks migrations that the server may not apply.
pub async fn open(config: Config) -> Result<Opened, ServerError> {
    let db = Db::open_limited(config.database.url.expose(), config.database.connections, config.reads.statement_limit()).await?;
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
async fn set_up(catalogue: &Catalogue, config: &Config) -> Result<Option<SecretString>, ServerError> {
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

async fn fill(catalogue: &Catalogue, config: &Config) -> Result<Option<SecretString>, ServerError> {
    load_vocabularies(catalogue).await?;
    if !config.database.is_embedded() {
        return Ok(None);
    }
    if config.examples.load {
        load_examples(catalogue).await?;
    }
    create_administrator(&catalogue.db, config).await
}

/// Loads the default terms of those taxonomies that have none yet.
async fn load_vocabularies(catalogue: &Catalogue) -> Result<(), ServerError> {
    let present = catalogue.db.official_vocabularies().await?;
    let missing: Vec<_> = vocabulary::defaults().into_iter().filter(|t| !present.contains(t.vocabulary.name)).collect();
    let loaded = catalogue.load_taxonomies(&missing).await?;
    let terms: usize = loaded.iter().map(|(_, report)| report.added).sum();
    if !loaded.is_empty() {
        tracing::info!(terms, taxonomies = loaded.len(), "{terms} terms of {} taxonomies were loaded", loaded.len());
    }
    Ok(())
}

async fn load_examples(catalogue: &Catalogue) -> Result<(), ServerError> {
    if !catalogue.db.has_assets_besides(EXAMPLE_PLATFORM).await? {
        let examples = catalogue.load_examples().await?;
        tracing::info!(examples, "{examples} example resources were loaded");
    }
    Ok(())
}

/// Makes a key for an administrator, unless there are keys already or none are accepted.
async fn create_administrator(db: &Db, config: &Config) -> Result<Option<SecretString>, ServerError> {
    if !config.api_keys.enabled || !db.api_keys().await?.is_empty() {
        return Ok(None);
    }
    let roles = BTreeSet::from([config.roles.administrator.clone()]);
    let key = api_key::create(db, "administrator", &roles, None).await?;
    Ok(Some(key.into()))
}
