//! References between resources.

use super::sql::Sql;
use super::{Result, Tx};

/// One end of a reference: `from` says in `field` that it refers to `to`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, sqlx::FromRow)]
pub struct Link {
    /// Row id of the resource that refers.
    pub from_id: i64,
    /// The field that refers.
    pub field: String,
    /// Row id of the resource that is referred to.
    pub to_id: i64,
    /// Its place in the field.
    pub position: i64,
}

/// The place of links that were made from the other end: after all that were put in an order.
pub(crate) const APPENDED: i64 = 1_000_000;

impl Tx {
    /// All links that start at these resources.
    pub(crate) async fn links_from(&mut self, ids: &[i64]) -> Result<Vec<Link>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.fetch_all(Sql::new("SELECT from_id, field, to_id, position FROM link WHERE from_id IN ").push_list(ids)).await
    }

    /// Writes links; those that exist already are left.
    pub(crate) async fn insert_links(&mut self, links: &[Link]) -> Result<()> {
        let rows = links.iter().map(|l| vec![l.from_id.into(), l.field.as_str().into(), l.to_id.into(), l.position.into()]).collect();
        let head = format!("{} link (from_id, field, to_id, position) VALUES", self.dialect().insert_ignore());
        self.execute_each(Sql::insert(&head, "", rows)).await
    }

    /// Removes links.
    pub(crate) async fn delete_links(&mut self, links: &[Link]) -> Result<()> {
        for link in links {
            let sql = Sql::new("DELETE FROM link WHERE from_id = ? AND field = ? AND to_id = ?");
            self.execute(sql.bind(link.from_id).bind(link.field.as_str()).bind(link.to_id)).await?;
        }
        Ok(())
    }

    /// The types of resources, by row id.
    pub(crate) async fn types_of(&mut self, ids: &[i64]) -> Result<Vec<(i64, String)>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.fetch_all(Sql::new("SELECT id, resource_type FROM asset WHERE id IN ").push_list(ids)).await
    }
}
