//! Connectors: what keeps the catalogue in step with the platforms that publish AI resources.
//!
//! A connector turns one platform into a listing and a conversion ([`engine::Connector`]); the [`engine`] does the rest for all of them:
//! fetching a few records at a time, batching them into the catalogue's bulk upsert, reporting bad records by their identifier,
//! progress, and stopping cleanly. [`http`] is the one way out: polite towards platforms, patient with the catalogue.
//!
//! Each platform is a module with `api` (its wire format), `convert` (to AIoD, pure) and the paging, and one binary in `src/bin`.

pub mod catalogue;
pub mod cli;
pub mod engine;
pub mod http;
pub mod limits;
pub mod openml;
pub mod record;
pub mod stop;
