//! Why nobody is recognised.

use std::time::Duration;

use crate::store::StoreError;
use aiod_schema::causes::chain;

/// Why credentials are not accepted, in words for the caller.
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
    NoSubject,
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

/// Why the identity provider cannot be asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the identity provider cannot be asked: {0}")]
pub struct ProviderError(String);

impl ProviderError {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    pub(super) fn of(error: &dyn std::error::Error) -> Self {
        Self(chain(error))
    }
}

/// Why a user cannot be looked up.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The identity provider failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// Somebody asked for too many users who were never here.
    #[error("users who were never here cannot be looked up so often: the next one can be in {} s", .0.as_secs() + 1)]
    TooMany(Duration),
}

/// Why a token leads to no user.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    /// It is not accepted.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It cannot be checked now.
    #[error(transparent)]
    Unavailable(#[from] ProviderError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
