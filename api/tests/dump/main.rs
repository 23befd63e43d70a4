//! Exports and imports, between SQLite files and, with `AIOD_TEST_DATABASE_URL=mysql://…` (a server, without a database), MySQL or
//! MariaDB.
#![allow(missing_docs)]
#![allow(clippy::disallowed_methods, reason = "settings and statements of the tests' own")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed, which is what it is for")]

mod export;
mod import;
mod killed;
mod lines;
mod support;
