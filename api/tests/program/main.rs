//! The program as its operators run it: the command line, starting, stopping, and being killed.
#![allow(missing_docs)]
#![allow(clippy::disallowed_methods, reason = "settings and statements of the tests' own")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed, which is what it is for")]

mod commands;
mod configuration;
mod connections;
mod running;
mod searching;
mod support;
