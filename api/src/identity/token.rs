//! Access tokens: what is read of one, and what makes it acceptable. Nothing here asks anybody.
//!
//! The claims are checked by ourselves: `openidconnect` verifies ID tokens, and leaves access tokens, which the standard does not
//! describe, to whoever accepts them. The signature is checked by its keys.

use std::collections::{BTreeSet, HashSet};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::JsonWebKey;
use openidconnect::core::{CoreJsonWebKey, CoreJwsSigningAlgorithm};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Refusal;
use crate::store::account::LOCAL;

/// The longest token that is looked at, in bytes. Those of users with many roles reach 4 KiB.
pub(super) const MAX_LENGTH: usize = 16 << 10;
/// The longest subject or user name that an account can have, in characters.
const MAX_NAME: usize = 255;

/// What the catalogue expects of a token.
#[derive(Debug)]
pub(super) struct Expected {
    /// Who issues it, exactly.
    pub(super) issuer: String,
    /// Whom it is meant for, when it says so.
    pub(super) audience: String,
    /// The clients to which it may have been issued; none means any.
    pub(super) clients: Option<HashSet<String>>,
    /// By how many seconds clocks may differ.
    pub(super) leeway: i64,
}

/// A token that was taken apart and expects its signature to be checked.
#[derive(Debug)]
pub(super) struct Unsigned<'a> {
    /// The id of the key that is said to have signed it.
    pub(super) key_id: String,
    algorithm: CoreJwsSigningAlgorithm,
    message: &'a str,
    signature: Vec<u8>,
    claims: Claims,
}

/// What a token says of its holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claims {
    /// The provider's id of the user.
    pub(super) subject: String,
    /// The user's name.
    pub(super) name: String,
    /// The user's roles.
    pub(super) roles: BTreeSet<String>,
    /// The last second in which it is accepted, since 1970.
    pub(super) last: i64,
}

#[derive(Deserialize)]
struct Header<'a> {
    alg: CoreJwsSigningAlgorithm,
    kid: Option<String>,
    typ: Option<String>,
    // What would have to be understood, and is not.
    #[serde(borrow)]
    crit: Option<&'a RawValue>,
    #[serde(borrow)]
    cty: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Payload {
    iss: String,
    exp: i64,
    nbf: Option<i64>,
    typ: Option<String>,
    azp: Option<String>,
    aud: Option<Audience>,
    sub: Option<String>,
    preferred_username: Option<String>,
    #[serde(default)]
    realm_access: RealmAccess,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn holds(&self, wanted: &str) -> bool {
        match self {
            Self::One(audience) => audience == wanted,
            Self::Many(audiences) => audiences.iter().any(|a| a == wanted),
        }
    }
}

#[derive(Default, Deserialize)]
struct RealmAccess {
    #[serde(default)]
    roles: BTreeSet<String>,
}

/// Whether a key of a provider can have made a signature of this kind. With a shared secret, whoever can check a token could make
/// one; a provider's public key must never be taken for such a secret.
fn is_asymmetric(algorithm: &CoreJwsSigningAlgorithm) -> bool {
    use CoreJwsSigningAlgorithm as Alg;
    match algorithm {
        Alg::RsaSsaPkcs1V15Sha256
        | Alg::RsaSsaPkcs1V15Sha384
        | Alg::RsaSsaPkcs1V15Sha512
        | Alg::RsaSsaPssSha256
        | Alg::RsaSsaPssSha384
        | Alg::RsaSsaPssSha512
        | Alg::EcdsaP256Sha256
        | Alg::EcdsaP384Sha384
        | Alg::EcdsaP521Sha512
        | Alg::EdDsa => true,
        Alg::HmacSha256 | Alg::HmacSha384 | Alg::HmacSha512 | Alg::None => false,
        _ => false,
    }
}

fn decoded(part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed)
}

/// Takes a token apart and checks everything but its signature, at this time (in seconds since 1970).
///
/// # Errors
/// Why it is not accepted.
pub(super) fn read<'a>(text: &'a str, expected: &Expected, now: i64) -> Result<Unsigned<'a>, Refusal> {
    if text.len() > MAX_LENGTH {
        return Err(Refusal::TooLong);
    }
    let (message, signature) = text.rsplit_once('.').ok_or(Refusal::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(Refusal::Malformed)?;
    let header = decoded(header)?;
    let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| Refusal::Malformed)?;
    if !is_asymmetric(&header.alg) {
        return Err(Refusal::Algorithm);
    }
    let is_jwt = header.typ.is_none_or(|typ| ["jwt", "at+jwt", "application/at+jwt"].contains(&typ.to_ascii_lowercase().as_str()));
    if !is_jwt || header.crit.is_some() || header.cty.is_some() {
        return Err(Refusal::Kind);
    }
    let payload: Payload = serde_json::from_slice(&decoded(payload)?).map_err(|_| Refusal::Malformed)?;
    let claims = checked(payload, expected, now)?;
    Ok(Unsigned { key_id: header.kid.ok_or(Refusal::Key)?, algorithm: header.alg, message, signature: decoded(signature)?, claims })
}

fn checked(payload: Payload, expected: &Expected, now: i64) -> Result<Claims, Refusal> {
    if payload.iss != expected.issuer {
        return Err(Refusal::Issuer);
    }
    // An ID token says `ID` here, a refresh token `Refresh`: neither is meant for us.
    if payload.typ.as_deref() != Some("Bearer") {
        return Err(Refusal::Kind);
    }
    let last = payload.exp.saturating_add(expected.leeway).saturating_sub(1);
    if last < now {
        return Err(Refusal::Expired);
    }
    if payload.nbf.is_some_and(|begin| begin > now.saturating_add(expected.leeway)) {
        return Err(Refusal::NotYetValid);
    }
    let accepted = expected.clients.as_ref().is_none_or(|clients| payload.azp.as_ref().is_some_and(|azp| clients.contains(azp)));
    if !accepted && !payload.aud.is_some_and(|audience| audience.holds(&expected.audience)) {
        return Err(Refusal::Client);
    }
    let fits = |text: &String| !text.is_empty() && text.chars().count() <= MAX_NAME;
    let subject = payload.sub.filter(fits).filter(|subject| !subject.starts_with(LOCAL)).ok_or(Refusal::Nameless)?;
    // A client may be set up to leave the name out.
    let name = payload.preferred_username.filter(fits).unwrap_or_else(|| subject.clone());
    Ok(Claims { subject, name, roles: payload.realm_access.roles, last })
}

impl Unsigned<'_> {
    /// What the token says, if one of these keys signed it and may sign so.
    ///
    /// # Errors
    /// [`Refusal::Signature`].
    pub(super) fn signed_by<'k>(self, mut keys: impl Iterator<Item = &'k CoreJsonWebKey>) -> Result<Claims, Refusal> {
        let fits = |key: &CoreJsonWebKey| match key.verify_signature(&self.algorithm, self.message.as_bytes(), &self.signature) {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(%error, key = self.key_id, "the key {} did not sign a token", self.key_id);
                false
            }
        };
        if keys.any(fits) { Ok(self.claims) } else { Err(Refusal::Signature) }
    }
}
