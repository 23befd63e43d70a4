//! How often resources were read.

use super::dialect::Dialect;
use super::sql::Sql;
use super::{Db, Result};

impl Db {
    /// Adds to the counts of resources, by row id.
    pub async fn add_reads(&self, counts: &[(i64, i64)]) -> Result<()> {
        let update = match self.dialect() {
            Dialect::MySql => " ON DUPLICATE KEY UPDATE total = total + VALUES(total)",
            Dialect::Sqlite => " ON CONFLICT (asset_id) DO UPDATE SET total = total + excluded.total",
        };
        let rows = counts.iter().map(|(asset, count)| vec![(*asset).into(), (*count).into()]).collect();
        for sql in Sql::insert("INSERT INTO asset_reads (asset_id, total) VALUES", rows) {
            self.execute(sql.push(update)).await?;
        }
        Ok(())
    }

    /// The published resources of a type that were read most: identifier and count.
    pub async fn most_read(&self, resource_type: &str, limit: i64) -> Result<Vec<(String, i64)>> {
        let sql = Sql::new(
            "SELECT a.identifier, r.total FROM asset_reads r JOIN asset a ON a.id = r.asset_id \
             WHERE a.resource_type = ? AND a.status = 'published' AND a.alive = 1 ORDER BY r.total DESC, a.id LIMIT ?",
        );
        self.fetch_all(sql.bind(resource_type).bind(limit)).await
    }
}
