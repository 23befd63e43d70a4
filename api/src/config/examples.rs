//! `examples.…`: resources to try the catalogue with.

use serde::{Deserialize, Serialize};

/// Example data.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Examples {
    /// Whether a new catalogue on SQLite starts with example resources.
    pub load: bool,
}

impl Default for Examples {
    fn default() -> Self {
        Self { load: true }
    }
}
