//! The options by which every command is configured.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::CliError;
use crate::config::Config;

#[derive(Args)]
pub(super) struct Settings {
    /// Configuration file (TOML).
    #[arg(long, global = true, value_name = "FILE", env = "AIOD_CONFIG")]
    config: Option<PathBuf>,
    /// Sets a configuration key, such as `--set log.filter=debug`; may be repeated.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Short for `--set database.url=URL`.
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// Short for `--set listen=HOST:PORT`.
    #[arg(long, global = true, value_name = "HOST:PORT")]
    listen: Option<String>,
}

impl Settings {
    pub(super) fn load(&self) -> Result<Config, CliError> {
        let mut settings = self.set.iter().map(|text| key_value(text)).collect::<Result<Vec<_>, _>>()?;
        settings.extend(self.database_url.iter().map(|url| ("database.url".to_owned(), url.clone())));
        settings.extend(self.listen.iter().map(|listen| ("listen".to_owned(), listen.clone())));
        // What is not Unicode is no setting of ours, or one that is refused by name.
        let environment = std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value)));
        Ok(Config::load(self.config.as_deref(), environment, &settings)?)
    }
}

/// Splits a setting. clap does not do this, because its message would repeat the text, which may hold a password.
fn key_value(text: &str) -> Result<(String, String), CliError> {
    let (key, value) = text.split_once('=').ok_or_else(|| CliError::Usage("--set needs KEY=VALUE".to_owned()))?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

fn lossy(text: OsString) -> String {
    text.to_string_lossy().into_owned()
}
