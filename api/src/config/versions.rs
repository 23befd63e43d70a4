//! `versions.…`: the versions of the interface.

use serde::{Deserialize, Serialize};

/// The versions of the interface.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Versions {
    /// Versions that are served no longer, such as `v2`.
    pub retired: Vec<String>,
}
