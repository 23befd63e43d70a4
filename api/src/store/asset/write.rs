//! Writing rows of resources. Every change is a part of a [`Revision`].

use std::collections::HashMap;

use super::Status;
use crate::store::link::Entry;
use crate::store::revise::Revision;
use crate::store::sql::{Arg, MAX_LISTED, Sql};
use crate::store::{Result, Tx};

/// A resource that is to be registered.
#[derive(Clone, Debug)]
pub struct NewAsset {
    /// Identifier in the catalogue.
    pub identifier: String,
    /// Its type's name.
    pub resource_type: &'static str,
    /// Platform.
    pub platform: Option<String>,
    /// The platform's identifier.
    pub platform_resource_identifier: Option<String>,
    /// Key that is unique on the platform.
    pub platform_key: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its status.
    pub status: Status,
    /// The time of registration.
    pub date: i64,
    /// Hash of what is written.
    pub content_hash: String,
    /// The document.
    pub document: String,
    /// What it refers to, as `store::link::text` writes it.
    pub links: String,
}

/// What a resource that exists says from now on.
#[derive(Clone, Debug)]
pub struct ChangedAsset {
    /// Row id.
    pub id: i64,
    /// Its name.
    pub name: Option<String>,
    /// The time of the change.
    pub date: i64,
    /// Hash of what is written.
    pub content_hash: String,
    /// The document.
    pub document: String,
}

impl Revision<'_> {
    /// Registers resources; their row ids by identifier. Until the commit, a page by cursor waits for this transaction.
    pub(crate) async fn insert_assets(&mut self, assets: Vec<NewAsset>) -> Result<HashMap<String, i64>> {
        let identifiers: Vec<String> = assets.iter().map(|a| a.identifier.clone()).collect();
        if identifiers.is_empty() {
            return Ok(HashMap::new());
        }
        let by = self.by();
        let tx = self.tx();
        tx.share_registering_row().await?;
        let rows = assets.into_iter().map(|asset| asset.row(by)).collect();
        let head = "INSERT INTO asset (identifier, resource_type, platform, platform_resource_identifier, platform_key, name, status, alive, \
                    revision, date_created, date_modified, modified_by, content_hash, document, links) VALUES";
        tx.execute_each(Sql::insert(head, rows)).await?;
        let mut ids = HashMap::with_capacity(identifiers.len());
        for chunk in identifiers.chunks(MAX_LISTED) {
            let sql = Sql::new("SELECT identifier, id FROM asset WHERE identifier IN ").push_list(chunk);
            ids.extend(tx.fetch_all::<(String, i64)>(sql).await?);
        }
        self.add_new(ids.values());
        self.add_authored(ids.values().copied());
        Ok(ids)
    }

    /// Writes what resources, which the transaction has locked, say from now on.
    pub(crate) async fn update_assets(&mut self, changes: Vec<ChangedAsset>) -> Result<()> {
        let ids: Vec<i64> = changes.iter().map(|c| c.id).collect();
        self.add_changed(&ids).await?;
        self.add_authored(ids.iter().copied());
        self.refresh_links_of(ids.iter().copied());
        for change in changes {
            let sql = Sql::new(
                "UPDATE asset SET name = ?, revision = revision + 1, date_revised = 0, date_modified = ?, modified_by = ?, \
                 content_hash = ?, document = ? WHERE id = ?",
            );
            let sql = sql.bind(change.name).bind(change.date).bind(self.by()).bind(change.content_hash).bind(change.document);
            self.tx().execute(sql.bind(change.id)).await?;
        }
        self.tx().date_permissions(&ids).await
    }

    /// Puts resources, which the transaction has locked, into a status. Those that refer to them show them or show them no longer.
    pub(crate) async fn set_status(&mut self, ids: &[i64], status: Status, date: i64) -> Result<()> {
        self.add_changed(ids).await?;
        let seen_anew = self.tx().seen_anew(ids, status).await?;
        for ids in ids.chunks(MAX_LISTED) {
            let sql = Sql::new(
                "UPDATE asset SET status = ?, revision = revision + 1, date_revised = 0, date_modified = ?, modified_by = ? WHERE id IN ",
            );
            let sql = sql.bind(status.as_str()).bind(date).bind(self.by());
            self.tx().execute(sql.push_list(ids)).await?;
        }
        if status == Status::Published {
            self.tx().delete_authors(ids).await?;
        }
        self.tx().date_permissions(ids).await?;
        self.rename_in_links(&seen_anew, Entry::of(status)).await
    }

    /// Marks a resource, which the transaction has locked, as deleted. Those that refer to it show it no longer.
    pub(crate) async fn delete_asset(&mut self, id: i64, identifier: &str, date: i64) -> Result<()> {
        self.add_changed(&[id]).await?;
        let sql = Sql::new(
            "UPDATE asset SET alive = NULL, date_deleted = ?, date_revised = ?, revision = revision + 1, modified_by = ? WHERE id = ?",
        );
        let sql = sql.bind(date).bind(date).bind(self.by()).bind(id);
        self.tx().execute(sql).await?;
        self.rename_in_links(&[(id, identifier.to_owned())], Entry::Absent).await
    }
}

impl Tx {
    /// Those of these resources, with their identifiers, that a change of status publishes, or hides.
    async fn seen_anew(&mut self, ids: &[i64], status: Status) -> Result<Vec<(i64, String)>> {
        let published = Status::Published.as_str();
        let is = if status == Status::Published { "<>" } else { "=" };
        let mut found = Vec::new();
        for ids in ids.chunks(MAX_LISTED) {
            let sql = Sql::new(format!("SELECT id, identifier FROM asset WHERE status {is} ? AND id IN ")).bind(published);
            found.extend(self.fetch_all::<(i64, String)>(sql.push_list(ids)).await?);
        }
        Ok(found)
    }

    /// Row ids of resources that were deleted before a time, at most `limit`.
    pub(crate) async fn deleted_before(&mut self, date: i64, limit: i64) -> Result<Vec<i64>> {
        let sql = Sql::new("SELECT id FROM asset WHERE alive IS NULL AND date_deleted < ? ORDER BY date_deleted LIMIT ?");
        Ok(self.fetch_all::<(i64,)>(sql.bind(date).bind(limit)).await?.into_iter().map(|(id,)| id).collect())
    }

    /// Removes deleted resources for good, with all that belongs to them. This is no revision: nobody could read them any more.
    pub(crate) async fn purge(&mut self, ids: &[i64]) -> Result<()> {
        let statements = [
            "DELETE FROM link WHERE from_id IN ",
            "DELETE FROM link WHERE to_id IN ",
            "DELETE FROM asset_term WHERE asset_id IN ",
            "DELETE FROM permission WHERE asset_id IN ",
            "DELETE FROM asset_revision WHERE asset_id IN ",
            "DELETE FROM asset_author WHERE asset_id IN ",
            "DELETE FROM submission_asset WHERE asset_id IN ",
            "DELETE FROM bookmark WHERE asset_id IN ",
            "DELETE FROM asset_reads WHERE asset_id IN ",
            "DELETE FROM image WHERE asset_id IN ",
            "DELETE FROM search_failure WHERE asset_id IN ",
            "DELETE FROM asset WHERE id IN ",
        ];
        for text in statements {
            self.execute(Sql::new(text).push_list(ids)).await?;
        }
        Ok(())
    }
}

impl NewAsset {
    /// Its row: alive, of revision 1.
    fn row(self, by: Option<i64>) -> Vec<Arg> {
        vec![
            self.identifier.into(),
            self.resource_type.into(),
            self.platform.into(),
            self.platform_resource_identifier.into(),
            self.platform_key.into(),
            self.name.into(),
            self.status.as_str().into(),
            1_i64.into(),
            1_i64.into(),
            self.date.into(),
            self.date.into(),
            by.into(),
            self.content_hash.into(),
            self.document.into(),
            self.links.into(),
        ]
    }
}
