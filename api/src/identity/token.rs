//! Access tokens: reading one and checking its claims. Nothing here asks the provider.
//!
//! We check the claims ourselves, because `openidconnect` verifies ID tokens only: the standard does not describe access tokens. It checks
//! the signatures.

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
/// What the header of an access token may call its type, in lower case.
const TYPES: [&str; 3] = ["jwt", "at+jwt", "application/at+jwt"];
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

impl Expected {
    /// Whether a token was issued to an accepted client (`azp`), or is meant for us (`aud`).
    fn accepts(&self, client: Option<&String>, audience: Option<&Audience>) -> bool {
        let is_accepted_client = self.clients.as_ref().is_none_or(|clients| client.is_some_and(|client| clients.contains(client)));
        is_accepted_client || audience.is_some_and(|audience| audience.holds(&self.audience))
    }
}

/// A token with the right claims, whose signature is still to be checked.
#[derive(Debug)]
pub(super) struct UncheckedToken<'a> {
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
    // Extensions that the sender demands to be understood: we understand none.
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

/// Whether signatures of this kind are made by a private key. With a shared secret, whoever can check a token could make one; a provider's
/// public key must never be used as such a secret.
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

/// Reads a token and checks everything but its signature, at this time (in seconds since 1970).
///
/// # Errors
/// Why it is not accepted.
pub(super) fn read<'a>(text: &'a str, expected: &Expected, now: i64) -> Result<UncheckedToken<'a>, Refusal> {
    if text.len() > MAX_LENGTH {
        return Err(Refusal::TooLong);
    }
    let (message, signature) = text.rsplit_once('.').ok_or(Refusal::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(Refusal::Malformed)?;
    let header = decoded(header)?;
    let header = read_header(&header)?;
    let payload: Payload = serde_json::from_slice(&decoded(payload)?).map_err(|_| Refusal::Malformed)?;
    let claims = check_claims(payload, expected, now)?;
    Ok(UncheckedToken { key_id: header.kid.ok_or(Refusal::Key)?, algorithm: header.alg, message, signature: decoded(signature)?, claims })
}

/// Reads a header and checks that it is that of a signed access token.
fn read_header(json: &[u8]) -> Result<Header<'_>, Refusal> {
    let header: Header<'_> = serde_json::from_slice(json).map_err(|_| Refusal::Malformed)?;
    if !is_asymmetric(&header.alg) {
        return Err(Refusal::Algorithm);
    }
    let is_jwt = header.typ.as_ref().is_none_or(|typ| TYPES.contains(&typ.to_ascii_lowercase().as_str()));
    if !is_jwt || header.crit.is_some() || header.cty.is_some() {
        return Err(Refusal::Kind);
    }
    Ok(header)
}

fn check_claims(payload: Payload, expected: &Expected, now: i64) -> Result<Claims, Refusal> {
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
    if !expected.accepts(payload.azp.as_ref(), payload.aud.as_ref()) {
        return Err(Refusal::Client);
    }
    let fits = |text: &String| !text.is_empty() && text.chars().count() <= MAX_NAME;
    let subject = payload.sub.filter(fits).filter(|subject| !subject.starts_with(LOCAL)).ok_or(Refusal::NoSubject)?;
    // A client may be set up to leave the name out.
    let name = payload.preferred_username.filter(fits).unwrap_or_else(|| subject.clone());
    Ok(Claims { subject, name, roles: payload.realm_access.roles, last })
}

impl UncheckedToken<'_> {
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
