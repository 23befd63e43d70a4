//! `limits.…`: what callers may send and ask for.

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// How many resources a page has unless its request says otherwise.
pub const DEFAULT_PAGE: i32 = 10;
/// The most resources that a page may have.
pub const MAX_PAGE: i32 = 1_000;

/// Limits.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The largest body, in bytes.
    pub body_bytes: usize,
    /// The largest body of a bulk upsert, in bytes.
    pub batch_bytes: usize,
    /// The most resources of a page, from [`DEFAULT_PAGE`] to [`MAX_PAGE`].
    pub page_size: i32,
    /// How many requests a minute each caller may send, a user or an address; 0 does not limit them.
    pub requests_per_minute: u32,
    /// How many of them at once; 0 means as many as in a minute.
    pub request_burst: u32,
    /// Whether every request comes through a proxy of ours, which writes the caller's address at the end of `X-Forwarded-For`.
    pub behind_proxy: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 4 << 20,
            batch_bytes: 64 << 20,
            page_size: MAX_PAGE,
            requests_per_minute: 0,
            request_burst: 0,
            behind_proxy: false,
        }
    }
}

impl Limits {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if (DEFAULT_PAGE..=MAX_PAGE).contains(&self.page_size) {
            return Ok(());
        }
        Err(ConfigError::invalid("limits.page_size", "10 to 1000", self.page_size))
    }
}
