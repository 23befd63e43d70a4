//! Why an export or an import fails.

use super::VERSION;

/// Why an export or an import failed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum DumpError {
    #[error("the database lacks {0} migration(s): run `aiod-api migrate up` first")]
    Migrations(usize),
    #[error("this is no export of a catalogue: line 1: {0}")]
    NotAnExport(String),
    #[error("the export is of format version {0}, not {VERSION}: import it with the program that wrote it, or a newer one")]
    Version(u32),
    #[error(
        "the export holds a catalogue at migration {file} (written by aiod-api {program}), this program's is at migration {catalogue}: import it with a program that knows migration {file} and no newer one, then run `aiod-api migrate up`"
    )]
    Migration { file: i64, catalogue: i64, program: String },
    #[error("an import needs an empty catalogue, but table {0} has rows: nothing was changed. Name a new database with --database-url")]
    NotEmpty(&'static str),
    #[error("line {line}: {fault}; nothing was imported")]
    Line { line: u64, fault: String },
    #[error("the export is cut short: it ends at line {0}, without the last line that counts the rows; nothing was imported")]
    Truncated(u64),
    #[error("the export's last line says that table {table} has {expected} rows, but the file has {found}; nothing was imported")]
    Count { table: &'static str, expected: u64, found: u64 },
    #[error("lines {first} to {last}, table {table}: the database refused a row: {message}; nothing was imported")]
    Refused { table: &'static str, first: u64, last: u64, message: String },
    #[error("table {table}: the database refused the rows: {message}; nothing was imported")]
    Inconsistent { table: &'static str, message: String },
    #[error("the MySQL server forbids LOAD DATA LOCAL INFILE: have its administrator run SET GLOBAL local_infile = 1, and import again")]
    LocalInfile,
    #[error("another import into this database is under way, or was killed less than {0} seconds ago: try again when that time is over")]
    Running(u64),
    #[error("the catalogue was written to while it was imported into (table {0}): nothing was imported")]
    Written(&'static str),
    #[error("table replaced_{0}, which a killed import has put aside, holds rows: look at it, and drop all tables replaced_… first")]
    Remains(&'static str),
    #[error("database: {0}")]
    Database(#[from] mysql_async::Error),
    #[error("the import ended early")]
    Ended,
}
