//! The configuration: what an operator may choose. Each concern has a file, with its keys, their defaults and the checks of their values.

mod api_keys;
mod changes;
mod connections;
mod cors;
mod database;
mod deletion;
mod error;
mod examples;
mod history;
mod keycloak;
mod limits;
mod load;
mod log;
mod reads;
mod reviews;
mod roles;
mod schedule;
mod search;
mod secret;
mod versions;

use serde::{Deserialize, Serialize};
use url::Url;

pub use self::api_keys::ApiKeys;
pub use self::changes::Changes;
pub use self::connections::{Connections, Patience};
pub use self::cors::Cors;
pub use self::database::Database;
pub use self::deletion::Deletion;
pub use self::error::ConfigError;
pub use self::examples::Examples;
pub use self::history::History;
use self::keycloak::parse_http;
pub use self::keycloak::{ANY_CLIENT, Keycloak, Realm};
pub use self::limits::{DEFAULT_PAGE, Limits, MAX_PAGE};
pub use self::log::Log;
pub use self::reads::Reads;
pub use self::reviews::Reviews;
pub use self::roles::Roles;
pub use self::schedule::Schedule;
pub use self::search::SearchConfig;
pub use self::secret::SecretUrl;
pub use self::versions::Versions;

/// What an operator may choose. Every key has a default; `aiod-api config` prints what is in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address to listen on, `HOST:PORT`.
    pub listen: String,
    /// What the addresses begin with that leave the catalogue, such as `https://catalogue.example.org`. Empty: the address to which a request
    /// was sent.
    pub public_url: SecretUrl,
    /// The store.
    pub database: Database,
    /// What is written about the server's work, to standard error.
    pub log: Log,
    /// Limits of what callers may send.
    pub limits: Limits,
    /// How much of the catalogue reads may take.
    pub reads: Reads,
    /// Connections, and how long those may take that are slow.
    pub connections: Connections,
    /// Which pages may call the catalogue from a browser.
    pub cors: Cors,
    /// What happens to deleted resources.
    pub deletion: Deletion,
    /// Which past revisions are kept.
    pub history: History,
    /// For how long the change log is kept.
    pub changes: Changes,
    /// The search index.
    pub search: SearchConfig,
    /// Names of roles.
    pub roles: Roles,
    /// How drafts are published.
    pub reviews: Reviews,
    /// Login by Keycloak.
    pub keycloak: Keycloak,
    /// The catalogue's own keys.
    pub api_keys: ApiKeys,
    /// Resources to try the catalogue with.
    pub examples: Examples,
    /// The versions of the interface.
    pub versions: Versions,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8000".to_owned(),
            public_url: SecretUrl::default(),
            database: Database::default(),
            log: Log::default(),
            limits: Limits::default(),
            reads: Reads::default(),
            connections: Connections::default(),
            cors: Cors::default(),
            deletion: Deletion::default(),
            history: History::default(),
            changes: Changes::default(),
            search: SearchConfig::default(),
            roles: Roles::default(),
            reviews: Reviews::default(),
            keycloak: Keycloak::default(),
            api_keys: ApiKeys::default(),
            examples: Examples::default(),
            versions: Versions::default(),
        }
    }
}

impl Config {
    fn check(&self) -> Result<(), ConfigError> {
        let port = self.listen.rsplit_once(':').map(|(_, port)| port);
        if port.is_none_or(|port| port.parse::<u16>().is_err()) {
            return Err(ConfigError::invalid("listen", "HOST:PORT", &self.listen));
        }
        self.check_public_url()?;
        self.database.check()?;
        self.limits.check()?;
        self.reads.check()?;
        self.connections.check()?;
        self.cors.check()?;
        self.deletion.check()?;
        self.history.check()?;
        self.changes.check()?;
        self.search.check()?;
        self.keycloak.check()
    }

    /// Everybody gets to see this address, so it holds no password.
    fn check_public_url(&self) -> Result<(), ConfigError> {
        let text = self.public_url.expose();
        let is_plain =
            |url: &Url| url.username().is_empty() && url.password().is_none() && !text.contains(['?', '#']) && !text.ends_with('/');
        if text.is_empty() || parse_http(text).as_ref().is_some_and(is_plain) {
            return Ok(());
        }
        let expected = "an address such as https://catalogue.example.org, without a slash at the end";
        Err(ConfigError::invalid("public_url", expected, &self.public_url))
    }

    /// The configuration as TOML, secrets masked.
    ///
    /// # Errors
    /// None that a configuration could cause.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
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
    fn the_public_address_is_one_that_everybody_may_see() {
        let load = |url: &str| Config::load(None, [], &[pair("public_url", url)]);
        for right in ["", "https://catalogue.example.org", "http://localhost:8000/aiod"] {
            assert!(load(right).is_ok(), "{right}");
        }
        for wrong in
            ["catalogue.example.org", "https://a.example/", "ftp://a.example", "https://u:s3cret@a.example", "https://a.example?x=s3cret"]
        {
            let error = load(wrong).unwrap_err().to_string();
            assert!(error.contains("'public_url' must be an address") && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn passwords_are_masked() {
        let config = Config::load(None, [], &[pair("database.url", "mysql://aiod:s3cret@db:3306/aiod")]).unwrap();
        assert!(config.to_toml().unwrap().contains("mysql://aiod:***@db:3306/aiod"));
        assert!(!config.to_toml().unwrap().contains("s3cret"));
        let config = Config::load(None, [pair("AIOD_KEYCLOAK_CLIENT_SECRET", "s3cret")], &[]).unwrap();
        assert!(config.to_toml().unwrap().contains("client_secret = \"***\"") && !config.to_toml().unwrap().contains("s3cret"));
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
