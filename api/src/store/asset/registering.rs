//! Waiting for those who are registering resources, so that pages by cursor miss none.
//!
//! MySQL hands out row ids in the order in which rows are inserted, but shows rows in the order of their commits. A client that follows the
//! ids would miss a row that is committed late. SQLite has one writer at a time, and so no such rows.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::store::sql::Sql;
use crate::store::{ATTEMPTS, Db, Result, Tx, now, pause};

/// The longest time that a transaction may take from inserting a resource to its commit, in microseconds.
const LONGEST: i64 = 5 * 60 * 1_000_000;

/// The row of MySQL on which every registering transaction holds a shared lock until its commit.
const REGISTERING_ROW: &str = "SELECT name FROM lease WHERE name = 'registering'";

/// The waits of all readers of this process.
///
/// A reader that waits for the lock holds up everybody who registers after it. So the readers wait together, in rounds: a round serves all
/// who asked before it began.
#[derive(Debug, Default)]
pub struct Registrations {
    /// When the latest round began.
    latest_round: Mutex<Option<Instant>>,
}

impl Registrations {
    /// The shortest time between the beginnings of two rounds.
    const APART: Duration = Duration::from_millis(100);
}

/// Whether a resource of this date may have been registered beside others that are not committed yet.
pub(super) fn is_recent(date_created: i64) -> bool {
    date_created > now() - LONGEST
}

impl Db {
    /// Waits until all transactions that are registering now have committed. `false`: there was nothing to wait for.
    pub(super) async fn await_registrations(&self) -> Result<bool> {
        let Self::MySql { registrations, .. } = self else { return Ok(false) };
        let asked = Instant::now();
        let mut latest = registrations.latest_round.lock().await;
        if latest.is_some_and(|round| round > asked) {
            return Ok(true);
        }
        if let Some(rest) = latest.and_then(|round| Registrations::APART.checked_sub(round.elapsed())) {
            tokio::time::sleep(rest).await;
        }
        let round = Instant::now();
        self.lock_registering_row().await?;
        *latest = Some(round);
        Ok(true)
    }

    /// Locks the row for a moment, which takes until all who share it have committed.
    async fn lock_registering_row(&self) -> Result<()> {
        let mut attempt = 0;
        loop {
            let mut tx = self.begin().await?;
            let locked = tx.fetch_all::<(String,)>(Sql::new(REGISTERING_ROW).push(self.dialect().for_update())).await;
            tx.rollback().await;
            attempt += 1;
            match locked {
                Err(error) if error.is_transient() && attempt < ATTEMPTS => pause(attempt).await,
                outcome => return outcome.map(drop),
            }
        }
    }
}

impl Tx {
    /// Lets readers know, until the commit, that this transaction registers resources.
    pub(super) async fn share_registering_row(&mut self) -> Result<()> {
        if let Self::MySql(_) = self {
            self.fetch_all::<(String,)>(Sql::new(REGISTERING_ROW).push(self.dialect().for_share())).await?;
        }
        Ok(())
    }
}
