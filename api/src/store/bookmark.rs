//! What users marked to find it again.

use super::asset::may_identify;
use super::sql::Sql;
use super::{Db, Result};

impl Db {
    /// An account's bookmarks of living resources, newest first: identifier and date.
    pub async fn bookmarks(&self, account: i64, offset: i64, limit: i64) -> Result<Vec<(String, i64)>> {
        let sql = Sql::new(
            "SELECT a.identifier, b.date_created FROM bookmark b JOIN asset a ON a.id = b.asset_id AND a.alive = 1 \
             WHERE b.account_id = ? ORDER BY b.date_created DESC, b.asset_id DESC LIMIT ? OFFSET ?",
        );
        self.fetch_all(sql.bind(account).bind(limit).bind(offset)).await
    }

    /// Marks a resource; when it was first marked.
    pub async fn add_bookmark(&self, account: i64, asset: i64, date: i64) -> Result<i64> {
        let insert = format!("{} bookmark (account_id, asset_id, date_created) VALUES (?, ?, ?)", self.dialect().insert_ignore());
        self.execute(Sql::new(insert).bind(account).bind(asset).bind(date)).await?;
        let first = Sql::new("SELECT date_created FROM bookmark WHERE account_id = ? AND asset_id = ?").bind(account).bind(asset);
        Ok(self.fetch_optional::<(i64,)>(first).await?.map_or(date, |(date,)| date))
    }

    /// Takes a bookmark away, if there is one.
    pub async fn remove_bookmark(&self, account: i64, identifier: &str) -> Result<()> {
        if !may_identify(identifier) {
            return Ok(());
        }
        let sql = Sql::new("DELETE FROM bookmark WHERE account_id = ? AND asset_id IN (SELECT id FROM asset WHERE identifier = ?)");
        self.execute(sql.bind(account).bind(identifier)).await?;
        Ok(())
    }
}
