//! Finding and locking resources that a transaction is about to change or to refer to.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Status, may_identify};
use crate::store::sql::{MAX_LISTED, Sql};
use crate::store::{Result, Tx};

/// A resource's row without its document: what rules and writes need.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct Head {
    /// Row id.
    pub id: i64,
    /// Identifier in the catalogue.
    pub identifier: String,
    /// Its type's name.
    pub resource_type: String,
    /// Platform.
    pub platform: Option<String>,
    /// The platform's identifier.
    pub platform_resource_identifier: Option<String>,
    /// Key that is unique on the platform.
    pub platform_key: Option<String>,
    /// Status as stored.
    pub status: String,
    /// Counts the changes, from 1.
    pub revision: i64,
    /// When it was registered.
    pub date_created: i64,
    /// When it was deleted.
    pub date_deleted: Option<i64>,
    /// Hash of what was last written.
    pub content_hash: String,
}

const HEAD: &str = "SELECT id, identifier, resource_type, platform, platform_resource_identifier, platform_key, status, revision, \
    date_created, date_deleted, content_hash FROM asset";

impl Head {
    /// Its status.
    pub fn status(&self) -> Status {
        Status::parse(&self.status)
    }
}

/// A living resource that others may refer to.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct LivingRow {
    /// Row id.
    pub id: i64,
    /// Identifier in the catalogue.
    pub identifier: String,
    /// Its type's name.
    pub resource_type: String,
    /// Status as stored.
    pub status: String,
    /// Platform.
    pub platform: Option<String>,
}

/// What a resource says of itself, as it is stored.
#[derive(Clone, Debug)]
pub struct StoredBody {
    /// Its type's name.
    pub resource_type: String,
    /// The document.
    pub document: String,
    /// Its links to living resources, in order: field and identifier.
    pub links: Vec<(String, String)>,
}

impl Tx {
    /// The head of the resource with this identifier, deleted or not, locked for this transaction.
    pub(crate) async fn lock_head(&mut self, identifier: &str) -> Result<Option<Head>> {
        if !may_identify(identifier) {
            return Ok(None);
        }
        self.fetch_optional(Sql::new(HEAD).push(" WHERE identifier = ?").push(self.dialect().for_update()).bind(identifier)).await
    }

    /// The heads of living resources of one type and platform, by their keys there, locked for this transaction. Where the keys are so many
    /// that they take several statements, all writers lock them in the order of the keys.
    pub(crate) async fn lock_on_platform(&mut self, resource_type: &str, platform: &str, keys: &[String]) -> Result<Vec<Head>> {
        let mut keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        keys.sort_unstable();
        let mut heads = Vec::with_capacity(keys.len());
        for keys in keys.chunks(MAX_LISTED) {
            let sql = Sql::new(HEAD).push(" WHERE resource_type = ? AND platform = ? AND alive = 1 AND platform_key IN ");
            let sql = sql.bind(resource_type).bind(platform).push_list(keys).push(" ORDER BY id").push(self.dialect().for_update());
            heads.extend(self.fetch_all::<Head>(sql).await?);
        }
        Ok(heads)
    }

    /// The living resource that has this key on a platform.
    pub(crate) async fn on_platform(&mut self, resource_type: &str, platform: &str, key: &str) -> Result<Option<Head>> {
        let sql = Sql::new(HEAD).push(" WHERE resource_type = ? AND platform = ? AND platform_key = ? AND alive = 1");
        self.fetch_optional(sql.bind(resource_type).bind(platform).bind(key)).await
    }

    /// The living resources with these identifiers. Until this transaction ends, nobody else changes them: whoever refers to them stores
    /// their status.
    ///
    /// It may make links to `linked` of them that they show, too. Those of these that nobody linked to before are locked for writing at
    /// once, see `mark_linked`: two writers who shared them first would then wait for each other.
    pub(crate) async fn find_living(&mut self, identifiers: &[String], linked: &BTreeSet<&String>) -> Result<Vec<LivingRow>> {
        let identifiers: Vec<&String> = identifiers.iter().filter(|i| may_identify(i)).collect();
        let (mut ids, mut unlinked) = (BTreeSet::new(), BTreeSet::new());
        for chunk in identifiers.chunks(MAX_LISTED) {
            let sql = Sql::new("SELECT id, identifier, is_linked FROM asset WHERE alive = 1 AND identifier IN ").push_list(chunk);
            for (id, identifier, is_linked) in self.fetch_all::<(i64, String, i64)>(sql).await? {
                ids.insert(id);
                if is_linked == 0 && linked.contains(&identifier) {
                    unlinked.insert(id);
                }
            }
        }
        self.lock_rows(&unlinked).await?;
        let ids: Vec<i64> = ids.into_iter().collect();
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(MAX_LISTED) {
            // By their ids: by another index, MySQL would lock them in its order.
            let sql = Sql::new("SELECT id, identifier, resource_type, status, platform FROM asset WHERE alive = 1 AND id IN ");
            found.extend(self.fetch_all(sql.push_list(ids).push(" ORDER BY id").push(self.dialect().for_share())).await?);
        }
        Ok(found)
    }

    /// Locks rows in the order of their ids. All writers keep this order, so that deadlocks are rare.
    pub(in crate::store) async fn lock_rows(&mut self, ids: &BTreeSet<i64>) -> Result<()> {
        let ids: Vec<i64> = ids.iter().copied().collect();
        for ids in ids.chunks(MAX_LISTED) {
            let sql = Sql::new("SELECT id FROM asset WHERE id IN ").push_list(ids).push(" ORDER BY id").push(self.dialect().for_update());
            self.fetch_all::<(i64,)>(sql).await?;
        }
        Ok(())
    }

    /// The types of resources, by row id.
    pub(crate) async fn types_of(&mut self, ids: &[i64]) -> Result<Vec<(i64, String)>> {
        let mut found = Vec::new();
        for ids in ids.chunks(MAX_LISTED) {
            let sql = Sql::new("SELECT id, resource_type FROM asset WHERE id IN ").push_list(ids);
            found.extend(self.fetch_all::<(i64, String)>(sql).await?);
        }
        Ok(found)
    }

    /// Those of these resources, which the transaction has locked, that have exactly these documents.
    pub(crate) async fn with_documents(&mut self, documents: &[(i64, &str)]) -> Result<HashSet<i64>> {
        /// How many documents are in memory at once, beside the given ones.
        const AT_ONCE: usize = 32;
        let mut same = HashSet::new();
        for documents in documents.chunks(AT_ONCE) {
            let ids: Vec<i64> = documents.iter().map(|(id, _)| *id).collect();
            let stored: HashMap<i64, String> = self.stored_documents(&ids).await?.into_iter().collect();
            let is_same = |(id, document): &&(i64, &str)| stored.get(id).is_some_and(|stored| stored == document);
            same.extend(documents.iter().filter(is_same).map(|(id, _)| *id));
        }
        Ok(same)
    }

    /// The documents of resources, by row id.
    pub(crate) async fn stored_documents(&mut self, ids: &[i64]) -> Result<Vec<(i64, String)>> {
        let mut found = Vec::new();
        for ids in ids.chunks(MAX_LISTED) {
            found.extend(self.fetch_all(Sql::new("SELECT id, document FROM asset WHERE id IN ").push_list(ids)).await?);
        }
        Ok(found)
    }

    /// What a resource says of itself.
    pub(crate) async fn stored_body(&mut self, id: i64) -> Result<StoredBody> {
        let asset = Sql::new("SELECT resource_type, document FROM asset WHERE id = ?").bind(id);
        let (resource_type, document) = self.fetch_optional::<(String, String)>(asset).await?.unwrap_or_default();
        let links = Sql::new(
            "SELECT l.field, t.identifier FROM link l JOIN asset t ON t.id = l.to_id AND t.alive = 1 WHERE l.from_id = ? \
             ORDER BY l.field, l.position, l.to_id",
        );
        Ok(StoredBody { resource_type, document, links: self.fetch_all(links.bind(id)).await? })
    }
}
