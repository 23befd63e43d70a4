//! Exports and imports of a whole catalogue, from either kind of database to the other.
//!
//! An export is text, a JSON value a line. The first line says what it is, each line after it is a row of a table with its columns
//! by name (without those that are NULL), and the last one counts the rows of each table, so that a file that was cut short is noticed:
//!
//! ```json
//! {"format":"aiod-catalogue","version":1,"migration":1,"program":"0.1.0","date":"2026-01-31T12:00:00.000000Z"}
//! {"platform":{"id":1,"name":"aiod"}}
//! {"asset":{"id":7,"identifier":"data_rPQvKrL8cgXhtL4HEHijXSiC","document":{"name":"MNIST","aiod_entry":{}},…}}
//! {"end":{"account":0,"api_key":0,"platform":1,"term":0,"asset":1,"link":0,…}}
//! ```
//!
//! Documents stand in it as JSON, byte for byte as they are stored; images in base 64. Row ids are kept. Rows come in the order of
//! their primary keys; those that belong to resources follow them some hundred resources at a time, so that both ends work in
//! memory that does not grow with the catalogue, and all tables of a database can be filled at once.
//!
//! The outbox, the change log and leases stay behind. An import notes one change, of everything, so that the search index is made anew.

mod error;
mod export;
mod import;
mod row;
mod sqlite_load;

use std::collections::BTreeMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};

pub use error::DumpError;
pub use export::export;
pub use import::import;
pub(super) use import::{Batch, Reader, WAITING, read_into};

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
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    nullable: bool,
}

/// A table that is exported.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// How many columns, from the first, are its primary key.
    key: usize,
    pub(super) columns: &'static [Column],
}

/// `name[columns of the primary key]: column Kind, column Kind or null, …;` for each table.
macro_rules! tables {
    ($($table:ident[$key:literal]: $($column:ident $kind:ident $(or $null:ident)?),+;)+) => {
        &[$(Table {
            name: stringify!($table),
            key: $key,
            columns: &[$(Column {
                name: stringify!($column),
                kind: Kind::$kind,
                nullable: !stringify!($($null)?).is_empty(),
            }),+],
        }),+]
    };
}

/// Everything that an export holds: the one list of it, in the order of the file. The rows of `asset` and of the tables behind it
/// belong to resources; the first column of these is the resource's row id.
pub(super) const TABLES: &[Table] = tables! {
    account[1]: id Int, subject Text, name Text;
    api_key[1]: id Int, account_id Int, hash Text, hint Text, roles Json, date_created Int, date_expires Int or null,
        date_revoked Int or null;
    platform[1]: id Int, name Text;
    term[1]: id Int, vocabulary Text, folded Text, name Text, definition Text, official Int, parent_id Int or null, position Int,
        scheme_id Text or null, in_use Int;
    resource_count[2]: resource_type Text, platform Text, total Int;
    resource_count_change[1]: id Int, resource_type Text, platform Text, amount Int;
    term_check[1]: id Int, term_id Int;
    submission[1]: id Int, account_id Int, date_created Int, comment Text, is_decided Int;
    submission_asset[2]: submission_id Int, asset_id Int;
    review[1]: id Int, submission_id Int, account_id Int, decision Text, comment Text, date_created Int;
    bookmark[2]: account_id Int, asset_id Int, date_created Int;
    asset[1]: id Int, identifier Text, resource_type Text, platform Text or null, platform_resource_identifier Text or null,
        platform_key Text or null, name Text or null, status Text, alive Int or null, revision Int, date_created Int,
        date_modified Int, date_deleted Int or null, modified_by Int or null, content_hash Text, date_revised Int, is_linked Int,
        links Text, document Json;
    link[3]: from_id Int, field Text, to_id Int, position Int;
    asset_term[2]: asset_id Int, term_id Int;
    permission[2]: asset_id Int, account_id Int, kind Text, date_modified Int;
    asset_revision[2]: asset_id Int, revision Int, status Text, date_modified Int, modified_by Int or null, date_revised Int,
        document Json, links Text, packed Bytes or null, date_replaced Int;
    asset_author[2]: asset_id Int, account_id Int;
    image[2]: asset_id Int, name Text, id Int, media_type Text, bytes Bytes;
    asset_reads[1]: asset_id Int, resource_type Text, total Int;
};

/// The place of `asset` in [`TABLES`].
const RESOURCES: usize = 11;

/// Tables whose rows make a catalogue one that must not be replaced: the others hold what a new catalogue begins with, or what
/// belongs to these.
pub(super) const OCCUPANTS: [&str; 3] = ["asset", "account", "api_key"];

/// Rows by table, in the order of [`TABLES`].
type Counts = [u64; TABLES.len()];

/// The names of columns, separated by commas.
pub(super) fn names(columns: &[Column]) -> String {
    columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
}

/// What the first line of an export says.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    /// [`FORMAT`].
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

/// What the last line of an export says: how many rows of each table there are.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    end: BTreeMap<String, u64>,
}

const FORMAT: &str = "aiod-catalogue";
/// Rises when older programs cannot read what newer ones write.
const VERSION: u32 = 1;
/// After how many resources each a line in the log says how far the work is.
const LOG_EVERY: u64 = 50_000;

/// What an export or an import moved.
#[derive(Clone, Debug, Default)]
pub struct DumpReport {
    /// Rows by table.
    pub tables: Vec<(&'static str, u64)>,
    /// How long it took.
    pub seconds: f64,
}

/// The migration that a database is at, which must be the newest one that there is.
async fn migration(db: &Db) -> Result<i64> {
    let states = db.migration_states().await?;
    match states.iter().filter(|m| !m.applied).count() {
        0 => Ok(states.last().map_or(0, |m| m.version)),
        missing => Err(DumpError::Migrations(missing).into()),
    }
}

/// Counts rows by table while they move.
pub(super) struct Progress {
    begin: Instant,
    rows: Counts,
}

impl Progress {
    fn new() -> Self {
        Self { begin: Instant::now(), rows: Counts::default() }
    }

    fn count(&mut self, table: usize) {
        self.rows[table] += 1;
        let resources = self.rows[RESOURCES];
        if table == RESOURCES && resources.is_multiple_of(LOG_EVERY) {
            let seconds = self.begin.elapsed().as_secs();
            tracing::info!(resources, seconds, "{resources} resources were moved after {seconds} s");
        }
    }

    fn report(&self) -> DumpReport {
        let tables = TABLES.iter().zip(self.rows).map(|(table, rows)| (table.name, rows)).collect();
        DumpReport { tables, seconds: self.begin.elapsed().as_secs_f64() }
    }
}
