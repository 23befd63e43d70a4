//! Takes the rows of an import into SQLite.

use tokio::sync::mpsc;

use super::{Batch, DumpError, OCCUPANTS, Progress, Reader, TABLES, WAITING, names, read_into};
use crate::store::change::NOTE_EVERYTHING;
use crate::store::sql::Sql;
use crate::store::{Db, Result, StoreError, Tx};

/// Fills an empty catalogue, in one transaction.
pub(super) async fn load(db: &Db, reader: Reader) -> Result<Progress> {
    let mut tx = db.begin().await?;
    for table in OCCUPANTS {
        if tx.fetch_optional::<(i64,)>(Sql::new(format!("SELECT id FROM {table} LIMIT 1"))).await?.is_some() {
            return Err(DumpError::NotEmpty(table).into());
        }
    }
    // A row may come before the one that it refers to.
    tx.execute(Sql::new("PRAGMA defer_foreign_keys = ON")).await?;
    for table in TABLES.iter().rev() {
        tx.execute(Sql::new(format!("DELETE FROM {}", table.name))).await?;
    }
    // Indexes cost less when they are built at the end, in order. Those of constraints have no statement, and stay.
    let indexes = Sql::new("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name");
    let indexes: Vec<(String, String)> = tx.fetch_all(indexes).await?;
    tx.execute_each(indexes.iter().map(|(name, _)| Sql::new(format!("DROP INDEX \"{name}\""))).collect()).await?;
    let (outlet, batches) = mpsc::channel(WAITING);
    let progress = read_into(vec![outlet; TABLES.len()], reader, insert(&mut tx, batches)).await?;
    tx.execute_each(indexes.into_iter().map(|(_, create)| Sql::new(create)).collect()).await?;
    tx.execute(Sql::new(NOTE_EVERYTHING)).await?;
    tx.commit().await?;
    Ok(progress)
}

async fn insert(tx: &mut Tx, mut batches: mpsc::Receiver<Batch>) -> Result<()> {
    while let Some(mut batch) = batches.recv().await {
        let head = format!("INSERT INTO {} ({}) VALUES", batch.table.name, names(batch.table.columns));
        let statements = Sql::insert(&head, std::mem::take(&mut batch.rows));
        tx.execute_each(statements).await.map_err(|error| match error {
            StoreError::Database(sqlx::Error::Database(error)) => batch.refused(error.message()).into(),
            other => other,
        })?;
    }
    Ok(())
}
