//! Tests of the connectors through their public doors: libraries, fake servers and the binary itself.
#![allow(clippy::unwrap_used, reason = "tests")]

mod binary;
mod convert;
mod engine;
mod http;
mod openml;
mod support;
