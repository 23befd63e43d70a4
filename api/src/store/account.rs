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

    /// The account with this subject: row id and name.
    pub async fn account_by_subject(&self, subject: &str) -> Result<Option<(i64, String)>> {
        self.fetch_optional(Sql::new("SELECT id, name FROM account WHERE subject = ?").bind(subject)).await
    }

    /// The account of this name, unless there are several: row id and name.
    pub async fn account_by_name(&self, name: &str) -> Result<Option<(i64, String)>> {
        let found: Vec<(i64, String)> = self.fetch_all(Sql::new("SELECT id, name FROM account WHERE name = ? LIMIT 2").bind(name)).await?;
        Ok(<[_; 1]>::try_from(found).ok().map(|[found]| found))
    }
}
