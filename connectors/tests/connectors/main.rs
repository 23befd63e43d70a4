//! Tests of the connectors through their public doors: libraries, fake servers and the binary itself.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../answers/mod.rs"]
mod answers;
mod binary;
mod convert;
mod engine;
mod examples;
mod http;
mod openml;
mod support;
