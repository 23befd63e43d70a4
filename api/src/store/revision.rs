//! What resources were before each change. Past states are compressed: most of them are never read.

use std::io;

use super::part::{Part, PartOf};
use super::sql::{Arg, MAX_LISTED, Sql};
use super::{Db, Result, StoreError, Tx, now};

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

/// What a resource was, as it can be read.
#[derive(Clone, Debug)]
pub struct PastRevision {
    /// Its status then.
    pub status: String,
    /// When its metadata last changed.
    pub date_modified: i64,
    /// Its document.
    pub document: String,
    /// What it said that it refers to; [`crate::store::link::linked`] reads it.
    pub links: String,
}

/// A state that is about to be a past one.
#[derive(Debug, sqlx_macros::FromRow)]
pub(super) struct PastState {
    id: i64,
    revision: i64,
    status: String,
    date_modified: i64,
    modified_by: Option<i64>,
    date_revised: i64,
    document: String,
    links: String,
}

impl PastState {
    /// Finds the present states of resources; a list of their row ids follows.
    pub(super) const PRESENT: &str =
        "SELECT id, revision, status, date_modified, modified_by, date_revised, document, links FROM asset WHERE id IN ";

    /// Its row: the document and the links are in the last column.
    fn row(self, date_replaced: i64, packer: &mut Packer) -> Result<Vec<Arg>> {
        let packed = packer.pack(&self.links, &self.document)?;
        Ok(vec![
            self.id.into(),
            self.revision.into(),
            self.status.into(),
            self.date_modified.into(),
            self.modified_by.into(),
            self.date_revised.into(),
            "{}".into(),
            "".into(),
            date_replaced.into(),
            packed.into(),
        ])
    }
}

impl Tx {
    /// Writes states that are past ones from now on.
    pub(super) async fn insert_past_states(&mut self, states: Vec<PastState>) -> Result<()> {
        let (now, mut packer) = (now(), Packer::new()?);
        let rows = states.into_iter().map(|state| state.row(now, &mut packer)).collect::<Result<_>>()?;
        let head = "INSERT INTO asset_revision (asset_id, revision, status, date_modified, modified_by, date_revised, document, links, \
                    date_replaced, packed) VALUES";
        self.execute_each(Sql::insert(head, rows)).await
    }

    /// Removes past states that were replaced before a time, at most `limit`; how many.
    pub(crate) async fn delete_revisions_before(&mut self, date: i64, limit: i64) -> Result<u64> {
        let old = Sql::new("SELECT asset_id, revision FROM asset_revision WHERE date_replaced < ? ORDER BY date_replaced LIMIT ?");
        let old: Vec<(i64, i64)> = self.fetch_all(old.bind(date).bind(limit)).await?;
        if old.is_empty() {
            return Ok(0);
        }
        let assets: Vec<i64> = old.iter().map(|(asset, _)| *asset).collect();
        let rows: Vec<[Arg; 2]> = old.into_iter().map(|(asset, revision)| [asset.into(), revision.into()]).collect();
        // By the key's first column as well: for rows of values alone, SQLite and MariaDB read the whole table.
        let sql = Sql::new("DELETE FROM asset_revision WHERE asset_id IN ").push_list(&assets);
        self.execute(sql.push(" AND (asset_id, revision) IN ").push_rows(&rows)).await
    }

    /// Removes all but the newest past states of resources, of which the newest past revision is given; how many.
    pub(crate) async fn delete_revisions_but(&mut self, most: i64, newest: &[(i64, i64)]) -> Result<u64> {
        let mut removed = 0;
        for (asset, revision) in newest {
            let sql = Sql::new("DELETE FROM asset_revision WHERE asset_id = ? AND revision <= ?");
            removed += self.execute(sql.bind(*asset).bind(revision - most)).await?;
        }
        Ok(removed)
    }

    /// Notes an account as author of those of these resources that are not published.
    pub(super) async fn add_author(&mut self, account: i64, assets: &[i64]) -> Result<()> {
        for assets in assets.chunks(MAX_LISTED) {
            let sql = Sql::new(format!("{} asset_author (asset_id, account_id) SELECT id, ", self.dialect().insert_ignore()));
            let sql = sql.push("? FROM asset WHERE status <> 'published' AND id IN ").bind(account).push_list(assets);
            self.execute(sql).await?;
        }
        Ok(())
    }

    /// Forgets the authors of resources that are published.
    pub(super) async fn delete_authors(&mut self, assets: &[i64]) -> Result<()> {
        for assets in assets.chunks(MAX_LISTED) {
            self.execute(Sql::new("DELETE FROM asset_author WHERE asset_id IN ").push_list(assets)).await?;
        }
        Ok(())
    }

    /// Whether an account wrote one of these resources since they were last published.
    pub(crate) async fn is_author(&mut self, account: i64, assets: &[i64]) -> Result<bool> {
        for assets in assets.chunks(MAX_LISTED) {
            let sql = Sql::new("SELECT asset_id FROM asset_author WHERE account_id = ? AND asset_id IN ").bind(account);
            if self.fetch_optional::<(i64,)>(sql.push_list(assets).push(" LIMIT 1")).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
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

    /// The last of the next so many resources after a row id.
    pub async fn last_of_next(&self, after: i64, count: i64) -> Result<Option<i64>> {
        let sql = Sql::new("SELECT MAX(id) FROM (SELECT id FROM asset WHERE id > ? ORDER BY id LIMIT ?) next");
        Ok(self.fetch_optional::<(Option<i64>,)>(sql.bind(after).bind(count)).await?.and_then(|(last,)| last))
    }

    /// Those of the resources after a row id and up to another that have more past states than `most`, with the newest of these.
    pub async fn with_more_revisions(&self, most: i64, after: i64, last: i64) -> Result<Vec<(i64, i64)>> {
        let sql = Sql::new(
            "SELECT asset_id, MAX(revision) FROM asset_revision WHERE asset_id > ? AND asset_id <= ? GROUP BY asset_id HAVING COUNT(*) > ?",
        );
        self.fetch_all(sql.bind(after).bind(last).bind(most)).await
    }

    /// A past state of a resource.
    pub async fn revision(&self, asset: i64, revision: i64) -> Result<Option<PastRevision>> {
        type Columns = (String, i64, String, String, Option<Vec<u8>>);
        let sql = Sql::new("SELECT status, date_modified, document, links, packed FROM asset_revision WHERE asset_id = ? AND revision = ?");
        let row: Option<Columns> = self.fetch_optional(sql.bind(asset).bind(revision)).await?;
        let unpacked = |(status, date_modified, document, links, packed): Columns| {
            let (links, document) = packed.map_or(Ok((links, document)), |packed| unpack(&packed))?;
            Ok(PastRevision { status, date_modified, document, links })
        };
        row.map(unpacked).transpose()
    }
}

/// Compresses past states.
struct Packer(zstd::bulk::Compressor<'static>);

impl Packer {
    fn new() -> Result<Self> {
        // Higher levels take many times as long, and save a few percent of documents of some kilobytes.
        Ok(Self(zstd::bulk::Compressor::new(zstd::DEFAULT_COMPRESSION_LEVEL).map_err(StoreError::Packed)?))
    }

    /// Links and document in one block: neither holds a NUL.
    fn pack(&mut self, links: &str, document: &str) -> Result<Vec<u8>> {
        self.0.compress(format!("{links}\0{document}").as_bytes()).map_err(StoreError::Packed)
    }
}

/// The links and the document that were packed.
fn unpack(packed: &[u8]) -> Result<(String, String)> {
    let bytes = zstd::stream::decode_all(packed).map_err(StoreError::Packed)?;
    let text = String::from_utf8(bytes).map_err(|error| StoreError::Packed(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    let parts = text.split_once('\0').ok_or_else(|| StoreError::Packed(io::ErrorKind::InvalidData.into()))?;
    Ok((parts.0.to_owned(), parts.1.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        let document = format!(r#"{{"name":"{}"}}"#, "ä word ".repeat(1_000));
        let mut packer = Packer::new().unwrap();
        for links in ["", "creator con_a\nhas_part !data_b"] {
            let packed = packer.pack(links, &document).unwrap();
            assert!(packed.len() < document.len() / 10, "{}", packed.len());
            assert_eq!(unpack(&packed).unwrap(), (links.to_owned(), document.clone()));
        }
        assert!(unpack(b"nothing").is_err());
    }
}
