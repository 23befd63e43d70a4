//! Connections for statements that read, kept from one statement to the next.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{Connection, Database, Pool};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{PATIENCE, is_lost};

/// For how long a connection is kept, so that a server behind another address is found in the end.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// The connections of a pool that serves reading alone.
///
/// The pool starts a task and pings the database whenever a connection is given back to it, which costs about as much as reading a
/// resource. So a connection is given back only when its statement failed or nobody waits for its answer any more; otherwise it
/// stays here, taken from the pool, for the next statement.
#[derive(Debug)]
pub struct Readers<DB: Database> {
    pool: Pool<DB>,
    /// As many as connections, so that those who wait for one do so here, where kept ones are handed on.
    permits: Semaphore,
    kept: Mutex<Vec<Kept<DB>>>,
    statements: AtomicU64,
}

/// A connection, and since when it is kept.
#[derive(Debug)]
struct Kept<DB: Database> {
    connection: PoolConnection<DB>,
    since: Instant,
}

impl<DB: Database> Readers<DB> {
    pub(super) fn new(pool: Pool<DB>) -> Self {
        let most = usize::try_from(pool.options().get_max_connections()).unwrap_or(1);
        Self { pool, permits: Semaphore::new(most), kept: Mutex::new(Vec::with_capacity(most)), statements: AtomicU64::new(0) }
    }

    /// How many statements were run.
    pub(super) fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// The pool itself, for those who need a connection for long.
    pub fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    /// Runs a statement on one of the connections; the statement hands the connection back with what came of it. When the
    /// connection died since its last use, because the database was started again or took it for idle, the statement runs once
    /// more on one that was tested.
    pub(super) async fn run<T, F>(&self, statement: impl Fn(PoolConnection<DB>) -> F) -> sqlx::Result<T>
    where
        F: Future<Output = (PoolConnection<DB>, sqlx::Result<T>)>,
    {
        self.statements.fetch_add(1, Ordering::Relaxed);
        let _permit = self.permit().await?;
        let taken = self.kept().pop();
        let (connection, since) = match taken {
            Some(Kept { connection, since }) => (connection, since),
            None => (self.pool.acquire().await?, Instant::now()),
        };
        let (connection, outcome) = statement(connection).await;
        if !outcome.as_ref().is_err_and(is_lost) {
            return self.kept_after(connection, since, outcome);
        }
        drop(connection);
        let (connection, outcome) = statement(self.tested().await?).await;
        self.kept_after(connection, Instant::now(), outcome)
    }

    /// Closes all connections, after what they are doing.
    pub(super) async fn close(&self) {
        self.permits.close();
        self.kept().clear();
        self.pool.close().await;
    }

    async fn permit(&self) -> sqlx::Result<SemaphorePermit<'_>> {
        let permit = tokio::time::timeout(PATIENCE, self.permits.acquire()).await.map_err(|_| sqlx::Error::PoolTimedOut)?;
        permit.map_err(|_| sqlx::Error::PoolClosed)
    }

    /// A connection that answers. As one has died, the others may have as well: they are closed on the way.
    async fn tested(&self) -> sqlx::Result<PoolConnection<DB>> {
        self.kept().clear();
        let most = self.pool.options().get_max_connections();
        for _ in 0..most {
            let mut connection = self.pool.acquire().await?;
            match connection.ping().await {
                Ok(()) => return Ok(connection),
                Err(_) => drop(connection.close().await),
            }
        }
        self.pool.acquire().await
    }

    /// Keeps a connection whose statement worked.
    fn kept_after<T>(&self, connection: PoolConnection<DB>, since: Instant, outcome: sqlx::Result<T>) -> sqlx::Result<T> {
        let mut kept = self.kept();
        if outcome.is_ok() && since.elapsed() < LIFETIME && !self.permits.is_closed() {
            kept.push(Kept { connection, since });
        }
        outcome
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept<DB>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
