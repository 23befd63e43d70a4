//! Pages of published resources, by offset or by cursor.

use super::ReadRow;
use super::read::read;
use super::registering::is_recent;
use crate::store::dialect::Dialect;
use crate::store::sql::Sql;
use crate::store::{Db, Result};

aiod_schema::choice! {
    /// What a page is ordered by.
    pub enum Sort = "Sort" {
        /// When the resource was registered.
        DateCreated = "date_created",
        /// When its metadata last changed.
        DateModified = "date_modified",
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
    /// The index that holds the page's resources in their order; `None` where a filter may make another index better.
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

    /// Whether an index holds the page's resources in their order, so that the page costs what it holds and passes over.
    pub fn is_indexed(&self) -> bool {
        self.index().is_some()
    }

    /// Whether a resource that is committed late could be missed: the next page begins after the ids of this one.
    fn follows_ids(&self) -> bool {
        matches!(self.start, Start::Cursor(_)) && !self.descending
    }

    /// A `SELECT` from the rows `a` of this page. The database finds their ids in the index alone.
    fn select_by_ids(&self, dialect: Dialect, select: Sql) -> Sql {
        let ids = self.select(dialect, Sql::new("SELECT id FROM asset"));
        select.push("(").append(ids).push(") chosen CROSS JOIN asset a ON a.id = chosen.id")
    }

    /// A `SELECT` from resources, with the conditions, the order and the limit of this page.
    fn select(&self, dialect: Dialect, select: Sql) -> Sql {
        let index = self.index().map(|index| dialect.by_index(index)).unwrap_or_default();
        self.limited(self.filtered(select.push(&index)))
    }

    /// Adds the conditions.
    fn filtered(&self, sql: Sql) -> Sql {
        let mut sql = sql.push(" WHERE resource_type = ? AND status = 'published' AND alive = 1").bind(self.resource_type);
        if let Some(platform) = &self.platform {
            sql = sql.push(" AND platform = ?").bind(platform);
        }
        if let Some(from) = self.modified_from {
            sql = sql.push(" AND date_modified >= ?").bind(from);
        }
        if let Some(before) = self.modified_before {
            sql = sql.push(" AND date_modified < ?").bind(before);
        }
        if let Start::Cursor(Some(after)) = self.start {
            sql = sql.push(if self.descending { " AND id < ?" } else { " AND id > ?" }).bind(after);
        }
        sql
    }

    /// Adds the order and the limit.
    fn limited(&self, sql: Sql) -> Sql {
        let direction = if self.descending { "DESC" } else { "ASC" };
        match self.start {
            Start::Cursor(_) => sql.push(&format!(" ORDER BY id {direction} LIMIT ?")).bind(self.limit),
            Start::Offset(offset) => {
                let column = self.sort.as_str();
                let order = format!(" ORDER BY {column} {direction}, id {direction} LIMIT ? OFFSET ?");
                sql.push(&order).bind(self.limit).bind(offset)
            }
        }
    }
}

impl Db {
    /// The resources of a page, in no order; together they may have this many bytes.
    pub async fn read_page(&self, page: &PageQuery, most: usize) -> Result<Vec<ReadRow>> {
        let sql = match page.start {
            // The rows that the offset passes over are never read.
            Start::Offset(1..) => page.select_by_ids(self.dialect(), read()),
            _ => page.select(self.dialect(), read().push("asset a")),
        };
        let found: Vec<ReadRow> = self.fetch_rows(sql.clone(), most).await?;
        let may_miss = page.follows_ids() && found.iter().any(|row| is_recent(row.date_created));
        if may_miss && self.await_registrations().await? {
            return self.fetch_rows(sql, most).await;
        }
        Ok(found)
    }
}
