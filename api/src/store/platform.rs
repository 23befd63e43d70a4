//! The platforms that resources come from.

use super::sql::Sql;
use super::{Db, Result, Tx};

impl Db {
    /// Platforms in the order of their registration.
    pub async fn platforms(&self, offset: i64, limit: i64) -> Result<Vec<(i64, String)>> {
        self.fetch_all(Sql::new("SELECT id, name FROM platform ORDER BY id LIMIT ? OFFSET ?").bind(limit).bind(offset)).await
    }

    /// The platform with this number.
    pub async fn platform(&self, id: i64) -> Result<Option<(i64, String)>> {
        self.fetch_optional(Sql::new("SELECT id, name FROM platform WHERE id = ?").bind(id)).await
    }

    /// The platform with this name.
    pub async fn platform_by_name(&self, name: &str) -> Result<Option<(i64, String)>> {
        self.fetch_optional(Sql::new("SELECT id, name FROM platform WHERE name = ?").bind(name)).await
    }

    /// Which of these platforms exist.
    pub async fn known_platforms(&self, names: &[String]) -> Result<Vec<String>> {
        let rows: Vec<(String,)> = self.fetch_all(Sql::new("SELECT name FROM platform WHERE name IN ").push_list(names)).await?;
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    /// How many platforms there are.
    pub async fn count_platforms(&self) -> Result<i64> {
        Ok(self.fetch_optional::<(i64,)>(Sql::new("SELECT COUNT(*) FROM platform")).await?.map_or(0, |(n,)| n))
    }

    /// Registers a platform.
    pub async fn insert_platform(&self, name: &str) -> Result<()> {
        self.execute(Sql::new("INSERT INTO platform (name) VALUES (?)").bind(name)).await.map(drop)
    }

    /// Registers those of these platforms that are missing. Another process may do the same at the same time.
    pub async fn add_platforms(&self, names: impl Iterator<Item = &str>) -> Result<()> {
        let known: Vec<(String,)> = self.fetch_all(Sql::new("SELECT name FROM platform")).await?;
        for name in names.filter(|name| !known.iter().any(|(known,)| known == name)) {
            match self.insert_platform(name).await {
                Err(error) if error.is_duplicate() => {}
                other => other?,
            }
        }
        Ok(())
    }
}

impl Tx {
    /// Which of these platforms exist. Until this transaction ends, they keep their names.
    pub(crate) async fn known_platforms(&mut self, names: &[String]) -> Result<Vec<String>> {
        let sql = Sql::new("SELECT name FROM platform WHERE name IN ").push_list(names).push(self.dialect().for_share());
        let rows: Vec<(String,)> = self.fetch_all(sql).await?;
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    /// The platform with this number, locked for this transaction.
    pub(crate) async fn lock_platform(&mut self, id: i64) -> Result<Option<String>> {
        let sql = Sql::new("SELECT name FROM platform WHERE id = ?").push(self.dialect().for_update()).bind(id);
        Ok(self.fetch_optional::<(String,)>(sql).await?.map(|(name,)| name))
    }

    /// Whether any resource, deleted ones too, is of this platform.
    pub(crate) async fn platform_is_used(&mut self, name: &str) -> Result<bool> {
        let sql = Sql::new("SELECT id FROM asset WHERE platform = ? LIMIT 1").bind(name);
        Ok(self.fetch_optional::<(i64,)>(sql).await?.is_some())
    }

    /// Renames a platform.
    pub(crate) async fn rename_platform(&mut self, id: i64, name: &str) -> Result<()> {
        self.execute(Sql::new("UPDATE platform SET name = ? WHERE id = ?").bind(name).bind(id)).await.map(drop)
    }

    /// Removes a platform.
    pub(crate) async fn delete_platform(&mut self, id: i64) -> Result<()> {
        self.execute(Sql::new("DELETE FROM platform WHERE id = ?").bind(id)).await.map(drop)
    }
}
