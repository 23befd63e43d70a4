//! API keys: for machines, and for catalogues without an identity provider. Shown once, stored hashed, scoped to roles.

use std::collections::BTreeSet;
use std::sync::Arc;

use rand::RngExt;
use rand::distr::Alphanumeric;

use super::{Caller, Refusal, User};
use crate::digest::sha256_hex;
use crate::store::account::LOCAL;
use crate::store::api_key::NewApiKey;
use crate::store::{self, Db};

/// How every key begins, so that secret scanners can find a leaked one.
pub const PREFIX: &str = "aiod_";
/// How many random characters follow: 40 of 62 are 238 bits, too many to guess however fast the hash.
const RANDOM_LENGTH: usize = 40;
/// How many characters of a key are kept for people to tell keys apart.
const HINT_LENGTH: usize = 9;

/// What a key's hash is: SHA-256, in hexadecimal digits. The key is random, so that no salt or slow hash is needed.
fn hash(key: &str) -> String {
    sha256_hex(key.as_bytes(), 32)
}

/// Makes a key for the owner of this name, who is registered when new; returns it, for the only time.
///
/// `expires` is in microseconds since 1970, UTC.
///
/// # Errors
/// When the database fails.
pub async fn create(db: &Db, owner: &str, roles: &BTreeSet<String>, expires: Option<i64>) -> store::Result<String> {
    let random = rand::rng().sample_iter(Alphanumeric).take(RANDOM_LENGTH).map(char::from);
    let key: String = PREFIX.chars().chain(random).collect();
    let account_id = db.account(&format!("{LOCAL}{owner}"), owner).await?;
    let roles = serde_json::Value::from_iter(roles.iter().cloned()).to_string();
    let hint = key.chars().take(HINT_LENGTH).collect();
    db.insert_api_key(&NewApiKey { account_id, hash: hash(&key), hint, roles, date_expires: expires }).await?;
    Ok(key)
}

/// Whose key it is; refused when it is unknown, expired or revoked.
///
/// # Errors
/// When the database fails.
pub async fn verify(db: &Db, key: &str) -> store::Result<Caller> {
    if !key.starts_with(PREFIX) || key.len() != PREFIX.len() + RANDOM_LENGTH {
        return Ok(Caller::Refused(Refusal::ApiKey));
    }
    let Some(row) = db.api_key(&hash(key)).await? else { return Ok(Caller::Refused(Refusal::ApiKey)) };
    let expired = row.date_expires.is_some_and(|end| end <= store::now());
    if expired || row.date_revoked.is_some() {
        return Ok(Caller::Refused(Refusal::ApiKey));
    }
    let roles = serde_json::from_str(&row.roles).unwrap_or_default();
    Ok(Caller::User(Arc::new(User { account: row.account_id, name: row.name, subject: row.subject, roles })))
}
