//! `log.…`: what is written about the server's work, to standard error.

use serde::{Deserialize, Serialize};

/// Logging.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Which messages: a level (`info`), or levels for parts (`info,aiod_api=debug`).
    pub filter: String,
    /// Whether each message is a JSON object.
    pub json: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info,poem=warn".to_owned(), json: false }
    }
}
