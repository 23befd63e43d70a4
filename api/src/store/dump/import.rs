//! Reads an export into an empty catalogue.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::row::{Line, Row, parse};
use super::{Counts, DumpError, DumpReport, FORMAT, Header, Progress, TABLES, Table, VERSION, migration, sqlite_load};
use crate::store::sql::Arg;
use crate::store::{Db, Result, mysql_load};

/// The longest line, in bytes: longer than any that the databases' columns allow.
const MAX_LINE: usize = 128 << 20;
/// How much is read at once, in bytes.
const BUFFER: usize = 1 << 20;
/// How many bytes of rows make a batch: enough that the cost of its statements does not count.
const BATCH: usize = 2 << 20;
/// How many batches may wait for the database in an outlet.
pub(in crate::store) const WAITING: usize = 2;

/// Fills an empty catalogue from a file (`-`: standard input); `url` is the database's.
///
/// Empty means: no resources, accounts and API keys. Platforms and terms, with which a new catalogue begins, are replaced. All of
/// the file is imported or nothing; neither a failure nor a kill leaves a part of it to be seen. SQLite does it in one transaction;
/// on MySQL the rows go into tables beside the real ones, which take their place in one step at the end, see `mysql_load`.
///
/// The outbox stays empty: nothing changes in the search index, which is to be rebuilt after an import.
///
/// # Errors
/// When the catalogue is not empty or at another migration than the file's, the file is cut short or not as it must be, or the
/// database or the file fails.
pub async fn import(db: &Db, url: &str, path: &Path) -> Result<DumpReport> {
    let catalogue = migration(db).await?;
    let path = path.to_owned();
    let reader = in_thread(move || Reader::open(path, catalogue)).await?;
    let progress = match db {
        Db::Sqlite { .. } => sqlite_load::load(db, reader).await?,
        Db::MySql { .. } => mysql_load::load(db, url, reader).await?,
    };
    Ok(progress.report())
}

/// Runs what may block in a thread of its own, which nobody waits for when the program ends.
async fn in_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let (done, outcome) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("import".to_owned()).spawn(move || drop(done.send(work())))?;
    outcome.await.unwrap_or_else(|_| Err(DumpError::Ended.into()))
}

/// Reads all rows into the outlets, one for each table, while `load` takes them from there.
///
/// `load` ends when the outlets are closed, which says nothing of whether the file was whole: what it has loaded counts only after this.
pub(in crate::store) async fn read_into(
    outlets: Vec<mpsc::Sender<Batch>>,
    reader: Reader,
    load: impl Future<Output = Result<()>>,
) -> Result<Progress> {
    let (progress, ()) = tokio::try_join!(in_thread(move || reader.read_rows(outlets)), load)?;
    Ok(progress)
}

/// Rows of one table.
pub(in crate::store) struct Batch {
    pub(in crate::store) table: &'static Table,
    pub(in crate::store) rows: Vec<Row>,
    /// The lines among which they stood.
    first: u64,
    last: u64,
    /// About how much memory they take.
    bytes: usize,
}

impl Batch {
    fn new(table: &'static Table) -> Self {
        Self { table, rows: Vec::new(), first: 0, last: 0, bytes: 0 }
    }

    fn push(&mut self, line: u64, row: Row) {
        if self.rows.is_empty() {
            self.first = line;
        }
        self.last = line;
        self.bytes += row.iter().map(|value| size_of::<Arg>() + value.size()).sum::<usize>();
        self.rows.push(row);
    }

    pub(in crate::store) fn refused(&self, message: impl Into<String>) -> DumpError {
        DumpError::Refused { table: self.table.name, first: self.first, last: self.last, message: message.into() }
    }
}

/// Reads lines, in a thread of its own.
pub(in crate::store) struct Reader {
    input: BufReader<Box<dyn Read + Send>>,
    line: Vec<u8>,
    /// The number of the line that was read last, from 1.
    number: u64,
}

impl Reader {
    /// Opens an export of a catalogue at this migration.
    fn open(path: PathBuf, migration: i64) -> Result<Self> {
        let input: Box<dyn Read + Send> = if path == Path::new("-") { Box::new(std::io::stdin()) } else { Box::new(File::open(path)?) };
        let mut reader = Self { input: BufReader::with_capacity(BUFFER, input), line: Vec::new(), number: 0 };
        reader.next_line()?;
        let header: Header = serde_json::from_slice(&reader.line).map_err(|error| DumpError::NotAnExport(error.to_string()))?;
        if header.format != FORMAT {
            return Err(DumpError::NotAnExport(format!("the format is '{}', not '{FORMAT}'", header.format)).into());
        }
        if header.version != VERSION {
            return Err(DumpError::Version(header.version).into());
        }
        if header.migration != migration {
            return Err(DumpError::Migration { file: header.migration, catalogue: migration, program: header.program }.into());
        }
        Ok(reader)
    }

    /// Reads the next line into `self.line`, without its end; whether it has one. After the last line `self.line` is empty.
    fn next_line(&mut self) -> Result<bool> {
        self.line.clear();
        let length = (&mut self.input).take(MAX_LINE as u64).read_until(b'\n', &mut self.line)?;
        self.number += u64::from(length > 0);
        let is_whole = self.line.pop_if(|byte| *byte == b'\n').is_some();
        if length == MAX_LINE && !is_whole {
            return Err(self.fault(format!("a line of more than {MAX_LINE} bytes")).into());
        }
        Ok(is_whole)
    }

    fn fault(&self, fault: impl Into<String>) -> DumpError {
        DumpError::Line { line: self.number, fault: fault.into() }
    }

    /// Reads all rows and sends them in batches to the outlets.
    fn read_rows(mut self, outlets: Vec<mpsc::Sender<Batch>>) -> Result<Progress> {
        let mut progress = Progress::new();
        let mut batches: Vec<Batch> = TABLES.iter().map(Batch::new).collect();
        let send = |batch: &mut Batch, table: usize| {
            let full = std::mem::replace(batch, Batch::new(batch.table));
            outlets[table].blocking_send(full).map_err(|_| DumpError::Ended)
        };
        while let Some((table, row)) = self.next_row(&progress.rows)? {
            progress.count(table);
            let batch = &mut batches[table];
            batch.push(self.number, row);
            if batch.bytes >= BATCH {
                send(batch, table)?;
            }
        }
        for (table, batch) in batches.iter_mut().enumerate().filter(|(_, batch)| !batch.rows.is_empty()) {
            send(batch, table)?;
        }
        tracing::info!("import: all rows were read, the database builds its indexes");
        Ok(progress)
    }

    /// Reads a row and the place of its table. At the end of the export, which must say that there are this many rows, there is none.
    fn next_row(&mut self, counts: &Counts) -> Result<Option<(usize, Row)>> {
        let is_whole = self.next_line()?;
        match parse(&self.line) {
            Ok(Line::End(expected)) => {
                compare(&expected.end, counts)?;
                self.next_line()?;
                if self.line.is_empty() { Ok(None) } else { Err(self.fault("there is more after the last line of an export").into()) }
            }
            // What ends within a line is cut short, whatever the line looks like.
            _ if !is_whole => Err(DumpError::Truncated(self.number).into()),
            Ok(Line::Row(table, row)) => Ok(Some((table, row))),
            Err(fault) => Err(self.fault(fault).into()),
        }
    }
}

fn compare(expected: &BTreeMap<String, u64>, found: &Counts) -> Result<()> {
    for (Table { name: table, .. }, found) in TABLES.iter().zip(*found) {
        let expected = expected.get(*table).copied().unwrap_or_default();
        if expected != found {
            return Err(DumpError::Count { table, expected, found }.into());
        }
    }
    Ok(())
}
