//! Connections in the middle of something. Whoever drops one there closes it: a request that is given up, a task that panics.
//!
//! A connection of sqlx does not always get over that. On MySQL, it may wait for ever, or take the answer to the statement before for
//! that to the next one. On SQLite, a transaction that the database has rolled back by itself, because its disk is full, counts as open
//! for ever.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::pool::PoolConnection;
use sqlx::{Database, Executor, MySql, MySqlConnection, Pool, Sqlite, SqliteConnection};

use super::Result;
use super::change::Wakes;

/// A connection that is closed when it is dropped while it is busy. Otherwise its pool gets it back.
#[derive(Debug)]
pub(super) struct Busy<DB: Database> {
    connection: PoolConnection<DB>,
    is_busy: bool,
    /// Ends the statement that it runs.
    stop: Stop,
}

/// Ends the statement that a connection runs, where the database does not notice by itself that nobody waits for it any more.
#[derive(Debug, Default)]
pub struct Stop(Option<Arc<AtomicBool>>);

impl Stop {
    fn now(&self) {
        if let Some(is_stopped) = &self.0 {
            is_stopped.store(true, Ordering::Relaxed);
        }
    }
}

/// A database whose statements can be ended.
pub trait Stoppable: Database {
    /// What ends the statements of a connection.
    fn stop(connection: &mut Self::Connection) -> impl Future<Output = sqlx::Result<Stop>> + Send;
}

impl Stoppable for MySql {
    /// The server ends statements that take too long, and those of a closed connection.
    async fn stop(_: &mut MySqlConnection) -> sqlx::Result<Stop> {
        Ok(Stop::default())
    }
}

impl Stoppable for Sqlite {
    /// The thread of the connection would run the statement to its end, and be closed only then.
    async fn stop(connection: &mut SqliteConnection) -> sqlx::Result<Stop> {
        /// After so many of its instructions, less than a millisecond, SQLite asks whether to go on.
        const INSTRUCTIONS: i32 = 10_000;
        let is_stopped = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&is_stopped);
        connection.lock_handle().await?.set_progress_handler(INSTRUCTIONS, move || !asked.load(Ordering::Relaxed));
        Ok(Stop(Some(is_stopped)))
    }
}

impl<DB: Stoppable> Busy<DB> {
    /// A connection whose statement ends when it is dropped while it is busy.
    pub(super) async fn stoppable(connection: PoolConnection<DB>) -> sqlx::Result<Self> {
        let mut busy = Self::new(connection);
        busy.stop = DB::stop(&mut busy.connection).await?;
        Ok(busy)
    }
}

impl<DB: Database> Busy<DB> {
    pub(super) fn new(connection: PoolConnection<DB>) -> Self {
        Self { connection, is_busy: true, stop: Stop::default() }
    }

    /// The same connection, from now on busy or not.
    pub(super) fn now(mut self, is_busy: bool) -> Self {
        self.is_busy = is_busy;
        self
    }

    /// Has the connection closed when it is dropped, busy or not.
    pub(super) fn close_on_drop(&mut self) {
        self.connection.close_on_drop();
    }
}

impl<DB: Database> Drop for Busy<DB> {
    fn drop(&mut self) {
        if self.is_busy {
            self.stop.now();
            self.close_on_drop();
        }
    }
}

impl<DB: Database> Deref for Busy<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        &self.connection
    }
}

impl<DB: Database> DerefMut for Busy<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        &mut self.connection
    }
}

/// Runs one statement on a connection of a pool.
pub(super) async fn once<DB: Database, T>(
    pool: &Pool<DB>,
    statement: impl AsyncFnOnce(&mut DB::Connection) -> sqlx::Result<T>,
) -> Result<T> {
    let mut connection = Busy::new(pool.acquire().await?);
    let outcome = statement(&mut connection).await;
    drop(connection.now(false));
    Ok(outcome?)
}

/// A connection on which a transaction is open. It is closed when it is dropped before the transaction has ended.
///
/// Transactions of sqlx give their connections back in every case, so they are begun and ended here.
#[derive(Debug)]
pub struct Open<DB: Database> {
    connection: Busy<DB>,
    /// Who is woken by the commit.
    wakes: Option<Arc<Wakes>>,
}

impl<DB: Database> Open<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// Begins a transaction by this statement.
    pub(super) async fn begin(pool: &Pool<DB>, statement: &'static str, wakes: Option<&Arc<Wakes>>) -> Result<Self> {
        let mut connection = Busy::new(pool.acquire().await?);
        connection.execute(statement).await?;
        Ok(Self { connection, wakes: wakes.cloned() })
    }

    pub(super) async fn commit(mut self) -> Result<()> {
        self.connection.execute("COMMIT").await?;
        drop(self.connection.now(false));
        if let Some(wakes) = &self.wakes {
            wakes.written.notify_one();
        }
        Ok(())
    }

    pub(super) async fn rollback(mut self) {
        match self.connection.execute("ROLLBACK").await {
            Ok(_) => drop(self.connection.now(false)),
            Err(error) => tracing::debug!(%error, "a transaction cannot be rolled back: its connection is closed"),
        }
    }
}

impl<DB: Database> Deref for Open<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        &self.connection
    }
}

impl<DB: Database> DerefMut for Open<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        &mut self.connection
    }
}
