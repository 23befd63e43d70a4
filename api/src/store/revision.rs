//! What resources were before they were changed.

use std::collections::{BTreeMap, HashMap};

use super::sql::Sql;
use super::{Result, Tx};

impl Tx {
    /// Keeps resources as they are now, before a change: document, links, who made this revision and when.
    pub(crate) async fn archive(&mut self, ids: &[i64]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let sql = Sql::new(
            "SELECT l.from_id, l.field, t.identifier FROM link l JOIN asset t ON t.id = l.to_id AND t.alive = 1 WHERE l.from_id IN ",
        );
        let rows: Vec<(i64, String, String)> =
            self.fetch_all(sql.push_list(ids).push(" ORDER BY l.from_id, l.field, l.position, l.to_id")).await?;
        let mut links: HashMap<i64, BTreeMap<String, Vec<String>>> = HashMap::new();
        for (from, field, to) in rows {
            links.entry(from).or_default().entry(field).or_default().push(to);
        }
        // The documents are copied within the database.
        let copy = Sql::new(
            "INSERT INTO asset_revision (asset_id, revision, status, date_modified, modified_by, document, links) \
             SELECT id, revision, status, date_modified, modified_by, document, '{}' FROM asset WHERE id IN ",
        );
        self.execute(copy.push_list(ids)).await?;
        for (id, links) in links {
            let json = serde_json::to_string(&links).unwrap_or_else(|_| "{}".to_owned());
            let sql =
                Sql::new("UPDATE asset_revision SET links = ? WHERE asset_id = ? AND revision = (SELECT revision FROM asset WHERE id = ?)");
            self.execute(sql.bind(json).bind(id).bind(id)).await?;
        }
        Ok(())
    }
}
