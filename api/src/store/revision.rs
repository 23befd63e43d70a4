//! What resources were before each change.

use super::part::{Part, PartOf};
use super::sql::Sql;
use super::{Db, Result};

/// One state of a resource, the present one or a past one.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct RevisionRow {
    /// Which, counted from 1.
    pub revision: i64,
    /// Its status then.
    pub status: String,
    /// When it came to be.
    pub date_revised: i64,
    /// Who made it, by name.
    pub modified_by: Option<String>,
}

impl Db {
    /// A part of the states of a resource, newest first.
    pub async fn revisions(&self, asset: i64, part: Part) -> Result<PartOf<RevisionRow>> {
        let sql = Sql::new(
            "SELECT r.revision, r.status, CASE WHEN r.date_revised = 0 THEN r.date_modified ELSE r.date_revised END AS date_revised, \
             u.name AS modified_by FROM (\
             SELECT revision, status, date_modified, date_revised, modified_by FROM asset WHERE id = ? UNION ALL \
             SELECT * FROM (SELECT revision, status, date_modified, date_revised, modified_by FROM asset_revision WHERE asset_id = ? \
             ORDER BY revision DESC LIMIT ?) past) r \
             LEFT JOIN account u ON u.id = r.modified_by ORDER BY r.revision DESC",
        );
        // The past states behind the part are not even read.
        self.fetch_part(sql.bind(asset).bind(asset).bind(part.rows_to_end()), part).await
    }

    /// A past state of a resource: status, date of the change, document, links.
    pub async fn revision(&self, asset: i64, revision: i64) -> Result<Option<(String, i64, String, String)>> {
        let sql = Sql::new("SELECT status, date_modified, document, links FROM asset_revision WHERE asset_id = ? AND revision = ?");
        self.fetch_optional(sql.bind(asset).bind(revision)).await
    }
}
