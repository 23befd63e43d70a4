//! Takes the rows of an import into SQLite.

use std::time::Instant;

use tokio::sync::mpsc;

use super::{Cell, Counts, DumpError, OCCUPANTS, Reader, Sink, Stopped, TABLES, Table, drive};
use crate::store::sql::{Arg, Sql};
use crate::store::{Db, Result, StoreError, Tx};

/// Rows of one statement: enough that its own cost does not count.
const ROWS_AT_ONCE: usize = 50;
/// From how many bytes of values fewer rows make a statement.
const BYTES_AT_ONCE: usize = 1 << 20;
/// How many statements may wait for the database.
const WAITING: usize = 16;

/// Fills an empty catalogue, in one transaction.
pub(super) async fn load(db: &Db, reader: Reader) -> Result<Counts> {
    let mut tx = db.begin().await?;
    for table in OCCUPANTS {
        if tx.fetch_optional::<(i64,)>(Sql::new(format!("SELECT id FROM {table} LIMIT 1"))).await?.is_some() {
            return Err(DumpError::NotEmpty(table).into());
        }
    }
    // Rows come table by table only roughly, see `Batches`.
    tx.execute(Sql::new("PRAGMA defer_foreign_keys = ON")).await?;
    for table in TABLES.iter().rev() {
        tx.execute(Sql::new(format!("DELETE FROM {}", table.name))).await?;
    }
    let indexes = drop_indexes(&mut tx).await?;
    let (batches, waiting) = mpsc::channel(WAITING);
    let counts = drive(reader, Batches::new(batches), insert(&mut tx, waiting)).await?;
    let begin = Instant::now();
    for index in indexes {
        tx.execute(Sql::new(index)).await?;
    }
    tracing::debug!(millis = begin.elapsed().as_millis(), "indexes were built");
    tx.commit().await?;
    Ok(counts)
}

/// Drops the indexes of the exported tables, other than unique ones; the statements that make them. Built at the end, in order,
/// they cost less.
async fn drop_indexes(tx: &mut Tx) -> Result<Vec<String>> {
    let indexes = Sql::new("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name");
    let mut statements = Vec::new();
    for (name, table, sql) in tx.fetch_all::<(String, String, String)>(indexes).await? {
        if TABLES.iter().any(|t| t.name == table) {
            tx.execute(Sql::new(format!("DROP INDEX \"{name}\""))).await?;
            statements.push(sql);
        }
    }
    Ok(statements)
}

/// Rows of a table, and the lines among which they stood.
struct Batch {
    table: usize,
    first: u64,
    last: u64,
    rows: Vec<Vec<Arg>>,
    bytes: usize,
}

impl Batch {
    fn new(table: usize) -> Self {
        Self { table, first: 0, last: 0, rows: Vec::with_capacity(ROWS_AT_ONCE), bytes: 0 }
    }
}

/// Gathers rows by table.
struct Batches {
    open: Vec<Batch>,
    full: mpsc::Sender<Batch>,
}

impl Batches {
    fn new(full: mpsc::Sender<Batch>) -> Self {
        Self { open: (0..TABLES.len()).map(Batch::new).collect(), full }
    }

    fn pass_on(&mut self, table: usize) -> std::result::Result<(), Stopped> {
        let batch = std::mem::replace(&mut self.open[table], Batch::new(table));
        self.full.blocking_send(batch).map_err(|_| Stopped)
    }
}

impl Sink for Batches {
    fn row(&mut self, table: usize, line: u64, cells: Vec<Cell<'_>>) -> std::result::Result<(), Stopped> {
        let batch = &mut self.open[table];
        if batch.rows.is_empty() {
            batch.first = line;
        }
        batch.last = line;
        batch.bytes += cells.iter().map(Cell::size).sum::<usize>();
        batch.rows.push(cells.into_iter().map(Arg::from).collect());
        if batch.rows.len() == ROWS_AT_ONCE || batch.bytes >= BYTES_AT_ONCE {
            return self.pass_on(table);
        }
        Ok(())
    }

    fn finish(&mut self) -> std::result::Result<(), Stopped> {
        for table in 0..TABLES.len() {
            if !self.open[table].rows.is_empty() {
                self.pass_on(table)?;
            }
        }
        Ok(())
    }
}

impl Cell<'_> {
    fn size(&self) -> usize {
        match self {
            Cell::Null | Cell::Int(_) => 0,
            Cell::Text(text) => text.len(),
            Cell::Bytes(bytes) => bytes.len(),
        }
    }
}

impl From<Cell<'_>> for Arg {
    fn from(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Null => Self::Int(None),
            Cell::Int(value) => value.into(),
            Cell::Text(text) => text.into_owned().into(),
            Cell::Bytes(bytes) => bytes.into(),
        }
    }
}

/// Writes what comes.
async fn insert(tx: &mut Tx, mut batches: mpsc::Receiver<Batch>) -> Result<()> {
    // Few texts, which stay prepared: full batches, and single rows for all others.
    let statement = |table: &Table, rows: usize| {
        let row = vec!["?"; table.columns.len()].join(", ");
        format!("INSERT INTO {} ({}) VALUES ({})", table.name, table.column_list(), vec![row; rows].join("), ("))
    };
    let full: Vec<String> = TABLES.iter().map(|table| statement(table, ROWS_AT_ONCE)).collect();
    let single: Vec<String> = TABLES.iter().map(|table| statement(table, 1)).collect();
    while let Some(batch) = batches.recv().await {
        let refused = |error: StoreError| match error {
            StoreError::Database(sqlx::Error::Database(error)) => {
                let (table, message) = (TABLES[batch.table].name, error.message().to_owned());
                DumpError::Refused { table, first: batch.first, last: batch.last, message }.into()
            }
            other => other,
        };
        if batch.rows.len() == ROWS_AT_ONCE {
            let sql = batch.rows.into_iter().flatten().fold(Sql::new(full[batch.table].as_str()), Sql::bind);
            tx.execute(sql).await.map_err(refused)?;
        } else {
            for row in batch.rows {
                let sql = row.into_iter().fold(Sql::new(single[batch.table].as_str()), Sql::bind);
                tx.execute(sql).await.map_err(refused)?;
            }
        }
    }
    Ok(())
}
