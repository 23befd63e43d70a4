//! `api_keys.…`: the catalogue's own keys.

use serde::{Deserialize, Serialize};

/// API keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiKeys {
    /// Whether they are accepted.
    pub enabled: bool,
}

impl Default for ApiKeys {
    fn default() -> Self {
        Self { enabled: true }
    }
}
