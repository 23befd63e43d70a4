//! Turns of dear reads. What is cheap (one resource, a small page) is read at once. What is dear takes a part of a whole that all dear
//! reads share, waits for it, and is refused when it has waited for too long. So however many ask for large pages, there is always room for
//! the others.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Error, Result};
use crate::config::Reads;
use crate::store::asset::{PageQuery, Start};
use crate::store::{self, StoreError};

/// Pages of at most so many resources are cheap.
const CHEAP: i64 = 25;
/// So many resources that a page passes over cost as much as one that it holds.
const PASSED_OVER: i64 = 50;
/// What a cheap read may bring from the database, in bytes. What is more takes a turn.
const CHEAP_BYTES: usize = 256 << 10;

/// How much dear reads may cost.
#[derive(Clone, Debug)]
pub struct Turns {
    free: Arc<Semaphore>,
    all: u32,
    wait: Duration,
    page_bytes: usize,
}

/// A turn; it ends when this is dropped.
#[derive(Debug, Default)]
pub struct Turn(Option<OwnedSemaphorePermit>);

impl Turns {
    pub(super) fn new(config: &Reads) -> Self {
        let all = config.total_cost().min(Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(all)),
            all: u32::try_from(all).unwrap_or(u32::MAX),
            wait: config.wait(),
            page_bytes: config.page_bytes,
        }
    }

    /// Waits for a turn that costs as much as so many resources of a page. One that costs more than all takes all.
    ///
    /// # Errors
    /// [`Error::Busy`] when the wait is over.
    pub async fn take(&self, cost: i64) -> Result<Turn> {
        if cost <= CHEAP {
            return Ok(Turn(None));
        }
        let cost = u32::try_from(cost).unwrap_or(u32::MAX).min(self.all);
        let permit = tokio::time::timeout(self.wait, Arc::clone(&self.free).acquire_many_owned(cost)).await;
        permit.ok().and_then(std::result::Result::ok).map(|permit| Turn(Some(permit))).ok_or(Error::Busy)
    }

    /// Fetches what may have very many bytes, within the turn that it has. What is too much for a cheap read is fetched again in a turn that
    /// takes all.
    ///
    /// # Errors
    /// When it has more bytes than a page may have, or the wait is over, or the store fails.
    pub(super) async fn fetch<T, F>(&self, turn: &mut Turn, fetch: impl Fn(usize) -> F) -> Result<T>
    where
        F: Future<Output = store::Result<T>>,
    {
        if turn.0.is_none() {
            match fetch(CHEAP_BYTES).await {
                Err(StoreError::TooMuch(_)) => *turn = self.take(i64::MAX).await?,
                other => return Ok(other?),
            }
        }
        match fetch(self.page_bytes).await {
            Err(StoreError::TooMuch(_)) => Err(self.too_much()),
            other => Ok(other?),
        }
    }

    /// The most bytes of a page.
    pub(super) fn page_bytes(&self) -> usize {
        self.page_bytes
    }

    /// The answer to who asks for more bytes than a page may have.
    pub(super) fn too_much(&self) -> Error {
        Error::query("limit", format!("so many of these resources are more than {} bytes: ask for fewer", self.page_bytes))
    }
}

/// What a page costs: each of its resources `each`, and what it passes over.
pub(super) fn cost(query: &PageQuery, each: i64) -> i64 {
    let passed_over = match query.start {
        Start::Offset(offset) => offset / PASSED_OVER,
        Start::Cursor(_) => 0,
    };
    query.limit.saturating_mul(each).saturating_add(passed_over)
}
