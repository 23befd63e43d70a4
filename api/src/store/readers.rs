//! The connections on which statements read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{Stream, TryStreamExt};
use sqlx::{Connection, Database, Pool};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::busy::{Busy, Stoppable};
use super::{CONNECTION_TIMEOUT, is_lost};

/// The longest time that a connection is kept. A server that has moved to another address is found after this time.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// The connections of a pool that only read.
///
/// When the pool gets a connection back, it starts a task and pings the database. That takes about as long as to read a resource. So this
/// type does not give connections back: it keeps them for the next statement. The pool gets a connection back only when its statement
/// failed. When the request was given up in the middle of it, the connection is closed.
#[derive(Debug)]
pub struct Readers<DB: Database> {
    pool: Pool<DB>,
    /// As many as connections. Whoever has a permit finds a connection, here or in the pool.
    permits: Semaphore,
    idle: Mutex<Vec<IdleConnection<DB>>>,
    statements: AtomicU64,
    /// How long a statement may run.
    limit: Duration,
}

/// A row of which it is known how much memory it takes.
pub(crate) trait Weighed {
    /// About how many bytes it has.
    fn weight(&self) -> usize;
}

/// The rows of a statement have more bytes together than they may.
#[derive(Debug, thiserror::Error)]
#[error("more bytes than there may be")]
struct TooMuch;

/// Whether an error is that rows have more bytes together than they may.
pub(super) fn is_too_much(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Decode(error) if error.is::<TooMuch>())
}

/// The rows of a statement, as soon as all are there, unless they have more bytes together than they may.
pub(super) async fn collect_within<T: Weighed>(mut rows: impl Stream<Item = sqlx::Result<T>> + Unpin, most: usize) -> sqlx::Result<Vec<T>> {
    let (mut found, mut weight) = (Vec::new(), 0);
    while let Some(row) = rows.try_next().await? {
        weight += row.weight();
        if weight > most {
            return Err(sqlx::Error::Decode(TooMuch.into()));
        }
        found.push(row);
    }
    Ok(found)
}

/// A connection that no statement uses.
#[derive(Debug)]
struct IdleConnection<DB: Database> {
    connection: Busy<DB>,
    /// When it was taken from the pool.
    since: Instant,
}

impl<DB: Stoppable> Readers<DB> {
    pub(super) fn new(pool: Pool<DB>, limit: Duration) -> Self {
        let most = usize::try_from(pool.options().get_max_connections()).unwrap_or(1);
        Self { pool, permits: Semaphore::new(most), idle: Mutex::new(Vec::with_capacity(most)), statements: AtomicU64::new(0), limit }
    }

    /// How many statements were run.
    pub(super) fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// The pool, for work that needs a connection for long.
    pub fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    /// Runs a statement on one of the connections. The statement returns the connection with its outcome. One that runs for too long fails
    /// with [`std::io::ErrorKind::TimedOut`]; MySQL ends it by itself before, and SQLite is told to.
    ///
    /// A connection may be dead since its last use: the database was restarted, or closed a connection that was idle. Then the statement
    /// runs once more, on a connection that answers.
    pub(super) async fn run<T, F>(&self, statement: impl Fn(Busy<DB>) -> F) -> sqlx::Result<T>
    where
        F: Future<Output = (Busy<DB>, sqlx::Result<T>)>,
    {
        self.statements.fetch_add(1, Ordering::Relaxed);
        let _permit = self.permit().await?;
        let idle = self.idle().pop();
        let IdleConnection { connection, since } = match idle {
            Some(idle) => idle,
            None => IdleConnection { connection: Busy::stoppable(self.pool.acquire().await?).await?, since: Instant::now() },
        };
        let (connection, outcome) = self.limited(statement(connection.now(true))).await?;
        if !outcome.as_ref().is_err_and(is_lost) {
            return self.keep(connection, since, outcome);
        }
        drop(connection);
        let (connection, outcome) = self.limited(statement(self.acquire_tested().await?)).await?;
        self.keep(connection, Instant::now(), outcome)
    }

    /// Waits for a statement as long as it may run, and a second more: MySQL ends it by itself.
    async fn limited<T>(&self, statement: impl Future<Output = T>) -> sqlx::Result<T> {
        let limit = self.limit.saturating_add(Duration::from_secs(1));
        let timed_out = |_| std::io::Error::from(std::io::ErrorKind::TimedOut).into();
        tokio::time::timeout(limit, statement).await.map_err(timed_out)
    }

    /// Closes all connections, after the statements that they run.
    pub(super) async fn close(&self) {
        self.permits.close();
        self.idle().clear();
        self.pool.close().await;
    }

    async fn permit(&self) -> sqlx::Result<SemaphorePermit<'_>> {
        let permit = tokio::time::timeout(CONNECTION_TIMEOUT, self.permits.acquire()).await.map_err(|_| sqlx::Error::PoolTimedOut)?;
        permit.map_err(|_| sqlx::Error::PoolClosed)
    }

    /// A connection that answers. Where one connection is dead, others may be, too: all idle ones are closed.
    async fn acquire_tested(&self) -> sqlx::Result<Busy<DB>> {
        self.idle().clear();
        let most = self.pool.options().get_max_connections();
        for _ in 0..most {
            let mut connection = Busy::stoppable(self.pool.acquire().await?).await?;
            if connection.ping().await.is_ok() {
                return Ok(connection);
            }
        }
        Busy::stoppable(self.pool.acquire().await?).await
    }

    /// Keeps a connection for the next statement, unless the last one failed or the connection is old.
    fn keep<T>(&self, connection: Busy<DB>, since: Instant, outcome: sqlx::Result<T>) -> sqlx::Result<T> {
        // Locked before the check: otherwise `close` could end between the check and the push, and the pool would wait for this connection.
        let mut idle = self.idle();
        let connection = connection.now(false);
        if outcome.is_ok() && since.elapsed() < LIFETIME && !self.permits.is_closed() {
            idle.push(IdleConnection { connection, since });
        }
        outcome
    }

    fn idle(&self) -> MutexGuard<'_, Vec<IdleConnection<DB>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Db;
    use crate::store::sql::Sql;

    /// Takes SQLite some minutes.
    const LONG: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT COUNT(*) FROM n";

    #[tokio::test]
    async fn a_statement_that_takes_too_long_or_that_nobody_waits_for_ends() {
        let folder = std::env::temp_dir().join(format!("aiod_readers_{}", std::process::id()));
        let db = Db::open_limited(&format!("sqlite://{}/catalogue.db", folder.display()), 1, Duration::ZERO).await.unwrap();
        let outcome = db.fetch_all::<(i64,)>(Sql::new(LONG)).await;
        assert!(outcome.is_err_and(|error| error.is_too_long()));
        let given_up = tokio::time::timeout(Duration::from_millis(50), db.fetch_all::<(i64,)>(Sql::new(LONG))).await;
        assert!(given_up.is_err());
        // There is one connection. The next statement waits until the thread of the last one has ended, or for 5 s.
        let next = tokio::time::timeout(Duration::from_secs(2), db.fetch_all::<(i64,)>(Sql::new("SELECT 1"))).await;
        assert_eq!(next.unwrap().unwrap(), [(1,)]);
        tokio::time::timeout(Duration::from_secs(2), db.close()).await.unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }
}
