//! Turns of reads. One resource is read at once. Lists take turns: small ones a few at a time, large ones by what they cost. Who has waited
//! for too long is refused. So however many connections ask for lists, there is room for those who read single resources and for those who
//! write; and however many ask for large lists, there is room for small ones.

use tokio::sync::OwnedSemaphorePermit;

use super::room::Room;
use super::{Error, Result};
use crate::config::Reads;
use crate::store::asset::{PageQuery, Start};
use crate::store::{self, StoreError};

/// Lists that cost at most as much as a page of so many resources are small.
const SMALL: i64 = 25;
/// So many resources that a page passes over cost as much as one that it holds.
const PASSED_OVER: i64 = 50;
/// What one resource or a small list may bring from the database, in bytes. What is more is large.
const SMALL_BYTES: usize = 256 << 10;

/// How many lists may be read at once.
#[derive(Clone, Debug)]
pub struct Turns {
    /// For so many small lists.
    small: Room,
    /// For what large lists may cost together.
    large: Room,
    page_bytes: usize,
}

/// A turn; it ends when this is dropped. The default is what needs none.
#[derive(Debug, Default)]
pub struct Turn {
    permit: Option<OwnedSemaphorePermit>,
    is_large: bool,
}

impl Turn {
    /// What it costs of all that large lists may cost; 0 for one that is not large.
    fn cost(&self) -> usize {
        self.permit.as_ref().filter(|_| self.is_large).map_or(0, OwnedSemaphorePermit::num_permits)
    }
}

impl Turns {
    pub(super) fn new(config: &Reads) -> Self {
        let room = |all| Room::new(all, config.wait());
        Self { small: room(config.small_lists()), large: room(config.total_cost()), page_bytes: config.page_bytes }
    }

    /// Waits for a turn that costs as much as so many resources of a page. One that costs more than all takes all.
    ///
    /// # Errors
    /// [`Error::Busy`] when the wait is over.
    pub async fn take(&self, cost: i64) -> Result<Turn> {
        if cost <= SMALL {
            return Ok(Turn { permit: Some(self.small.take(1).await?), is_large: false });
        }
        let permit = self.large.take(usize::try_from(cost).unwrap_or(usize::MAX)).await?;
        Ok(Turn { permit: Some(permit), is_large: true })
    }

    /// Fetches what may have very many bytes, within the turn that it has. What is too much for a small list is fetched again in a turn that
    /// takes all.
    ///
    /// # Errors
    /// When it has more bytes than a page may have, or the wait is over, or the store fails.
    pub(super) async fn fetch<T, F>(&self, turn: &mut Turn, fetch: impl Fn(usize) -> F) -> Result<T>
    where
        F: Future<Output = store::Result<T>>,
    {
        if turn.cost() < self.large.all() as usize {
            match fetch(self.share(turn)).await {
                Err(StoreError::TooMuch(_)) => {
                    // Given back first: whoever waits for all must hold nothing that others wait for.
                    *turn = Turn::default();
                    *turn = self.take(i64::MAX).await?;
                }
                other => return Ok(other?),
            }
        }
        match fetch(self.page_bytes).await {
            Err(StoreError::TooMuch(_)) => Err(self.too_much()),
            other => Ok(other?),
        }
    }

    /// How many bytes may be fetched within a turn: as large a part of a page's as it costs of all.
    fn share(&self, turn: &Turn) -> usize {
        let part = self.page_bytes as u64 * turn.cost() as u64 / u64::from(self.large.all().max(1));
        usize::try_from(part).unwrap_or(usize::MAX).max(SMALL_BYTES)
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

/// What a page costs: each of its resources `each`, and what it passes over. A page that no index holds in its order costs all.
pub(super) fn cost(query: &PageQuery, each: i64) -> i64 {
    if !query.is_indexed() {
        return i64::MAX;
    }
    let offset = match query.start {
        Start::Offset(offset) => offset,
        Start::Cursor(_) => 0,
    };
    cost_of_part(offset, query.limit.saturating_mul(each))
}

/// What a part of a list costs: what it holds, and what it passes over.
pub(super) fn cost_of_part(offset: i64, limit: i64) -> i64 {
    limit.saturating_add(offset / PASSED_OVER)
}
