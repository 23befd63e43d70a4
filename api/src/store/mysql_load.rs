//! Streams an import into MySQL or MariaDB, by `LOAD DATA LOCAL INFILE`.
//!
//! The rows go into tables beside the real ones: `import_asset` is made like `asset`, and so on. Each is filled through a connection
//! of its own. When all are full they take the places of the real ones, in one statement, which the server does wholly or not at
//! all. Until then nobody sees anything of them, so that neither a failure nor a kill leaves a part of a catalogue; the next import
//! removes what a killed one left.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{StreamExt, stream};
use mysql_async::prelude::Queryable;
use mysql_async::{ClientIdentity, Conn, DriverError, Error, InfileData, Opts, OptsBuilder, SslOpts};
use sqlx::mysql::MySqlSslMode;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::dump::{Cell, Counts, DumpError, Kind, OCCUPANTS, Reader, Sink, Stopped, TABLES, Table, drive};
use super::lease::{self, Attempt};
use super::{Db, StoreError, mysql_options};

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What the names of tables begin with that are being filled.
const NEW: &str = "import_";
/// What the names of tables begin with that were replaced.
const OLD: &str = "replaced_";
/// How many bytes of rows are gathered before they are sent.
const CHUNK: usize = 1 << 20;
/// How many chunks of a table may wait for the server.
const WAITING: usize = 8;
/// How many chunks make a statement, which is a transaction: enough that its own cost does not count, few enough that the server
/// is done soon when it must take one back.
const CHUNKS_AT_ONCE: usize = 64;
/// How many tables get their indexes at once.
const INDEXED_AT_ONCE: usize = 3;

/// Fills an empty catalogue.
pub(super) async fn load(db: &Db, url: &str, reader: Reader) -> Result<Counts> {
    let Attempt::Taken(lease) = db.take_lease("import").await? else { return Err(DumpError::Running(lease::LASTS.as_secs()).into()) };
    let loaded = lease.keep(run(url, reader)).await.unwrap_or_else(|| Err(DumpError::Overtaken.into()));
    lease.release().await;
    loaded
}

async fn run(url: &str, reader: Reader) -> Result<Counts> {
    let mut target = Target::open(url).await?;
    target.settle_earlier().await?;
    target.drop_tables(NEW).await?;
    for table in OCCUPANTS {
        if target.has_rows("", table).await? {
            return Err(DumpError::NotEmpty(table).into());
        }
    }
    let filled = target.fill(reader).await;
    if filled.is_err()
        && let Err(error) = target.drop_tables(NEW).await
    {
        tracing::warn!(%error, "the tables {NEW}… cannot be removed; the next import does it");
    }
    filled
}

/// The server as `url` names it, which is written as sqlx takes it: the two libraries have other parameters in common than these.
fn options(url: &str) -> Result<Opts> {
    let known = mysql_options(url)?;
    let (bare, query) = url.split_once('?').unwrap_or((url, ""));
    let bare = bare.replacen("mariadb:", "mysql:", 1);
    let builder = OptsBuilder::from_opts(Opts::from_url(&bare).map_err(Error::from).map_err(DumpError::from)?)
        // A connection through the socket may be another account than the one through TCP.
        .prefer_socket(false)
        .socket(known.get_socket().map(|path| path.display().to_string()))
        .ssl_opts(ssl_options(known.get_ssl_mode(), query))
        .setup(SESSION.to_vec());
    Ok(builder.into())
}

/// What every connection of an import begins with.
const SESSION: [&str; 3] = [
    // Row ids of 0 are kept; backslashes escape; what does not fit is refused.
    "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'",
    // What unique indexes hold is checked nevertheless; it may only be checked later.
    "SET SESSION unique_checks = 0",
    // A table may have to wait long for its next rows, but no statement for a lock.
    "SET SESSION net_read_timeout = 86400, lock_wait_timeout = 60",
];

fn ssl_options(mode: MySqlSslMode, query: &str) -> Option<SslOpts> {
    let parameter = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| key.replace('-', "") == name).map(|(_, value)| std::path::PathBuf::from(decoded(value))).next_back()
    };
    let identity = parameter("sslcert").zip(parameter("sslkey")).map(|(cert, key)| ClientIdentity::new(cert.into(), key.into()));
    let verifies_authority = matches!(mode, MySqlSslMode::VerifyCa | MySqlSslMode::VerifyIdentity);
    let options = SslOpts::default()
        .with_client_identity(identity)
        .with_root_certs(parameter("sslca").into_iter().map(Into::into).collect())
        .with_danger_accept_invalid_certs(!verifies_authority)
        .with_danger_skip_domain_validation(!matches!(mode, MySqlSslMode::VerifyIdentity));
    (!matches!(mode, MySqlSslMode::Disabled)).then_some(options)
}

/// A value of a URL's query without its percent signs.
fn decoded(value: &str) -> String {
    let mut out = Vec::with_capacity(value.len());
    let mut bytes = value.bytes().collect::<VecDeque<u8>>();
    while let Some(byte) = bytes.pop_front() {
        let hex = |i: usize| bytes.get(i).and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        match (byte, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high * 16 + low);
                bytes.drain(..2);
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[allow(clippy::disallowed_methods, reason = "this is the place for it")]
async fn connect(options: &Opts) -> Result<Conn, DumpError> {
    Ok(Conn::new(options.clone()).await?)
}

/// The database that is imported into.
struct Target {
    options: Opts,
    connection: Conn,
    is_mariadb: bool,
}

/// What is made anew on a table that was made like another.
#[derive(Debug, Default, PartialEq)]
struct Structure {
    /// Indexes other than the primary key: their names, and their definitions as in `CREATE TABLE`.
    indexes: Vec<(String, String)>,
    /// Foreign keys, likewise.
    foreign_keys: Vec<(String, String)>,
}

impl Structure {
    /// What a table has now.
    async fn of(connection: &mut Conn, table: &str) -> Result<Self, DumpError> {
        let found: Option<(String, String)> = connection.query_first(format!("SHOW CREATE TABLE `{table}`")).await?;
        Ok(Self::parse(&found.unwrap_or_default().1))
    }

    /// From what `SHOW CREATE TABLE` says: a definition a line.
    fn parse(create_table: &str) -> Self {
        let mut structure = Self::default();
        for line in create_table.lines() {
            let definition = line.trim().trim_end_matches(',');
            let Some((kind, name)) = definition.split_once('`').and_then(|(kind, rest)| Some((kind.trim(), rest.split_once('`')?.0)))
            else {
                continue;
            };
            let entry = (name.to_owned(), definition.to_owned());
            match kind {
                "KEY" | "UNIQUE KEY" => structure.indexes.push(entry),
                "CONSTRAINT" if definition.contains(" FOREIGN KEY ") => structure.foreign_keys.push(entry),
                _ => {}
            }
        }
        structure
    }
}

impl Target {
    async fn open(url: &str) -> Result<Self> {
        let mut options = options(url)?;
        let preferred = matches!(mysql_options(url)?.get_ssl_mode(), MySqlSslMode::Preferred);
        let mut connection = connect(&options).await;
        if preferred && matches!(connection, Err(DumpError::Database(Error::Driver(DriverError::NoClientSslFlagFromServer)))) {
            options = OptsBuilder::from_opts(options).ssl_opts(None).into();
            connection = connect(&options).await;
        }
        let mut target = Self { options, connection: connection?, is_mariadb: false };
        let facts = "SELECT VERSION(), CAST(@@GLOBAL.local_infile AS SIGNED)";
        let (version, local_infile): (String, i64) =
            target.connection.query_first(facts).await.map_err(DumpError::from)?.unwrap_or_default();
        if local_infile == 0 {
            return Err(DumpError::LocalInfile.into());
        }
        target.is_mariadb = version.contains("MariaDB");
        Ok(target)
    }

    async fn execute(&mut self, statement: impl AsRef<str>) -> Result<(), DumpError> {
        Ok(self.connection.query_drop(statement.as_ref()).await?)
    }

    async fn has_rows(&mut self, prefix: &str, table: &str) -> Result<bool, DumpError> {
        Ok(self.connection.query_first::<i64, _>(format!("SELECT id FROM `{prefix}{table}` LIMIT 1")).await?.is_some())
    }

    async fn drop_tables(&mut self, prefix: &str) -> Result<(), DumpError> {
        // Those that refer to others go first.
        let names: Vec<String> = TABLES.iter().rev().map(|table| format!("`{prefix}{}`", table.name)).collect();
        self.execute(format!("DROP TABLE IF EXISTS {}", names.join(", "))).await
    }

    /// Fills new tables and puts them in the places of the real ones.
    async fn fill(&mut self, reader: Reader) -> Result<Counts> {
        let (rows, waiting): (Vec<_>, Vec<_>) = TABLES.iter().map(|_| mpsc::channel(WAITING)).unzip();
        let counts = drive(reader, Chunks::new(rows), fill_tables(&self.options, self.is_mariadb, waiting)).await?;
        self.add_foreign_keys().await?;
        self.replace().await?;
        Ok(counts)
    }

    /// Makes the new tables refer to each other as the real ones do. Names of foreign keys are unique in a database: the new ones
    /// have other names until the real ones are gone.
    async fn add_foreign_keys(&mut self) -> Result<()> {
        let add = |_: &str, definition: &str| {
            let named = definition.replacen("CONSTRAINT `", &format!("CONSTRAINT `{NEW}"), 1);
            Some(format!("ADD {}", named.replacen("REFERENCES `", &format!("REFERENCES `{NEW}"), 1)))
        };
        for table in &TABLES {
            let added = self.change_foreign_keys(table, NEW, add).await;
            added.map_err(|error| inconsistent(table, error))?;
        }
        Ok(())
    }

    /// Changes the table whose name has this prefix as `change` says for each foreign key (name, definition) of the real one: in one
    /// statement, since each of them copies the table.
    async fn change_foreign_keys(
        &mut self,
        table: &Table,
        prefix: &str,
        change: impl Fn(&str, &str) -> Option<String>,
    ) -> Result<(), DumpError> {
        let foreign_keys = Structure::of(&mut self.connection, table.name).await?.foreign_keys;
        let changes: Vec<String> = foreign_keys.iter().filter_map(|(name, definition)| change(name, definition)).collect();
        if changes.is_empty() { Ok(()) } else { self.execute(format!("ALTER TABLE `{prefix}{}` {}", table.name, changes.join(", "))).await }
    }

    /// Puts the new tables in the places of the real ones.
    async fn replace(&mut self) -> Result<()> {
        self.exchange(NEW, OLD).await?;
        for table in OCCUPANTS {
            if self.has_rows(OLD, table).await? {
                self.exchange(OLD, NEW).await?;
                return Err(DumpError::Written(table).into());
            }
        }
        self.settle().await
    }

    /// Renames tables: those with the prefix `from` become the real ones, and these get the prefix `to`. All of it or nothing.
    async fn exchange(&mut self, from: &str, to: &str) -> Result<(), DumpError> {
        let pairs: Vec<String> =
            TABLES.iter().map(|table| table.name).map(|name| format!("`{name}` TO `{to}{name}`, `{from}{name}` TO `{name}`")).collect();
        self.execute(format!("RENAME TABLE {}", pairs.join(", "))).await
    }

    /// Removes the tables that were replaced, and gives foreign keys their names back.
    async fn settle(&mut self) -> Result<()> {
        self.drop_tables(OLD).await?;
        let rename = |name: &str, definition: &str| {
            let definition = definition.replacen(&format!("CONSTRAINT `{NEW}"), "CONSTRAINT `", 1);
            name.starts_with(NEW).then(|| format!("DROP FOREIGN KEY `{name}`, ADD {definition}"))
        };
        for table in &TABLES {
            self.change_foreign_keys(table, "", rename).await?;
        }
        Ok(())
    }

    /// Finishes an import that was killed after its tables had taken their places.
    async fn settle_earlier(&mut self) -> Result<()> {
        let found: Option<String> = self.connection.query_first(format!("SHOW TABLES LIKE '{OLD}%'")).await.map_err(DumpError::from)?;
        if found.is_some() {
            for table in OCCUPANTS {
                if self.has_rows(OLD, table).await? {
                    return Err(DumpError::Remains(table).into());
                }
            }
        }
        self.settle().await
    }
}

fn inconsistent(table: &'static Table, error: DumpError) -> DumpError {
    match error {
        DumpError::Database(Error::Server(error)) => {
            DumpError::Inconsistent { table: table.name, message: error.message.replace(&format!("{NEW}{}", table.name), table.name) }
        }
        other => other,
    }
}

/// A table that is being filled.
struct New {
    table: &'static Table,
    /// Makes the indexes that it was made without.
    add_indexes: Option<String>,
}

impl New {
    /// Makes a table like the real one. One for many rows has no indexes at first: MySQL builds an index faster from a full table,
    /// the more so the larger it is; MariaDB does not.
    async fn make(options: &Opts, table: &'static Table, is_mariadb: bool) -> Result<Self, DumpError> {
        let mut connection = connect(options).await?;
        let name = format!("`{NEW}{}`", table.name);
        let mut statements = vec![format!("CREATE TABLE {name} LIKE `{}`", table.name)];
        let indexes = Structure::of(&mut connection, table.name).await?.indexes;
        let mut add_indexes = None;
        if table.is_large() && !is_mariadb && !indexes.is_empty() {
            let drop: Vec<String> = indexes.iter().map(|(name, _)| format!("DROP INDEX `{name}`")).collect();
            let add: Vec<String> = indexes.iter().map(|(_, definition)| format!("ADD {definition}")).collect();
            statements.push(format!("ALTER TABLE {name} {}", drop.join(", ")));
            add_indexes = Some(format!("ALTER TABLE {name} {}", add.join(", ")));
        }
        for statement in statements {
            connection.query_drop(statement).await?;
        }
        connection.disconnect().await?;
        Ok(Self { table, add_indexes })
    }

    /// Builds the indexes of the full table, and its statistics: the first queries already go the right way.
    async fn complete(self, options: &Opts) -> Result<(), DumpError> {
        let mut connection = connect(options).await?;
        if let Some(add_indexes) = self.add_indexes {
            // MariaDB and old releases do not have it; the default of 1 MiB costs a third more time.
            drop(connection.query_drop("SET SESSION innodb_ddl_buffer_size = 67108864").await);
            let added = connection.query_drop(add_indexes).await.map_err(DumpError::from);
            added.map_err(|error| inconsistent(self.table, error))?;
        }
        let analyze = format!("ANALYZE NO_WRITE_TO_BINLOG TABLE `{NEW}{}`", self.table.name);
        connection.query_drop(analyze).await?;
        Ok(connection.disconnect().await?)
    }
}

/// Rows of a table as `LOAD DATA` takes them, and the lines among which they stood.
struct Chunk {
    first: u64,
    last: u64,
    rows: u64,
    bytes: Vec<u8>,
}

impl Chunk {
    fn new() -> Self {
        Self { first: 0, last: 0, rows: 0, bytes: Vec::new() }
    }
}

/// Gathers rows by table.
struct Chunks {
    open: Vec<Chunk>,
    full: Vec<mpsc::Sender<Chunk>>,
}

impl Chunks {
    fn new(full: Vec<mpsc::Sender<Chunk>>) -> Self {
        Self { open: TABLES.iter().map(|_| Chunk::new()).collect(), full }
    }

    fn pass_on(&mut self, table: usize) -> Result<(), Stopped> {
        let next = Chunk { bytes: Vec::with_capacity(CHUNK + (CHUNK >> 4)), ..Chunk::new() };
        let chunk = std::mem::replace(&mut self.open[table], next);
        self.full[table].blocking_send(chunk).map_err(|_| Stopped)
    }
}

impl Sink for Chunks {
    fn row(&mut self, table: usize, line: u64, cells: Vec<Cell<'_>>) -> Result<(), Stopped> {
        let chunk = &mut self.open[table];
        if chunk.rows == 0 {
            chunk.first = line;
        }
        chunk.last = line;
        chunk.rows += 1;
        push_row(&mut chunk.bytes, &cells);
        if chunk.bytes.len() >= CHUNK {
            return self.pass_on(table);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Stopped> {
        for table in 0..TABLES.len() {
            if self.open[table].rows > 0 {
                self.pass_on(table)?;
            }
        }
        tracing::info!("import: all rows were read, the database builds its indexes");
        Ok(())
    }
}

/// Adds a line for `LOAD DATA`: values between tabs, `\N` for NULL.
fn push_row(out: &mut Vec<u8>, cells: &[Cell<'_>]) {
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            out.push(b'\t');
        }
        match cell {
            Cell::Null => out.extend_from_slice(b"\\N"),
            Cell::Int(value) => push_int(out, *value),
            Cell::Text(text) => push_text(out, text.as_bytes()),
            Cell::Bytes(bytes) => push_hex(out, bytes),
        }
    }
    out.push(b'\n');
}

fn push_int(out: &mut Vec<u8>, value: i64) {
    use std::io::Write as _;
    // Writing into memory does not fail.
    drop(write!(out, "{value}"));
}

/// Escapes what ends a value or a line, and what escapes.
fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = 0;
    for at in memchr::memchr3_iter(b'\t', b'\n', b'\\', text) {
        out.extend_from_slice(&text[rest..at]);
        out.push(b'\\');
        rest = at;
    }
    out.extend_from_slice(&text[rest..]);
}

fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend(bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]));
}

/// Makes all tables, takes their rows and builds their indexes, each by a connection of its own.
async fn fill_tables(options: &Opts, is_mariadb: bool, waiting: Vec<mpsc::Receiver<Chunk>>) -> Result<()> {
    let turns = Arc::new(Semaphore::new(INDEXED_AT_ONCE));
    let mut tables = JoinSet::new();
    for (table, chunks) in TABLES.iter().zip(waiting) {
        let (options, turns) = (options.clone(), Arc::clone(&turns));
        tables.spawn(async move {
            let new = New::make(&options, table, is_mariadb).await?;
            load_table(&options, table, chunks).await?;
            let _turn = turns.acquire().await;
            new.complete(&options).await
        });
    }
    while let Some(ended) = tables.join_next().await {
        ended.map_err(|error| DumpError::Ended(error.to_string()))??;
    }
    Ok(())
}

/// Takes the rows of a table.
async fn load_table(options: &Opts, table: &'static Table, chunks: mpsc::Receiver<Chunk>) -> Result<(), DumpError> {
    let chunks = Arc::new(Mutex::new(chunks));
    let statement = load_statement(table);
    let mut connection = None;
    // A statement begins when there is something for it.
    loop {
        let Some(first) = chunks.lock().await.recv().await else { break };
        let mut open = match connection.take() {
            Some(open) => open,
            None => connect(options).await?,
        };
        let sent = Arc::new(Sent::default());
        let (more, tally) = (Arc::clone(&chunks), Arc::clone(&sent));
        open.set_infile_handler(async move { Ok(rows(first, more, tally)) });
        open.query_drop(&statement).await?;
        sent.check(table, &mut open).await?;
        connection = Some(open);
    }
    if let Some(connection) = connection {
        connection.disconnect().await?;
    }
    Ok(())
}

/// What one statement sends: the first chunk, and those that follow, up to the limit.
fn rows(first: Chunk, more: Arc<Mutex<mpsc::Receiver<Chunk>>>, sent: Arc<Sent>) -> InfileData {
    sent.first.store(first.first, Ordering::Relaxed);
    let next = move |(ready, count): (Option<Chunk>, usize)| {
        let (more, sent) = (Arc::clone(&more), Arc::clone(&sent));
        async move {
            let chunk = match ready {
                Some(chunk) => chunk,
                None if count == CHUNKS_AT_ONCE => return None,
                None => more.lock().await.recv().await?,
            };
            sent.rows.fetch_add(chunk.rows, Ordering::Relaxed);
            sent.last.store(chunk.last, Ordering::Relaxed);
            Some((Ok(chunk.bytes.into()), (None, count + 1)))
        }
    };
    stream::unfold((Some(first), 0), next).boxed()
}

/// What one statement has sent.
#[derive(Default)]
struct Sent {
    rows: AtomicU64,
    /// The first of the lines.
    first: AtomicU64,
    /// The last of them.
    last: AtomicU64,
}

impl Sent {
    /// Refuses what the server did not take as it was: for rows from a client's stream it leaves out or changes what does not fit,
    /// and warns.
    async fn check(&self, table: &'static Table, connection: &mut Conn) -> Result<(), DumpError> {
        let (taken, warnings) = (connection.affected_rows(), connection.get_warnings());
        let rows = self.rows.load(Ordering::Relaxed);
        if taken == rows && warnings == 0 {
            return Ok(());
        }
        let first: Option<(String, u32, String)> = connection.query_first("SHOW WARNINGS LIMIT 1").await?;
        let message = first.map_or_else(|| format!("{taken} rows of {rows} were taken"), |(_, _, message)| message);
        Err(DumpError::Refused {
            table: table.name,
            first: self.first.load(Ordering::Relaxed),
            last: self.last.load(Ordering::Relaxed),
            message: message.replace(&format!("{NEW}{}", table.name), table.name),
        })
    }
}

/// The statement that takes rows of a table. As `binary`, the server looks for ends of values byte by byte and not character by
/// character, which is faster; it checks nevertheless that text is UTF-8.
fn load_statement(table: &Table) -> String {
    let columns: Vec<String> =
        table.columns.iter().map(|c| if c.kind == Kind::Bytes { format!("@{}", c.name) } else { c.name.to_owned() }).collect();
    let decoded: Vec<String> =
        table.columns.iter().filter(|c| c.kind == Kind::Bytes).map(|c| format!("{0} = UNHEX(@{0})", c.name)).collect();
    let set = if decoded.is_empty() { String::new() } else { format!(" SET {}", decoded.join(", ")) };
    format!(
        "LOAD DATA LOCAL INFILE 'rows' INTO TABLE `{NEW}{}` CHARACTER SET binary FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' \
         LINES TERMINATED BY '\\n' ({}){set}",
        table.name,
        columns.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped() {
        let cells = [
            Cell::Null,
            Cell::Int(i64::MIN),
            Cell::Text("a\tb\nc\\d\0\\N é".into()),
            Cell::Text("".into()),
            Cell::Bytes(vec![0, 9, 10, 255]),
        ];
        let mut out = Vec::new();
        push_row(&mut out, &cells);
        assert_eq!(String::from_utf8(out).unwrap(), "\\N\t-9223372036854775808\ta\\\tb\\\nc\\\\d\0\\\\N é\t\t00090aff\n");
    }

    #[test]
    fn definitions_of_indexes_and_foreign_keys_are_found() {
        let create = "CREATE TABLE `api_key` (\n  `id` bigint NOT NULL,\n  `KEY ` int,\n  PRIMARY KEY (`id`),\n  UNIQUE KEY `h` (`hash`),\n  \
             KEY `a` (`account_id`),\n  CONSTRAINT `f` FOREIGN KEY (`account_id`) REFERENCES `account` (`id`),\n  \
             CONSTRAINT `c` CHECK (json_valid(`roles`))\n) ENGINE=InnoDB";
        let pair = |name: &str, definition: &str| (name.to_owned(), definition.to_owned());
        assert_eq!(
            Structure::parse(create),
            Structure {
                indexes: vec![pair("h", "UNIQUE KEY `h` (`hash`)"), pair("a", "KEY `a` (`account_id`)")],
                foreign_keys: vec![pair("f", "CONSTRAINT `f` FOREIGN KEY (`account_id`) REFERENCES `account` (`id`)")],
            }
        );
    }

    #[test]
    fn urls_are_read_as_sqlx_reads_them() {
        let read =
            options("mariadb://us%40er:p%3Aw@db.example:3307/aiod?ssl-mode=VERIFY_CA&ssl-ca=%2Fetc%2Fca.pem&charset=utf8mb4").unwrap();
        assert_eq!((read.ip_or_hostname(), read.tcp_port(), read.db_name()), ("db.example", 3307, Some("aiod")));
        assert_eq!((read.user(), read.pass()), (Some("us@er"), Some("p:w")));
        let ssl = read.ssl_opts().unwrap();
        assert!(!ssl.accept_invalid_certs() && ssl.skip_domain_validation());
        assert_eq!(ssl.root_certs(), [std::path::PathBuf::from("/etc/ca.pem").into()]);
        assert!(options("mysql://root@127.0.0.1/aiod?sslmode=disabled").unwrap().ssl_opts().is_none());
        assert!(options("mysql://root@db.example/aiod").unwrap().ssl_opts().unwrap().accept_invalid_certs());
        for here in ["127.0.0.1", "localhost", "[::1]"] {
            assert!(options(&format!("mysql://root@{here}/aiod")).unwrap().ssl_opts().is_none(), "{here}");
            assert!(options(&format!("mysql://root@{here}/aiod?ssl-mode=REQUIRED")).unwrap().ssl_opts().is_some(), "{here}");
        }
    }
}
