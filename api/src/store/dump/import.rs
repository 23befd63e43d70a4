//! Reads an export into an empty catalogue.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use tokio::sync::mpsc;

use super::row::{Line, Row, parse};
use super::{Counts, DumpError, DumpReport, FORMAT, Header, Progress, TABLES, VERSION, migration, sqlite_load};
use crate::store::sql::Arg;
use crate::store::{Db, Result, StoreError, mysql_load};

/// The longest line, in bytes: longer than any that the databases' columns allow.
const MAX_LINE: usize = 128 << 20;
/// How much is read at once, in bytes.
const BUFFER: usize = 1 << 20;
/// How many bytes of rows make a batch: enough that the cost of its statements does not count.
const BATCH: usize = 2 << 20;

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
    let begin = Instant::now();
    let catalogue = migration(db).await?;
    let path = path.to_owned();
    let (header, reader) = blocking(move || Reader::open(path)).await?;
    if header.migration != catalogue {
        return Err(DumpError::Migration { file: header.migration, catalogue, program: header.program }.into());
    }
    let counts = match db {
        Db::Sqlite { .. } => sqlite_load::load(db, reader).await?,
        Db::MySql { .. } => mysql_load::load(db, url, reader).await?,
    };
    Ok(DumpReport::new(&counts, begin))
}

/// Runs what may block in a thread of its own, which nobody waits for when the program ends.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let (done, outcome) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("import".to_owned()).spawn(move || drop(done.send(work())))?;
    outcome.await.unwrap_or_else(|_| Err(DumpError::Ended("its reader stopped".to_owned()).into()))
}

/// Rows of one table, and the lines among which they stood.
#[derive(Default)]
pub(in crate::store) struct Batch {
    /// The place of the table in [`TABLES`].
    pub(in crate::store) table: usize,
    pub(in crate::store) first: u64,
    pub(in crate::store) last: u64,
    pub(in crate::store) rows: Vec<Row>,
    /// About how much memory the rows take.
    bytes: usize,
}

/// Gathers the rows of each table to batches.
struct Batches {
    open: Vec<Batch>,
    /// Where full batches go, by table.
    outlets: Vec<mpsc::Sender<Batch>>,
}

impl Batches {
    fn new(outlets: Vec<mpsc::Sender<Batch>>) -> Self {
        Self { open: TABLES.iter().map(|_| Batch::default()).collect(), outlets }
    }

    /// Takes a row; whether anybody wants more.
    fn push(&mut self, table: usize, line: u64, row: Row) -> bool {
        let batch = &mut self.open[table];
        if batch.rows.is_empty() {
            (batch.table, batch.first) = (table, line);
        }
        batch.last = line;
        batch.bytes += row.iter().map(|value| size_of::<Arg>() + value.size()).sum::<usize>();
        batch.rows.push(row);
        batch.bytes < BATCH || self.pass_on(table)
    }

    fn pass_on(&mut self, table: usize) -> bool {
        let batch = std::mem::take(&mut self.open[table]);
        batch.rows.is_empty() || self.outlets[table].blocking_send(batch).is_ok()
    }

    /// Passes on what is left.
    fn finish(mut self) -> bool {
        tracing::info!("import: all rows were read, the database builds its indexes");
        (0..TABLES.len()).all(|table| self.pass_on(table))
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
    fn open(path: PathBuf) -> Result<(Header, Self)> {
        let input: Box<dyn Read + Send> = if path == Path::new("-") { Box::new(std::io::stdin()) } else { Box::new(File::open(path)?) };
        let mut reader = Self { input: BufReader::with_capacity(BUFFER, input), line: Vec::new(), number: 0 };
        let not_ours = |what: String| StoreError::from(DumpError::NotAnExport(what));
        if !reader.next_line()? {
            return Err(not_ours("a line is expected".to_owned()));
        }
        let header: Header = serde_json::from_slice(&reader.line).map_err(|error| not_ours(error.to_string()))?;
        match header.version {
            _ if header.format != FORMAT => Err(not_ours(format!("the format is '{}', not '{FORMAT}'", header.format))),
            VERSION => Ok((header, reader)),
            other => Err(DumpError::Version(other).into()),
        }
    }

    /// Reads the next line into `self.line`, without its end; whether it has one. After the last line `self.line` is empty.
    fn next_line(&mut self) -> Result<bool> {
        self.line.clear();
        let length = (&mut self.input).take(MAX_LINE as u64).read_until(b'\n', &mut self.line)?;
        self.number += u64::from(length > 0);
        let is_whole = self.line.pop_if(|byte| *byte == b'\n').is_some();
        if length == MAX_LINE && !is_whole {
            return Err(self.fault(format!("a line of more than {MAX_LINE} bytes")));
        }
        Ok(is_whole)
    }

    fn fault(&self, fault: impl Into<String>) -> StoreError {
        DumpError::Line { line: self.number, fault: fault.into() }.into()
    }

    /// Reads all rows; how many, unless nobody wanted all of them.
    fn rows(mut self, outlets: Vec<mpsc::Sender<Batch>>) -> Result<Option<Counts>> {
        let (mut counts, mut progress, mut batches) = (Counts::default(), Progress::new("import"), Batches::new(outlets));
        loop {
            let is_whole = self.next_line()?;
            match parse(&self.line) {
                Ok(Line::End(expected)) => {
                    compare(&expected, &counts)?;
                    self.expect_end()?;
                    return Ok(batches.finish().then_some(counts));
                }
                // What ends within a line is cut short, whatever the line looks like.
                _ if !is_whole => return Err(DumpError::Truncated(self.number).into()),
                Err(fault) => return Err(self.fault(fault)),
                Ok(Line::Row(table, row)) => {
                    counts[table] += 1;
                    if !batches.push(table, self.number, row) {
                        return Ok(None);
                    }
                }
            }
            progress.log(&counts);
        }
    }

    fn expect_end(&mut self) -> Result<()> {
        while self.next_line()? || !self.line.is_empty() {
            if !self.line.trim_ascii().is_empty() {
                return Err(self.fault("there is more after the last line of an export"));
            }
        }
        Ok(())
    }
}

fn compare(expected: &Counts, found: &Counts) -> Result<()> {
    match TABLES.iter().zip(expected.iter().zip(found)).find(|(_, (expected, found))| expected != found) {
        None => Ok(()),
        Some((table, (expected, found))) => Err(DumpError::Count { table: table.name, expected: *expected, found: *found }.into()),
    }
}

/// Reads all rows into the outlets while `load` takes them from there; how many there were.
///
/// `load` ends when the outlets are closed, which says nothing of whether the file was whole: what it has loaded counts only after this.
pub(in crate::store) async fn read_into(
    outlets: Vec<mpsc::Sender<Batch>>,
    reader: Reader,
    load: impl Future<Output = Result<()>>,
) -> Result<Counts> {
    let (counts, ()) = tokio::try_join!(blocking(move || reader.rows(outlets)), load)?;
    counts.ok_or_else(|| DumpError::Ended("the database took no more rows".to_owned()).into())
}
