//! The AIoD metadata catalogue: an OpenAPI-first REST service over MySQL or SQLite, and its command line.
//!
//! `docs/ARCHITECTURE.md` says which layers there are and what each may use.

pub mod app;
pub mod catalogue;
pub mod cli;
pub mod config;
mod digest;
pub mod identity;
pub mod jobs;
pub mod network;
pub mod routes;
pub mod search;
pub mod server;
pub mod store;

/// What rows are read into on one thread is freed on another, and documents are larger than what the system's allocator keeps for
/// each thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
