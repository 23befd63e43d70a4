//! `history.…`: which past revisions of resources are kept.

use serde::{Deserialize, Serialize};

use super::{ConfigError, Schedule};

/// Past revisions.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// For how many days a past revision is kept after the next one came; 0 keeps it whatever its age.
    pub keep_days: u32,
    /// How many past revisions of a resource are kept; 0 keeps all.
    pub keep_revisions: u32,
    /// When the others are removed: what [`Schedule::parse`] reads.
    pub schedule: String,
}

impl Default for History {
    fn default() -> Self {
        Self { keep_days: 365, keep_revisions: 100, schedule: "0 15 * * * *".to_owned() }
    }
}

impl History {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        Schedule::check("history.schedule", &self.schedule)
    }
}
