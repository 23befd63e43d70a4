//! Writes an export.

use std::path::Path;

use futures_util::{Stream, StreamExt};
use serde::Serialize;
use sqlx::{ColumnIndex, Decode, Type};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::row::{self, NULL, Row};
use super::{DumpReport, End, FORMAT, Header, Kind, Progress, RESOURCES, TABLES, Table, VERSION, migration, names};
use crate::store::busy::Open;
use crate::store::sql::{Arg, Sql};
use crate::store::{Db, Result, Tx};

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
    let header = Header {
        format: FORMAT.to_owned(),
        version: VERSION,
        migration: migration(db).await?,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        date: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
    };
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true);
    if path == Path::new("-") {
        return write(db, &header, Box::new(tokio::io::stdout())).await;
    }
    // A pipe or a device is written as it is.
    if tokio::fs::metadata(path).await.is_ok_and(|found| !found.is_file()) {
        return write(db, &header, Box::new(options.open(path).await?)).await;
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
    written
}

/// Writes all lines, from one transaction that sees one moment.
async fn write(db: &Db, header: &Header, target: Box<dyn AsyncWrite + Send + Unpin>) -> Result<DumpReport> {
    let mut snapshot = begin_snapshot(db).await?;
    let mut output = Output { target, buffer: Vec::with_capacity(2 * BUFFER), progress: Progress::new() };
    output.line(header).await?;
    output.everything(&mut snapshot).await?;
    snapshot.rollback().await;
    let end = TABLES.iter().zip(output.progress.rows).map(|(table, rows)| (table.name.to_owned(), rows)).collect();
    output.line(&End { end }).await?;
    output.write().await?;
    output.target.flush().await?;
    Ok(output.progress.report())
}

/// Begins a transaction that reads, and sees the database as it is now.
async fn begin_snapshot(db: &Db) -> Result<Tx> {
    // The isolation level is for this transaction alone.
    let now = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
    Ok(match db {
        Db::MySql { read, .. } => Tx::MySql(Open::begin(read.pool(), now, None).await?),
        Db::Sqlite { read, .. } => Tx::Sqlite(Open::begin(read.pool(), "BEGIN", None).await?),
    })
}

struct Output {
    target: Box<dyn AsyncWrite + Send + Unpin>,
    buffer: Vec<u8>,
    progress: Progress,
}

impl Output {
    async fn everything(&mut self, snapshot: &mut Tx) -> Result<()> {
        for (index, table) in TABLES.iter().enumerate().take(RESOURCES) {
            let sql = select(table, snapshot).push(&format!(" ORDER BY {}", names(&table.columns[..table.key])));
            self.table(snapshot, index, sql).await?;
        }
        let mut after = Some(i64::MIN);
        while let Some(last) = after {
            after = self.resources(snapshot, last).await?;
        }
        Ok(())
    }

    /// Writes the next resources and what belongs to them; the row id of the last one, unless there are no more.
    async fn resources(&mut self, snapshot: &mut Tx, after: i64) -> Result<Option<i64>> {
        let before = self.progress.rows[RESOURCES];
        let sql = select(&TABLES[RESOURCES], snapshot).push(" WHERE id > ? ORDER BY id LIMIT ?");
        let last = self.table(snapshot, RESOURCES, sql.bind(after).bind(RESOURCES_AT_ONCE)).await?;
        let last = last.filter(|_| self.progress.rows[RESOURCES] - before == RESOURCES_AT_ONCE.unsigned_abs());
        for (index, table) in TABLES.iter().enumerate().skip(RESOURCES + 1) {
            let owner = table.columns[0].name;
            let sql = select(table, snapshot)
                .push(&format!(" WHERE {owner} > ? AND {owner} <= ? ORDER BY {}", names(&table.columns[..table.key])));
            self.table(snapshot, index, sql.bind(after).bind(last.unwrap_or(i64::MAX))).await?;
        }
        Ok(last)
    }

    /// Writes what a statement finds; the first column of the last row.
    async fn table(&mut self, snapshot: &mut Tx, index: usize, sql: Sql) -> Result<Option<i64>> {
        match snapshot {
            Tx::MySql(tx) => self.rows(index, sql.for_mysql().fetch(&mut **tx)).await,
            Tx::Sqlite(tx) => self.rows(index, sql.for_sqlite().fetch(&mut **tx)).await,
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
            self.progress.count(index);
            self.line(&row::line(&TABLES[index], &values)).await?;
        }
        Ok(last)
    }

    async fn line(&mut self, value: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.buffer, value).map_err(std::io::Error::from)?;
        self.buffer.push(b'\n');
        if self.buffer.len() < BUFFER { Ok(()) } else { self.write().await }
    }

    async fn write(&mut self) -> Result<()> {
        self.target.write_all(&self.buffer).await?;
        self.buffer.clear();
        Ok(())
    }
}

/// The beginning of a statement that reads a table by its primary key.
fn select(table: &Table, snapshot: &Tx) -> Sql {
    Sql::new(format!("SELECT {} FROM {}{}", names(table.columns), table.name, snapshot.dialect().by_index("PRIMARY")))
}
