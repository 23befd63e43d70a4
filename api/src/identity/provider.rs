//! Keycloak, as the server talks to it: its keys, its opinion about a token, its users.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::http::{Method, Request, StatusCode, header};
use openidconnect::url::Url;
use openidconnect::{
    AccessToken, AdditionalProviderMetadata, AsyncHttpClient, ClientId, ClientSecret, HttpRequest, HttpResponse, IntrospectionUrl,
    IssuerUrl, JsonWebKey, OAuth2TokenResponse, ProviderMetadata, TokenIntrospectionResponse,
};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::token::{self, Claims, Expected};
use super::{ProviderError, Refusal};
use crate::config::{self, Realm};

/// How long connecting to the provider may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a whole answer of the provider may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer of the provider that is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;
/// A failure that took as long as this is a provider that does not answer, rather than one that refuses.
const SLOW: Duration = Duration::from_millis(500);
/// For how many times as long as it took a provider that did not answer is left alone: so that callers wait for a small part of the time.
const REST_FACTOR: u32 = 4;
/// Unknown key ids make us ask for the keys again: so often at once …
const MAX_ASKS: u32 = 5;
/// … and then once in such a time.
const ASK_PAUSE: Duration = Duration::from_secs(5);
/// A token of our own is renewed so long before it ends.
const OWN_TOKEN_MARGIN: Duration = Duration::from_secs(10);

/// What discovery tells beside what the standard lists.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct More {
    introspection_endpoint: Option<IntrospectionUrl>,
}

impl AdditionalProviderMetadata for More {}

type Metadata = ProviderMetadata<
    More,
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

/// Where openidconnect's standard puts what an issuer tells about itself.
pub fn discovery_url(issuer: &str) -> String {
    format!("{issuer}/.well-known/openid-configuration")
}

/// A user of the realm.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct RealmUser {
    /// The subject of the user's tokens.
    pub(super) id: String,
    /// The user's name.
    pub(super) username: String,
}

/// What became of looking at a token.
#[derive(Debug)]
pub(super) enum Doubt {
    /// It is not accepted.
    Refused(Refusal),
    /// The provider had to be asked, and did not answer.
    Unavailable(ProviderError),
}

/// What the provider told about itself, at some time.
#[derive(Debug)]
struct Known {
    metadata: Metadata,
    /// Which set of keys it is: another number, another set.
    generation: u64,
}

impl Known {
    fn keys<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a CoreJsonWebKey> {
        self.metadata.jwks().keys().iter().filter(move |key| key.key_id().is_some_and(|known| known.as_str() == id))
    }
}

/// How often the provider was asked for its keys, and how the last time ended.
#[derive(Debug)]
struct Asked {
    /// How often it may be asked at once.
    left: u32,
    /// Up to when that was counted.
    counted: Instant,
    /// When the last time ended, and how.
    last: Option<(Instant, Result<(), ProviderError>)>,
}

/// A realm of Keycloak.
#[derive(Debug)]
pub(super) struct Provider {
    expected: Expected,
    issuer: IssuerUrl,
    /// Where the realm's users are found.
    admin: String,
    client_id: ClientId,
    secret: Option<ClientSecret>,
    http: Http,
    known: RwLock<Option<Arc<Known>>>,
    asked: tokio::sync::Mutex<Asked>,
    own_token: tokio::sync::Mutex<Option<(AccessToken, Instant)>>,
}

impl Provider {
    /// The provider of a configuration, which nobody has asked for anything yet.
    ///
    /// # Errors
    /// When the configuration is not one that [`config::Config`] accepts.
    pub(super) fn new(config: &config::Keycloak) -> Result<Self, ProviderError> {
        let wrong = |error: &dyn std::fmt::Display| ProviderError(error.to_string());
        let issuer = config.issuer.expose().to_owned();
        let Realm { base, name: realm } = Realm::parse(&issuer).map_err(|e| wrong(&e))?;
        let own = [&config.client_id, &config.swagger_client_id];
        let clients: HashSet<String> = config.accepted_clients.iter().chain(own).cloned().collect();
        let expected = Expected {
            issuer: issuer.clone(),
            audience: config.client_id.clone(),
            clients: (!clients.contains(config::ANY_CLIENT)).then_some(clients),
            leeway: i64::from(config.leeway_seconds),
        };
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // A provider has no reason to send us elsewhere, and a secret must not go along.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| wrong(&e))?;
        let internal = Some(config.internal_url.expose().trim_end_matches('/').to_owned()).filter(|url| !url.is_empty());
        Ok(Self {
            expected,
            issuer: IssuerUrl::new(issuer.clone()).map_err(|e| wrong(&e))?,
            admin: format!("{base}/admin/realms/{realm}/users"),
            client_id: ClientId::new(config.client_id.clone()),
            secret: Some(config.client_secret.expose_secret().to_owned()).filter(|secret| !secret.is_empty()).map(ClientSecret::new),
            http: Http { client, public: base.to_owned(), internal, rest_until: Mutex::new(None) },
            known: RwLock::new(None),
            asked: tokio::sync::Mutex::new(Asked { left: MAX_ASKS, counted: Instant::now(), last: None }),
            own_token: tokio::sync::Mutex::new(None),
        })
    }

    fn known(&self) -> Option<Arc<Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Which set of keys is known; a token that another set verified is looked at once more.
    pub(super) fn generation(&self) -> u64 {
        self.known.read().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, |known| known.generation)
    }

    /// What a token says, if it is accepted at this time (in seconds since 1970), and the set of keys that verified it.
    pub(super) async fn verify(&self, text: &str, now: i64) -> Result<(Claims, u64), Doubt> {
        let begin = Instant::now();
        // Whatever can be refused without its key is, so that it leads to no question to the provider.
        let unsigned = token::read(text, &self.expected, now).map_err(Doubt::Refused)?;
        let known = match self.known().filter(|known| known.keys(&unsigned.key_id).next().is_some()) {
            Some(known) => known,
            None => self.asked_again(begin).await.map_err(Doubt::Unavailable)?,
        };
        let key_id = unsigned.key_id.clone();
        if known.keys(&key_id).next().is_none() {
            return Err(Doubt::Refused(Refusal::Key));
        }
        let claims = unsigned.signed_by(known.keys(&key_id)).map_err(Doubt::Refused)?;
        Ok((claims, known.generation))
    }

    /// What is known after the provider was asked once more, unless that happened since `begin`, or too often.
    async fn asked_again(&self, begin: Instant) -> Result<Arc<Known>, ProviderError> {
        let mut asked = self.asked.lock().await;
        let earned = u32::try_from(asked.counted.elapsed().as_millis() / ASK_PAUSE.as_millis()).unwrap_or(MAX_ASKS).min(MAX_ASKS);
        if earned > 0 {
            asked.left = (asked.left + earned).min(MAX_ASKS);
            asked.counted = Instant::now();
        }
        let is_recent = asked.last.as_ref().is_some_and(|(end, _)| *end >= begin);
        if !is_recent && asked.left > 0 {
            asked.left -= 1;
            self.ask(&mut asked).await;
        }
        match &asked.last {
            Some((_, Err(error))) => Err(error.clone()),
            _ => self.known().ok_or_else(|| ProviderError("it was not asked yet".to_owned())),
        }
    }

    /// Asks the provider for its keys.
    ///
    /// # Errors
    /// When it does not answer as it should; what was known stays known.
    pub(super) async fn refresh(&self) -> Result<(), ProviderError> {
        let mut asked = self.asked.lock().await;
        self.ask(&mut asked).await;
        asked.last.as_ref().map_or(Ok(()), |(_, outcome)| outcome.clone())
    }

    async fn ask(&self, asked: &mut Asked) {
        let knew = self.known().is_some();
        let outcome = match Metadata::discover_async(self.issuer.clone(), &self.http).await {
            Ok(metadata) => {
                self.learn(metadata);
                Ok(())
            }
            Err(error) => Err(ProviderError::of(&error)),
        };
        let failed_before = asked.last.as_ref().is_some_and(|(_, outcome)| outcome.is_err());
        match &outcome {
            Err(error) => tracing::warn!(%error, "the keys of Keycloak cannot be fetched from {}", self.issuer.as_str()),
            Ok(()) if failed_before && knew => tracing::info!("Keycloak answers again"),
            Ok(()) => {}
        }
        asked.last = Some((Instant::now(), outcome));
    }

    fn learn(&self, metadata: Metadata) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let keys = metadata.jwks().keys().len();
        let generation = match known.as_ref() {
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
        *known = Some(Arc::new(Known { metadata, generation }));
    }

    /// The provider's description of itself, asked for if it is not known yet.
    async fn described(&self) -> Result<Arc<Known>, ProviderError> {
        match self.known() {
            Some(known) => Ok(known),
            None => self.asked_again(Instant::now()).await,
        }
    }

    /// Whether the provider holds a token for valid right now.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(super) async fn is_active(&self, text: &str) -> Result<bool, ProviderError> {
        let known = self.described().await?;
        let url = known.metadata.additional_metadata().introspection_endpoint.clone();
        let url = url.ok_or_else(|| ProviderError("it has no introspection endpoint".to_owned()))?;
        let client = CoreClient::from_provider_metadata(known.metadata.clone(), self.client_id.clone(), self.secret.clone())
            .set_introspection_url(url);
        let token = AccessToken::new(text.to_owned());
        let answer = client.introspect(&token).request_async(&self.http).await.map_err(|e| ProviderError::of(&e))?;
        Ok(answer.active())
    }

    /// A token for ourselves, by which the realm's users may be looked up.
    async fn own_token(&self) -> Result<AccessToken, ProviderError> {
        let mut held = self.own_token.lock().await;
        if let Some((token, _)) = held.as_ref().filter(|(_, end)| Instant::now() < *end) {
            return Ok(token.clone());
        }
        let known = self.described().await?;
        let client = CoreClient::from_provider_metadata(known.metadata.clone(), self.client_id.clone(), self.secret.clone());
        let request = client.exchange_client_credentials().map_err(|e| ProviderError::of(&e))?;
        let answer = request.request_async(&self.http).await.map_err(|e| ProviderError::of(&e))?;
        let token = answer.access_token().clone();
        let lifetime = answer.expires_in().unwrap_or_default().saturating_sub(OWN_TOKEN_MARGIN);
        *held = Some((token.clone(), Instant::now() + lifetime));
        Ok(token)
    }

    /// The user of this name, or with this id; nobody is found without a secret of ours.
    ///
    /// # Errors
    /// When the provider cannot be asked, or does not let us look.
    pub(super) async fn find_user(&self, text: &str) -> Result<Option<RealmUser>, ProviderError> {
        if self.secret.is_none() {
            return Ok(None);
        }
        let found = if is_uuid(text) {
            self.admin_get(&[text], &[]).await?.map(|body| serde_json::from_slice(&body).map(|user| vec![user]))
        } else {
            self.admin_get(&[], &[("username", text), ("exact", "true")]).await?.map(|body| serde_json::from_slice(&body))
        };
        let users: Vec<RealmUser> = found.transpose().map_err(|e| ProviderError::of(&e))?.unwrap_or_default();
        // Names of Keycloak have one spelling, lower-case, and are found by any.
        Ok(users.into_iter().find(|user| user.id == text || user.username.eq_ignore_ascii_case(text)))
    }

    /// What the realm's list of users answers; nothing for 404.
    async fn admin_get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Option<Vec<u8>>, ProviderError> {
        let mut url = Url::parse(&self.admin).map_err(|e| ProviderError::of(&e))?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let token = self.own_token().await?;
        let request = Request::builder().method(Method::GET).uri(url.as_str()).header(header::ACCEPT, "application/json");
        let request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.secret()));
        let request = request.body(Vec::new()).map_err(|e| ProviderError::of(&e))?;
        let answer = self.http.answer(request).await?;
        match answer.status() {
            StatusCode::OK => Ok(Some(answer.into_body())),
            StatusCode::NOT_FOUND => Ok(None),
            status => {
                // It may have been revoked: the next question gets a new one.
                self.own_token.lock().await.take();
                let id = self.client_id.as_str();
                Err(ProviderError(format!("looking up a user answered {status}; the client '{id}' needs the role view-users")))
            }
        }
    }
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12] && groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Requests to the provider, by another address than the public one when it has one.
#[derive(Debug)]
struct Http {
    client: reqwest::Client,
    /// What public addresses of Keycloak begin with.
    public: String,
    /// What is put there instead.
    internal: Option<String>,
    /// Until when a provider that did not answer is left alone.
    rest_until: Mutex<Option<Instant>>,
}

/// As openidconnect wants its requests sent.
impl<'c> AsyncHttpClient<'c> for Http {
    type Error = ProviderError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, ProviderError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.answer(request))
    }
}

impl Http {
    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, ProviderError> {
        let rests = *self.rest_until.lock().unwrap_or_else(PoisonError::into_inner);
        if rests.is_some_and(|end| Instant::now() < end) {
            return Err(ProviderError("it did not answer a moment ago".to_owned()));
        }
        let begin = Instant::now();
        let outcome = self.exchange(request).await;
        let took = begin.elapsed();
        let rest = (outcome.is_err() && took >= SLOW).then(|| Instant::now() + took * REST_FACTOR);
        *self.rest_until.lock().unwrap_or_else(PoisonError::into_inner) = rest;
        outcome
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, ProviderError> {
        let (parts, body) = request.into_parts();
        let url = self.reached_by(&parts.uri.to_string());
        let sent = self.client.request(parts.method, url).headers(parts.headers).body(body).send().await;
        let mut received = sent.map_err(|e| ProviderError::of(&e.without_url()))?;
        let mut answer = openidconnect::http::Response::builder().status(received.status());
        if let Some(headers) = answer.headers_mut() {
            headers.clone_from(received.headers());
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = received.chunk().await.map_err(|e| ProviderError::of(&e.without_url()))? {
            if bytes.len() + chunk.len() > MAX_ANSWER {
                return Err(ProviderError(format!("its answer is larger than {MAX_ANSWER} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        answer.body(bytes).map_err(|e| ProviderError::of(&e))
    }

    /// The address by which the server reaches what the public address names.
    fn reached_by(&self, url: &str) -> String {
        let rest = url.strip_prefix(&self.public).filter(|rest| rest.starts_with('/'));
        match (&self.internal, rest) {
            (Some(internal), Some(rest)) => format!("{internal}{rest}"),
            _ => url.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_told_from_a_name() {
        assert!(is_uuid("6f1b8a0e-3d9c-4a51-9a5d-0b6f0e1c2d3e"));
        assert!(!is_uuid("user") && !is_uuid("6f1b8a0e-3d9c-4a51-9a5d-0b6f0e1c2d3g"));
    }
}
