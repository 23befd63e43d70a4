//! Takes the rows of an import into SQLite.

use tokio::sync::mpsc;

use super::{Batch, Counts, DumpError, OCCUPANTS, Reader, TABLES, read_into};
use crate::store::sql::Sql;
use crate::store::{Db, Result, StoreError, Tx};

/// How many batches may wait for the database.
const WAITING: usize = 4;

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
    let (outlet, batches) = mpsc::channel(WAITING);
    let counts = read_into(vec![outlet; TABLES.len()], reader, insert(&mut tx, batches)).await?;
    for index in indexes {
        tx.execute(Sql::new(index)).await?;
    }
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

/// Writes what comes.
async fn insert(tx: &mut Tx, mut batches: mpsc::Receiver<Batch>) -> Result<()> {
    while let Some(Batch { table, first, last, rows, .. }) = batches.recv().await {
        let table = &TABLES[table];
        let refused = |error: StoreError| match error {
            StoreError::Database(sqlx::Error::Database(error)) => {
                DumpError::Refused { table: table.name, first, last, message: error.message().to_owned() }.into()
            }
            other => other,
        };
        for sql in Sql::insert(&format!("INSERT INTO {} ({}) VALUES", table.name, table.column_list()), rows) {
            tx.execute(sql).await.map_err(refused)?;
        }
    }
    Ok(())
}
