//! Who is asking.

pub mod api_key;
mod provider;
mod token;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aiod_schema::causes::chain;
use moka::future::Cache;
use sha2::{Digest, Sha256};

use self::provider::{Doubt, Provider};
pub use self::provider::{discovery_url, is_http, parts_of_issuer};
use crate::config::Config;
use crate::store::{self, Db, StoreError};

/// Someone who acts: a person, or a machine with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Row id of the account.
    pub account: i64,
    /// Name, as shown to others.
    pub name: String,
    /// The identity provider's id.
    pub subject: String,
    /// Roles.
    pub roles: BTreeSet<String>,
}

impl User {
    /// Whether the user has this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.contains(role)
    }

    /// Whether the user registers resources for a platform instead of for a person.
    pub fn is_connector(&self) -> bool {
        self.roles.iter().any(|role| role.starts_with(CONNECTOR_PREFIX))
    }

    /// Whether the user registers resources for this platform.
    pub fn is_connector_of(&self, platform: &str) -> bool {
        self.roles.iter().any(|role| role.strip_prefix(CONNECTOR_PREFIX) == Some(platform))
    }
}

/// How the roles of connectors begin; the platform's name follows.
pub const CONNECTOR_PREFIX: &str = "platform_";

/// Who sent a request.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Nobody who is known.
    Anonymous,
    /// Somebody with credentials that are not accepted: nobody who is known, and told why where a user is needed.
    Refused(Refusal),
    /// Somebody with a token that only the identity provider could tell about, which does not answer.
    Unverified(ProviderError),
    /// A user.
    User(Arc<User>),
}

impl Caller {
    /// The user, when there is one.
    pub fn user(&self) -> Option<&User> {
        match self {
            Self::Anonymous | Self::Refused(_) | Self::Unverified(_) => None,
            Self::User(user) => Some(user),
        }
    }
}

/// Why credentials are not accepted: what a caller may know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An API key that is not in force.
    #[error("the API key is unknown, expired or revoked")]
    ApiKey,
    /// API keys are switched off.
    #[error("this catalogue takes no API keys")]
    NoApiKeys,
    /// No identity provider is configured, and it is no API key.
    #[error("this catalogue takes no tokens of an identity provider")]
    NoTokens,
    /// Longer than any token.
    #[error("the token is too long")]
    TooLong,
    /// No token.
    #[error("it is not a token of the identity provider")]
    Malformed,
    /// Not signed by a private key.
    #[error("the token is not signed by a public-key algorithm")]
    Algorithm,
    /// An ID token, a refresh token or another that is not for services.
    #[error("the token is not an access token")]
    Kind,
    /// Another provider's or realm's.
    #[error("the token is from another issuer")]
    Issuer,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not begun.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Issued to a client that is not among those that are accepted.
    #[error("the token was issued to a client that is not accepted here")]
    Client,
    /// Without a subject.
    #[error("the token does not say whose it is (`sub`)")]
    Nameless,
    /// Its key is not one of the provider's.
    #[error("the token is signed by an unknown key")]
    Key,
    /// The signature is not that of the key.
    #[error("the token's signature is wrong")]
    Signature,
    /// The provider says that it is not in force any longer.
    #[error("the session of the token has ended")]
    Inactive,
}

/// Why the identity provider is of no help.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the identity provider cannot be asked: {0}")]
pub struct ProviderError(String);

impl ProviderError {
    fn of(error: &dyn std::error::Error) -> Self {
        Self(chain(error))
    }
}

/// Why a user cannot be found out.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The identity provider failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// A user whom somebody named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Row id of the account.
    pub account: i64,
    /// Name.
    pub name: String,
}

/// How many tokens are remembered.
const MAX_SESSIONS: u64 = 10_000;
/// How many accounts are remembered.
const MAX_ACCOUNTS: u64 = 100_000;
/// How long a token or an account is remembered: what a database forgot meanwhile, by an import, is noticed after this.
const MEMORY: Duration = Duration::from_secs(300);
/// How often the provider's keys are asked for.
const REFRESH: Duration = Duration::from_secs(300);
/// How soon after a failure.
const REFRESH_AFTER_FAILURE: Duration = Duration::from_secs(15);

/// Of a token, SHA-256: memory holds no tokens.
type Fingerprint = [u8; 32];

/// A token that was verified.
#[derive(Clone, Debug)]
struct Session {
    user: Arc<User>,
    /// The last second in which it is accepted, since 1970.
    last: i64,
    /// The set of keys that verified it.
    generation: u64,
}

/// Finds out who is asking.
#[derive(Debug)]
pub struct Identity {
    db: Db,
    api_keys: bool,
    provider: Option<Provider>,
    introspection: bool,
    sessions: Cache<Fingerprint, Session>,
    active: Cache<Fingerprint, bool>,
    accounts: Cache<(String, String), i64>,
}

impl Identity {
    /// As it is configured, over this database. Nobody is asked yet.
    ///
    /// # Errors
    /// When the identity provider's configuration makes no sense.
    pub fn new(config: &Config, db: Db) -> Result<Self, ProviderError> {
        let keycloak = &config.keycloak;
        let provider = if keycloak.is_on() { Some(Provider::new(keycloak)?) } else { None };
        let answers_last = Duration::from_secs(u64::from(keycloak.introspection_seconds));
        Ok(Self {
            db,
            api_keys: config.api_keys.enabled,
            provider,
            introspection: keycloak.introspection,
            sessions: Cache::builder().max_capacity(MAX_SESSIONS).time_to_live(MEMORY).build(),
            active: Cache::builder().max_capacity(MAX_SESSIONS).time_to_live(answers_last).build(),
            accounts: Cache::builder().max_capacity(MAX_ACCOUNTS).time_to_live(MEMORY).build(),
        })
    }

    /// Whose credentials these are: an API key, or an access token of the identity provider.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn caller(&self, credentials: &str) -> store::Result<Caller> {
        let caller = match &self.provider {
            _ if credentials.starts_with(api_key::PREFIX) => match self.api_keys {
                true => api_key::verify(&self.db, credentials).await?,
                false => Caller::Refused(Refusal::NoApiKeys),
            },
            None => Caller::Refused(Refusal::NoTokens),
            Some(provider) => match self.session(provider, credentials).await {
                Ok(session) => Caller::User(session.user),
                Err(Hindrance::Doubt(Doubt::Refused(refusal))) => Caller::Refused(refusal),
                Err(Hindrance::Doubt(Doubt::Unavailable(error))) => {
                    tracing::debug!(%error, "a token cannot be checked");
                    Caller::Unverified(error)
                }
                Err(Hindrance::Store(error)) => return Err(error),
            },
        };
        if let Caller::Refused(refusal) = &caller {
            tracing::debug!(%refusal, "credentials are not accepted: {refusal}");
        }
        Ok(caller)
    }

    async fn session(&self, provider: &Provider, text: &str) -> Result<Session, Hindrance> {
        if text.len() > token::MAX_LENGTH {
            return Err(Refusal::TooLong.into());
        }
        let fingerprint: Fingerprint = Sha256::digest(text).into();
        let now = store::now() / 1_000_000;
        let remembered = self.sessions.get(&fingerprint).await.filter(|session| session.generation == provider.generation());
        if let Some(session) = remembered {
            if session.last < now {
                return Err(Refusal::Expired.into());
            }
            self.require_active(provider, fingerprint, text).await?;
            return Ok(session);
        }
        let (claims, generation) = provider.verify(text, now).await?;
        self.require_active(provider, fingerprint, text).await?;
        let account = self.account(&claims.subject, &claims.name).await?;
        let user = Arc::new(User { account, name: claims.name, subject: claims.subject, roles: claims.roles });
        let session = Session { user, last: claims.last, generation };
        self.sessions.insert(fingerprint, session.clone()).await;
        Ok(session)
    }

    /// Asks the provider about a token, if that is switched on, unless it was asked a moment ago.
    async fn require_active(&self, provider: &Provider, fingerprint: Fingerprint, text: &str) -> Result<(), Hindrance> {
        if !self.introspection {
            return Ok(());
        }
        match self.active.try_get_with(fingerprint, provider.is_active(text)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::Inactive.into()),
            Err(error) => Err(Doubt::Unavailable(ProviderError::clone(&error)).into()),
        }
    }

    async fn account(&self, subject: &str, name: &str) -> store::Result<i64> {
        let key = (subject.to_owned(), name.to_owned());
        if let Some(account) = self.accounts.get(&key).await {
            return Ok(account);
        }
        let account = self.db.account(subject, name).await?;
        self.accounts.insert(key, account).await;
        Ok(account)
    }

    /// The user with this subject or, failing that, of exactly this name. A name is the identity provider's, where there is one that
    /// can be asked: its user gets an account. Else it is that of the only account that has it.
    ///
    /// # Errors
    /// When the database fails, or the provider had to be asked and cannot be.
    pub async fn find_user(&self, text: &str) -> Result<Option<Found>, IdentityError> {
        if let Some((account, name)) = self.db.account_by_subject(text).await? {
            return Ok(Some(Found { account, name }));
        }
        if let Some(provider) = &self.provider
            && let Some(user) = provider.find_user(text).await?
        {
            let account = self.account(&user.id, &user.username).await?;
            return Ok(Some(Found { account, name: user.username }));
        }
        Ok(self.db.account_by_name(text).await?.map(|(account, name)| Found { account, name }))
    }

    /// Asks the provider for its keys, so that those that it has given up are given up here.
    ///
    /// # Errors
    /// When it cannot be asked; the keys that are known stay.
    pub async fn refresh(&self) -> Result<(), ProviderError> {
        match &self.provider {
            Some(provider) => provider.refresh().await,
            None => Ok(()),
        }
    }

    /// Refreshes the provider's keys again and again, as long as it is waited for.
    pub async fn keep_fresh(&self) {
        if self.provider.is_none() {
            return;
        }
        loop {
            let pause = if self.refresh().await.is_ok() { REFRESH } else { REFRESH_AFTER_FAILURE };
            tokio::time::sleep(pause).await;
        }
    }
}

/// Why a token leads to no user.
enum Hindrance {
    Doubt(Doubt),
    Store(StoreError),
}

impl From<Doubt> for Hindrance {
    fn from(doubt: Doubt) -> Self {
        Self::Doubt(doubt)
    }
}

impl From<Refusal> for Hindrance {
    fn from(refusal: Refusal) -> Self {
        Self::Doubt(Doubt::Refused(refusal))
    }
}

impl From<StoreError> for Hindrance {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
