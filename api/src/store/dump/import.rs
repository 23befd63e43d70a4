//! Reads an export into an empty catalogue.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::line::{Cell, Line, parse};
use super::{Counts, DumpError, DumpReport, FORMAT, Header, Progress, TABLES, VERSION, migration, sqlite_load};
use crate::store::{Db, Result, StoreError, mysql_load};

/// The longest line, in bytes: longer than any that the databases' columns allow.
const MAX_LINE: u64 = 128 << 20;
/// How much is read at once, in bytes.
const BUFFER: usize = 1 << 20;

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
    let reader = blocking(move || Reader::open(path)).await?;
    let (header, reader) = blocking(move || reader.header()).await?;
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

/// Who takes the rows has ended, for a reason that it tells itself.
pub(in crate::store) struct Stopped;

/// What takes rows.
pub(in crate::store) trait Sink: Send + 'static {
    /// Takes a row of the table at this place in [`TABLES`], from this line.
    fn row(&mut self, table: usize, line: u64, cells: Vec<Cell<'_>>) -> std::result::Result<(), Stopped>;

    /// Passes on what it still holds: there are no more rows.
    fn finish(&mut self) -> std::result::Result<(), Stopped>;
}

/// Reads lines, in a thread of its own.
pub(in crate::store) struct Reader {
    input: BufReader<Box<dyn Read + Send>>,
    line: Vec<u8>,
    /// The number of the line that was read last, from 1.
    number: u64,
}

impl Reader {
    fn open(path: PathBuf) -> Result<Self> {
        let input: Box<dyn Read + Send> = if path == Path::new("-") { Box::new(std::io::stdin()) } else { Box::new(File::open(path)?) };
        Ok(Self { input: BufReader::with_capacity(BUFFER, input), line: Vec::new(), number: 0 })
    }

    /// Reads the next line into `self.line`, without its end; `None` at the end of the file, and when the line has no end.
    fn next_line(&mut self) -> Result<Option<()>> {
        self.line.clear();
        let length = (&mut self.input).take(MAX_LINE).read_until(b'\n', &mut self.line)?;
        if length == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.line.pop_if(|byte| *byte == b'\n').is_some() {
            return Ok(Some(()));
        }
        match u64::try_from(length) {
            Ok(MAX_LINE) => Err(self.fault(format!("a line of more than {MAX_LINE} bytes"))),
            _ => Ok(None),
        }
    }

    fn fault(&self, fault: impl Into<String>) -> StoreError {
        DumpError::Line { line: self.number, fault: fault.into() }.into()
    }

    fn header(mut self) -> Result<(Header, Self)> {
        let not_ours = |what: String| StoreError::from(DumpError::NotAnExport(what));
        self.next_line()?.ok_or_else(|| not_ours("a line is expected".to_owned()))?;
        let header: Header = serde_json::from_slice(&self.line).map_err(|error| not_ours(error.to_string()))?;
        match header.version {
            _ if header.format != FORMAT => Err(not_ours(format!("the format is '{}', not '{FORMAT}'", header.format))),
            VERSION => Ok((header, self)),
            other => Err(DumpError::Version(other).into()),
        }
    }

    /// Reads all rows; how many, unless the sink stopped.
    fn rows(mut self, sink: &mut impl Sink) -> Result<Option<Counts>> {
        let mut counts = Counts::default();
        let mut progress = Progress::new("import");
        loop {
            let has_end = self.next_line()?.is_some();
            let parsed = std::str::from_utf8(&self.line).map_err(|error| error.to_string()).and_then(parse);
            // What ends within a line is cut short, whatever the line looks like.
            if !has_end && !matches!(parsed, Ok(Line::End(_))) {
                return Err(DumpError::Truncated(self.number).into());
            }
            match parsed {
                Ok(Line::Row(table, cells)) => {
                    counts[table] += 1;
                    if sink.row(table, self.number, cells).is_err() {
                        return Ok(None);
                    }
                }
                Ok(Line::End(expected)) => {
                    compare(&expected, &counts)?;
                    return self.nothing_more().map(|()| sink.finish().is_ok().then_some(counts));
                }
                Err(fault) => return Err(self.fault(fault)),
            }
            if self.number.is_multiple_of(4096) {
                progress.tell(&counts);
            }
        }
    }

    fn nothing_more(&mut self) -> Result<()> {
        while self.next_line()?.is_some() || !self.line.is_empty() {
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

/// Reads all rows into the sink while `load` takes them from its other end; how many there were.
///
/// `load` ends when the sink is gone, which says nothing of whether the file was whole: what it has loaded counts only after this.
pub(in crate::store) async fn drive<S: Sink>(reader: Reader, mut sink: S, load: impl Future<Output = Result<()>>) -> Result<Counts> {
    let read = blocking(move || reader.rows(&mut sink));
    let (counts, ()) = tokio::try_join!(read, load)?;
    counts.ok_or_else(|| DumpError::Ended("the database took no more rows".to_owned()).into())
}
