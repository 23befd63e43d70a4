//! SQL, and nothing else: one file or folder for each table or group of tables. Where the databases differ, `dialect` says how.
//!
//! [`Db`] reads. [`Tx`] is a transaction, which writes. Resources change through `Tx::revise` alone.

pub mod account;
pub mod api_key;
pub mod asset;
pub mod bookmark;
mod busy;
pub mod change;
pub mod count;
pub mod dump;
pub mod image;
pub mod lease;
pub mod link;
pub mod migrate;
mod mysql_load;
pub mod permission;
pub mod platform;
mod private;
pub mod readers;
pub mod reads;
pub mod review;
pub(crate) mod revise;
pub mod revision;
pub mod searchable;
pub mod term;
mod term_use;

mod dialect;
pub mod part;
mod sql;

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::error::DatabaseError;
use sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError, MySqlPoolOptions, MySqlSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, MySql, MySqlPool, Sqlite, SqlitePool};

use asset::Registrations;
use busy::{Busy, Open, once};
use change::Wakes;
use readers::{Readers, Weighed};
use sql::{Row, Sql};

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or could not be reached.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// A migration failed.
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The URL of the database is not one that the catalogue knows.
    #[error("'{0}' is not a database URL: sqlite://FILE or mysql://USER:PASSWORD@HOST:PORT/NAME is expected")]
    Url(String),
    /// The URL of a server names no database on it.
    #[error("the database URL names no database: mysql://USER:PASSWORD@HOST:PORT/NAME is expected")]
    NoName,
    /// The server does not answer.
    #[error("the database at {0} cannot be reached: {1}")]
    Unreachable(String, #[source] sqlx::Error),
    /// An export or an import failed.
    #[error(transparent)]
    Dump(#[from] dump::DumpError),
    /// A past state of a resource cannot be compressed, or not be read again.
    #[error("a past state of a resource: {0}")]
    Packed(#[source] std::io::Error),
    /// A statement finds more bytes than it may.
    #[error("a statement finds more than {0} bytes")]
    TooMuch(usize),
    /// Reading or writing a file failed.
    #[error("file: {0}")]
    File(#[from] std::io::Error),
}

impl StoreError {
    /// Whether the same transaction may succeed when it is tried again: after a deadlock, or when it waited too long for a lock.
    pub fn is_transient(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else { return false };
        // MySQL: 1213 deadlock, 1205 lock wait timeout, 1020 record has changed (MariaDB). SQLite: 5 busy, 261 and 517 its variants.
        match mysql_number(error.as_ref()) {
            Some(number) => matches!(number, 1213 | 1205 | 1020),
            None => matches!(error.code().as_deref(), Some("5" | "261" | "517")),
        }
    }

    /// Whether a row with the same unique key exists already.
    pub fn is_duplicate(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    }

    /// Whether the disk of the database is full.
    pub fn is_full(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else { return false };
        match mysql_number(error.as_ref()) {
            // MySQL: 1021 disk full, 1114 table full. In others, errno 28 of the system stands in the message.
            Some(number) => {
                matches!(number, 1021 | 1114) || ["errno: 28", "error 28", "error: 28"].iter().any(|e| error.message().contains(e))
            }
            // SQLite: 13 full, 4874 the file that its processes share cannot grow.
            None => matches!(error.code().as_deref(), Some("13" | "4874")),
        }
    }

    /// Whether the database takes no writes at the moment.
    pub fn is_read_only(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else { return false };
        match mysql_number(error.as_ref()) {
            // MySQL: 1290 an option such as --read-only, 1836 read-only mode, 1792 read-only transaction.
            Some(number) => matches!(number, 1290 | 1792 | 1836),
            // SQLite: the lower eight bits are the kind of the error; 8 read-only.
            None => error.code().and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 8),
        }
    }

    /// Whether a statement was ended because it ran for too long.
    pub fn is_too_long(&self) -> bool {
        // MySQL: 3024 the statement's time is over, 1969 the same on MariaDB.
        matches!(self, Self::Database(sqlx::Error::Database(error)) if matches!(mysql_number(error.as_ref()), Some(3024 | 1969)))
            || matches!(self, Self::Database(sqlx::Error::Io(error)) if error.kind() == std::io::ErrorKind::TimedOut)
    }

    /// Whether the database cannot be reached, so that the same request may succeed later.
    pub fn is_unavailable(&self) -> bool {
        let Self::Database(error) = self else { return false };
        is_lost(error) || matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_))
    }
}

/// MySQL's number of an error.
fn mysql_number(error: &dyn DatabaseError) -> Option<u16> {
    error.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}

/// Whether a connection ended before it answered.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // MySQL says why before it closes a connection: 1053 the server is shutting down, 4031 the connection was idle for too long, 1927
        // somebody ended the connection (MariaDB).
        sqlx::Error::Database(error) => matches!(mysql_number(error.as_ref()), Some(1053 | 1927 | 4031)),
        _ => false,
    }
}

/// The options of a connection to the server that a URL names.
///
/// A connection within this machine is not encrypted, unless the URL says something of `ssl-mode`: sqlx 0.9.0 writes each TLS record by
/// itself without TCP_NODELAY, so that a statement of more than 16 KB waits 40 ms for an acknowledgement.
pub(crate) fn mysql_options(url: &str) -> Result<MySqlConnectOptions> {
    let options = MySqlConnectOptions::from_str(url)?;
    let host = options.get_host().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    let says_nothing = matches!(options.get_ssl_mode(), MySqlSslMode::Preferred) && !url.to_ascii_lowercase().contains("ssl");
    Ok(if is_here && says_nothing { options.ssl_mode(MySqlSslMode::Disabled) } else { options })
}

/// How long the catalogue waits for a connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// What the store answers.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The time now, in microseconds since 1970, UTC: how the store keeps times.
pub fn now() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

/// The microseconds of a day.
pub const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// The configured database.
#[derive(Clone, Debug)]
pub enum Db {
    /// MySQL or MariaDB.
    MySql {
        /// Connections that only read.
        read: Arc<Readers<MySql>>,
        /// Connections for transactions that write.
        write: MySqlPool,
        /// The waits of readers for transactions that register resources.
        registrations: Arc<Registrations>,
        /// Who is woken when something was written.
        wakes: Arc<Wakes>,
    },
    /// SQLite: its write-ahead log allows many readers beside one writer.
    Sqlite {
        /// Connections that only read.
        read: Arc<Readers<Sqlite>>,
        /// The one connection that writes.
        write: SqlitePool,
        /// Who is woken when something was written.
        wakes: Arc<Wakes>,
    },
}

/// A transaction that writes.
#[derive(Debug)]
pub enum Tx {
    /// On MySQL or MariaDB.
    MySql(Open<MySql>),
    /// On SQLite; it holds the write lock from the beginning.
    Sqlite(Open<Sqlite>),
}

/// Waits some seconds for a server that may just be starting. A pool would wait as well, but would not log why.
async fn await_mysql(options: &MySqlConnectOptions) -> Result<()> {
    let begin = Instant::now();
    let mut waits = false;
    loop {
        let error = match options.connect().await {
            Ok(connection) => return Ok(connection.close().await?),
            Err(error @ sqlx::Error::Io(_)) => StoreError::Unreachable(format!("{}:{}", options.get_host(), options.get_port()), error),
            Err(error) => return Err(error.into()),
        };
        if begin.elapsed() >= CONNECTION_TIMEOUT {
            return Err(error);
        }
        if !waits {
            tracing::warn!("{error}; waiting for it");
        }
        waits = true;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// A pool of connections whose reading statements may run for so long.
fn mysql_pool(limit: Duration) -> MySqlPoolOptions {
    let limit = if limit == Duration::MAX { 0 } else { limit.as_secs() };
    MySqlPoolOptions::new().acquire_timeout(CONNECTION_TIMEOUT).idle_timeout(Duration::from_secs(300)).after_connect(
        move |connection, _| {
            Box::pin(async move {
                // Under REPEATABLE READ, a transaction that waited for a lock would read what was there before the wait.
                connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
                // A value that does not fit its column is refused, whatever the configuration of the server says. Lists of links, which a
                // migration joins, are not cut short. The first of the two comments is for MySQL, which counts milliseconds, the
                // second one for MariaDB.
                let session = format!(
                    "SET SESSION innodb_lock_wait_timeout = 10, group_concat_max_len = 67108864, \
                     sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES') \
                     /*!50708 , max_execution_time = {limit}000 */ /*M!100101 , max_statement_time = {limit} */"
                );
                connection.execute(AssertSqlSafe(session)).await?;
                Ok(())
            })
        },
    )
}

/// Runs a statement on a connection that is kept for reading.
macro_rules! reading {
    ($readers:expr, $sql:ident.$rows:ident().$fetch:ident) => {{
        let statement = |mut connection: Busy<_>| {
            let query = $sql.clone().$rows();
            async move {
                let outcome = query.$fetch(&mut *connection).await;
                (connection, outcome)
            }
        };
        $readers.run(statement).await?
    }};
}

/// The same, unless its rows have too many bytes together.
macro_rules! reading_within {
    ($readers:expr, $database:ty, $sql:ident.$rows:ident(), $most:expr) => {{
        let statement = |mut connection: Busy<$database>| {
            let query = $sql.clone().$rows();
            async move {
                let outcome = readers::collect_within(query.fetch(&mut *connection), $most).await;
                if outcome.is_err() {
                    // Otherwise the rows that were not taken would be read before the next statement.
                    connection.close_on_drop();
                }
                (connection, outcome)
            }
        };
        $readers.run(statement).await
    }};
}

impl Db {
    /// Opens the database with at most `connections` connections. An SQLite file and its folder are made when they do not exist.
    ///
    /// # Errors
    /// When the URL is of another kind or the database does not answer.
    pub async fn open(url: &str, connections: u32) -> Result<Self> {
        Self::open_limited(url, connections, Duration::MAX).await
    }

    /// The same; a statement that only reads may run for so long.
    ///
    /// # Errors
    /// When the URL is of another kind or the database does not answer.
    pub async fn open_limited(url: &str, connections: u32, limit: Duration) -> Result<Self> {
        if url.starts_with("sqlite:") {
            return Self::open_sqlite(url, connections, limit).await;
        }
        if url.starts_with("mysql:") || url.starts_with("mariadb:") {
            return Self::open_mysql(url, connections, limit).await;
        }
        Err(StoreError::Url(url.split("://").next().unwrap_or_default().to_owned()))
    }

    async fn open_sqlite(url: &str, connections: u32, limit: Duration) -> Result<Self> {
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // FULL: an acknowledged write survives a power cut, not only a crash of ours.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10))
            .foreign_keys(true)
            .statement_cache_capacity(256)
            // A whole page of rows. With fewer, the reader and the thread of its connection wake each other for every few rows.
            .row_buffer_size(1_000)
            .pragma("cache_size", "-8000")
            .pragma("mmap_size", "268435456");
        if !url.contains(":memory:") {
            private::prepare(options.get_filename())?;
        }
        let write =
            SqlitePoolOptions::new().max_connections(1).min_connections(1).test_before_acquire(false).connect_with(options.clone()).await?;
        let read = SqlitePoolOptions::new()
            .max_connections(connections.clamp(1, 8))
            .test_before_acquire(false)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self::Sqlite { read: Arc::new(Readers::new(read, limit)), write, wakes: Arc::default() })
    }

    async fn open_mysql(url: &str, connections: u32, limit: Duration) -> Result<Self> {
        let options = mysql_options(url)?.charset("utf8mb4").statement_cache_capacity(256);
        if options.get_database().is_none_or(str::is_empty) {
            return Err(StoreError::NoName);
        }
        await_mysql(&options).await?;
        let write = mysql_pool(Duration::MAX).max_connections((connections / 2).max(1)).connect_with(options.clone()).await?;
        // No ping before a statement: one that fails on a dead connection runs again on another, see `Readers::run`.
        let read = mysql_pool(limit).max_connections(connections.div_ceil(2)).test_before_acquire(false).connect_lazy_with(options);
        Ok(Self::MySql { read: Arc::new(Readers::new(read, limit)), write, registrations: Arc::default(), wakes: Arc::default() })
    }

    /// Closes all connections, after the statements that they run.
    pub async fn close(&self) {
        match self {
            Self::MySql { read, write, .. } => {
                read.close().await;
                write.close().await;
            }
            Self::Sqlite { read, write, .. } => {
                read.close().await;
                write.close().await;
            }
        }
    }

    /// How many reading statements were run outside of transactions.
    pub fn reading_statements(&self) -> u64 {
        match self {
            Self::MySql { read, .. } => read.statements(),
            Self::Sqlite { read, .. } => read.statements(),
        }
    }

    /// All rows of a reading statement.
    pub(crate) async fn fetch_all<T: Row>(&self, sql: Sql) -> Result<Vec<T>> {
        Ok(match self {
            Self::MySql { read, .. } => reading!(read, sql.rows_for_mysql().fetch_all),
            Self::Sqlite { read, .. } => reading!(read, sql.rows_for_sqlite().fetch_all),
        })
    }

    /// All rows of a reading statement, which may have this many bytes together.
    pub(crate) async fn fetch_within<T: Row + Weighed>(&self, sql: Sql, most: usize) -> Result<Vec<T>> {
        let found = match self {
            Self::MySql { read, .. } => reading_within!(read, MySql, sql.rows_for_mysql(), most),
            Self::Sqlite { read, .. } => reading_within!(read, Sqlite, sql.rows_for_sqlite(), most),
        };
        found.map_err(|error| if readers::is_too_much(&error) { StoreError::TooMuch(most) } else { error.into() })
    }

    /// The first row of a reading statement.
    pub(crate) async fn fetch_optional<T: Row>(&self, sql: Sql) -> Result<Option<T>> {
        Ok(match self {
            Self::MySql { read, .. } => reading!(read, sql.rows_for_mysql().fetch_optional),
            Self::Sqlite { read, .. } => reading!(read, sql.rows_for_sqlite().fetch_optional),
        })
    }

    /// Runs a writing statement by itself; the number of rows it touched.
    pub(crate) async fn execute(&self, sql: Sql) -> Result<u64> {
        Ok(match self {
            Self::MySql { write, .. } => once(write, async |connection| sql.for_mysql().execute(connection).await).await?.rows_affected(),
            Self::Sqlite { write, .. } => once(write, async |connection| sql.for_sqlite().execute(connection).await).await?.rows_affected(),
        })
    }

    /// Begins a transaction that writes.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(match self {
            Self::MySql { write, wakes, .. } => Tx::MySql(Open::begin(write, "BEGIN", Some(wakes)).await?),
            Self::Sqlite { write, wakes, .. } => Tx::Sqlite(Open::begin(write, "BEGIN IMMEDIATE", Some(wakes)).await?),
        })
    }
}

impl Tx {
    /// All rows of a statement.
    pub(crate) async fn fetch_all<T: Row>(&mut self, sql: Sql) -> Result<Vec<T>> {
        Ok(match self {
            Self::MySql(tx) => sql.rows_for_mysql().fetch_all(&mut **tx).await?,
            Self::Sqlite(tx) => sql.rows_for_sqlite().fetch_all(&mut **tx).await?,
        })
    }

    /// The first row of a statement.
    pub(crate) async fn fetch_optional<T: Row>(&mut self, sql: Sql) -> Result<Option<T>> {
        Ok(match self {
            Self::MySql(tx) => sql.rows_for_mysql().fetch_optional(&mut **tx).await?,
            Self::Sqlite(tx) => sql.rows_for_sqlite().fetch_optional(&mut **tx).await?,
        })
    }

    /// Runs a statement; the number of rows it touched.
    pub(crate) async fn execute(&mut self, sql: Sql) -> Result<u64> {
        Ok(match self {
            Self::MySql(tx) => sql.for_mysql().execute(&mut **tx).await?.rows_affected(),
            Self::Sqlite(tx) => sql.for_sqlite().execute(&mut **tx).await?.rows_affected(),
        })
    }

    /// Runs each statement.
    pub(crate) async fn execute_each(&mut self, statements: Vec<Sql>) -> Result<()> {
        for sql in statements {
            self.execute(sql).await?;
        }
        Ok(())
    }

    /// Makes the transaction's changes visible and durable.
    ///
    /// # Errors
    /// When the database refuses; then nothing of it is visible.
    pub async fn commit(self) -> Result<()> {
        match self {
            Self::MySql(tx) => tx.commit().await,
            Self::Sqlite(tx) => tx.commit().await,
        }
    }

    /// Takes back what the transaction has done. A transaction that is dropped instead ends with its connection.
    pub async fn rollback(self) {
        match self {
            Self::MySql(tx) => tx.rollback().await,
            Self::Sqlite(tx) => tx.rollback().await,
        }
    }
}

/// How often a transaction is tried before its failure reaches the caller.
pub(crate) const ATTEMPTS: u32 = 8;

/// Waits before the next attempt: longer after each attempt, and for a random time, so that two writers do not meet again.
pub(crate) async fn pause(attempt: u32) {
    use rand::RngExt;
    let limit = 5_u64 << attempt.min(6);
    let millis = rand::rng().random_range(1..=limit);
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
