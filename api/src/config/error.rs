//! Why a configuration is refused.

use std::path::PathBuf;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such key.
    #[error("{origin}: '{key}' is not a configuration key{}", suggestion(nearest.as_deref()))]
    UnknownKey {
        /// Where it stands.
        origin: String,
        /// The key.
        key: String,
        /// The existing key that is most like it.
        nearest: Option<String>,
    },
    /// A value has the wrong type, or makes no sense.
    #[error("{origin}: '{key}' must be {expected}, not '{value}'")]
    Value {
        /// Where it stands.
        origin: String,
        /// The key.
        key: String,
        /// What would be right.
        expected: &'static str,
        /// What there is, without secrets.
        value: String,
    },
    /// The values do not make a configuration.
    #[error("configuration: {0}")]
    Shape(String),
    /// The file cannot be read.
    #[error("configuration file {}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
}

impl ConfigError {
    /// A value that has the right type and makes no sense.
    pub(super) fn invalid(key: &str, expected: &'static str, value: impl ToString) -> Self {
        Self::Value { origin: "configuration".to_owned(), key: key.to_owned(), expected, value: value.to_string() }
    }
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|key| format!("; did you mean '{key}'?")).unwrap_or_default()
}
