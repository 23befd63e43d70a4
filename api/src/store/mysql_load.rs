//! Streams an import into MySQL or MariaDB, by `LOAD DATA LOCAL INFILE`, which sqlx cannot do.
//!
//! The rows go into tables beside the real ones: `import_asset` is made like `asset`, and so on. Each is filled through a connection
//! of its own. When all are full they take the places of the real ones, in one statement, which the server does wholly or not at
//! all. Until then nobody sees anything of them, so that neither a failure nor a kill leaves a part of a catalogue; the next import
//! removes what a killed one left.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use mysql_async::prelude::Queryable;
use mysql_async::{ClientIdentity, Conn, DriverError, Error, Opts, OptsBuilder, Row, SslOpts};
use reqwest::Url;
use sqlx::mysql::MySqlSslMode;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::dump::{Batch, Column, Counts, DumpError, Kind, OCCUPANTS, Reader, TABLES, Table, read_into};
use super::lease::{self, Attempt};
use super::sql::Arg;
use super::{Db, StoreError, mysql_options};

type Result<T, E = DumpError> = std::result::Result<T, E>;

/// What the names of tables begin with that are being filled.
const NEW: &str = "import_";
/// What the names of tables begin with that were replaced.
const OLD: &str = "replaced_";
/// How many batches of a table may wait for the server.
const WAITING: usize = 2;
/// How many tables get their indexes at once.
const INDEXED_AT_ONCE: usize = 3;
/// What every connection of an import begins with.
const SESSION: [&str; 3] = [
    // Row ids of 0 are kept; backslashes escape; what does not fit is refused.
    "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'",
    // What unique indexes hold is checked nevertheless; it may only be checked later.
    "SET SESSION unique_checks = 0",
    // A table may have to wait long for its next rows, but no statement for a lock.
    "SET SESSION wait_timeout = 86400, lock_wait_timeout = 60",
];

/// Fills an empty catalogue.
pub(super) async fn load(db: &Db, url: &str, reader: Reader) -> Result<Counts, StoreError> {
    let Attempt::Taken(lease) = db.take_lease("import").await? else { return Err(DumpError::Running(lease::LASTS.as_secs()).into()) };
    let loaded = lease.keep(run(url, reader)).await.unwrap_or_else(|| Err(DumpError::Overtaken.into()));
    lease.release().await;
    loaded
}

async fn run(url: &str, reader: Reader) -> Result<Counts, StoreError> {
    let mut target = Target::open(url).await?;
    if let Some(table) = target.occupied(OLD).await? {
        return Err(DumpError::Remains(table).into());
    }
    target.clear_up().await?;
    target.drop_tables(NEW).await?;
    if let Some(table) = target.occupied("").await? {
        return Err(DumpError::NotEmpty(table).into());
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
fn options(url: &str) -> Result<Opts, StoreError> {
    let known = mysql_options(url)?;
    let mut bare = Url::parse(&url.replacen("mariadb:", "mysql:", 1)).map_err(|error| sqlx::Error::Configuration(error.into()))?;
    let ssl_options = ssl_options(known.get_ssl_mode(), &bare);
    bare.set_query(None);
    let builder = OptsBuilder::from_opts(Opts::from_url(bare.as_str()).map_err(Error::from).map_err(DumpError::from)?)
        // A connection through the socket may be another account than the one through TCP.
        .prefer_socket(false)
        .socket(known.get_socket().map(|path| path.display().to_string()))
        .ssl_opts(ssl_options)
        .setup(SESSION.to_vec());
    Ok(builder.into())
}

fn ssl_options(mode: MySqlSslMode, url: &Url) -> Option<SslOpts> {
    let parameter = |name: &str| {
        let values = url.query_pairs().filter(|(key, _)| key.replace('-', "") == name).map(|(_, value)| PathBuf::from(value.as_ref()));
        values.last()
    };
    let identity = parameter("sslcert").zip(parameter("sslkey")).map(|(cert, key)| ClientIdentity::new(cert.into(), key.into()));
    let options = SslOpts::default()
        .with_client_identity(identity)
        .with_root_certs(parameter("sslca").into_iter().map(Into::into).collect())
        .with_danger_accept_invalid_certs(!matches!(mode, MySqlSslMode::VerifyCa | MySqlSslMode::VerifyIdentity))
        .with_danger_skip_domain_validation(!matches!(mode, MySqlSslMode::VerifyIdentity));
    (!matches!(mode, MySqlSslMode::Disabled)).then_some(options)
}

#[allow(clippy::disallowed_methods, reason = "this is the place for it")]
async fn connect(options: &Opts) -> Result<Conn> {
    Ok(Conn::new(options.clone()).await?)
}

/// The database that is imported into.
struct Target {
    options: Opts,
    connection: Conn,
    is_mariadb: bool,
}

/// A foreign key: its table, its name, and its definition as in `CREATE TABLE`.
type ForeignKey = (&'static str, String, String);

impl Target {
    async fn open(url: &str) -> Result<Self, StoreError> {
        let mut options = options(url)?;
        let mut connection = connect(&options).await;
        let is_plain = matches!(connection, Err(DumpError::Database(Error::Driver(DriverError::NoClientSslFlagFromServer))));
        if is_plain && matches!(mysql_options(url)?.get_ssl_mode(), MySqlSslMode::Preferred) {
            options = OptsBuilder::from_opts(options).ssl_opts(None).into();
            connection = connect(&options).await;
        }
        let mut connection = connection?;
        let facts = "SELECT VERSION(), CAST(@@GLOBAL.local_infile AS SIGNED)";
        let (version, local_infile): (String, i64) = connection.query_first(facts).await.map_err(DumpError::from)?.unwrap_or_default();
        if local_infile == 0 {
            return Err(DumpError::LocalInfile.into());
        }
        Ok(Self { options, connection, is_mariadb: version.contains("MariaDB") })
    }

    async fn execute(&mut self, statement: impl AsRef<str>) -> Result<()> {
        Ok(self.connection.query_drop(statement.as_ref()).await?)
    }

    /// A table with this prefix that has rows, as those of an empty catalogue have not.
    async fn occupied(&mut self, prefix: &str) -> Result<Option<&'static str>> {
        for table in OCCUPANTS {
            let exists: Option<String> = self.connection.query_first(format!("SHOW TABLES LIKE '{prefix}{table}'")).await?;
            let rows = format!("SELECT id FROM `{prefix}{table}` LIMIT 1");
            if exists.is_some() && self.connection.query_first::<i64, _>(rows).await?.is_some() {
                return Ok(Some(table));
            }
        }
        Ok(None)
    }

    async fn drop_tables(&mut self, prefix: &str) -> Result<()> {
        // Those that refer to others go first.
        let names: Vec<String> = TABLES.iter().rev().map(|table| format!("`{prefix}{}`", table.name)).collect();
        self.execute(format!("DROP TABLE IF EXISTS {}", names.join(", "))).await
    }

    /// Fills new tables and puts them in the places of the real ones.
    async fn fill(&mut self, reader: Reader) -> Result<Counts, StoreError> {
        let (outlets, batches): (Vec<_>, Vec<_>) = TABLES.iter().map(|_| mpsc::channel(WAITING)).unzip();
        let counts = read_into(outlets, reader, fill_tables(&self.options, self.is_mariadb, batches)).await?;
        // Names of foreign keys are unique in a database: the new ones have other names until the real ones are gone.
        for (table, name, definition) in self.foreign_keys(NEW).await? {
            let add = format!("ALTER TABLE `{NEW}{table}` ADD CONSTRAINT `{NEW}{name}` {definition}");
            self.execute(add).await.map_err(|error| inconsistent(table, error))?;
        }
        self.replace().await?;
        Ok(counts)
    }

    /// The foreign keys of the real tables. In their definitions the names of the tables that they refer to have the prefix.
    async fn foreign_keys(&mut self, prefix: &str) -> Result<Vec<ForeignKey>> {
        let sql = format!(
            "SELECT table_name, constraint_name, CONCAT('FOREIGN KEY (`', column_name, '`) REFERENCES `{prefix}', referenced_table_name, \
             '` (`', referenced_column_name, '`)') FROM information_schema.key_column_usage \
             WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL ORDER BY table_name, constraint_name"
        );
        let found: Vec<(String, String, String)> = self.connection.query(sql).await?;
        let known = |name: String| TABLES.iter().map(|table| table.name).find(|table| *table == name);
        Ok(found.into_iter().filter_map(|(table, name, definition)| Some((known(table)?, name, definition))).collect())
    }

    /// Puts the new tables in the places of the real ones.
    async fn replace(&mut self) -> Result<()> {
        self.exchange(NEW, OLD).await?;
        if let Some(table) = self.occupied(OLD).await? {
            self.exchange(OLD, NEW).await?;
            return Err(DumpError::Written(table));
        }
        self.clear_up().await
    }

    /// Renames tables: those with the prefix `from` become the real ones, and these get the prefix `to`. All of it or nothing.
    async fn exchange(&mut self, from: &str, to: &str) -> Result<()> {
        let pairs = TABLES.iter().map(|Table { name, .. }| format!("`{name}` TO `{to}{name}`, `{from}{name}` TO `{name}`"));
        self.execute(format!("RENAME TABLE {}", pairs.collect::<Vec<_>>().join(", "))).await
    }

    /// Removes the tables that were replaced, and gives foreign keys their names back; also after an import that was killed when its
    /// tables had taken their places.
    async fn clear_up(&mut self) -> Result<()> {
        self.drop_tables(OLD).await?;
        for (table, name, definition) in self.foreign_keys("").await? {
            if let Some(own) = name.strip_prefix(NEW) {
                self.execute(format!("ALTER TABLE `{table}` DROP FOREIGN KEY `{name}`, ADD CONSTRAINT `{own}` {definition}")).await?;
            }
        }
        Ok(())
    }
}

fn inconsistent(table: &'static str, error: DumpError) -> DumpError {
    match error {
        DumpError::Database(Error::Server(error)) => DumpError::Inconsistent { table, message: real_names(&error.message, table) },
        other => other,
    }
}

/// What the server says, with the real name of the table.
fn real_names(message: &str, table: &str) -> String {
    message.replace(&format!("{NEW}{table}"), table)
}

/// Makes all tables, takes their rows and builds their indexes, each by a connection of its own.
async fn fill_tables(options: &Opts, is_mariadb: bool, batches: Vec<mpsc::Receiver<Batch>>) -> Result<(), StoreError> {
    let turns = Arc::new(Semaphore::new(INDEXED_AT_ONCE));
    let mut tables = JoinSet::new();
    for (table, batches) in TABLES.iter().zip(batches) {
        tables.spawn(fill_table(options.clone(), is_mariadb, table, batches, Arc::clone(&turns)));
    }
    while let Some(ended) = tables.join_next().await {
        ended.map_err(|error| DumpError::Ended(error.to_string()))??;
    }
    Ok(())
}

/// Makes a table like the real one, without its indexes at first: MySQL builds an index faster from a full table, the more so the
/// larger it is; MariaDB does not.
async fn fill_table(
    options: Opts,
    is_mariadb: bool,
    table: &'static Table,
    mut batches: mpsc::Receiver<Batch>,
    turns: Arc<Semaphore>,
) -> Result<()> {
    let mut connection = connect(&options).await?;
    let name = format!("`{NEW}{}`", table.name);
    connection.query_drop(format!("CREATE TABLE {name} LIKE `{}`", table.name)).await?;
    let indexes = if is_mariadb { Vec::new() } else { Index::all(&mut connection, table).await? };
    if !indexes.is_empty() {
        let drop: Vec<String> = indexes.iter().map(|index| format!("DROP INDEX `{}`", index.name)).collect();
        connection.query_drop(format!("ALTER TABLE {name} {}", drop.join(", "))).await?;
    }
    while let Some(batch) = batches.recv().await {
        load_batch(&mut connection, table, batch).await?;
    }
    let _turn = turns.acquire().await;
    if !indexes.is_empty() {
        // Old releases do not have it; the default of 1 MiB costs a third more time.
        drop(connection.query_drop("SET SESSION innodb_ddl_buffer_size = 67108864").await);
        let add: Vec<String> = indexes.iter().map(Index::addition).collect();
        let added = connection.query_drop(format!("ALTER TABLE {name} {}", add.join(", "))).await;
        added.map_err(|error| inconsistent(table.name, error.into()))?;
    }
    // The first queries already go the right way.
    connection.query_drop(format!("ANALYZE NO_WRITE_TO_BINLOG TABLE {name}")).await?;
    Ok(connection.disconnect().await?)
}

/// An index other than the primary key.
struct Index {
    name: String,
    is_unique: bool,
    columns: Vec<String>,
}

impl Index {
    /// The indexes of a table, in their order.
    async fn all(connection: &mut Conn, table: &Table) -> Result<Vec<Self>> {
        let mut indexes: Vec<Self> = Vec::new();
        for row in connection.query::<Row, _>(format!("SHOW INDEX FROM `{}` WHERE Key_name <> 'PRIMARY'", table.name)).await? {
            let name: String = row.get("Key_name").unwrap_or_default();
            if indexes.last().is_none_or(|last| last.name != name) {
                indexes.push(Self { name, is_unique: row.get("Non_unique") == Some(0), columns: Vec::new() });
            }
            indexes.last_mut().into_iter().for_each(|last| last.columns.extend(row.get::<String, _>("Column_name")));
        }
        Ok(indexes)
    }

    fn addition(&self) -> String {
        let kind = if self.is_unique { "UNIQUE INDEX" } else { "INDEX" };
        format!("ADD {kind} `{}` (`{}`)", self.name, self.columns.join("`, `"))
    }
}

/// Takes rows of a table. For rows from a client's stream the server leaves out or changes what does not fit, and warns: what it did
/// not take as it was is refused here.
async fn load_batch(connection: &mut Conn, table: &Table, Batch { first, last, rows, .. }: Batch) -> Result<()> {
    let count = rows.len() as u64;
    let lines = lines(rows);
    connection.set_infile_handler(async move { Ok(stream::iter([Ok(lines.into())]).boxed()) });
    connection.query_drop(load_statement(table)).await?;
    let taken = connection.affected_rows();
    if taken == count && connection.get_warnings() == 0 {
        return Ok(());
    }
    let warning: Option<(String, u32, String)> = connection.query_first("SHOW WARNINGS LIMIT 1").await?;
    let message = warning.map_or_else(|| format!("{taken} rows of {count} were taken"), |(_, _, message)| message);
    Err(DumpError::Refused { table: table.name, first, last, message: real_names(&message, table.name) })
}

/// Rows as `LOAD DATA` takes them: values between tabs, `\N` for NULL.
fn lines(rows: Vec<Vec<Arg>>) -> Vec<u8> {
    let mut lines = Vec::new();
    for row in rows {
        for value in row {
            match value {
                Arg::Int(None) | Arg::Text(None) => lines.extend_from_slice(b"\\N"),
                Arg::Int(Some(value)) => lines.extend_from_slice(value.to_string().as_bytes()),
                Arg::Text(Some(text)) => push_text(&mut lines, text.as_bytes()),
                Arg::Bytes(bytes) => lines.extend_from_slice(hex::encode(bytes).as_bytes()),
            }
            lines.push(b'\t');
        }
        lines.pop();
        lines.push(b'\n');
    }
    lines
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

/// The statement that takes rows of a table. As `binary`, the server looks for ends of values byte by byte and not character by
/// character, which is faster; it checks nevertheless that text is UTF-8.
fn load_statement(table: &Table) -> String {
    let is_bytes = |column: &&Column| column.kind == Kind::Bytes;
    let columns = table.columns.iter().map(|column| format!("{}{}", if is_bytes(&column) { "@" } else { "" }, column.name));
    let decoded = table.columns.iter().filter(is_bytes).map(|column| format!(" SET {0} = UNHEX(@{0})", column.name));
    format!(
        "LOAD DATA LOCAL INFILE 'rows' INTO TABLE `{NEW}{}` CHARACTER SET binary FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' \
         LINES TERMINATED BY '\\n' ({}){}",
        table.name,
        columns.collect::<Vec<_>>().join(", "),
        decoded.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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
