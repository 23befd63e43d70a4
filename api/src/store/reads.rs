//! How often resources were read.

use std::collections::HashMap;

use super::sql::Sql;
use super::{Db, Result, Tx};

/// How often a resource is read before that counts for its popularity.
const LEAST: i64 = 8;

impl Tx {
    /// Adds to the counts of resources, by row id and type.
    pub(crate) async fn add_reads(&mut self, counts: &[((i64, &'static str), i64)]) -> Result<()> {
        let update = self.dialect().adding_to_total("asset_id");
        let rows = counts.iter().map(|((asset, type_name), count)| vec![(*asset).into(), (*type_name).into(), (*count).into()]).collect();
        for sql in Sql::insert("INSERT INTO asset_reads (asset_id, resource_type, total) VALUES", rows) {
            self.execute(sql.push(&update)).await?;
        }
        self.note_popular(counts).await
    }

    /// Has the index read those once more that are twice as popular as when it read them, from 8 reads on: so each resource is read again
    /// some twenty times in its life, however popular it is, and who reads each of very many once does not have the index made anew. Revision
    /// 0: nothing has changed that readers see.
    async fn note_popular(&mut self, counts: &[((i64, &'static str), i64)]) -> Result<()> {
        let ids: Vec<i64> = counts.iter().map(|((id, _), _)| *id).collect();
        let totals = Sql::new("SELECT asset_id, total FROM asset_reads WHERE asset_id IN ").push_list(&ids);
        let totals: HashMap<i64, i64> = self.fetch_all::<(i64, i64)>(totals).await?.into_iter().collect();
        let is_doubled = |id: &i64, count: i64| {
            let total = totals.get(id).copied().unwrap_or_default();
            total >= LEAST && total.ilog2() > (total - count).max(1).ilog2()
        };
        let doubled: Vec<i64> = counts.iter().filter(|((id, _), count)| is_doubled(id, *count)).map(|((id, _), _)| *id).collect();
        let sql = Sql::new("INSERT INTO outbox (asset_id, revision) SELECT id, 0 FROM asset WHERE id IN ").push_list(&doubled);
        if doubled.is_empty() { Ok(()) } else { self.execute(sql).await.map(drop) }
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
