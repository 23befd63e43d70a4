//! Reading resources by their identifiers, and counting them.

use std::collections::HashMap;

use super::{Sort, Status, is_padded, may_identify};
use crate::store::link::{OtherLink, with_others};
use crate::store::part::{Part, PartOf};
use crate::store::readers::Weighed;
use crate::store::sql::{MAX_LISTED, Sql};
use crate::store::{Db, Result};

/// A resource as it is read. Its row holds all that the answer needs.
#[derive(Clone, Debug)]
pub struct ReadRow {
    /// Row id.
    pub id: i64,
    /// Its identifier.
    pub identifier: String,
    /// Its platform.
    pub platform: Option<String>,
    /// Its status.
    pub status: Status,
    /// Its revision.
    pub revision: i64,
    /// When it was registered.
    pub date_created: i64,
    /// When it last changed.
    pub date_modified: i64,
    /// When it was deleted.
    pub date_deleted: Option<i64>,
    /// Its document.
    pub document: String,
    /// What it refers to; [`crate::store::link::linked`] reads it.
    pub links: String,
    /// Whether others may have made links of it.
    pub is_linked: bool,
}

/// The columns of [`read`], in its order.
type ReadColumns = (i64, String, Option<String>, String, i64, i64, i64, Option<i64>, String, String, i64);

/// Columns are read by their places: to look up a column by its name took as long as to read its value.
impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for ReadRow
where
    ReadColumns: sqlx::FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let (id, identifier, platform, status, revision, date_created, date_modified, date_deleted, document, links, is_linked) =
            ReadColumns::from_row(row)?;
        let status = Status::parse(&status);
        let is_linked = is_linked == 1;
        Ok(Self { id, identifier, platform, status, revision, date_created, date_modified, date_deleted, document, links, is_linked })
    }
}

/// The beginning of a statement that reads resources `a`.
pub(super) fn read() -> Sql {
    Sql::new(
        "SELECT a.id, a.identifier, a.platform, a.status, a.revision, a.date_created, a.date_modified, a.date_deleted, a.document, a.links, \
         a.is_linked FROM ",
    )
}

impl Weighed for ReadRow {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.document.len() + self.links.len()
    }
}

impl Db {
    /// The resources that a statement finds, with the links that others made; together they may have this many bytes. As a part of the
    /// statement, looking for these links would make every read on MySQL a third slower.
    pub(super) async fn fetch_rows(&self, sql: Sql, most: usize) -> Result<Vec<ReadRow>> {
        let mut rows: Vec<ReadRow> = self.fetch_within(sql, most).await?;
        let linked: Vec<i64> = rows.iter().filter(|row| row.is_linked).map(|row| row.id).collect();
        if linked.is_empty() {
            return Ok(rows);
        }
        let left = most.saturating_sub(rows.iter().map(Weighed::weight).sum());
        let others = self.links_of_others(&linked, left).await?;
        let by_resource: HashMap<i64, &[OtherLink]> =
            others.chunk_by(|a, b| a.from_id == b.from_id).filter_map(|links| Some((links.first()?.from_id, links))).collect();
        for row in &mut rows {
            if let Some(links) = by_resource.get(&row.id) {
                row.links = with_others(&row.links, links);
            }
        }
        Ok(rows)
    }

    /// The resource with this identifier, deleted or not; it may have this many bytes.
    pub async fn read_by_identifier(&self, identifier: &str, most: usize) -> Result<Option<ReadRow>> {
        if !may_identify(identifier) {
            return Ok(None);
        }
        Ok(self.fetch_rows(read().push("asset a WHERE a.identifier = ?").bind(identifier), most).await?.pop())
    }

    /// The resources with these identifiers, deleted or not, in no order; together they may have this many bytes.
    pub async fn read_by_identifiers(&self, identifiers: &[&str], most: usize) -> Result<Vec<ReadRow>> {
        let mut found: Vec<ReadRow> = Vec::with_capacity(identifiers.len());
        let mut left = most;
        for chunk in identifiers.chunks(MAX_LISTED) {
            let rows = self.fetch_rows(read().push("asset a WHERE a.identifier IN ").push_list(chunk), left).await?;
            left = left.saturating_sub(rows.iter().map(Weighed::weight).sum());
            found.extend(rows);
        }
        Ok(found)
    }

    /// The resources with these row ids, deleted or not, in no order; together they may have this many bytes.
    pub async fn read_by_ids(&self, ids: &[i64], most: usize) -> Result<Vec<ReadRow>> {
        self.fetch_rows(read().push("asset a WHERE a.id IN ").push_list(ids), most).await
    }

    /// The living resource with this key on a platform; without one, the latest deleted.
    /// It may have this many bytes.
    pub async fn read_by_platform(&self, resource_type: &str, platform: &str, key: &str, most: usize) -> Result<Option<ReadRow>> {
        if is_padded(platform) || is_padded(key) {
            return Ok(None);
        }
        let which = "asset a WHERE a.resource_type = ? AND a.platform = ? AND a.platform_key = ? ORDER BY a.alive DESC, a.id DESC LIMIT 1";
        Ok(self.fetch_rows(read().push(which).bind(resource_type).bind(platform).bind(key), most).await?.pop())
    }

    /// A part of the living resources on which an account has admin permission, with the names of their types; in the order of their
    /// last change or of their registration.
    pub async fn administered_by(
        &self,
        account: i64,
        sort: Sort,
        descending: bool,
        part: Part,
        most: usize,
    ) -> Result<PartOf<(String, ReadRow)>> {
        // In the order of an index: what a page costs does not depend on how many resources the account has.
        let (index, order) = match sort {
            Sort::DateModified => ("permission_by_date", ["p.date_modified ", "p.asset_id "].as_slice()),
            // Row ids are in the order of registration.
            Sort::DateCreated => ("permission_by_account", ["p.asset_id "].as_slice()),
        };
        let direction = if descending { "DESC" } else { "ASC" };
        let order: Vec<String> = order.iter().map(|column| format!("{column}{direction}")).collect();
        let sql = Sql::new(format!(
            "SELECT a.identifier, a.resource_type FROM permission p{} CROSS JOIN asset a ON a.id = p.asset_id AND a.alive = 1 \
             WHERE p.account_id = ? AND p.kind = 'admin' ORDER BY {}",
            self.dialect().by_index(index),
            order.join(", ")
        ));
        let chosen: PartOf<(String, String)> = self.fetch_part(sql.bind(account), part).await?;
        let identifiers: Vec<&str> = chosen.items.iter().map(|(identifier, _)| identifier.as_str()).collect();
        let rows = self.read_by_identifiers(&identifiers, most).await?;
        let mut rows: HashMap<String, ReadRow> = rows.into_iter().map(|row| (row.identifier.clone(), row)).collect();
        let has_more = chosen.has_more;
        let of_part = chosen.items.into_iter().filter_map(|(identifier, type_name)| Some((type_name, rows.remove(&identifier)?)));
        Ok(PartOf { items: of_part.collect(), has_more })
    }

    /// Whether there are resources, deleted ones counted, that are not of this platform.
    pub async fn has_assets_besides(&self, platform: &str) -> Result<bool> {
        let sql = Sql::new("SELECT id FROM asset WHERE platform IS NULL OR platform <> ? LIMIT 1").bind(platform);
        Ok(self.fetch_optional::<(i64,)>(sql).await?.is_some())
    }
}
