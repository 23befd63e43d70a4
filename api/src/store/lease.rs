//! Leases: what must happen once, or by one process at a time, whichever it is.

use std::time::Duration;

use rand::RngExt;

use super::sql::Sql;
use super::{Db, Result, now};

/// How long a lease lasts unless it is renewed: how long the others wait for one that was killed.
pub const LASTS: Duration = Duration::from_secs(20);
/// Until when the lease of a thing runs that is done for good.
const FOR_EVER: i64 = i64::MAX;

/// What became of trying to take a lease.
#[derive(Debug)]
pub enum Attempt<'d> {
    /// It is ours.
    Taken(Lease<'d>),
    /// Another holds it.
    Held,
    /// Nobody needs it any more.
    Done,
}

/// A lease that this process holds.
#[derive(Debug)]
pub struct Lease<'d> {
    db: &'d Db,
    name: &'static str,
    holder: String,
}

impl Db {
    /// Takes the lease of this name for [`LASTS`], unless another holds it.
    pub async fn take_lease(&self, name: &'static str) -> Result<Attempt<'_>> {
        let insert = format!("{} lease (name, holder, date_expires) VALUES (?, '', 0)", self.dialect().insert_ignore());
        self.execute(Sql::new(insert).bind(name)).await?;
        let holder = format!("{}-{:08x}", std::process::id(), rand::rng().random::<u32>());
        // Both of two that try at once see a free lease, but the second's UPDATE no longer finds it.
        let take = Sql::new("UPDATE lease SET holder = ?, date_expires = ? WHERE name = ? AND date_expires < ?");
        if self.execute(take.bind(&holder).bind(end()).bind(name).bind(now())).await? > 0 {
            return Ok(Attempt::Taken(Lease { db: self, name, holder }));
        }
        let until = Sql::new("SELECT date_expires FROM lease WHERE name = ?").bind(name);
        let is_done = self.fetch_optional::<(i64,)>(until).await?.is_some_and(|(until,)| until == FOR_EVER);
        Ok(if is_done { Attempt::Done } else { Attempt::Held })
    }
}

/// When a lease that is taken now ends.
fn end() -> i64 {
    now().saturating_add(i64::try_from(LASTS.as_micros()).unwrap_or_default())
}

impl Lease<'_> {
    /// Does `work` while the lease is kept; `None` when it was lost, because this process was held up for longer than [`LASTS`]:
    /// then the work was dropped where it stood.
    pub async fn keep<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.lost() => None,
        }
    }

    /// Renews the lease until another has it.
    async fn lost(&self) {
        loop {
            tokio::time::sleep(LASTS / 3).await;
            match self.run_until(end()).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(%error, "the lease of '{}' cannot be renewed now", self.name),
            }
        }
    }

    /// Gives the lease back.
    pub async fn release(self) {
        if let Err(error) = self.run_until(0).await {
            tracing::warn!(%error, "the lease of '{}' cannot be given back; it ends in {} s", self.name, LASTS.as_secs());
        }
    }

    /// Says that what this lease is for is done for good.
    pub async fn finish(self) -> Result<()> {
        self.run_until(FOR_EVER).await.map(drop)
    }

    async fn run_until(&self, date: i64) -> Result<bool> {
        let renew = Sql::new("UPDATE lease SET date_expires = ? WHERE name = ? AND holder = ?");
        Ok(self.db.execute(renew.bind(date).bind(self.name).bind(&self.holder)).await? > 0)
    }
}
