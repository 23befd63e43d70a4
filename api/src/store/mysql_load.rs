//! Streams an import into MySQL.
