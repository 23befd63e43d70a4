//! Connections for statements that read, kept from one statement to the next.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Database, Pool};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::is_lost;

/// For how long a statement waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// The connections of a pool that serves reading alone.
///
/// The pool starts a task and pings the database whenever a connection is given back to it, which costs about as much as reading a
/// resource. So a connection is given back only when its statement failed or nobody waits for its answer any more; otherwise it
/// stays here, taken from the pool, for the next statement.
#[derive(Debug)]
pub struct Readers<DB: Database> {
    pool: Pool<DB>,
    /// One for each connection that the pool may open, so that whoever has one never waits for the pool.
    permits: Semaphore,
    kept: Mutex<Vec<PoolConnection<DB>>>,
}

impl<DB: Database> Readers<DB> {
    pub(super) fn new(pool: Pool<DB>) -> Self {
        let most = usize::try_from(pool.options().get_max_connections()).unwrap_or(1);
        Self { pool, permits: Semaphore::new(most), kept: Mutex::new(Vec::with_capacity(most)) }
    }

    /// The pool itself, for those who need a connection for long.
    pub fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    /// Runs a statement on one of the connections; the statement hands the connection back with what came of it. When the
    /// connection died since its last use, because the database was started again or took it for idle, the statement runs once
    /// more on a new one.
    pub(super) async fn run<T, F>(&self, statement: impl Fn(PoolConnection<DB>) -> F) -> sqlx::Result<T>
    where
        F: Future<Output = (PoolConnection<DB>, sqlx::Result<T>)>,
    {
        let _permit = self.permit().await?;
        if let Some(connection) = self.take() {
            let (connection, outcome) = statement(connection).await;
            if !outcome.as_ref().is_err_and(is_lost) {
                return self.kept_after(connection, outcome);
            }
        }
        let (connection, outcome) = statement(self.pool.acquire().await?).await;
        self.kept_after(connection, outcome)
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

    fn take(&self) -> Option<PoolConnection<DB>> {
        self.kept().pop()
    }

    /// Keeps a connection whose statement worked.
    fn kept_after<T>(&self, connection: PoolConnection<DB>, outcome: sqlx::Result<T>) -> sqlx::Result<T> {
        let mut kept = self.kept();
        if outcome.is_ok() && !self.permits.is_closed() {
            kept.push(connection);
        }
        outcome
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<PoolConnection<DB>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
