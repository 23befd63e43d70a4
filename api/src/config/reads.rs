//! `reads.…`: how much of the catalogue reads may take, so that nobody holds up the others.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// What dear reads may cost together for each core, unless the operator says otherwise.
const COST_PER_CORE: usize = 150;

/// A page has room for the largest resource, and for what it shows of others.
const MIN_PAGE_BYTES: usize = 8 << 20;

/// Limits of reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reads {
    /// How many resources a page may pass over; whoever wants to go deeper uses `cursor`.
    pub max_offset: i64,
    /// How much the dear reads that are under way may cost together, in resources of a page; 0: 150 for each core.
    pub capacity: usize,
    /// How long a dear read waits for its turn before it is refused, in seconds.
    pub wait_seconds: u32,
    /// How long a statement may run, in seconds.
    pub statement_seconds: u32,
    /// The most bytes of one page.
    pub page_bytes: usize,
    /// The most bytes of all answers that wait for being sent.
    pub answer_bytes: usize,
}

impl Default for Reads {
    fn default() -> Self {
        Self { max_offset: 100_000, capacity: 0, wait_seconds: 3, statement_seconds: 10, page_bytes: 32 << 20, answer_bytes: 128 << 20 }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Reads {
    /// What dear reads may cost together.
    pub fn total_cost(&self) -> usize {
        if self.capacity == 0 { COST_PER_CORE * cores() } else { self.capacity }
    }

    /// How many small lists are read at once: enough to keep all cores busy, and not so many that readers of single resources wait long.
    pub fn small_lists(&self) -> usize {
        2 * cores()
    }

    /// How long a dear read waits for its turn.
    pub fn wait(&self) -> Duration {
        Duration::from_secs(self.wait_seconds.into())
    }

    /// How long a statement may run.
    pub fn statement_limit(&self) -> Duration {
        Duration::from_secs(self.statement_seconds.into())
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.statement_seconds == 0 {
            return Err(ConfigError::invalid("reads.statement_seconds", "at least 1", self.statement_seconds));
        }
        if self.page_bytes < MIN_PAGE_BYTES {
            return Err(ConfigError::invalid("reads.page_bytes", "at least 8388608", self.page_bytes));
        }
        if self.answer_bytes < self.page_bytes {
            return Err(ConfigError::invalid("reads.answer_bytes", "at least reads.page_bytes", self.answer_bytes));
        }
        Ok(())
    }
}
