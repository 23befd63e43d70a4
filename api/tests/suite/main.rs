//! The catalogue through its public door: requests against the assembled application.
//!
//! On SQLite by default; with `AIOD_TEST_DATABASE_URL=mysql://…` (a server, without a database) on MySQL or MariaDB.
//! Searches use an embedded index; with `AIOD_TEST_ELASTICSEARCH_URL=http://…` they use Elasticsearch.
#![allow(missing_docs)]
#![allow(clippy::disallowed_methods, reason = "settings and statements of the tests' own")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed, which is what it is for")]

mod bulk;
mod concurrency;
mod document;
mod doors;
mod elastic;
mod failures;
mod fairness;
mod formats;
mod fuzz;
mod harness;
mod history;
mod identity;
mod images;
mod input;
mod keycloak;
mod lifecycle;
mod limits;
mod links;
mod masks;
mod paging;
mod partners;
mod platforms;
mod provider;
mod reading;
mod review;
mod revisions;
mod rules;
mod search;
mod terms;
mod users;
mod versions;
