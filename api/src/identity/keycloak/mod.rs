//! A realm of Keycloak: verifying its tokens by its keys, asking it about a token, looking up its users.

mod discovery;
mod http;
mod users;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use openidconnect::core::CoreClient;
use openidconnect::{AccessToken, ClientId, ClientSecret, TokenIntrospectionResponse};
use secrecy::ExposeSecret;

pub use self::discovery::discovery_url;
use self::discovery::{Description, Discovery};
use self::http::Http;
use self::users::OwnToken;
use super::token::{self, Claims, Expected};
use super::{ProviderError, Refusal, TokenError};
use crate::config::{ANY_CLIENT, Keycloak, Realm};

/// A realm of Keycloak.
#[derive(Debug)]
pub(super) struct Provider {
    expected: Expected,
    client_id: ClientId,
    secret: Option<ClientSecret>,
    /// Where the realm's users are found.
    users_url: String,
    http: Http,
    discovery: Discovery,
    own_token: tokio::sync::Mutex<Option<OwnToken>>,
}

impl Provider {
    /// The provider of a configuration. It is not asked for anything yet.
    ///
    /// # Errors
    /// When the configuration is not one that [`crate::config::Config::load`] accepts.
    pub(super) fn new(config: &Keycloak) -> Result<Self, ProviderError> {
        let issuer = config.issuer.expose();
        let realm = Realm::parse(issuer).map_err(|expected| ProviderError::new(format!("keycloak.issuer must be {expected}")))?;
        let secret = config.client_secret.expose_secret();
        Ok(Self {
            expected: expected_of(config),
            client_id: ClientId::new(config.client_id.clone()),
            secret: (!secret.is_empty()).then(|| ClientSecret::new(secret.to_owned())),
            users_url: format!("{}/admin/realms/{}/users", realm.base, realm.name),
            http: Http::new(realm.base, &config.internal_url)?,
            discovery: Discovery::new(issuer)?,
            own_token: tokio::sync::Mutex::new(None),
        })
    }

    /// Which set of keys is the present one. A token that another set verified must be verified again.
    pub(super) fn generation(&self) -> u64 {
        self.discovery.generation()
    }

    /// Fetches the keys.
    ///
    /// # Errors
    /// When the provider does not answer as it should; then the keys before stay.
    pub(super) async fn refresh(&self) -> Result<(), ProviderError> {
        self.discovery.refresh(&self.http).await
    }

    /// What a token says, if it is accepted at this time (in seconds since 1970), and the set of keys that verified it.
    pub(super) async fn verify(&self, text: &str, now: i64) -> Result<(Claims, u64), TokenError> {
        let begin = Instant::now();
        // Whatever can be refused without its key is refused first, so that it leads to no question to the provider.
        let unsigned = token::read(text, &self.expected, now)?;
        let key_id = unsigned.key_id.clone();
        let description = self.description_with(&key_id, begin).await?;
        if !description.has_key(&key_id) {
            return Err(Refusal::Key.into());
        }
        let claims = unsigned.signed_by(description.keys(&key_id))?;
        Ok((claims, description.generation))
    }

    /// The present description if it has this key, otherwise a newer one, which may have it.
    async fn description_with(&self, key_id: &str, begin: Instant) -> Result<Arc<Description>, ProviderError> {
        match self.discovery.current().filter(|description| description.has_key(key_id)) {
            Some(description) => Ok(description),
            None => self.discovery.newer_than(begin, &self.http).await,
        }
    }

    /// Whether the provider says that a token is in force right now.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(super) async fn is_active(&self, text: &str) -> Result<bool, ProviderError> {
        let metadata = self.discovery.current_or_fetched(&self.http).await?.metadata.clone();
        let url = metadata.additional_metadata().introspection_endpoint.clone();
        let url = url.ok_or_else(|| ProviderError::new("it has no introspection endpoint"))?;
        let client = CoreClient::from_provider_metadata(metadata, self.client_id.clone(), self.secret.clone()).set_introspection_url(url);
        let token = AccessToken::new(text.to_owned());
        let answer = client.introspect(&token).request_async(&self.http).await.map_err(|e| ProviderError::of(&e))?;
        Ok(answer.active())
    }
}

/// What tokens must say to be accepted.
fn expected_of(config: &Keycloak) -> Expected {
    let own = [&config.client_id, &config.swagger_client_id];
    let clients: HashSet<String> = config.accepted_clients.iter().chain(own).cloned().collect();
    Expected {
        issuer: config.issuer.expose().to_owned(),
        audience: config.client_id.clone(),
        clients: (!clients.contains(ANY_CLIENT)).then_some(clients),
        leeway: i64::from(config.leeway_seconds),
    }
}
