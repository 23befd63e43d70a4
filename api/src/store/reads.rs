//! How often resources were read.

use super::sql::Sql;
use super::{Db, Result, Tx};

impl Tx {
    /// Adds to the counts of resources, by row id and type.
    pub(crate) async fn add_reads(&mut self, counts: &[((i64, &'static str), i64)]) -> Result<()> {
        let update = self.dialect().adding_to_total("asset_id");
        let rows = counts.iter().map(|((asset, type_name), count)| vec![(*asset).into(), (*type_name).into(), (*count).into()]).collect();
        for sql in Sql::insert("INSERT INTO asset_reads (asset_id, resource_type, total) VALUES", rows) {
            self.execute(sql.push(&update)).await?;
        }
        Ok(())
    }
}

impl Db {
    /// The published resources of a type that were read most: identifier and count.
    pub async fn most_read(&self, resource_type: &str, limit: i64) -> Result<Vec<(String, i64)>> {
        let sql = Sql::new(
            "SELECT a.identifier, r.total FROM asset_reads r JOIN asset a ON a.id = r.asset_id \
             WHERE r.resource_type = ? AND a.status = 'published' AND a.alive = 1 ORDER BY r.total DESC, r.asset_id LIMIT ?",
        );
        self.fetch_all(sql.bind(resource_type).bind(limit)).await
    }
}
