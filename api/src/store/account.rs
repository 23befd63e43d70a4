//! Who acts: people and machines.

use super::sql::Sql;
use super::{Db, Result};

/// How the subjects begin that the catalogue gives to owners of API keys; no identity provider's may.
pub const LOCAL: &str = "local:";

impl Db {
    /// The row id of the account with this subject, which is made when it is new; its name follows what is given.
    pub async fn account(&self, subject: &str, name: &str) -> Result<i64> {
        let find = || Sql::new("SELECT id, name FROM account WHERE subject = ?").bind(subject);
        if let Some((id, known)) = self.fetch_optional::<(i64, String)>(find()).await? {
            if known != name {
                self.execute(Sql::new("UPDATE account SET name = ? WHERE id = ?").bind(name).bind(id)).await?;
            }
            return Ok(id);
        }
        let insert = format!("{} account (subject, name) VALUES (?, ?)", self.dialect().insert_ignore());
        self.execute(Sql::new(insert).bind(subject).bind(name)).await?;
        Ok(self.fetch_optional::<(i64, String)>(find()).await?.map_or(0, |(id, _)| id))
    }

    /// The row id and the name of the account with this subject, else of the one with exactly this name. Of several with one name,
    /// those of an identity provider go before owners of API keys, and then the newest.
    pub async fn find_account(&self, text: &str) -> Result<Option<(i64, String)>> {
        let by_subject = Sql::new("SELECT id, name FROM account WHERE subject = ?").bind(text);
        if let Some(found) = self.fetch_optional(by_subject).await? {
            return Ok(Some(found));
        }
        let by_name = "SELECT id, name FROM account WHERE name = ? \
            ORDER BY CASE WHEN subject LIKE ? THEN 1 ELSE 0 END, id DESC LIMIT 1";
        self.fetch_optional(Sql::new(by_name).bind(text).bind(format!("{LOCAL}%"))).await
    }
}
