//! `changes.…`: for how long the change log is kept.

use serde::{Deserialize, Serialize};

use super::{ConfigError, Schedule};

/// The change log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Changes {
    /// For how many days a change is kept.
    pub keep_days: u32,
    /// For how many days more it is kept for followers that have not read it yet.
    pub wait_days: u32,
    /// When the others are removed: what [`Schedule::parse`] reads.
    pub schedule: String,
}

impl Default for Changes {
    fn default() -> Self {
        Self { keep_days: 30, wait_days: 30, schedule: "0 45 * * * *".to_owned() }
    }
}

impl Changes {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        Schedule::check("changes.schedule", &self.schedule)
    }
}
