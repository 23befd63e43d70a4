//! `deletion.…`: what happens to deleted resources.

use serde::{Deserialize, Serialize};

use super::{ConfigError, Schedule};

/// Deletion.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deletion {
    /// For how many days a deleted resource is kept.
    pub keep_days: u32,
    /// When deleted resources are removed for good: what [`Schedule::parse`] reads.
    pub schedule: String,
}

impl Default for Deletion {
    fn default() -> Self {
        Self { keep_days: 7, schedule: "0 30 3 * * *".to_owned() }
    }
}

impl Deletion {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        Schedule::check("deletion.schedule", &self.schedule)
    }
}
