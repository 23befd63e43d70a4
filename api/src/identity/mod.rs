//! Who is asking: access tokens of Keycloak, and API keys.

pub mod api_key;
mod caller;
mod error;
mod keycloak;
mod token;

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use moka::future::Cache;
use sha2::{Digest, Sha256};

pub use self::caller::{CONNECTOR_PREFIX, Caller, User};
use self::error::TokenError;
pub use self::error::{IdentityError, ProviderError, Refusal};
use self::keycloak::Provider;
pub use self::keycloak::discovery_url;
use crate::config::Config;
use crate::store::account::LOCAL;
use crate::store::{self, Db};

/// A user whom somebody named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedAccount {
    /// Row id of the account.
    pub account: i64,
    /// Name.
    pub name: String,
}

/// How many tokens are remembered.
const MAX_SESSIONS: u64 = 10_000;
/// How many accounts are remembered.
const MAX_ACCOUNTS: u64 = 100_000;
/// How long a token or an account is remembered. When an import replaces the accounts, this is how long the old ones are used.
const MEMORY: Duration = Duration::from_secs(300);
/// How long it is remembered whether the provider knows somebody.
const ANSWER_MEMORY: Duration = Duration::from_secs(30);
/// How long an API key is remembered: within a second, every process refuses a key that was revoked.
const API_KEY_MEMORY: Duration = Duration::from_millis(800);
/// How many users who were never here somebody may ask for in an hour.
const LOOKUPS_PER_HOUR: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
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
    keys: Cache<Fingerprint, Arc<User>>,
    active: Cache<Fingerprint, bool>,
    accounts: Cache<(String, String), i64>,
    lookups: DefaultKeyedRateLimiter<i64>,
    /// Subjects, and whether the provider knows them.
    known: Cache<String, bool>,
}

impl Identity {
    /// Follows the configuration. Neither the database nor the provider is asked yet.
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
            keys: Cache::builder().max_capacity(MAX_SESSIONS).time_to_live(API_KEY_MEMORY).build(),
            active: Cache::builder().max_capacity(MAX_SESSIONS).time_to_live(answers_last).build(),
            accounts: Cache::builder().max_capacity(MAX_ACCOUNTS).time_to_live(MEMORY).build(),
            lookups: RateLimiter::keyed(Quota::per_hour(LOOKUPS_PER_HOUR)),
            known: Cache::builder().max_capacity(MAX_ACCOUNTS).time_to_live(ANSWER_MEMORY).build(),
        })
    }

    /// Whose credentials these are: an API key, or an access token of the identity provider.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn caller(&self, credentials: &str) -> store::Result<Caller> {
        let caller = if credentials.starts_with(api_key::PREFIX) {
            self.caller_by_key(credentials).await?
        } else {
            self.caller_by_token(credentials).await?
        };
        if let Caller::Refused(refusal) = &caller {
            tracing::debug!(%refusal, "credentials are not accepted: {refusal}");
        }
        Ok(caller)
    }

    async fn caller_by_key(&self, key: &str) -> store::Result<Caller> {
        if !self.api_keys {
            return Ok(Caller::Refused(Refusal::NoApiKeys));
        }
        let fingerprint: Fingerprint = Sha256::digest(key).into();
        if let Some(user) = self.keys.get(&fingerprint).await {
            return Ok(Caller::User(user));
        }
        let caller = api_key::verify(&self.db, key).await?;
        // Refusals are not remembered: a key works as soon as it is made.
        if let Caller::User(user) = &caller {
            self.keys.insert(fingerprint, Arc::clone(user)).await;
        }
        Ok(caller)
    }

    async fn caller_by_token(&self, token: &str) -> store::Result<Caller> {
        let Some(provider) = &self.provider else { return Ok(Caller::Refused(Refusal::NoTokens)) };
        match self.session(provider, token).await {
            Ok(session) => Ok(Caller::User(session.user)),
            Err(TokenError::Refused(refusal)) => Ok(Caller::Refused(refusal)),
            Err(TokenError::Unavailable(error)) => {
                tracing::debug!(%error, "a token cannot be checked");
                Ok(Caller::Unverified(error))
            }
            Err(TokenError::Store(error)) => Err(error),
        }
    }

    /// The session of a token: the remembered one, or a new one after the token was verified.
    async fn session(&self, provider: &Provider, text: &str) -> Result<Session, TokenError> {
        if text.len() > token::MAX_LENGTH {
            return Err(Refusal::TooLong.into());
        }
        let fingerprint: Fingerprint = Sha256::digest(text).into();
        let now = store::now() / 1_000_000;
        if let Some(session) = self.remembered(provider, &fingerprint).await {
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

    /// The session of a token that the provider's present keys have verified.
    async fn remembered(&self, provider: &Provider, fingerprint: &Fingerprint) -> Option<Session> {
        let session = self.sessions.get(fingerprint).await?;
        (session.generation == provider.generation()).then_some(session)
    }

    /// Asks the provider about a token, if that is switched on. Its answer is used again for some seconds.
    async fn require_active(&self, provider: &Provider, fingerprint: Fingerprint, text: &str) -> Result<(), TokenError> {
        if !self.introspection {
            return Ok(());
        }
        match self.active.try_get_with(fingerprint, provider.is_active(text)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::Inactive.into()),
            Err(error) => Err(ProviderError::clone(&error).into()),
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

    /// The user with this subject or, failing that, with exactly this name. Where the identity provider can be asked, it decides whose name it
    /// is, and that user gets an account. Elsewhere the name belongs to the only account that has it.
    ///
    /// # Errors
    /// When the database fails, or the provider had to be asked and cannot be.
    pub async fn find_user(&self, text: &str) -> Result<Option<NamedAccount>, IdentityError> {
        if let Some((account, name)) = self.db.account_by_subject(text).await? {
            return Ok(Some(NamedAccount { account, name }));
        }
        if let Some(provider) = &self.provider
            && let Some(user) = provider.find_user(text).await?
        {
            let account = self.account(&user.id, &user.username).await?;
            return Ok(Some(NamedAccount { account, name: user.username }));
        }
        Ok(self.db.account_by_name(text).await?.map(|(account, name)| NamedAccount { account, name }))
    }

    /// The same for somebody who asks. Whoever was here is found as often as one likes. Others may exist at the provider or not; each user
    /// learns that of a few of them an hour, so that nobody gets the provider's list of users by guessing.
    ///
    /// # Errors
    /// As for [`Identity::find_user`]; when the user who asks has done so too often.
    pub async fn find_user_for(&self, asker: &User, text: &str) -> Result<Option<NamedAccount>, IdentityError> {
        if self.provider.is_some() && !self.was_here(text).await? {
            let again = self.lookups.check_key(&asker.account);
            again.map_err(|not_yet| IdentityError::TooMany(not_yet.wait_time_from(DefaultClock::default().now())))?;
            self.lookups.retain_recent();
        }
        self.find_user(text).await
    }

    async fn was_here(&self, text: &str) -> Result<bool, IdentityError> {
        Ok(self.db.account_by_subject(text).await?.is_some() || self.db.account_by_name(text).await?.is_some())
    }

    /// Which of these subjects stand for somebody still. Where the provider cannot be asked about one, it counts as known.
    pub async fn known(&self, subjects: Vec<String>) -> HashSet<String> {
        /// How many the provider is asked about at a time.
        const AT_ONCE: usize = 8;
        let asked = subjects.into_iter().map(|subject| async move { self.is_known(&subject).await.then_some(subject) });
        futures_util::stream::iter(asked).buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await
    }

    async fn is_known(&self, subject: &str) -> bool {
        let Some(provider) = self.provider.as_ref().filter(|provider| provider.knows_users()) else { return true };
        if subject.starts_with(LOCAL) {
            return true;
        }
        self.known.try_get_with(subject.to_owned(), provider.has_user(subject)).await.unwrap_or_else(|error| {
            tracing::warn!(%error, subject, "the identity provider cannot be asked about user {subject}");
            true
        })
    }

    /// Asks the provider for its keys. Those that it no longer has are not accepted afterwards.
    ///
    /// # Errors
    /// When it cannot be asked; the keys that are known stay.
    pub async fn refresh(&self) -> Result<(), ProviderError> {
        match &self.provider {
            Some(provider) => provider.refresh().await,
            None => Ok(()),
        }
    }

    /// Asks the provider for its keys again and again; returns at once where there is no provider.
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
