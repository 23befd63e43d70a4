//! The configuration: defaults, a TOML file, environment variables `AIOD_…`, flags, each over the one before.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::{identity, jobs};

/// What an operator may choose. Every key has a default; `aiod-api config` prints what is in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The address to listen on, `HOST:PORT`.
    pub listen: String,
    /// The store.
    pub database: Database,
    /// What is written about the server's work, to standard error.
    pub log: Log,
    /// Limits of what callers may send.
    pub limits: Limits,
    /// Which pages may call the catalogue from a browser.
    pub cors: Cors,
    /// What happens to deleted resources.
    pub deletion: Deletion,
    /// Names of roles.
    pub roles: Roles,
    /// How drafts are published.
    pub reviews: Reviews,
    /// Login by Keycloak.
    pub keycloak: Keycloak,
    /// Keys of the catalogue's own.
    pub api_keys: ApiKeys,
    /// Resources to try the catalogue with.
    pub examples: Examples,
}

/// The store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `sqlite://FILE` or `mysql://USER:PASSWORD@HOST:PORT/NAME` (MySQL 8.0 or MariaDB 10.6, or later).
    pub url: String,
    /// The most connections at once. Half of them read, half write; SQLite has at most 8 that read, and one that writes.
    pub connections: u32,
    /// Whether the server brings the database's structure up to date when it starts.
    pub migrate: bool,
}

/// Logging.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Which messages: a level (`info`), or levels for parts (`info,aiod_api=debug`).
    pub filter: String,
    /// Whether each message is a JSON object.
    pub json: bool,
}

/// Limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The largest body, in bytes.
    pub body_bytes: usize,
    /// The largest body of a bulk upsert, in bytes.
    pub batch_bytes: usize,
    /// The most resources of a page, from 10, which is what a page has unless its request says otherwise, to 1,000.
    pub page_size: u32,
    /// How many requests a minute each caller may send, a user or an address; 0 does not limit them.
    pub requests_per_minute: u32,
    /// How many of them at once; 0 means as many as in a minute.
    pub request_burst: u32,
    /// Whether every request comes through a proxy of ours, which writes the caller's address at the end of `X-Forwarded-For`.
    pub behind_proxy: bool,
}

/// Cross-origin requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Origins such as `https://portal.example.org`; none means any.
    pub origins: Vec<String>,
}

/// Deletion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deletion {
    /// For how many days a deleted resource is kept.
    pub keep_days: u32,
    /// When deleted resources are removed for good: a cron expression with seconds, in UTC.
    pub schedule: String,
}

/// Roles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// May do everything.
    pub administrator: String,
    /// Decides on submissions.
    pub reviewer: String,
    /// Sees what is masked of protected platforms.
    pub full_view: String,
}

/// How drafts are published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reviews {
    /// Whether a submission publishes at once, without a review.
    pub disable: bool,
}

/// Stands in [`Keycloak::accepted_clients`] for every client of the realm.
pub const ANY_CLIENT: &str = "*";

/// Keycloak.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keycloak {
    /// The realm's issuer, as tokens and browsers have it: `https://HOST/realms/NAME`. Empty: tokens are not taken.
    pub issuer: String,
    /// Where the server reaches Keycloak, when not at the issuer's address: the part before `/realms/`. Empty: there.
    pub internal_url: String,
    /// The client that the catalogue is for Keycloak; tokens that name it as audience are accepted.
    pub client_id: String,
    /// The client's secret, which introspection and looking up users need.
    pub client_secret: String,
    /// Clients whose tokens are accepted, beside `client_id` and `swagger_client_id`; `*` for any of the realm.
    pub accepted_clients: Vec<String>,
    /// Whether Keycloak is asked about each token, so that a logout is noticed before the token ends.
    pub introspection: bool,
    /// For how many seconds such an answer is used.
    pub introspection_seconds: u32,
    /// By how many seconds clocks may differ.
    pub leeway_seconds: u32,
    /// The client by which people log in at `/docs`.
    pub swagger_client_id: String,
}

impl Keycloak {
    /// Whether tokens are taken.
    pub fn is_on(&self) -> bool {
        !self.issuer.is_empty()
    }

    fn check(&self, wrong: impl Fn(&str, &'static str, &str) -> Result<(), ConfigError>) -> Result<(), ConfigError> {
        /// Slack that would make the end of a token meaningless, in seconds.
        const MAX_LEEWAY: u32 = 300;
        if self.leeway_seconds > MAX_LEEWAY {
            return wrong("keycloak.leeway_seconds", "at most 300", &self.leeway_seconds.to_string());
        }
        if self.introspection && !self.is_on() {
            return wrong("keycloak.introspection", "false without keycloak.issuer", "true");
        }
        if self.introspection && self.client_secret.is_empty() {
            return wrong("keycloak.introspection", "false without keycloak.client_secret", "true");
        }
        if !self.internal_url.is_empty() && !identity::is_http(&self.internal_url) {
            return wrong("keycloak.internal_url", "an address such as http://keycloak:8080", &self.internal_url);
        }
        if !self.is_on() {
            return Ok(());
        }
        if let Err(expected) = identity::parts_of_issuer(&self.issuer) {
            return wrong("keycloak.issuer", expected, &self.issuer);
        }
        if self.client_id.is_empty() {
            return wrong("keycloak.client_id", "the name of a client", "");
        }
        Ok(())
    }
}

/// API keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKeys {
    /// Whether they are taken.
    pub enabled: bool,
}

/// Example data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Examples {
    /// Whether an embedded catalogue starts with example resources.
    pub load: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8000".to_owned(),
            database: Database { url: "sqlite://data/catalogue.db".to_owned(), connections: 16, migrate: true },
            log: Log { filter: "info,poem=warn,tokio_cron_scheduler=warn".to_owned(), json: false },
            limits: Limits {
                body_bytes: 4 << 20,
                batch_bytes: 64 << 20,
                page_size: 1_000,
                requests_per_minute: 0,
                request_burst: 0,
                behind_proxy: false,
            },
            cors: Cors { origins: Vec::new() },
            deletion: Deletion { keep_days: 7, schedule: "0 30 3 * * *".to_owned() },
            roles: Roles {
                administrator: "admin_aiod_resources".to_owned(),
                reviewer: "review_aiod_resources".to_owned(),
                full_view: "full_view_ai4europe_cms_resources".to_owned(),
            },
            reviews: Reviews { disable: false },
            keycloak: Keycloak {
                issuer: String::new(),
                internal_url: String::new(),
                client_id: "aiod-api".to_owned(),
                client_secret: String::new(),
                accepted_clients: vec!["aiod-sdk".to_owned()],
                introspection: false,
                introspection_seconds: 10,
                leeway_seconds: 30,
                swagger_client_id: "aiod-api-swagger".to_owned(),
            },
            api_keys: ApiKeys { enabled: true },
            examples: Examples { load: true },
        }
    }
}

/// Why a configuration is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such key.
    #[error("{origin}: '{key}' is not a configuration key{}", nearest.as_ref().map(|n| format!("; did you mean '{n}'?")).unwrap_or_default())]
    UnknownKey {
        /// Where it stands.
        origin: String,
        /// The key.
        key: String,
        /// The known key that is most like it.
        nearest: Option<String>,
    },
    /// A value is of another type, or makes no sense.
    #[error("{origin}: '{key}' must be {expected}, not '{value}'")]
    Value {
        /// Where it stands.
        origin: String,
        /// The key.
        key: String,
        /// What would be right.
        expected: &'static str,
        /// What there is.
        value: String,
    },
    /// The file cannot be read.
    #[error("configuration file {}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
}

/// What the environment's variables of the catalogue begin with.
const PREFIX: &str = "AIOD_";
/// Variables that begin so, too, but belong to other programs of the project.
const OTHERS: [&str; 4] = ["AIOD_CONFIG", "AIOD_CONNECTOR_", "AIOD_STACK_", "AIOD_TEST_"];

impl Config {
    /// Puts the configuration together from a file, environment variables and `KEY=VALUE` settings.
    ///
    /// # Errors
    /// When a key is unknown (the error names the nearest known one), a value is of the wrong type, or the file cannot be read.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        settings: &[(String, String)],
    ) -> Result<Self, ConfigError> {
        let mut known = defaults();
        if let Some(path) = file {
            let failed = |message: String| ConfigError::File { path: path.to_owned(), message };
            let text = std::fs::read_to_string(path).map_err(|e| failed(e.to_string()))?;
            let table: Table = text.parse().map_err(|e: toml::de::Error| failed(e.message().to_owned()))?;
            for (key, value) in flatten(&table) {
                set(&mut known, &path.display().to_string(), &key, &value)?;
            }
        }
        for (name, value) in environment {
            let Some(stem) = name.strip_prefix(PREFIX).filter(|_| !OTHERS.iter().any(|other| name.starts_with(other))) else { continue };
            let key = known.iter().map(|(key, _)| key).find(|key| key.replace('.', "_").eq_ignore_ascii_case(stem)).cloned();
            let key = key.ok_or_else(|| {
                unknown("environment", &name, known.iter().map(|(k, _)| format!("{PREFIX}{}", k.replace('.', "_").to_uppercase())))
            })?;
            set(&mut known, &format!("environment {name}"), &key, &Value::String(value))?;
        }
        for (key, value) in settings {
            set(&mut known, "command line", key, &Value::String(value.clone()))?;
        }
        let config: Self = unflatten(known)
            .try_into()
            .map_err(|e: toml::de::Error| ConfigError::File { path: PathBuf::new(), message: e.message().to_owned() })?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key: &str, expected: &'static str, value: &str| {
            Err(ConfigError::Value { origin: "configuration".to_owned(), key: key.to_owned(), expected, value: value.to_owned() })
        };
        let port = self.listen.rsplit_once(':').map(|(_, port)| port);
        if port.is_none_or(|p| p.parse::<u16>().is_err()) {
            return wrong("listen", "HOST:PORT", &self.listen);
        }
        if let Some(origin) = self.cors.origins.iter().find(|o| poem::http::HeaderValue::from_str(o).is_err() || !o.contains("://")) {
            return wrong("cors.origins", "origins such as https://portal.example.org", origin);
        }
        if !(10..=1_000).contains(&self.limits.page_size) {
            return wrong("limits.page_size", "10 to 1000", &self.limits.page_size.to_string());
        }
        if self.database.connections == 0 {
            return wrong("database.connections", "1 or more", "0");
        }
        if let Err(reason) = jobs::check_schedule(&self.deletion.schedule) {
            return wrong("deletion.schedule", reason, &self.deletion.schedule);
        }
        self.keycloak.check(wrong)
    }

    /// The configuration as TOML, secrets masked.
    pub fn masked(&self) -> String {
        let mut shown = self.clone();
        shown.database.url = mask_password(&self.database.url);
        if !shown.keycloak.client_secret.is_empty() {
            "***".clone_into(&mut shown.keycloak.client_secret);
        }
        toml::to_string_pretty(&shown).unwrap_or_default()
    }

    /// Whether the store is a file of this machine.
    pub fn is_embedded(&self) -> bool {
        self.database.url.starts_with("sqlite:")
    }
}

/// `mysql://user:secret@host` as `mysql://user:***@host`.
fn mask_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let Some((user, host)) = rest.rsplit_once('@') else { return url.to_owned() };
    match user.split_once(':') {
        Some((name, _)) => format!("{scheme}://{name}:***@{host}"),
        None => url.to_owned(),
    }
}

/// Every key with its default value: the one list of what there is.
fn defaults() -> Vec<(String, Value)> {
    Table::try_from(Config::default()).map(|table| flatten(&table)).unwrap_or_default()
}

fn flatten(table: &Table) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) => out.extend(flatten(inner).into_iter().map(|(k, v)| (format!("{key}.{k}"), v))),
            value => out.push((key.clone(), value.clone())),
        }
    }
    out
}

fn unflatten(keys: Vec<(String, Value)>) -> Table {
    let mut table = Table::new();
    for (key, value) in keys {
        match key.split_once('.') {
            None => drop(table.insert(key, value)),
            Some((section, name)) => {
                if let Value::Table(inner) = table.entry(section).or_insert_with(|| Value::Table(Table::new())) {
                    inner.insert(name.to_owned(), value);
                }
            }
        }
    }
    table
}

fn unknown(origin: &str, key: &str, known: impl Iterator<Item = String>) -> ConfigError {
    let nearest = known
        .map(|k| (strsim::jaro_winkler(k.trim_start_matches(PREFIX), key.trim_start_matches(PREFIX)), k))
        .filter(|(s, _)| *s > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k);
    ConfigError::UnknownKey { origin: origin.to_owned(), key: key.to_owned(), nearest }
}

fn set(known: &mut [(String, Value)], origin: &str, key: &str, value: &Value) -> Result<(), ConfigError> {
    let Some(index) = known.iter().position(|(k, _)| k == key) else {
        return Err(unknown(origin, key, known.iter().map(|(k, _)| k.clone())));
    };
    if let Some((_, held)) = known.get_mut(index) {
        let wrong = |expected| ConfigError::Value {
            origin: origin.to_owned(),
            key: key.to_owned(),
            expected,
            value: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        };
        *held = coerced(held, value).map_err(wrong)?;
    }
    Ok(())
}

/// A value in the type of the default that it replaces; texts are read as what is wanted.
fn coerced(default: &Value, value: &Value) -> Result<Value, &'static str> {
    match (default, value) {
        (Value::Integer(_), Value::String(text)) => {
            text.trim().parse().ok().filter(|n: &i64| *n >= 0).map(Value::Integer).ok_or("a whole number, 0 or more")
        }
        (Value::Integer(_), Value::Integer(n)) if *n >= 0 => Ok(value.clone()),
        (Value::Integer(_), _) => Err("a whole number, 0 or more"),
        (Value::Boolean(_), Value::String(text)) => text.trim().parse().map(Value::Boolean).map_err(|_| "true or false"),
        (Value::Boolean(_), Value::Boolean(_)) => Ok(value.clone()),
        (Value::Boolean(_), _) => Err("true or false"),
        (Value::Array(_), Value::String(text)) => {
            Ok(Value::Array(text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(|t| Value::String(t.to_owned())).collect()))
        }
        (Value::Array(_), Value::Array(items)) if items.iter().all(Value::is_str) => Ok(value.clone()),
        (Value::Array(_), _) => Err("a list of texts"),
        (_, Value::String(_)) => Ok(value.clone()),
        _ => Err("a text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let folder = std::env::temp_dir().join(format!("aiod-config-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("aiod.toml");
        std::fs::write(&file, "listen = \"127.0.0.1:1\"\n[database]\nconnections = 3\n[cors]\norigins = [\"https://a.example\"]\n")
            .unwrap();
        let environment =
            [pair("AIOD_DATABASE_CONNECTIONS", "4"), pair("AIOD_LOG_JSON", "true"), pair("AIOD_TEST_MYSQL_URL", "x"), pair("HOME", "/")];
        let config = Config::load(Some(&file), environment, &[pair("database.connections", "5")]).unwrap();
        assert_eq!((config.listen.as_str(), config.database.connections, config.log.json), ("127.0.0.1:1", 5, true));
        assert_eq!(config.cors.origins, ["https://a.example"]);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest_known_one() {
        let error = Config::load(None, [], &[pair("database.conections", "5")]).unwrap_err().to_string();
        assert_eq!(error, "command line: 'database.conections' is not a configuration key; did you mean 'database.connections'?");
        let error = Config::load(None, [pair("AIOD_LISTN", "x")], &[]).unwrap_err().to_string();
        assert_eq!(error, "environment: 'AIOD_LISTN' is not a configuration key; did you mean 'AIOD_LISTEN'?");
    }

    #[test]
    fn a_wrong_value_is_named_with_what_would_be_right() {
        let error = Config::load(None, [], &[pair("database.connections", "many")]).unwrap_err().to_string();
        assert_eq!(error, "command line: 'database.connections' must be a whole number, 0 or more, not 'many'");
        let error = Config::load(None, [], &[pair("listen", "8000")]).unwrap_err().to_string();
        assert_eq!(error, "configuration: 'listen' must be HOST:PORT, not '8000'");
    }

    #[test]
    fn passwords_are_masked() {
        let config = Config::load(None, [], &[pair("database.url", "mysql://aiod:s3cret@db:3306/aiod")]).unwrap();
        assert!(config.masked().contains("mysql://aiod:***@db:3306/aiod"));
        assert!(!config.masked().contains("s3cret"));
        let config = Config::load(None, [pair("AIOD_KEYCLOAK_CLIENT_SECRET", "s3cret")], &[]).unwrap();
        assert!(config.masked().contains("client_secret = \"***\"") && !config.masked().contains("s3cret"));
    }

    #[test]
    fn settings_of_keycloak_that_do_not_fit_together_are_refused() {
        let issuer = pair("keycloak.issuer", "https://login.example.org/realms/aiod");
        let refused = |settings: &[(String, String)]| Config::load(None, [], settings).unwrap_err().to_string();
        assert_eq!(
            refused(&[pair("keycloak.issuer", "login.example.org")]),
            "configuration: 'keycloak.issuer' must be the issuer of a realm, such as https://login.example.org/realms/aiod, not 'login.example.org'"
        );
        let on = pair("keycloak.introspection", "true");
        assert!(refused(std::slice::from_ref(&on)).contains("'keycloak.introspection' must be false without keycloak.issuer"));
        assert!(refused(&[issuer.clone(), on.clone()]).contains("'keycloak.introspection' must be false without keycloak.client_secret"));
        assert!(refused(&[issuer.clone(), pair("keycloak.client_id", "")]).contains("keycloak.client_id"));
        assert!(refused(&[issuer.clone(), pair("keycloak.internal_url", "keycloak:8080")]).contains("keycloak.internal_url"));
        assert!(refused(&[pair("keycloak.leeway_seconds", "3600")]).contains("at most 300"));
        let config = Config::load(None, [], &[issuer, on, pair("keycloak.client_secret", "x"), pair("keycloak.accepted_clients", "a, b")]);
        assert_eq!(config.unwrap().keycloak.accepted_clients, ["a", "b"]);
    }
}
