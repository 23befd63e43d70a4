//! Writes an export.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::{Stream, StreamExt};
use serde::de::IgnoredAny;
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection, Executor, Row};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{Counts, DumpReport, END, FORMAT, Header, Kind, Progress, RESOURCES, TABLES, Table, VERSION, migration};
use crate::store::dialect::Dialect;
use crate::store::sql::Sql;
use crate::store::{Db, Result, StoreError};

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
    let mut target = Target::create(path).await?;
    let counts = match write(db, &header, &mut target).await {
        Ok(counts) => counts,
        Err(error) => {
            target.discard().await;
            return Err(error);
        }
    };
    target.finish().await?;
    Ok(DumpReport::new(&counts, begin))
}

/// Writes all lines, from one transaction that sees one moment.
async fn write(db: &Db, header: &Header, target: &mut Target) -> Result<Counts> {
    let mut output =
        Output { target, buffer: Vec::with_capacity(2 * BUFFER), counts: Counts::default(), progress: Progress::new("export") };
    serde_json::to_writer(&mut output.buffer, header).map_err(std::io::Error::from)?;
    output.buffer.push(b'\n');
    match db {
        Db::MySql { read, .. } => {
            let mut connection = read.pool().acquire().await?;
            // For the next transaction alone.
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await?;
            let mut moment = connection.begin_with("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await?;
            output.everything(&mut Moment::MySql(&mut moment)).await?;
            moment.rollback().await?;
        }
        Db::Sqlite { read, .. } => {
            let mut moment = read.pool().begin().await?;
            output.everything(&mut Moment::Sqlite(&mut moment)).await?;
            moment.rollback().await?;
        }
    }
    output.end().await
}

/// A transaction that reads.
enum Moment<'a> {
    MySql(&'a mut MySqlConnection),
    Sqlite(&'a mut SqliteConnection),
}

impl Moment<'_> {
    /// The beginning of a statement that reads a table by its primary key.
    fn select(&self, table: &Table) -> Sql {
        let dialect = match self {
            Self::MySql(_) => Dialect::MySql,
            Self::Sqlite(_) => Dialect::Sqlite,
        };
        Sql::new(format!("SELECT {} FROM {}{}", table.column_list(), table.name, dialect.by_index("PRIMARY")))
    }
}

struct Output<'t> {
    target: &'t mut Target,
    buffer: Vec<u8>,
    counts: Counts,
    progress: Progress,
}

impl Output<'_> {
    async fn everything(&mut self, moment: &mut Moment<'_>) -> Result<()> {
        for (index, table) in TABLES.iter().enumerate().filter(|(_, table)| !table.of_resources) {
            let sql = moment.select(table).push(" ORDER BY ").push(&table.key_list());
            self.table(moment, index, sql).await?;
        }
        let mut after = i64::MIN;
        loop {
            let before = self.counts[RESOURCES];
            let up_to = self.resources(moment, after).await?;
            let is_last = self.counts[RESOURCES] - before < RESOURCES_AT_ONCE.unsigned_abs();
            let up_to = if is_last { i64::MAX } else { up_to };
            for (index, table) in TABLES.iter().enumerate().filter(|(index, table)| table.of_resources && *index != RESOURCES) {
                let owner = table.columns[0].name;
                let sql = moment.select(table).push(&format!(" WHERE {owner} > ? AND {owner} <= ? ORDER BY ")).push(&table.key_list());
                self.table(moment, index, sql.bind(after).bind(up_to)).await?;
            }
            if is_last {
                return Ok(());
            }
            after = up_to;
        }
    }

    /// Writes the next resources; the last one's row id.
    async fn resources(&mut self, moment: &mut Moment<'_>, after: i64) -> Result<i64> {
        let sql = moment.select(&TABLES[RESOURCES]).push(" WHERE id > ? ORDER BY id LIMIT ?");
        let last = self.table(moment, RESOURCES, sql.bind(after).bind(RESOURCES_AT_ONCE)).await?;
        Ok(last.unwrap_or(i64::MAX))
    }

    /// Writes what a statement finds; the first column of the last row.
    async fn table(&mut self, moment: &mut Moment<'_>, index: usize, sql: Sql) -> Result<Option<i64>> {
        match moment {
            Moment::MySql(connection) => self.rows(index, sql.for_mysql().fetch(&mut **connection)).await,
            Moment::Sqlite(connection) => self.rows(index, sql.for_sqlite().fetch(&mut **connection)).await,
        }
    }

    async fn rows<R: Values>(&mut self, index: usize, mut rows: impl Stream<Item = sqlx::Result<R>> + Unpin) -> Result<Option<i64>> {
        let mut last = None;
        while let Some(row) = rows.next().await {
            let row = row?;
            push_row(&mut self.buffer, &TABLES[index], &row)?;
            last = row.int(0)?;
            self.counts[index] += 1;
            if self.buffer.len() >= BUFFER {
                self.target.write(&mut self.buffer).await?;
                self.progress.tell(&self.counts);
            }
        }
        Ok(last)
    }

    /// Writes the last line.
    async fn end(mut self) -> Result<Counts> {
        let rows: serde_json::Map<_, _> = TABLES.iter().zip(self.counts).map(|(t, count)| (t.name.to_owned(), count.into())).collect();
        writeln!(self.buffer, "{}", serde_json::json!({ END: rows }))?;
        self.target.write(&mut self.buffer).await?;
        Ok(self.counts)
    }
}

/// A row of either database.
trait Values {
    fn int(&self, column: usize) -> sqlx::Result<Option<i64>>;
    fn text(&self, column: usize) -> sqlx::Result<Option<&str>>;
    fn bytes(&self, column: usize) -> sqlx::Result<Option<&[u8]>>;
}

macro_rules! values {
    ($row:ty) => {
        impl Values for $row {
            fn int(&self, column: usize) -> sqlx::Result<Option<i64>> {
                self.try_get(column)
            }
            fn text(&self, column: usize) -> sqlx::Result<Option<&str>> {
                self.try_get(column)
            }
            fn bytes(&self, column: usize) -> sqlx::Result<Option<&[u8]>> {
                self.try_get(column)
            }
        }
    };
}
values!(MySqlRow);
values!(SqliteRow);

/// Adds the line of a row.
fn push_row(out: &mut Vec<u8>, table: &Table, row: &impl Values) -> Result<()> {
    write!(out, "{{\"{}\":{{", table.name)?;
    let mut is_first = true;
    for (index, column) in table.columns.iter().enumerate() {
        let mut begin = |out: &mut Vec<u8>| {
            out.extend_from_slice(if std::mem::take(&mut is_first) { b"\"" } else { b",\"" });
            out.extend_from_slice(column.name.as_bytes());
            out.extend_from_slice(b"\":");
        };
        match column.kind {
            Kind::Int => {
                if let Some(value) = row.int(index)? {
                    begin(out);
                    write!(out, "{value}")?;
                }
            }
            Kind::Text | Kind::Json => {
                if let Some(value) = row.text(index)? {
                    begin(out);
                    push_text(out, value, column.kind == Kind::Json)?;
                }
            }
            Kind::Bytes => {
                if let Some(value) = row.bytes(index)? {
                    begin(out);
                    write!(out, "\"{}\"", BASE64.encode(value))?;
                }
            }
        }
    }
    out.extend_from_slice(b"}}\n");
    Ok(())
}

/// Adds a text; one that is JSON, as it is.
fn push_text(out: &mut Vec<u8>, text: &str, is_json: bool) -> Result<()> {
    if is_json && fits_in_a_line(text) {
        out.extend_from_slice(text.as_bytes());
        return Ok(());
    }
    serde_json::to_writer(out, text).map_err(|error| StoreError::File(error.into()))
}

/// Whether a reader of the line gets JSON back as it is. Nothing of ours is otherwise; what is, stands in the line as a string.
fn fits_in_a_line(json: &str) -> bool {
    let is_object = json.starts_with('{') && json.ends_with('}');
    let is_list = json.starts_with('[') && json.ends_with(']');
    (is_object || is_list) && memchr::memchr2(b'\n', b'\r', json.as_bytes()).is_none() && serde_json::from_str::<IgnoredAny>(json).is_ok()
}

/// Where an export goes.
struct Target {
    output: Box<dyn AsyncWrite + Send + Unpin>,
    /// A file gets its name when it is complete: the name until then, and the final one.
    names: Option<(PathBuf, PathBuf)>,
}

impl Target {
    async fn create(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            return Ok(Self { output: Box::new(tokio::io::stdout()), names: None });
        }
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        options.mode(0o600);
        // A pipe or a device is written as it is.
        if tokio::fs::metadata(path).await.is_ok_and(|found| !found.is_file()) {
            return Ok(Self { output: Box::new(options.create(false).truncate(false).open(path).await?), names: None });
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        Ok(Self { output: Box::new(options.open(&partial).await?), names: Some((partial, path.to_owned())) })
    }

    /// Writes what is in the buffer and empties it.
    async fn write(&mut self, buffer: &mut Vec<u8>) -> Result<()> {
        self.output.write_all(buffer).await?;
        buffer.clear();
        Ok(())
    }

    /// Makes the export durable and gives it its name.
    async fn finish(mut self) -> Result<()> {
        self.output.flush().await?;
        if let Some((partial, path)) = &self.names {
            drop(self.output);
            tokio::fs::File::open(partial).await?.sync_all().await?;
            tokio::fs::rename(partial, path).await?;
        }
        Ok(())
    }

    /// Removes what was written.
    async fn discard(self) {
        drop(self.output);
        if let Some((partial, _)) = self.names
            && let Err(error) = tokio::fs::remove_file(&partial).await
        {
            tracing::warn!(%error, "{} cannot be removed", partial.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_that_would_not_come_back_as_it_is_becomes_a_string() {
        let pushed = |json| {
            let mut out = Vec::new();
            push_text(&mut out, json, true).unwrap();
            String::from_utf8(out).unwrap()
        };
        for json in ["{}", r#"{"a": [1.0, "é\ud800"]}"#, r#"["x"]"#] {
            assert_eq!(pushed(json), json);
        }
        assert_eq!(pushed("{\n}"), r#""{\n}""#);
        for json in [" {}", "{} ", "{\r}", "1", "\"a\"", "null", "", "{}x{}", "{'a':1}"] {
            assert_eq!(pushed(json), serde_json::to_string(json).unwrap());
        }
    }
}
