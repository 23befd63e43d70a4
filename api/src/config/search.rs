//! `search.…`: the search index.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::keycloak::parse_http;
use super::secret::serialize_masked;
use super::{ConfigError, SecretUrl};

/// The search index: Elasticsearch, or an embedded one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SearchConfig {
    /// Where Elasticsearch is, such as `http://elasticsearch:9200`. Empty: the index is an embedded one.
    pub elasticsearch_url: SecretUrl,
    /// Who the catalogue is for Elasticsearch. Empty: nobody.
    pub user: String,
    /// The user's password.
    #[serde(serialize_with = "serialize_masked")]
    pub password: SecretString,
    /// A key of Elasticsearch, in place of user and password, as it gives it out in base 64.
    #[serde(serialize_with = "serialize_masked")]
    pub api_key: SecretString,
    /// A file with the certificates (PEM) that Elasticsearch's own is signed by. Empty: those that everybody trusts.
    pub ca_file: PathBuf,
    /// What the names of the catalogue's indexes in Elasticsearch begin with.
    pub index: String,
    /// The folder of the embedded index. Empty: `search` beside the SQLite file, or `data/search`.
    pub folder: PathBuf,
}

impl Default for SearchConfig {
    fn default() -> Self {
        Self {
            elasticsearch_url: SecretUrl::default(),
            user: String::new(),
            password: SecretString::default(),
            api_key: SecretString::default(),
            ca_file: PathBuf::new(),
            index: "aiod".to_owned(),
            folder: PathBuf::new(),
        }
    }
}

impl SearchConfig {
    /// Whether the index is an embedded one.
    pub fn is_embedded(&self) -> bool {
        self.elasticsearch_url.expose().is_empty()
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !self.is_embedded() && parse_http(self.elasticsearch_url.expose()).is_none() {
            let expected = "the address of Elasticsearch, such as http://elasticsearch:9200";
            return Err(ConfigError::invalid("search.elasticsearch_url", expected, &self.elasticsearch_url));
        }
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        if !self.index.starts_with(|c: char| c.is_ascii_lowercase()) || !self.index.chars().all(is_plain) || self.index.len() > 100 {
            return Err(ConfigError::invalid("search.index", "lower-case letters, digits, _ and -, the first a letter", &self.index));
        }
        if !self.api_key.expose_secret().is_empty() && !self.user.is_empty() {
            return Err(ConfigError::invalid("search.api_key", "empty where search.user is given", "***"));
        }
        Ok(())
    }
}
