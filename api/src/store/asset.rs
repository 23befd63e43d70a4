//! Rows of resources.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

pub use aiod_schema::Status;
use tokio::sync::Mutex;

use super::dialect::Dialect;
use super::sql::{Arg, Sql};
use super::{ATTEMPTS, Db, Result, Tx, now, pause};

/// For how long registering a resource may be under way, in microseconds.
const REGISTERING: i64 = 5 * 60 * 1_000_000;

/// The row that whoever registers shares until the commit; MySQL alone has it.
const REGISTERING_ROW: &str = "SELECT name FROM lease WHERE name = 'registering'";

/// Waits for those who are registering, for all who ask at once: whoever waits for them holds up those who come after them, so
/// that a round serves everybody who asked before it began, and there are few of them. The time is when the latest began.
#[derive(Debug, Default)]
pub struct Registrations(Mutex<Option<Instant>>);

impl Registrations {
    /// What lies between the beginnings of two rounds at least.
    const APART: Duration = Duration::from_millis(100);
}

/// A resource's row without its document: what rules and writes need.
#[derive(Clone, Debug, sqlx::FromRow)]
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

/// A resource as it is read: all that its answer needs is in its row.
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
    /// What it refers to; [`super::link::linked`] reads it.
    pub links: String,
}

/// The columns of [`READ`], in its order.
type ReadColumns = (i64, String, Option<String>, String, i64, i64, i64, Option<i64>, String, String);

/// By their places: looking each column up by its name took as long as its value.
impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for ReadRow
where
    ReadColumns: sqlx::FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let (id, identifier, platform, status, revision, date_created, date_modified, date_deleted, document, links) =
            ReadColumns::from_row(row)?;
        let status = Status::parse(&status);
        Ok(Self { id, identifier, platform, status, revision, date_created, date_modified, date_deleted, document, links })
    }
}

const READ: &str = "SELECT a.id, a.identifier, a.platform, a.status, a.revision, a.date_created, a.date_modified, a.date_deleted, \
    a.document, a.links FROM ";

aiod_schema::choice! {
    /// What a page is ordered by.
    pub enum Sort = "Sort" {
        /// When the resource was registered.
        DateCreated = "date_created",
        /// When its metadata last changed.
        DateModified = "date_modified",
    }
}

impl Sort {
    fn column(self) -> &'static str {
        self.as_str()
    }
}

/// Which resources a page holds.
#[derive(Clone, Debug)]
pub struct PageQuery {
    /// The type's name.
    pub resource_type: &'static str,
    /// Only those of this platform.
    pub platform: Option<String>,
    /// Changed at or after this time.
    pub modified_from: Option<i64>,
    /// Changed before this time.
    pub modified_before: Option<i64>,
    /// The order, unless a cursor gives it.
    pub sort: Sort,
    /// Newest first.
    pub descending: bool,
    /// At most so many.
    pub limit: i64,
    /// Where the page begins.
    pub start: Start,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// After so many resources.
    Offset(i64),
    /// After this row id, in order of registration; `None`: at the beginning.
    Cursor(Option<i64>),
}

impl PageQuery {
    /// The index that has the page's resources in their order; `None` where a filter may make another one better.
    fn index(&self) -> Option<&'static str> {
        let is_filtered = self.modified_from.is_some() || self.modified_before.is_some();
        match (&self.platform, self.start, self.sort) {
            (None, Start::Offset(_), Sort::DateModified) => Some("asset_by_date_modified"),
            (Some(_), Start::Offset(_), Sort::DateModified) => Some("asset_by_platform"),
            (None, Start::Offset(_), Sort::DateCreated) if !is_filtered => Some("asset_by_date_created"),
            (None, Start::Cursor(_), _) if !is_filtered => Some("asset_by_creation"),
            (Some(_), Start::Cursor(_), _) if !is_filtered => Some("asset_by_platform_creation"),
            _ => None,
        }
    }

    /// A `SELECT` from the rows `a` of this page, which the index alone chooses.
    fn chosen(&self, dialect: Dialect, select: &str) -> Sql {
        let ids = self.of(dialect, Sql::new("SELECT id FROM asset"));
        Sql::new(select).push("(").append(ids).push(") chosen CROSS JOIN asset a ON a.id = chosen.id")
    }

    /// A `SELECT` from resources, with the conditions of this page.
    fn of(&self, dialect: Dialect, select: Sql) -> Sql {
        let index = self.index().map(|index| dialect.by_index(index)).unwrap_or_default();
        let mut sql = select.push(&index).push(" WHERE resource_type = ? AND status = 'published' AND alive = 1").bind(self.resource_type);
        if let Some(platform) = &self.platform {
            sql = sql.push(" AND platform = ?").bind(platform);
        }
        if let Some(from) = self.modified_from {
            sql = sql.push(" AND date_modified >= ?").bind(from);
        }
        if let Some(before) = self.modified_before {
            sql = sql.push(" AND date_modified < ?").bind(before);
        }
        let order = |column: &str| {
            let direction = if self.descending { "DESC" } else { "ASC" };
            if column == "id" {
                format!(" ORDER BY id {direction} LIMIT ?")
            } else {
                format!(" ORDER BY {column} {direction}, id {direction} LIMIT ?")
            }
        };
        match self.start {
            Start::Cursor(after) => {
                if let Some(after) = after {
                    sql = sql.push(if self.descending { " AND id < ?" } else { " AND id > ?" }).bind(after);
                }
                sql.push(&order("id")).bind(self.limit)
            }
            Start::Offset(offset) => sql.push(&order(self.sort.column())).push(" OFFSET ?").bind(self.limit).bind(offset),
        }
    }
}

/// Whether a text may be an identifier. Theirs are columns of ASCII, which MySQL refuses to compare with anything else.
pub(super) fn may_identify(text: &str) -> bool {
    text.is_ascii() && !is_padded(text)
}

/// Whether a text ends in blanks, with which nothing is stored: MySQL passes over them where it compares, SQLite does not.
fn is_padded(text: &str) -> bool {
    text.ends_with(' ')
}

impl Db {
    /// The resource with this identifier, deleted or not.
    pub async fn read_by_identifier(&self, identifier: &str) -> Result<Option<ReadRow>> {
        if !may_identify(identifier) {
            return Ok(None);
        }
        self.fetch_optional(Sql::new(READ).push("asset a WHERE a.identifier = ?").bind(identifier)).await
    }

    /// The resources with these identifiers, deleted or not, in no order.
    pub async fn read_by_identifiers(&self, identifiers: &[&str]) -> Result<Vec<ReadRow>> {
        let mut found = Vec::with_capacity(identifiers.len());
        for chunk in identifiers.chunks(4_000) {
            found.extend(self.fetch_all::<ReadRow>(Sql::new(READ).push("asset a WHERE a.identifier IN ").push_list(chunk)).await?);
        }
        Ok(found)
    }

    /// The living resource with this key on a platform; without one, the latest deleted.
    pub async fn read_by_platform(&self, resource_type: &str, platform: &str, key: &str) -> Result<Option<ReadRow>> {
        if is_padded(platform) || is_padded(key) {
            return Ok(None);
        }
        let which = "asset a WHERE a.resource_type = ? AND a.platform = ? AND a.platform_key = ? ORDER BY a.alive DESC, a.id DESC LIMIT 1";
        self.fetch_optional(Sql::new(READ).push(which).bind(resource_type).bind(platform).bind(key)).await
    }

    /// A page, in no order.
    pub async fn read_page(&self, page: &PageQuery) -> Result<Vec<ReadRow>> {
        let sql = match page.start {
            // The index alone chooses: what the offset passes over is never read.
            Start::Offset(1..) => page.chosen(self.dialect(), READ),
            _ => page.of(self.dialect(), Sql::new(READ).push("asset a")),
        };
        let found: Vec<ReadRow> = self.fetch_all(sql.clone()).await?;
        let follows = matches!(page.start, Start::Cursor(_)) && !page.descending;
        if follows && found.iter().any(|row| row.date_created > now() - REGISTERING) && self.await_registrations().await? {
            return self.fetch_all(sql).await;
        }
        Ok(found)
    }

    /// How many bytes the documents of a page have.
    pub async fn page_bytes(&self, page: &PageQuery) -> Result<i64> {
        // MySQL's sum is no integer.
        let sql = page.chosen(self.dialect(), "SELECT CAST(COALESCE(SUM(LENGTH(a.document)), 0) AS SIGNED) FROM ");
        Ok(self.fetch_optional::<(i64,)>(sql).await?.map_or(0, |(size,)| size))
    }

    /// Returns when all that were registering have committed; `false` when that cannot matter.
    ///
    /// MySQL hands out row ids in the order in which rows are written, but rows are seen in the order of their commits: whoever
    /// follows the ids would pass over those that come to light later. SQLite has one writer at a time.
    async fn await_registrations(&self) -> Result<bool> {
        let Self::MySql { registrations, .. } = self else { return Ok(false) };
        let asked = Instant::now();
        let mut latest = registrations.0.lock().await;
        if latest.is_some_and(|round| round > asked) {
            return Ok(true);
        }
        if let Some(rest) = latest.and_then(|round| Registrations::APART.checked_sub(round.elapsed())) {
            tokio::time::sleep(rest).await;
        }
        let round = Instant::now();
        for attempt in 1.. {
            let mut tx = self.begin().await?;
            let waited = tx.fetch_all::<(String,)>(Sql::new(REGISTERING_ROW).push(self.dialect().for_update())).await;
            drop(tx);
            match waited {
                Err(error) if error.is_transient() && attempt < ATTEMPTS => pause(attempt).await,
                outcome => {
                    outcome?;
                    break;
                }
            }
        }
        *latest = Some(round);
        Ok(true)
    }

    /// The living resources on which an account has admin permission, with the names of their types; changed or registered last
    /// first, or the other way round.
    pub async fn administered_by(
        &self,
        account: i64,
        sort: Sort,
        descending: bool,
        offset: i64,
        limit: i64,
    ) -> Result<Vec<(String, ReadRow)>> {
        let column = sort.column();
        let direction = if descending { "DESC" } else { "ASC" };
        let sql = Sql::new(format!(
            "SELECT a.identifier, a.resource_type FROM permission p JOIN asset a ON a.id = p.asset_id AND a.alive = 1 \
             WHERE p.account_id = ? AND p.kind = 'admin' ORDER BY a.{column} {direction}, a.id {direction} LIMIT ? OFFSET ?"
        ));
        let chosen: Vec<(String, String)> = self.fetch_all(sql.bind(account).bind(limit).bind(offset)).await?;
        let identifiers: Vec<&str> = chosen.iter().map(|(identifier, _)| identifier.as_str()).collect();
        let rows = self.read_by_identifiers(&identifiers).await?;
        let mut rows: HashMap<String, ReadRow> = rows.into_iter().map(|row| (row.identifier.clone(), row)).collect();
        Ok(chosen.into_iter().filter_map(|(identifier, type_name)| Some((type_name, rows.remove(&identifier)?))).collect())
    }

    /// Whether there are resources, deleted ones counted, that are not of this platform.
    pub async fn has_assets_besides(&self, platform: &str) -> Result<bool> {
        let sql = Sql::new("SELECT id FROM asset WHERE platform IS NULL OR platform <> ? LIMIT 1").bind(platform);
        Ok(self.fetch_optional::<(i64,)>(sql).await?.is_some())
    }

    /// Published resources per type and platform.
    pub async fn counts(&self, resource_type: Option<&str>) -> Result<Vec<(String, Option<String>, i64)>> {
        let mut sql = Sql::new("SELECT resource_type, platform, COUNT(*) FROM asset WHERE status = 'published' AND alive = 1");
        if let Some(name) = resource_type {
            sql = sql.push(" AND resource_type = ?").bind(name);
        }
        self.fetch_all(sql.push(" GROUP BY resource_type, platform ORDER BY resource_type, platform")).await
    }
}

/// A resource that is to be written.
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
    /// Where it stands.
    pub status: Status,
    /// Now.
    pub date: i64,
    /// Who writes it.
    pub modified_by: Option<i64>,
    /// Hash of what is written.
    pub content_hash: String,
    /// The document.
    pub document: String,
    /// What it refers to, as `super::link::text` writes it.
    pub links: String,
}

/// A change of a resource that exists.
#[derive(Clone, Debug)]
pub struct ChangedAsset {
    /// Row id.
    pub id: i64,
    /// Its name.
    pub name: Option<String>,
    /// Now.
    pub date: i64,
    /// Who writes it.
    pub modified_by: Option<i64>,
    /// Hash of what is written.
    pub content_hash: String,
    /// The document.
    pub document: String,
}

impl Tx {
    /// The head of the resource with this identifier, deleted or not, locked for this transaction.
    pub(crate) async fn lock_head(&mut self, identifier: &str) -> Result<Option<Head>> {
        if !may_identify(identifier) {
            return Ok(None);
        }
        self.fetch_optional(Sql::new(HEAD).push(" WHERE identifier = ?").push(self.dialect().for_update()).bind(identifier)).await
    }

    /// The heads of living resources of one type and platform, by their keys there, locked for this transaction.
    pub(crate) async fn lock_on_platform(&mut self, resource_type: &str, platform: &str, keys: &[String]) -> Result<Vec<Head>> {
        let sql = Sql::new(HEAD)
            .push(" WHERE resource_type = ? AND platform = ? AND alive = 1 AND platform_key IN ")
            .bind(resource_type)
            .bind(platform)
            .push_list(keys)
            .push(" ORDER BY id")
            .push(self.dialect().for_update());
        self.fetch_all(sql).await
    }

    /// The living resource that has this key on a platform.
    pub(crate) async fn on_platform(&mut self, resource_type: &str, platform: &str, key: &str) -> Result<Option<Head>> {
        let sql = Sql::new(HEAD).push(" WHERE resource_type = ? AND platform = ? AND platform_key = ? AND alive = 1");
        self.fetch_optional(sql.bind(resource_type).bind(platform).bind(key)).await
    }

    /// Living resources with these identifiers: row id, identifier, type, status. Until this transaction ends, they stay as they
    /// are: who refers to them keeps their status.
    pub(crate) async fn find_living(&mut self, identifiers: &[String]) -> Result<Vec<(i64, String, String, String, Option<String>)>> {
        let identifiers: Vec<&str> = identifiers.iter().map(String::as_str).filter(|i| may_identify(i)).collect();
        let mut found = Vec::with_capacity(identifiers.len());
        for chunk in identifiers.chunks(4_000) {
            let sql = Sql::new("SELECT id, identifier, resource_type, status, platform FROM asset WHERE alive = 1 AND identifier IN ");
            found.extend(self.fetch_all(sql.push_list(chunk).push(" ORDER BY id").push(self.dialect().for_share())).await?);
        }
        Ok(found)
    }

    /// Locks rows in one order for all writers, so that two of them wait for each other seldom.
    pub(crate) async fn lock_rows(&mut self, ids: &[i64]) -> Result<()> {
        // In the order of their ids, piece by piece as well.
        let ids: BTreeSet<i64> = ids.iter().copied().collect();
        let ids: Vec<i64> = ids.into_iter().collect();
        for ids in ids.chunks(4_000) {
            let sql = Sql::new("SELECT id FROM asset WHERE id IN ").push_list(ids).push(" ORDER BY id").push(self.dialect().for_update());
            self.fetch_all::<(i64,)>(sql).await?;
        }
        Ok(())
    }

    /// Writes new resources; their row ids by identifier. Until the transaction ends, [`Db::read_page`] knows that it is under way.
    pub(crate) async fn insert_assets(&mut self, assets: Vec<NewAsset>) -> Result<Vec<(i64, String)>> {
        if let Self::MySql(_) = self {
            self.fetch_all::<(String,)>(Sql::new(REGISTERING_ROW).push(self.dialect().for_share())).await?;
        }
        let identifiers: Vec<String> = assets.iter().map(|a| a.identifier.clone()).collect();
        let rows = assets.into_iter().map(NewAsset::row).collect();
        let head = "INSERT INTO asset (identifier, resource_type, platform, platform_resource_identifier, platform_key, name, status, alive, \
                    revision, date_created, date_modified, modified_by, content_hash, document, links) VALUES";
        self.execute_each(Sql::insert(head, rows)).await?;
        let mut ids = Vec::with_capacity(identifiers.len());
        for chunk in identifiers.chunks(4_000) {
            ids.extend(self.fetch_all(Sql::new("SELECT id, identifier FROM asset WHERE identifier IN ").push_list(chunk)).await?);
        }
        Ok(ids)
    }

    /// Writes changes; each raises the revision by one.
    pub(crate) async fn update_assets(&mut self, changes: Vec<ChangedAsset>) -> Result<()> {
        for change in changes {
            let sql = Sql::new(
                "UPDATE asset SET name = ?, revision = revision + 1, date_revised = 0, date_modified = ?, modified_by = ?, content_hash = ?, document = ? WHERE id = ?",
            );
            self.execute(
                sql.bind(change.name)
                    .bind(change.date)
                    .bind(change.modified_by)
                    .bind(change.content_hash)
                    .bind(change.document)
                    .bind(change.id),
            )
            .await?;
        }
        Ok(())
    }

    /// Raises the revision of resources whose links changed from the other end.
    pub(crate) async fn touch_assets(&mut self, ids: &[i64], by: Option<i64>) -> Result<()> {
        for ids in ids.chunks(4_000) {
            let sql = Sql::new("UPDATE asset SET revision = revision + 1, date_revised = ?, modified_by = ? WHERE id IN ");
            self.execute(sql.bind(now()).bind(by).push_list(ids)).await?;
        }
        Ok(())
    }

    /// Marks a resource as deleted.
    pub(crate) async fn mark_deleted(&mut self, id: i64, by: Option<i64>, date: i64) -> Result<()> {
        let sql = Sql::new(
            "UPDATE asset SET alive = NULL, date_deleted = ?, date_revised = ?, revision = revision + 1, modified_by = ? WHERE id = ?",
        );
        self.execute(sql.bind(date).bind(date).bind(by).bind(id)).await.map(drop)
    }

    /// Row ids of resources that were deleted before a time, at most `limit`.
    pub(crate) async fn deleted_before(&mut self, date: i64, limit: i64) -> Result<Vec<i64>> {
        let sql = Sql::new("SELECT id FROM asset WHERE alive IS NULL AND date_deleted < ? ORDER BY date_deleted LIMIT ?");
        Ok(self.fetch_all::<(i64,)>(sql.bind(date).bind(limit)).await?.into_iter().map(|(id,)| id).collect())
    }

    /// Removes resources for good, with all that belongs to them.
    pub(crate) async fn purge(&mut self, ids: &[i64]) -> Result<()> {
        let statements = [
            "DELETE FROM link WHERE from_id IN ",
            "DELETE FROM link WHERE to_id IN ",
            "DELETE FROM asset_term WHERE asset_id IN ",
            "DELETE FROM permission WHERE asset_id IN ",
            "DELETE FROM asset_revision WHERE asset_id IN ",
            "DELETE FROM submission_asset WHERE asset_id IN ",
            "DELETE FROM bookmark WHERE asset_id IN ",
            "DELETE FROM asset_reads WHERE asset_id IN ",
            "DELETE FROM image WHERE asset_id IN ",
            "DELETE FROM asset WHERE id IN ",
        ];
        for text in statements {
            self.execute(Sql::new(text).push_list(ids)).await?;
        }
        Ok(())
    }
}

impl NewAsset {
    fn row(self) -> Vec<Arg> {
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
            self.modified_by.into(),
            self.content_hash.into(),
            self.document.into(),
            self.links.into(),
        ]
    }
}

impl Tx {
    /// Type, document and visible links (field, identifier; in order) of a resource.
    pub(crate) async fn stored_body(&mut self, id: i64) -> Result<(String, String, Vec<(String, String)>)> {
        let asset = Sql::new("SELECT resource_type, document FROM asset WHERE id = ?").bind(id);
        let (resource_type, document) = self.fetch_optional::<(String, String)>(asset).await?.unwrap_or_default();
        let links = Sql::new(
            "SELECT l.field, t.identifier FROM link l JOIN asset t ON t.id = l.to_id AND t.alive = 1 WHERE l.from_id = ? \
             ORDER BY l.field, l.position, l.to_id",
        );
        Ok((resource_type, document, self.fetch_all(links.bind(id)).await?))
    }
}
