//! `cors.…`: which pages may call the catalogue from a browser.

use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::secret::mask;

/// Cross-origin requests.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cors {
    /// Origins such as `https://portal.example.org`; none means any.
    pub origins: Vec<String>,
}

impl Cors {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match self.origins.iter().find(|origin| !is_origin(origin)) {
            None => Ok(()),
            Some(origin) => Err(ConfigError::invalid("cors.origins", "origins such as https://portal.example.org", mask(origin))),
        }
    }
}

/// Whether a browser could send this as `Origin`. It never sends a user, a password or a query.
fn is_origin(text: &str) -> bool {
    text.contains("://") && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"@?#".contains(&byte)) && mask(text) == text
}
