//! The change log: what changed, in the order of the commits.
//!
//! A write notes in `outbox` what it changes, in its own transaction. Row ids of the outbox are given before the commit, so on MySQL a
//! reader by id could pass over a row that is committed late. [`Db::move_changes`] therefore takes the rows that are committed out of
//! the outbox, whatever their ids, and gives each the next position in `asset_change`. Followers read that table by position.

use tokio::sync::Notify;

use super::sql::{MAX_LISTED, Sql};
use super::{Db, Result, Tx, now};

/// Says of a change that it concerns everything: an import replaced the catalogue.
pub const EVERYTHING: i64 = 0;
/// Says of a change that it is none, but the wish for a new index.
pub const REINDEX: i64 = -1;

/// How many changes are moved in one transaction.
const MOVED_AT_ONCE: usize = MAX_LISTED;

/// The position that was given last, in `change_position`.
const HEAD: &str = "head";

/// Who is woken when something was written.
#[derive(Debug, Default)]
pub struct Wakes {
    /// Whoever moves changes: a transaction was committed.
    pub(super) written: Notify,
    /// Followers of this process: changes were moved.
    pub(super) moved: Notify,
}

/// Stands behind the name of work in the name of its progress.
const PROGRESS: &str = " progress";

/// A change of a resource, or of what it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx_macros::FromRow)]
pub struct Change {
    /// Its place in the order of the commits, from 1 without holes.
    pub position: i64,
    /// Row id of the resource, or [`EVERYTHING`].
    pub asset_id: i64,
    /// The resource's revision after it.
    pub revision: i64,
}

impl Db {
    fn wakes(&self) -> &Wakes {
        match self {
            Self::MySql { wakes, .. } | Self::Sqlite { wakes, .. } => wakes,
        }
    }

    /// Waits until this process has committed something.
    pub async fn written(&self) {
        self.wakes().written.notified().await;
    }

    /// Waits until this process has moved changes.
    pub async fn moved(&self) {
        self.wakes().moved.notified().await;
    }

    /// Moves changes that were committed from the outbox to the log; how many. Several processes may do so at once: they take turns at
    /// the row of the head.
    pub async fn move_changes(&self) -> Result<usize> {
        let is_empty = self.fetch_optional::<(i64,)>(Sql::new("SELECT id FROM outbox LIMIT 1")).await?.is_none();
        if is_empty {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        let moved = tx.move_changes().await?;
        tx.commit().await?;
        self.wakes().moved.notify_waiters();
        self.wakes().moved.notify_one();
        Ok(moved)
    }

    /// The changes after a position, in order.
    pub async fn changes_after(&self, position: i64, limit: i64) -> Result<Vec<Change>> {
        let sql = Sql::new("SELECT position, asset_id, revision FROM asset_change WHERE position > ? ORDER BY position LIMIT ?");
        self.fetch_all(sql.bind(position).bind(limit)).await
    }

    /// The position that was given last.
    pub async fn last_position(&self) -> Result<i64> {
        Ok(self.follower_position(HEAD).await?.unwrap_or_default())
    }

    /// The oldest position that the log still holds, or the next one that it will give.
    pub async fn first_position(&self) -> Result<i64> {
        let first = self.fetch_optional::<(Option<i64>,)>(Sql::new("SELECT MIN(position) FROM asset_change")).await?;
        match first.and_then(|(first,)| first) {
            Some(first) => Ok(first),
            None => Ok(self.last_position().await? + 1),
        }
    }

    /// The newest row of the outbox, whether it was moved or not; `None` when all were.
    pub async fn newest_unmoved(&self) -> Result<Option<i64>> {
        let newest = self.fetch_optional::<(Option<i64>,)>(Sql::new("SELECT MAX(id) FROM outbox")).await?;
        Ok(newest.and_then(|(newest,)| newest))
    }

    /// Whether rows of the outbox up to this one wait to be moved.
    pub async fn has_unmoved_up_to(&self, id: i64) -> Result<bool> {
        Ok(self.fetch_optional::<(i64,)>(Sql::new("SELECT id FROM outbox WHERE id <= ? LIMIT 1").bind(id)).await?.is_some())
    }

    /// How far a follower is; `None` when it has not begun.
    pub async fn follower_position(&self, name: &str) -> Result<Option<i64>> {
        let sql = Sql::new("SELECT position FROM change_position WHERE name = ?").bind(name);
        Ok(self.fetch_optional::<(i64,)>(sql).await?.map(|(position,)| position))
    }

    /// Notes how far a follower is.
    pub async fn set_follower_position(&self, name: &str, position: i64) -> Result<()> {
        let insert = format!("{} change_position (name, position, date_moved) VALUES (?, 0, 0)", self.dialect().insert_ignore());
        self.execute(Sql::new(insert).bind(name)).await?;
        let update = Sql::new("UPDATE change_position SET position = ?, date_moved = ? WHERE name = ?");
        self.execute(update.bind(position).bind(now()).bind(name)).await.map(drop)
    }

    /// Notes how far some work is. It is no position, and the log is not kept for it.
    pub async fn set_progress(&self, name: &str, progress: i64) -> Result<()> {
        let name = format!("{name}{PROGRESS}");
        let insert = format!("{} change_position (name, position, date_moved) VALUES (?, 0, 0)", self.dialect().insert_ignore());
        self.execute(Sql::new(insert).bind(&name)).await?;
        self.execute(Sql::new("UPDATE change_position SET position = ? WHERE name = ?").bind(progress).bind(&name)).await.map(drop)
    }

    /// How far some work is; `None` when it is not under way.
    pub async fn progress(&self, name: &str) -> Result<Option<i64>> {
        self.follower_position(&format!("{name}{PROGRESS}")).await
    }

    /// Forgets a follower, so that the log is not kept for it.
    pub async fn forget_follower(&self, name: &str) -> Result<()> {
        let sql = Sql::new("DELETE FROM change_position WHERE name <> 'head' AND name IN (?, ?)");
        self.execute(sql.bind(name).bind(format!("{name}{PROGRESS}"))).await.map(drop)
    }

    /// Removes changes from the log: those that were moved before `date` and that every follower has read, and all from before
    /// `limit`. At most some thousands at a time; how many.
    pub async fn prune_changes(&self, date: i64, limit: i64) -> Result<u64> {
        let read = "SELECT MIN(position) FROM change_position WHERE date_moved >= ? OR name = 'head'";
        let slowest = self.fetch_optional::<(Option<i64>,)>(Sql::new(read).bind(limit)).await?.and_then(|(slowest,)| slowest);
        let last = "SELECT MAX(position) FROM asset_change WHERE date_moved < ? AND position <= ?";
        let last = self.fetch_optional::<(Option<i64>,)>(Sql::new(last).bind(date).bind(slowest.unwrap_or_default())).await?;
        let Some(last) = last.and_then(|(last,)| last) else { return Ok(0) };
        let first = self.first_position().await?;
        let last = last.min(first.saturating_add(MOVED_AT_ONCE as i64));
        self.execute(Sql::new("DELETE FROM asset_change WHERE position <= ?").bind(last)).await
    }

    /// What tells this catalogue from others.
    pub async fn identity(&self) -> Result<String> {
        let identity = self.fetch_optional::<(String,)>(Sql::new("SELECT id FROM catalogue_identity")).await?;
        Ok(identity.map(|(id,)| id).unwrap_or_default())
    }
}

impl Db {
    /// Notes a change that concerns everything: followers begin anew.
    pub async fn note_everything(&self) -> Result<()> {
        self.execute(Sql::new(NOTE_EVERYTHING)).await.map(drop)
    }

    /// Notes the wish for a new search index.
    pub async fn note_reindex(&self) -> Result<()> {
        self.execute(Sql::new("INSERT INTO outbox (asset_id, revision) VALUES (?, 0)").bind(REINDEX)).await.map(drop)
    }
}

/// Notes a change that concerns everything.
pub(super) const NOTE_EVERYTHING: &str = "INSERT INTO outbox (asset_id, revision) VALUES (0, 0)";

impl Tx {
    async fn move_changes(&mut self) -> Result<usize> {
        let head = Sql::new("SELECT position FROM change_position WHERE name = ?").push(self.dialect().for_update());
        let head = self.fetch_optional::<(i64,)>(head.bind(HEAD)).await?.map_or(0, |(position,)| position);
        let sql = Sql::new("SELECT id, asset_id, revision FROM outbox ORDER BY id LIMIT ?").bind(MOVED_AT_ONCE as i64);
        let noted: Vec<(i64, i64, i64)> = self.fetch_all(sql).await?;
        let date = now();
        let rows = noted.iter().zip(head + 1..);
        let rows = rows.map(|((_, asset, revision), position)| vec![position.into(), (*asset).into(), (*revision).into(), date.into()]);
        self.execute_each(Sql::insert("INSERT INTO asset_change (position, asset_id, revision, date_moved) VALUES", rows.collect()))
            .await?;
        let ids: Vec<i64> = noted.iter().map(|(id, ..)| *id).collect();
        if !ids.is_empty() {
            self.execute(Sql::new("DELETE FROM outbox WHERE id IN ").push_list(&ids)).await?;
            let position = head + i64::try_from(ids.len()).unwrap_or_default();
            let sql = Sql::new("UPDATE change_position SET position = ?, date_moved = ? WHERE name = ?");
            self.execute(sql.bind(position).bind(date).bind(HEAD)).await?;
        }
        Ok(ids.len())
    }
}
