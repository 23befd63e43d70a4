//! `roles.…`: names of roles.

use serde::{Deserialize, Serialize};

/// Roles.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Roles {
    /// May do everything.
    pub administrator: String,
    /// Decides on submissions.
    pub reviewer: String,
    /// Sees what is masked of protected platforms.
    pub full_view: String,
}

impl Roles {
    /// The names of all of them.
    pub fn names(&self) -> [&str; 3] {
        [&self.administrator, &self.reviewer, &self.full_view]
    }
}

impl Default for Roles {
    fn default() -> Self {
        Self {
            administrator: "admin_aiod_resources".to_owned(),
            reviewer: "review_aiod_resources".to_owned(),
            full_view: "full_view_ai4europe_cms_resources".to_owned(),
        }
    }
}
