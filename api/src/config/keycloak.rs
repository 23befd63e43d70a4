//! `keycloak.…`: logging in by Keycloak.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::secret::serialize_masked;
use super::{ConfigError, SecretUrl};

/// Stands in [`Keycloak::accepted_clients`] for every client of the realm.
pub const ANY_CLIENT: &str = "*";

/// The most seconds by which clocks may differ: with more, the end of a token would mean little.
const MAX_LEEWAY: u32 = 300;

/// Keycloak.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keycloak {
    /// The realm's issuer, as tokens and browsers have it: `https://HOST/realms/NAME`. Empty: tokens are not accepted.
    pub issuer: SecretUrl,
    /// Where the server reaches Keycloak, when not at the issuer's address: the part before `/realms/`. Empty: at the issuer's address.
    pub internal_url: SecretUrl,
    /// The client that the catalogue is for Keycloak; tokens that name it as audience are accepted.
    pub client_id: String,
    /// The client's secret, which introspection and looking up users need.
    #[serde(serialize_with = "serialize_masked")]
    pub client_secret: SecretString,
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

impl Default for Keycloak {
    fn default() -> Self {
        Self {
            issuer: SecretUrl::default(),
            internal_url: SecretUrl::default(),
            client_id: "aiod-api".to_owned(),
            client_secret: SecretString::default(),
            accepted_clients: vec!["aiod-sdk".to_owned()],
            introspection: false,
            introspection_seconds: 10,
            leeway_seconds: 30,
            swagger_client_id: "aiod-api-swagger".to_owned(),
        }
    }
}

/// The parts of an issuer, `https://HOST/PATH/realms/NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Realm<'a> {
    /// Where Keycloak is: what stands before `/realms/`.
    pub base: &'a str,
    /// The realm's name.
    pub name: &'a str,
}

impl<'a> Realm<'a> {
    /// Reads an issuer. It is shown to browsers, so it holds no password.
    ///
    /// # Errors
    /// When it is not of this form; the error says what would be right.
    pub fn parse(issuer: &'a str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "the issuer of a realm, such as https://login.example.org/realms/aiod";
        let (base, name) = issuer.rsplit_once("/realms/").ok_or(EXPECTED)?;
        let is_public = parse_http(issuer).is_some_and(|url| url.username().is_empty() && url.password().is_none());
        if !is_public || name.is_empty() || name.contains('/') || issuer.contains(['?', '#']) {
            return Err(EXPECTED);
        }
        Ok(Self { base, name })
    }
}

/// A URL that can be reached by HTTP; nothing for others.
pub(super) fn parse_http(url: &str) -> Option<Url> {
    Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

impl Keycloak {
    /// Whether tokens are accepted.
    pub fn is_on(&self) -> bool {
        !self.issuer.is_empty()
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.leeway_seconds > MAX_LEEWAY {
            return Err(ConfigError::invalid("keycloak.leeway_seconds", "at most 300", self.leeway_seconds));
        }
        self.check_introspection()?;
        self.check_addresses()?;
        if self.is_on() && self.client_id.is_empty() {
            return Err(ConfigError::invalid("keycloak.client_id", "the name of a client", ""));
        }
        Ok(())
    }

    fn check_introspection(&self) -> Result<(), ConfigError> {
        let expected = match self.introspection {
            true if !self.is_on() => "false without keycloak.issuer",
            true if self.client_secret.expose_secret().is_empty() => "false without keycloak.client_secret",
            _ => return Ok(()),
        };
        Err(ConfigError::invalid("keycloak.introspection", expected, true))
    }

    fn check_addresses(&self) -> Result<(), ConfigError> {
        if !self.internal_url.is_empty() && parse_http(self.internal_url.expose()).is_none() {
            return Err(ConfigError::invalid("keycloak.internal_url", "an address such as http://keycloak:8080", &self.internal_url));
        }
        match Realm::parse(self.issuer.expose()) {
            Err(expected) if self.is_on() => Err(ConfigError::invalid("keycloak.issuer", expected, &self.issuer)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_that_of_a_realm() {
        let realm = Realm { base: "https://a.example/auth", name: "aiod" };
        assert_eq!(Realm::parse("https://a.example/auth/realms/aiod"), Ok(realm));
        for wrong in [
            "https://a.example",
            "https://a.example/realms/",
            "https://a.example/realms/x/",
            "ftp://a.example/realms/x",
            "/realms/x",
            "https://u:s3cret@a.example/realms/x",
            "https://a.example/realms/x?password=s3cret",
        ] {
            assert!(Realm::parse(wrong).is_err(), "{wrong}");
        }
    }
}
