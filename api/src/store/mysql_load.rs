//! Streams an import into MySQL or MariaDB, by `LOAD DATA LOCAL INFILE`, which sqlx cannot do.
//!
//! The rows go into tables beside the real ones: `import_asset` is made like `asset`, and so on. Each is filled through a connection
//! of its own. When all are full they take the places of the real ones, in one statement, which the server does wholly or not at
//! all. Until then nobody sees anything of them, so that neither a failure nor a kill leaves a part of a catalogue; the next import
//! removes what a killed one left.

use std::collections::HashMap;
use std::path::PathBuf;

use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryFutureExt, stream};
use mysql_async::prelude::Queryable;
use mysql_async::{ClientIdentity, Conn, Error, Opts, OptsBuilder, SslOpts};
use reqwest::Url;
use sqlx::mysql::MySqlSslMode;
use tokio::sync::mpsc;

use super::change::NOTE_EVERYTHING;
use super::dump::{Batch, DumpError, OCCUPANTS, Progress, Reader, TABLES, Table, WAITING, names, read_into};
use super::lease::{self, Attempt};
use super::sql::Arg;
use super::{Db, StoreError, mysql_options};

type Result<T, E = DumpError> = std::result::Result<T, E>;

/// What the names of tables begin with that are being filled.
const NEW: &str = "import_";
/// What the names of tables begin with that were replaced.
const OLD: &str = "replaced_";
/// What every connection of an import begins with.
const SESSION: [&str; 2] = [
    // Row ids of 0 are kept; backslashes escape; what does not fit is refused.
    "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'",
    // A table may have to wait long for its next rows, but no statement for a lock.
    "SET SESSION wait_timeout = 86400, lock_wait_timeout = 60",
];

/// Another import has the lease.
const RUNNING: DumpError = DumpError::Running(lease::LASTS.as_secs());

/// Fills an empty catalogue.
pub(super) async fn load(db: &Db, url: &str, reader: Reader) -> Result<Progress, StoreError> {
    let Attempt::Taken(lease) = db.take_lease("import").await? else { return Err(RUNNING.into()) };
    let loaded = lease.keep(load_alone(url, reader)).await.unwrap_or_else(|| Err(RUNNING.into()));
    lease.release().await;
    loaded
}

/// Fills an empty catalogue that no other import fills.
async fn load_alone(url: &str, reader: Reader) -> Result<Progress, StoreError> {
    let mut target = Target::open(url).await?;
    target.clear_up().await?;
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
    let pairs = url.query_pairs().map(|(name, value)| (name.replace('-', ""), PathBuf::from(value.as_ref())));
    let mut files: HashMap<String, PathBuf> = pairs.collect();
    let identity = files.remove("sslcert").zip(files.remove("sslkey")).map(|(cert, key)| ClientIdentity::new(cert.into(), key.into()));
    let options = SslOpts::default()
        .with_client_identity(identity)
        .with_root_certs(files.remove("sslca").into_iter().map(Into::into).collect())
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
}

impl Target {
    async fn open(url: &str) -> Result<Self, StoreError> {
        let options = options(url)?;
        let mut connection = connect(&options).await?;
        let allows = connection.query_first("SELECT CAST(@@GLOBAL.local_infile AS SIGNED)").await.map_err(DumpError::from)?;
        if allows == Some(0) { Err(DumpError::LocalInfile.into()) } else { Ok(Self { options, connection }) }
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
        let names: Vec<String> = TABLES.iter().map(|table| format!("`{prefix}{}`", table.name)).collect();
        // They refer to each other.
        self.connection.query_drop("SET SESSION foreign_key_checks = 0").await?;
        let dropped = self.connection.query_drop(format!("DROP TABLE IF EXISTS {}", names.join(", "))).await;
        self.connection.query_drop("SET SESSION foreign_key_checks = 1").await?;
        Ok(dropped?)
    }

    /// Fills new tables and puts them in the places of the real ones.
    async fn fill(&mut self, reader: Reader) -> Result<Progress, StoreError> {
        let (outlets, batches): (Vec<_>, Vec<_>) = TABLES.iter().map(|_| mpsc::channel(WAITING)).unzip();
        let tables = TABLES.iter().zip(batches).map(|(table, batches)| fill_table(&self.options, table, batches));
        let progress = read_into(outlets, reader, try_join_all(tables).map_ok(drop).err_into()).await?;
        for table in TABLES {
            // Names of foreign keys are unique in a database: the new ones have other names until the real ones are gone.
            for (name, definition) in self.foreign_keys(table, NEW).await? {
                let add = format!("ALTER TABLE `{NEW}{}` ADD CONSTRAINT `{NEW}{name}` {definition}", table.name);
                self.connection.query_drop(add).await.map_err(|error| inconsistent(table, &error))?;
            }
        }
        self.replace().await?;
        Ok(progress)
    }

    /// The names and definitions of a real table's foreign keys. In the definitions the names of the tables that they refer to have the
    /// prefix.
    async fn foreign_keys(&mut self, table: &Table, prefix: &str) -> Result<Vec<(String, String)>> {
        let sql = format!(
            "SELECT constraint_name, CONCAT('FOREIGN KEY (', GROUP_CONCAT('`', column_name, '`' ORDER BY ordinal_position), \
             ') REFERENCES `{prefix}', referenced_table_name, '` (', \
             GROUP_CONCAT('`', referenced_column_name, '`' ORDER BY ordinal_position), \
             ') ON DELETE ', delete_rule, ' ON UPDATE ', update_rule) \
             FROM information_schema.key_column_usage JOIN information_schema.referential_constraints \
             USING (constraint_schema, table_name, constraint_name, referenced_table_name) \
             WHERE constraint_schema = DATABASE() AND table_name = '{}' \
             GROUP BY constraint_name, referenced_table_name, delete_rule, update_rule ORDER BY constraint_name",
            table.name
        );
        Ok(self.connection.query(sql).await?)
    }

    /// Puts the new tables in the places of the real ones, unless somebody has written to these.
    async fn replace(&mut self) -> Result<()> {
        // Whoever follows the changes begins anew: also where the process is killed between the two.
        self.connection.query_drop(NOTE_EVERYTHING).await?;
        self.exchange(NEW, OLD).await?;
        self.connection.query_drop(NOTE_EVERYTHING).await?;
        match self.clear_up().await {
            Err(DumpError::Remains(table)) => {
                self.exchange(OLD, NEW).await?;
                Err(DumpError::Written(table))
            }
            other => other,
        }
    }

    /// Renames tables: those with the prefix `from` become the real ones, and these get the prefix `to`. All of it or nothing.
    async fn exchange(&mut self, from: &str, to: &str) -> Result<()> {
        let pairs = TABLES.iter().map(|Table { name, .. }| format!("`{name}` TO `{to}{name}`, `{from}{name}` TO `{name}`"));
        Ok(self.connection.query_drop(format!("RENAME TABLE {}", pairs.collect::<Vec<_>>().join(", "))).await?)
    }

    /// Removes the other tables of an import, and gives foreign keys their names back: at its end, and when one was killed. Replaced
    /// tables that hold a catalogue stay, which is an error.
    async fn clear_up(&mut self) -> Result<()> {
        if let Some(table) = self.occupied(OLD).await? {
            return Err(DumpError::Remains(table));
        }
        self.drop_tables(OLD).await?;
        self.drop_tables(NEW).await?;
        for table in TABLES {
            for (name, definition) in self.foreign_keys(table, "").await? {
                if let Some(own) = name.strip_prefix(NEW) {
                    let rename = format!("DROP FOREIGN KEY `{name}`, ADD CONSTRAINT `{own}` {definition}");
                    self.connection.query_drop(format!("ALTER TABLE `{}` {rename}", table.name)).await?;
                }
            }
        }
        Ok(())
    }
}

fn inconsistent(table: &Table, error: &Error) -> DumpError {
    DumpError::Inconsistent { table: table.name, message: real_name(&error.to_string(), table) }
}

/// What the server says, with the real name of the table.
fn real_name(message: &str, table: &Table) -> String {
    message.replace(&format!("{NEW}{}", table.name), table.name)
}

/// Makes a table like the real one and fills it, through a connection of its own.
async fn fill_table(options: &Opts, table: &Table, mut batches: mpsc::Receiver<Batch>) -> Result<()> {
    let mut connection = connect(options).await?;
    connection.query_drop(format!("CREATE TABLE `{NEW}{0}` LIKE `{0}`", table.name)).await?;
    while let Some(batch) = batches.recv().await {
        load_batch(&mut connection, batch).await?;
    }
    // The first queries already go the right way.
    connection.query_drop(format!("ANALYZE NO_WRITE_TO_BINLOG TABLE `{NEW}{}`", table.name)).await?;
    Ok(connection.disconnect().await?)
}

/// Takes rows of a table. For rows from a client's stream the server leaves out or changes what does not fit, and warns: what it did
/// not take as it was is refused here.
async fn load_batch(connection: &mut Conn, batch: Batch) -> Result<()> {
    let lines = lines(&batch.rows);
    connection.set_infile_handler(async move { Ok(stream::iter([Ok(lines.into())]).boxed()) });
    connection.query_drop(load_statement(batch.table)).await?;
    let (taken, count) = (connection.affected_rows(), batch.rows.len());
    if taken == count as u64 && connection.get_warnings() == 0 {
        return Ok(());
    }
    let warning: Option<(String, u32, String)> = connection.query_first("SHOW WARNINGS LIMIT 1").await?;
    let message = warning.map_or_else(|| format!("{taken} rows of {count} were taken"), |(_, _, message)| message);
    Err(batch.refused(real_name(&message, batch.table)))
}

/// The statement that takes rows of a table. As `binary`, the server looks for ends of values byte by byte and not character by
/// character, which is faster; it checks nevertheless that text is UTF-8.
fn load_statement(table: &Table) -> String {
    format!(
        "LOAD DATA LOCAL INFILE 'rows' INTO TABLE `{NEW}{}` CHARACTER SET binary FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' \
         LINES TERMINATED BY '\\n' ({})",
        table.name,
        names(table.columns)
    )
}

/// Rows as [`load_statement`] takes them: values between tabs, `\N` for NULL.
fn lines(rows: &[Vec<Arg>]) -> Vec<u8> {
    let mut lines = Vec::new();
    for row in rows {
        for value in row {
            match value {
                Arg::Int(None) | Arg::Text(None) => lines.extend_from_slice(b"\\N"),
                Arg::Int(Some(value)) => lines.extend_from_slice(value.to_string().as_bytes()),
                Arg::Text(Some(text)) => push_escaped(&mut lines, text.as_bytes()),
                Arg::Bytes(bytes) => push_escaped(&mut lines, bytes),
            }
            lines.push(b'\t');
        }
        lines.pop();
        lines.push(b'\n');
    }
    lines
}

/// Escapes what ends a value or a line, and what escapes.
fn push_escaped(out: &mut Vec<u8>, value: &[u8]) {
    let mut rest = 0;
    for at in memchr::memchr3_iter(b'\t', b'\n', b'\\', value) {
        out.extend_from_slice(&value[rest..at]);
        out.push(b'\\');
        rest = at;
    }
    out.extend_from_slice(&value[rest..]);
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
