//! API keys, by their hashes.

use super::sql::Sql;
use super::{Db, Result};

/// What is known of a key; times in microseconds since 1970, UTC.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct ApiKeyRow {
    /// Row id, by which it is revoked.
    pub id: i64,
    /// The owner's row id.
    pub account_id: i64,
    /// The owner's name.
    pub name: String,
    /// The owner's subject.
    pub subject: String,
    /// Its first characters.
    pub hint: String,
    /// Its roles, a JSON list.
    pub roles: String,
    /// When it was made.
    pub date_created: i64,
    /// When it ends.
    pub date_expires: Option<i64>,
    /// When it was revoked.
    pub date_revoked: Option<i64>,
}

const KEY: &str = "SELECT k.id, k.account_id, a.name, a.subject, k.hint, k.roles, k.date_created, k.date_expires, k.date_revoked \
    FROM api_key k JOIN account a ON a.id = k.account_id";

/// A key that is to be kept.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// The owner's row id.
    pub account_id: i64,
    /// SHA-256 of the key, in hexadecimal digits.
    pub hash: String,
    /// Its first characters.
    pub hint: String,
    /// Its roles, a JSON list.
    pub roles: String,
    /// When it ends.
    pub date_expires: Option<i64>,
}

impl Db {
    /// The key with this hash.
    pub async fn api_key(&self, hash: &str) -> Result<Option<ApiKeyRow>> {
        self.fetch_optional(Sql::new(KEY).push(" WHERE k.hash = ?").bind(hash)).await
    }

    /// All keys, in the order of their making.
    pub async fn api_keys(&self) -> Result<Vec<ApiKeyRow>> {
        self.fetch_all(Sql::new(KEY).push(" ORDER BY k.id")).await
    }

    /// Keeps a new key.
    pub async fn insert_api_key(&self, key: &NewApiKey) -> Result<()> {
        let sql = Sql::new("INSERT INTO api_key (account_id, hash, hint, roles, date_created, date_expires) VALUES (?, ?, ?, ?, ?, ?)");
        let sql = sql.bind(key.account_id).bind(&key.hash).bind(&key.hint).bind(&key.roles).bind(super::now()).bind(key.date_expires);
        self.execute(sql).await.map(drop)
    }

    /// Revokes a key; whether there was one that was still in force.
    pub async fn revoke_api_key(&self, id: i64) -> Result<bool> {
        let sql = Sql::new("UPDATE api_key SET date_revoked = ? WHERE id = ? AND date_revoked IS NULL").bind(super::now()).bind(id);
        Ok(self.execute(sql).await? > 0)
    }
}
