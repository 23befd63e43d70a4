//! What Keycloak says of itself: its addresses and its keys. They are fetched together, every few minutes and for unknown keys.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{AdditionalProviderMetadata, IntrospectionUrl, IssuerUrl, JsonWebKey, ProviderMetadata};
use serde::{Deserialize, Serialize};

use super::http::Http;
use crate::identity::ProviderError;

/// How often unknown keys may make us ask the provider in quick succession …
const MAX_FETCHES: u32 = 5;
/// … and how long it then takes until we may ask once more.
const FETCH_INTERVAL: Duration = Duration::from_secs(5);

/// Where the standard of discovery puts what an issuer says of itself.
pub fn discovery_url(issuer: &str) -> String {
    format!("{issuer}/.well-known/openid-configuration")
}

/// What we read of it beside what the standard lists.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Additional {
    pub(super) introspection_endpoint: Option<IntrospectionUrl>,
}

impl AdditionalProviderMetadata for Additional {}

type Metadata = ProviderMetadata<
    Additional,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// What the provider said of itself at some time.
#[derive(Debug)]
pub(super) struct Description {
    pub(super) metadata: Metadata,
    /// Which set of keys it is: another number, another set.
    pub(super) generation: u64,
}

impl Description {
    pub(super) fn keys<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a CoreJsonWebKey> {
        self.metadata.jwks().keys().iter().filter(move |key| key.key_id().is_some_and(|other| other.as_str() == id))
    }

    pub(super) fn has_key(&self, id: &str) -> bool {
        self.keys(id).next().is_some()
    }
}

/// How often the provider may be asked, and how the last time ended.
#[derive(Debug)]
struct Fetches {
    /// How often it may still be asked because of unknown keys.
    allowed: u32,
    /// Up to when that was counted.
    counted: Instant,
    /// When the last time ended, and how.
    last: Option<(Instant, Result<(), ProviderError>)>,
}

impl Fetches {
    fn count_time_passed(&mut self) {
        let intervals = self.counted.elapsed().as_millis() / FETCH_INTERVAL.as_millis();
        let earned = u32::try_from(intervals).unwrap_or(MAX_FETCHES).min(MAX_FETCHES);
        if earned > 0 {
            self.allowed = (self.allowed + earned).min(MAX_FETCHES);
            self.counted = Instant::now();
        }
    }

    fn has_ended_since(&self, begin: Instant) -> bool {
        self.last.as_ref().is_some_and(|(end, _)| *end >= begin)
    }

    fn last_failed(&self) -> bool {
        self.last.as_ref().is_some_and(|(_, outcome)| outcome.is_err())
    }
}

/// The provider's description of itself, kept up to date.
#[derive(Debug)]
pub(super) struct Discovery {
    issuer: IssuerUrl,
    current: RwLock<Option<Arc<Description>>>,
    fetches: tokio::sync::Mutex<Fetches>,
}

impl Discovery {
    /// Nothing is fetched yet.
    pub(super) fn new(issuer: &str) -> Result<Self, ProviderError> {
        let issuer = IssuerUrl::new(issuer.to_owned()).map_err(|e| ProviderError::of(&e))?;
        let fetches = tokio::sync::Mutex::new(Fetches { allowed: MAX_FETCHES, counted: Instant::now(), last: None });
        Ok(Self { issuer, current: RwLock::new(None), fetches })
    }

    /// The description as it was fetched last.
    pub(super) fn current(&self) -> Option<Arc<Description>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Which set of keys is the present one; 0 before the first.
    pub(super) fn generation(&self) -> u64 {
        self.current.read().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, |description| description.generation)
    }

    /// The description, fetched if there is none yet.
    pub(super) async fn current_or_fetched(&self, http: &Http) -> Result<Arc<Description>, ProviderError> {
        match self.current() {
            Some(description) => Ok(description),
            None => self.newer_than(Instant::now(), http).await,
        }
    }

    /// The description after another fetch. None is made when one has ended since `begin`, or when there were too many.
    pub(super) async fn newer_than(&self, begin: Instant, http: &Http) -> Result<Arc<Description>, ProviderError> {
        let mut fetches = self.fetches.lock().await;
        fetches.count_time_passed();
        if !fetches.has_ended_since(begin) && fetches.allowed > 0 {
            fetches.allowed -= 1;
            self.fetch(&mut fetches, http).await;
        }
        match &fetches.last {
            Some((_, Err(error))) => Err(error.clone()),
            _ => self.current().ok_or_else(|| ProviderError::new("it was not asked yet")),
        }
    }

    /// Fetches the description.
    ///
    /// # Errors
    /// When the provider does not answer as it should; then the description before it stays.
    pub(super) async fn refresh(&self, http: &Http) -> Result<(), ProviderError> {
        let mut fetches = self.fetches.lock().await;
        self.fetch(&mut fetches, http).await;
        fetches.last.as_ref().map_or(Ok(()), |(_, outcome)| outcome.clone())
    }

    async fn fetch(&self, fetches: &mut Fetches, http: &Http) {
        let outcome = Metadata::discover_async(self.issuer.clone(), http).await.map_err(|e| ProviderError::of(&e));
        let outcome = match outcome {
            Ok(metadata) => {
                if fetches.last_failed() && self.current().is_some() {
                    tracing::info!("Keycloak answers again");
                }
                self.replace(metadata);
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, "the keys of Keycloak cannot be fetched from {}", self.issuer.as_str());
                Err(error)
            }
        };
        fetches.last = Some((Instant::now(), outcome));
    }

    fn replace(&self, metadata: Metadata) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let keys = metadata.jwks().keys().len();
        let generation = match current.as_ref() {
            Some(before) if before.metadata.jwks() == metadata.jwks() => before.generation,
            Some(before) => {
                tracing::info!(keys, "Keycloak has changed its keys");
                before.generation + 1
            }
            None => {
                tracing::info!(keys, "Keycloak answers at {}", self.issuer.as_str());
                1
            }
        };
        *current = Some(Arc::new(Description { metadata, generation }));
    }
}
