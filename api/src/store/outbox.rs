//! What changed, in the transaction that changed it.

use super::sql::Sql;
use super::{Result, Tx};

impl Tx {
    /// Notes that these resources changed, with the revisions that they have now.
    pub(crate) async fn note_changes(&mut self, ids: &[i64]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        for ids in ids.chunks(4_000) {
            let sql = Sql::new("INSERT INTO outbox (asset_id, revision) SELECT id, revision FROM asset WHERE id IN ")
                .push_list(ids)
                .push(" ORDER BY id");
            self.execute(sql).await?;
        }
        Ok(())
    }
}
