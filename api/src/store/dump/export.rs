//! Writes an export.

use std::path::Path;
use std::time::Instant;

use futures_util::{Stream, StreamExt};
use sqlx::mysql::MySqlConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{ColumnIndex, Connection, Decode, Executor, Type};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::row::{self, NULL, Row};
use super::{Counts, DumpReport, END, FORMAT, Header, Kind, Progress, RESOURCES, TABLES, Table, VERSION, migration};
use crate::store::dialect::Dialect;
use crate::store::sql::{Arg, Sql};
use crate::store::{Db, Result};

/// How many resources are written before what belongs to them follows.
const RESOURCES_AT_ONCE: i64 = 500;
/// How many bytes are written at once.
const BUFFER: usize = 256 << 10;

/// Writes everything that the catalogue holds into a file (`-`: standard output), as it is at one moment, whoever writes
/// meanwhile. A file of this name is replaced when the export is complete, and left alone otherwise; its readers are its owner's
/// alone, for it holds the hashes of API keys.
///
/// # Errors
/// When the database's structure is not up to date, or the database or the file fails.
pub async fn export(db: &Db, path: &Path) -> Result<DumpReport> {
    let begin = Instant::now();
    let header = Header {
        format: FORMAT.to_owned(),
        version: VERSION,
        migration: migration(db).await?,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        date: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
    };
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true);
    // A pipe or a device is written as it is.
    let is_file = tokio::fs::metadata(path).await.is_ok_and(|found| !found.is_file());
    if path == Path::new("-") || is_file {
        let output: Target = if is_file { Box::new(options.open(path).await?) } else { Box::new(tokio::io::stdout()) };
        return write(db, &header, output).await.map(|counts| DumpReport::new(&counts, begin));
    }
    #[cfg(unix)]
    options.mode(0o600);
    // A file gets its name when it is complete.
    let partial = path.with_added_extension("partial");
    let output = options.create(true).truncate(true).open(&partial).await?;
    let written = write(db, &header, Box::new(output)).await;
    if written.is_ok() {
        tokio::fs::File::open(&partial).await?.sync_all().await?;
        tokio::fs::rename(&partial, path).await?;
    } else if let Err(error) = tokio::fs::remove_file(&partial).await {
        tracing::warn!(%error, "{} cannot be removed", partial.display());
    }
    written.map(|counts| DumpReport::new(&counts, begin))
}

/// Where an export goes.
type Target = Box<dyn AsyncWrite + Send + Unpin>;

/// Writes all lines, from one transaction that sees one moment.
async fn write(db: &Db, header: &Header, target: Target) -> Result<Counts> {
    let (buffer, counts, progress) = (Vec::with_capacity(2 * BUFFER), Counts::default(), Progress::new("export"));
    let mut output = Output { target, dialect: db.dialect(), buffer, counts, progress };
    output.line(|line| serde_json::to_writer(line, header)).await?;
    match db {
        Db::MySql { read, .. } => {
            let mut connection = read.pool().acquire().await?;
            // For the next transaction alone.
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await?;
            let mut snapshot = connection.begin_with("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await?;
            output.everything(&mut Snapshot::MySql(&mut snapshot)).await?;
            snapshot.rollback().await?;
        }
        Db::Sqlite { read, .. } => {
            let mut snapshot = read.pool().begin().await?;
            output.everything(&mut Snapshot::Sqlite(&mut snapshot)).await?;
            snapshot.rollback().await?;
        }
    }
    let rows: serde_json::Map<_, _> = TABLES.iter().zip(output.counts).map(|(t, count)| (t.name.to_owned(), count.into())).collect();
    output.line(|line| serde_json::to_writer(line, &serde_json::json!({ END: rows }))).await?;
    output.write().await?;
    output.target.flush().await?;
    Ok(output.counts)
}

/// A transaction that reads.
enum Snapshot<'a> {
    MySql(&'a mut MySqlConnection),
    Sqlite(&'a mut SqliteConnection),
}

struct Output {
    target: Target,
    dialect: Dialect,
    buffer: Vec<u8>,
    counts: Counts,
    progress: Progress,
}

impl Output {
    /// The beginning of a statement that reads a table by its primary key.
    fn select(&self, table: &Table) -> Sql {
        Sql::new(format!("SELECT {} FROM {}{}", table.column_list(), table.name, self.dialect.by_index("PRIMARY")))
    }

    async fn everything(&mut self, snapshot: &mut Snapshot<'_>) -> Result<()> {
        for (index, table) in TABLES.iter().enumerate().take(RESOURCES) {
            let sql = self.select(table).push(&format!(" ORDER BY {}", table.key_list()));
            self.table(snapshot, index, sql).await?;
        }
        let mut after = Some(i64::MIN);
        while let Some(last) = after {
            after = self.resources(snapshot, last).await?;
        }
        Ok(())
    }

    /// Writes the next resources and what belongs to them; the row id of the last one, unless there are no more.
    async fn resources(&mut self, snapshot: &mut Snapshot<'_>, after: i64) -> Result<Option<i64>> {
        let before = self.counts[RESOURCES];
        let sql = self.select(&TABLES[RESOURCES]).push(" WHERE id > ? ORDER BY id LIMIT ?");
        let last = self.table(snapshot, RESOURCES, sql.bind(after).bind(RESOURCES_AT_ONCE)).await?;
        let last = last.filter(|_| self.counts[RESOURCES] - before == RESOURCES_AT_ONCE.unsigned_abs());
        for (index, table) in TABLES.iter().enumerate().skip(RESOURCES + 1) {
            let owner = table.columns[0].name;
            let sql = self.select(table).push(&format!(" WHERE {owner} > ? AND {owner} <= ? ORDER BY {}", table.key_list()));
            self.table(snapshot, index, sql.bind(after).bind(last.unwrap_or(i64::MAX))).await?;
        }
        Ok(last)
    }

    /// Writes what a statement finds; the first column of the last row.
    async fn table(&mut self, snapshot: &mut Snapshot<'_>, index: usize, sql: Sql) -> Result<Option<i64>> {
        match snapshot {
            Snapshot::MySql(connection) => self.rows(index, sql.for_mysql().fetch(&mut **connection)).await,
            Snapshot::Sqlite(connection) => self.rows(index, sql.for_sqlite().fetch(&mut **connection)).await,
        }
    }

    async fn rows<R>(&mut self, index: usize, mut rows: impl Stream<Item = sqlx::Result<R>> + Unpin) -> Result<Option<i64>>
    where
        R: sqlx::Row,
        usize: ColumnIndex<R>,
        for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
        for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
        for<'r> Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    {
        let mut last = None;
        while let Some(row) = rows.next().await {
            let row = row?;
            let values = TABLES[index].columns.iter().enumerate().map(|(place, column)| match column.kind {
                Kind::Int => row.try_get::<Option<i64>, _>(place).map(Arg::from),
                Kind::Text | Kind::Json => row.try_get::<Option<String>, _>(place).map(|text| text.map_or(NULL, Arg::from)),
                Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(place).map(|bytes| bytes.map_or(NULL, Arg::from)),
            });
            let values = values.collect::<sqlx::Result<Row>>()?;
            last = if let Some(Arg::Int(id)) = values.first() { *id } else { None };
            self.counts[index] += 1;
            self.line(|line| row::write(line, &TABLES[index], &values)).await?;
        }
        Ok(last)
    }

    async fn line(&mut self, write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>) -> Result<()> {
        write(&mut self.buffer).map_err(std::io::Error::from)?;
        self.buffer.push(b'\n');
        if self.buffer.len() < BUFFER {
            return Ok(());
        }
        self.progress.log(&self.counts);
        self.write().await
    }

    async fn write(&mut self) -> Result<()> {
        self.target.write_all(&self.buffer).await?;
        self.buffer.clear();
        Ok(())
    }
}
