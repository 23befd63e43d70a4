//! Room that requests share.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Error, Result};

/// Room of which each takes a part for a while. Who has waited too long for a part is refused.
#[derive(Clone, Debug)]
pub struct Room {
    free: Arc<Semaphore>,
    all: u32,
    wait: Duration,
}

impl Room {
    /// So much room, for a part of which somebody waits for so long.
    pub fn new(all: usize, wait: Duration) -> Self {
        let all = u32::try_from(all.min(Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        Self { free: Arc::new(Semaphore::new(all as usize)), all, wait }
    }

    /// All of it.
    pub fn all(&self) -> u32 {
        self.all
    }

    /// Waits for a part, which is given back when it is dropped. One that is larger than all is all.
    ///
    /// # Errors
    /// [`Error::Busy`] when the wait is over.
    pub async fn take(&self, part: usize) -> Result<OwnedSemaphorePermit> {
        let part = u32::try_from(part).unwrap_or(u32::MAX).min(self.all);
        let taken = tokio::time::timeout(self.wait, Arc::clone(&self.free).acquire_many_owned(part)).await;
        taken.ok().and_then(std::result::Result::ok).ok_or(Error::Busy)
    }
}
