//! Exports and imports of a whole catalogue, from either kind of database to the other.
//!
//! An export is text: one JSON value a line. The first line says what it is, each line after it is a row of a table with its
//! columns by name (those that are NULL are left out), and the last one says how many rows of each table there are, so that a
//! file that was cut short is noticed:
//!
//! ```json
//! {"format":"aiod-catalogue","version":1,"migration":1,"program":"0.1.0","date":"2026-01-31T12:00:00.000000Z"}
//! {"platform":{"id":1,"name":"aiod"}}
//! {"asset":{"id":7,"identifier":"data_rPQvKrL8cgXhtL4HEHijXSiC","document":{"name":"MNIST","aiod_entry":{}},…}}
//! {"link":{"from_id":7,"field":"has_part","to_id":9,"position":0}}
//! {"end":{"account":0,"api_key":0,"platform":1,"term":0,"asset":1,"link":1,…}}
//! ```
//!
//! Documents stand in it as JSON, byte for byte as they are stored; images in base 64. Row ids are kept. Rows come in the order of
//! their primary keys; those that belong to resources follow them some hundred resources at a time, so that both ends work in
//! memory that does not grow with the catalogue, and all tables of a database can be filled at once.
//!
//! What is derived or passing stays behind: the outbox and leases. An import writes no outbox, so that neither the search index nor
//! the change feed hears of it: the index of a freshly imported catalogue is rebuilt from its resources.

mod export;
mod import;
mod line;
mod sqlite_load;

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub use export::export;
pub use import::import;
pub(super) use import::{Reader, Sink, Stopped, drive};
pub(super) use line::Cell;

use super::{Db, Result};

/// What kind of value a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Text,
    /// Text that is JSON.
    Json,
    Bytes,
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) nullable: bool,
}

impl Column {
    const fn or_null(self) -> Self {
        Self { nullable: true, ..self }
    }
}

const fn int(name: &'static str) -> Column {
    Column { name, kind: Kind::Int, nullable: false }
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text, nullable: false }
}

const fn json(name: &'static str) -> Column {
    Column { name, kind: Kind::Json, nullable: false }
}

const fn bytes(name: &'static str) -> Column {
    Column { name, kind: Kind::Bytes, nullable: false }
}

/// A table that is exported.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// How many columns, from the first, are its primary key.
    key: usize,
    /// Whether its rows belong to resources; then the first column is the resource's row id.
    pub(super) of_resources: bool,
    pub(super) columns: &'static [Column],
}

/// Everything that an export holds: the one list of it, in the order of the file.
pub(super) static TABLES: [Table; 15] = [
    Table { name: "account", key: 1, of_resources: false, columns: &[int("id"), text("subject"), text("name")] },
    Table {
        name: "api_key",
        key: 1,
        of_resources: false,
        columns: &[
            int("id"),
            int("account_id"),
            text("hash"),
            text("hint"),
            json("roles"),
            int("date_created"),
            int("date_expires").or_null(),
            int("date_revoked").or_null(),
        ],
    },
    Table { name: "platform", key: 1, of_resources: false, columns: &[int("id"), text("name")] },
    Table {
        name: "term",
        key: 1,
        of_resources: false,
        columns: &[
            int("id"),
            text("vocabulary"),
            text("folded"),
            text("name"),
            text("definition"),
            int("official"),
            int("parent_id").or_null(),
            int("position"),
            text("scheme_id").or_null(),
        ],
    },
    Table {
        name: "submission",
        key: 1,
        of_resources: false,
        columns: &[int("id"), int("account_id"), int("date_created"), text("comment")],
    },
    Table { name: "submission_asset", key: 2, of_resources: false, columns: &[int("submission_id"), int("asset_id")] },
    Table {
        name: "review",
        key: 1,
        of_resources: false,
        columns: &[int("id"), int("submission_id"), int("account_id"), text("decision"), text("comment"), int("date_created")],
    },
    Table { name: "bookmark", key: 2, of_resources: false, columns: &[int("account_id"), int("asset_id"), int("date_created")] },
    Table {
        name: "asset",
        key: 1,
        of_resources: true,
        columns: &[
            int("id"),
            text("identifier"),
            text("resource_type"),
            text("platform").or_null(),
            text("platform_resource_identifier").or_null(),
            text("platform_key").or_null(),
            text("name").or_null(),
            text("status"),
            int("alive").or_null(),
            int("revision"),
            int("date_created"),
            int("date_modified"),
            int("date_deleted").or_null(),
            int("modified_by").or_null(),
            text("content_hash"),
            int("date_revised"),
            text("links"),
            json("document"),
        ],
    },
    Table { name: "link", key: 3, of_resources: true, columns: &[int("from_id"), text("field"), int("to_id"), int("position")] },
    Table { name: "asset_term", key: 2, of_resources: true, columns: &[int("asset_id"), int("term_id")] },
    Table { name: "permission", key: 2, of_resources: true, columns: &[int("asset_id"), int("account_id"), text("kind")] },
    Table {
        name: "asset_revision",
        key: 2,
        of_resources: true,
        columns: &[
            int("asset_id"),
            int("revision"),
            text("status"),
            int("date_modified"),
            int("modified_by").or_null(),
            int("date_revised"),
            json("document"),
            text("links"),
        ],
    },
    Table { name: "image", key: 2, of_resources: true, columns: &[int("asset_id"), text("name"), text("media_type"), bytes("bytes")] },
    Table { name: "asset_reads", key: 1, of_resources: true, columns: &[int("asset_id"), text("resource_type"), int("total")] },
];

/// Where resources stand in [`TABLES`].
const RESOURCES: usize = 8;

/// Tables whose rows make a catalogue one that must not be replaced: the others hold what a new catalogue begins with, or what
/// belongs to these.
pub(super) const OCCUPANTS: [&str; 3] = ["asset", "account", "api_key"];

/// Rows by table, in the order of [`TABLES`].
pub(super) type Counts = [u64; TABLES.len()];

impl Table {
    /// Whether a catalogue has many rows of it: of resources as many as there are, and tens of thousands of terms.
    pub(super) fn is_large(&self) -> bool {
        self.of_resources || self.name == "term"
    }

    /// Its columns' names, separated by commas.
    fn column_list(&self) -> String {
        self.columns.iter().map(|c| c.name).collect::<Vec<_>>().join(", ")
    }

    /// Its primary key's names, separated by commas.
    fn key_list(&self) -> String {
        self.columns.iter().take(self.key).map(|c| c.name).collect::<Vec<_>>().join(", ")
    }
}

/// What the first line of an export says.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    /// The newest migration of the database that it came from.
    migration: i64,
    /// The program that wrote it.
    #[serde(default)]
    program: String,
    #[serde(default)]
    date: String,
}

/// What [`Header::format`] says.
const FORMAT: &str = "aiod-catalogue";
/// Rises when older programs cannot read what newer ones write.
const VERSION: u32 = 1;
/// What the last line's one key is called.
const END: &str = "end";

/// What an export or an import moved.
#[derive(Clone, Debug, Default)]
pub struct DumpReport {
    /// Rows by table.
    pub tables: Vec<(&'static str, u64)>,
    /// How long it took.
    pub seconds: f64,
}

impl DumpReport {
    fn new(counts: &Counts, begin: Instant) -> Self {
        let tables = TABLES.iter().zip(counts).map(|(table, rows)| (table.name, *rows)).collect();
        Self { tables, seconds: begin.elapsed().as_secs_f64() }
    }
}

/// Why an export or an import failed.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The database's structure is not up to date.
    #[error("the database lacks {0} migration(s): run `aiod-api migrate up` first")]
    Migrations(usize),
    /// The file is something else.
    #[error("this is no export of a catalogue: line 1: {0}")]
    NotAnExport(String),
    /// The file is of a format that this program does not know.
    #[error(
        "the export is of format version {0}, this program knows version {VERSION}: import it with the program that wrote it, or a newer one"
    )]
    Version(u32),
    /// The file's tables may have other columns.
    #[error(
        "the export holds a catalogue at migration {file} (written by aiod-api {program}), this program's is at migration {catalogue}: import it with a program that knows migration {file} and no newer one, then run `aiod-api migrate up`"
    )]
    Migration {
        /// The file's migration.
        file: i64,
        /// The catalogue's migration.
        catalogue: i64,
        /// The program that wrote the file.
        program: String,
    },
    /// The catalogue to import into is in use.
    #[error(
        "an import needs an empty catalogue, and this one has rows in table {0}: nothing was changed. Name a new database with --database-url"
    )]
    NotEmpty(&'static str),
    /// A line is not as it must be.
    #[error("line {line}: {fault}; nothing was imported")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        fault: String,
    },
    /// The last line is missing.
    #[error("the export is cut short: it ends at line {0}, without the last line that says how many rows there are; nothing was imported")]
    Truncated(u64),
    /// Lines are missing or were added.
    #[error("the export's last line says that table {table} has {expected} rows, but the file has {found}; nothing was imported")]
    Count {
        /// The table.
        table: &'static str,
        /// What the last line says.
        expected: u64,
        /// How many lines there are.
        found: u64,
    },
    /// The database refused rows.
    #[error("lines {first} to {last}, table {table}: the database refused a row: {message}; nothing was imported")]
    Refused {
        /// The table.
        table: &'static str,
        /// The first of the lines among which the row is.
        first: u64,
        /// The last of them.
        last: u64,
        /// What the database says.
        message: String,
    },
    /// The database refused what rows have in common: unique or foreign keys.
    #[error("table {table}: the database refused the rows: {message}; nothing was imported")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// What the database says.
        message: String,
    },
    /// The server does not take rows from a client's stream.
    #[error(
        "the MySQL server does not allow LOAD DATA LOCAL INFILE, which imports use: have its administrator run SET GLOBAL local_infile = 1 (or write local_infile = 1 below [mysqld] in its configuration), import again, and switch it off afterwards if you like"
    )]
    LocalInfile,
    /// Another import is under way.
    #[error("another import into this database is under way, or was killed less than {0} seconds ago: try again when that time is over")]
    Running(u64),
    /// This import was held up so long that another one may have begun.
    #[error("the import was held up for so long that another one has begun; this one ended, without a change")]
    Overtaken,
    /// The catalogue was used during the import.
    #[error("the catalogue was written to while it was imported into (table {0}): nothing was imported")]
    Written(&'static str),
    /// What an earlier import put aside holds rows.
    #[error(
        "table replaced_{0}, which an import that was killed has put aside, holds rows: look at it, and drop all tables replaced_… first"
    )]
    Remains(&'static str),
    /// The database failed.
    #[error("database: {0}")]
    Database(#[from] mysql_async::Error),
    /// A part of the import ended without a reason, which is a defect of ours.
    #[error("the import ended early: {0}")]
    Ended(String),
}

/// The migration that a database is at, which must be the newest one that there is.
async fn migration(db: &Db) -> Result<i64> {
    let states = db.migration_states().await?;
    match states.iter().filter(|m| !m.applied).count() {
        0 => Ok(states.last().map_or(0, |m| m.version)),
        missing => Err(DumpError::Migrations(missing).into()),
    }
}

/// Tells about long work, now and then.
struct Progress {
    what: &'static str,
    begin: Instant,
    told: Instant,
}

impl Progress {
    const EVERY: Duration = Duration::from_secs(5);

    fn new(what: &'static str) -> Self {
        let now = Instant::now();
        Self { what, begin: now, told: now }
    }

    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate to be read by people")]
    fn tell(&mut self, counts: &Counts) {
        if self.told.elapsed() < Self::EVERY {
            return;
        }
        self.told = Instant::now();
        let (rows, resources) = (counts.iter().sum::<u64>(), counts[RESOURCES]);
        let rate = (rows as f64 / self.begin.elapsed().as_secs_f64()) as u64;
        tracing::info!(rows, resources, rate, "{}: {rows} rows so far, {resources} resources among them, {rate} rows/s", self.what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::Sql;

    /// Name, whether NULL is taken, and position in the primary key (0: not part of it) of the real columns.
    async fn columns_of(db: &Db, table: &str) -> Vec<(String, bool, i64)> {
        let sql = match db {
            Db::Sqlite { .. } => Sql::new("SELECT name, 1 - MAX(\"notnull\", pk > 0), pk FROM pragma_table_info(?)").bind(table),
            Db::MySql { .. } => Sql::new(
                "SELECT c.column_name, CAST(c.is_nullable = 'YES' AS SIGNED), CAST(COALESCE(k.ordinal_position, 0) AS SIGNED) \
                 FROM information_schema.columns c LEFT JOIN information_schema.key_column_usage k \
                 ON k.table_schema = c.table_schema AND k.table_name = c.table_name AND k.column_name = c.column_name \
                 AND k.constraint_name = 'PRIMARY' WHERE c.table_schema = DATABASE() AND c.table_name = ?",
            )
            .bind(table),
        };
        db.fetch_all::<(String, i64, i64)>(sql).await.unwrap().into_iter().map(|(name, null, key)| (name, null == 1, key)).collect()
    }

    async fn tables_of(db: &Db) -> Vec<String> {
        let sql = match db {
            Db::Sqlite { .. } => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
            Db::MySql { .. } => "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
        };
        db.fetch_all::<(String,)>(Sql::new(sql)).await.unwrap().into_iter().map(|(name,)| name).collect()
    }

    async fn check(db: &Db) {
        db.migrate_up().await.unwrap();
        let mut known: Vec<&str> = TABLES.iter().map(|t| t.name).chain(["_sqlx_migrations", "lease", "outbox"]).collect();
        known.sort_unstable();
        let mut real = tables_of(db).await;
        real.sort();
        assert_eq!(real, known, "a table is neither exported nor known as one that is not");
        for table in &TABLES {
            let mut declared: Vec<(String, bool, i64)> = Vec::new();
            for (column, place) in table.columns.iter().zip(1..) {
                declared.push((
                    column.name.to_owned(),
                    column.nullable,
                    if place <= table.key { i64::try_from(place).unwrap() } else { 0 },
                ));
            }
            let mut real = columns_of(db, table.name).await;
            declared.sort();
            real.sort();
            assert_eq!(real, declared, "table {}", table.name);
        }
        db.close().await;
    }

    #[tokio::test]
    async fn the_declaration_has_every_table_and_column_that_the_databases_have() {
        let name = format!("aiod_dump_columns_{}", std::process::id());
        let folder = std::env::temp_dir().join(&name);
        check(&Db::open(&format!("sqlite://{}/catalogue.db", folder.display()), 1).await.unwrap()).await;
        std::fs::remove_dir_all(folder).unwrap();
        #[allow(clippy::disallowed_methods, reason = "the tests' own setting")]
        if let Ok(server) = std::env::var("AIOD_TEST_DATABASE_URL") {
            let server = server.trim_end_matches('/');
            let admin = Db::open(&format!("{server}/mysql"), 2).await.unwrap();
            admin.execute(Sql::new(format!("CREATE DATABASE {name}"))).await.unwrap();
            check(&Db::open(&format!("{server}/{name}"), 2).await.unwrap()).await;
            admin.execute(Sql::new(format!("DROP DATABASE {name}"))).await.unwrap();
            admin.close().await;
        }
    }

    #[test]
    fn resources_are_where_they_are_said_to_be() {
        assert_eq!(TABLES[RESOURCES].name, "asset");
        assert!(TABLES.iter().all(|t| t.name != END && OCCUPANTS.iter().all(|o| TABLES.iter().any(|t| t.name == *o))));
        assert_eq!(TABLES.iter().filter(|t| t.of_resources).count(), TABLES.len() - RESOURCES);
    }
}
