//! `database.…`: the store.

use serde::{Deserialize, Serialize};

use super::{ConfigError, SecretUrl};

/// The store.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite://FILE` or `mysql://USER:PASSWORD@HOST:PORT/NAME` (MySQL 8.0 or MariaDB 10.6, or later).
    pub url: SecretUrl,
    /// The most connections at once. Half of them read, half write; SQLite has at most 8 that read, and one that writes.
    pub connections: u32,
    /// Whether the server brings the database's structure up to date when it starts.
    pub migrate: bool,
}

impl Default for Database {
    fn default() -> Self {
        Self { url: "sqlite://data/catalogue.db".into(), connections: 16, migrate: true }
    }
}

impl Database {
    /// Whether the store is a file of this machine.
    pub fn is_embedded(&self) -> bool {
        self.url.expose().starts_with("sqlite:")
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !has_scheme(self.url.expose()) {
            return Err(ConfigError::invalid("database.url", "sqlite://FILE or mysql://USER:PASSWORD@HOST:PORT/NAME", &self.url));
        }
        if self.connections == 0 {
            return Err(ConfigError::invalid("database.connections", "1 or more", 0));
        }
        Ok(())
    }
}

/// Whether the URL says what kind of database it is of. Which kinds there are, the store knows.
fn has_scheme(url: &str) -> bool {
    url.starts_with("sqlite:")
        || url.split_once("://").is_some_and(|(scheme, _)| !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}
