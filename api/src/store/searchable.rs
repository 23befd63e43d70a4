//! What the search index is made of.

use super::sql::{MAX_LISTED, Sql};
use super::{Db, Result};

/// A published resource as the index wants it.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct SearchableRow {
    /// Row id.
    pub id: i64,
    /// Its identifier.
    pub identifier: String,
    /// Its type's name.
    pub resource_type: String,
    /// Its platform.
    pub platform: Option<String>,
    /// Its revision.
    pub revision: i64,
    /// When its metadata last changed.
    pub date_modified: i64,
    /// When it was registered.
    pub date_created: i64,
    /// Its document.
    pub document: String,
    /// What it refers to.
    pub links: String,
    /// How often it was read.
    pub times_read: i64,
}

/// A published resource as those know it that are linked to it.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct LinkedRow {
    /// Its identifier.
    pub identifier: String,
    /// Its type's name.
    pub resource_type: String,
    /// Its platform.
    pub platform: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// What identifies it in the world, with blanks between.
    pub identifiers: String,
}

const SEARCHABLE: &str = "SELECT a.id, a.identifier, a.resource_type, a.platform, a.revision, a.date_modified, a.date_created, a.document, a.links, \
    COALESCE(r.total, 0) AS times_read FROM asset a LEFT JOIN asset_reads r ON r.asset_id = a.id";

impl Db {
    /// Those of these resources that are published.
    pub async fn searchable(&self, ids: &[i64]) -> Result<Vec<SearchableRow>> {
        let sql = Sql::new(SEARCHABLE).push(" WHERE a.status = 'published' AND a.alive = 1 AND a.id IN ").push_list(ids);
        self.fetch_all(sql).await
    }

    /// How many bytes the documents of those of these resources have that are published.
    pub async fn searchable_bytes(&self, ids: &[i64]) -> Result<Vec<(i64, i64)>> {
        let bytes = self.dialect().bytes_of("document");
        let sql = Sql::new(format!("SELECT id, {bytes} FROM asset WHERE status = 'published' AND alive = 1 AND id IN ")).push_list(ids);
        self.fetch_all(sql).await
    }

    /// Published resources after one row id and up to another one, in order, and how many bytes their documents have.
    pub async fn searchable_bytes_between(&self, after: i64, last: i64) -> Result<Vec<(i64, i64)>> {
        let bytes = self.dialect().bytes_of("document");
        let sql = format!("SELECT id, {bytes} FROM asset WHERE id > ? AND id <= ? AND status = 'published' AND alive = 1 ORDER BY id");
        self.fetch_all(Sql::new(sql).bind(after).bind(last)).await
    }

    /// The row id that so many rows lie up to, after another one; `None` at the end.
    pub async fn row_id_after(&self, id: i64, rows: i64) -> Result<Option<i64>> {
        let sql = Sql::new("SELECT MAX(id) FROM (SELECT id FROM asset WHERE id > ? ORDER BY id LIMIT ?) chosen").bind(id).bind(rows);
        Ok(self.fetch_optional::<(Option<i64>,)>(sql).await?.and_then(|(id,)| id))
    }

    /// The greatest row id of a resource.
    pub async fn last_row_id(&self) -> Result<i64> {
        let last = self.fetch_optional::<(Option<i64>,)>(Sql::new("SELECT MAX(id) FROM asset")).await?;
        Ok(last.and_then(|(id,)| id).unwrap_or_default())
    }

    /// Row ids and revisions of published resources, after one row id and up to another one, in order.
    pub async fn published_between(&self, after: i64, last: i64) -> Result<Vec<(i64, i64)>> {
        let sql = "SELECT id, revision FROM asset WHERE id > ? AND id <= ? AND status = 'published' AND alive = 1 ORDER BY id";
        self.fetch_all(Sql::new(sql).bind(after).bind(last)).await
    }

    /// How many resources are published, by the counts that are kept.
    pub async fn count_published(&self) -> Result<i64> {
        let kept =
            "SELECT COALESCE((SELECT SUM(total) FROM resource_count), 0) + COALESCE((SELECT SUM(amount) FROM resource_count_change), 0)";
        let sql = Sql::new(format!("SELECT CAST(n AS SIGNED) FROM ({kept} AS n) counted"));
        Ok(self.fetch_optional::<(i64,)>(sql).await?.map_or(0, |(n,)| n))
    }

    /// Those of these resources that are published, as others know them. `identifying` are the fields that identify them.
    pub async fn linked_rows(&self, identifiers: &[&str], identifying: &[&str]) -> Result<Vec<LinkedRow>> {
        let text = |field: &&str| format!("COALESCE({}, '')", self.dialect().json_text("document", field));
        let texts = identifying.iter().map(text).chain(["''".to_owned()]).collect::<Vec<_>>().join(" || ' ' || ");
        let mut found = Vec::with_capacity(identifiers.len());
        for identifiers in identifiers.chunks(MAX_LISTED) {
            let select = format!("SELECT identifier, resource_type, platform, name, {texts} AS identifiers FROM asset");
            let sql = Sql::new(select).push(" WHERE status = 'published' AND alive = 1 AND identifier IN ").push_list(identifiers);
            found.extend(self.fetch_all::<LinkedRow>(sql).await?);
        }
        Ok(found)
    }

    /// Resources that say links to these in these fields: the next after a row id, in order.
    pub async fn namers(&self, ids: &[i64], fields: &[&str], after: i64, limit: i64) -> Result<Vec<i64>> {
        let sql = Sql::new("SELECT DISTINCT from_id FROM link WHERE to_id IN ").push_list(ids).push(" AND field IN ").push_list(fields);
        let sql = sql.push(" AND from_id > ? ORDER BY from_id LIMIT ?").bind(after).bind(limit);
        Ok(self.fetch_all::<(i64,)>(sql).await?.into_iter().map(|(id,)| id).collect())
    }

    /// Notes a resource that the index refused, and why.
    pub async fn add_search_failure(&self, id: i64, reason: &str) -> Result<()> {
        self.execute(Sql::new("DELETE FROM search_failure WHERE asset_id = ?").bind(id)).await?;
        let sql = format!("{} search_failure (asset_id, reason, date_failed) VALUES (?, ?, ?)", self.dialect().insert_ignore());
        self.execute(Sql::new(sql).bind(id).bind(reason).bind(super::now())).await.map(drop)
    }

    /// Forgets that the index refused these resources.
    pub async fn remove_search_failures(&self, ids: &[i64]) -> Result<()> {
        let any = self.fetch_optional::<(i64,)>(Sql::new("SELECT asset_id FROM search_failure LIMIT 1")).await?;
        for ids in ids.chunks(MAX_LISTED).filter(|_| any.is_some()) {
            self.execute(Sql::new("DELETE FROM search_failure WHERE asset_id IN ").push_list(ids)).await?;
        }
        Ok(())
    }

    /// Resources that the index refused: row ids, identifiers, reasons and dates, the next after a row id.
    pub async fn search_failures(&self, after: i64, limit: i64) -> Result<Vec<(i64, String, String, i64)>> {
        let sql = "SELECT f.asset_id, a.identifier, f.reason, f.date_failed FROM search_failure f JOIN asset a ON a.id = f.asset_id \
                   WHERE f.asset_id > ? ORDER BY f.asset_id LIMIT ?";
        self.fetch_all(Sql::new(sql).bind(after).bind(limit)).await
    }

    /// Has the index read these resources once more. Revision 0: nothing has changed that readers see.
    pub async fn note_for_search(&self, ids: &[i64]) -> Result<()> {
        for ids in ids.chunks(MAX_LISTED) {
            let sql = Sql::new("INSERT INTO outbox (asset_id, revision) SELECT id, 0 FROM asset WHERE id IN ").push_list(ids);
            self.execute(sql).await?;
        }
        Ok(())
    }
}
