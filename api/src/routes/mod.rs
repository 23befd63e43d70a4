//! HTTP: parse, call the catalogue, answer. No SQL, no rules.
//!
//! An operation is a handler in one of the groups here, one file each; its signature says what it takes and answers, its row in
//! `catalogue::permission::OPERATIONS` who may. `interface` lists the groups; `template` makes the operations of every type from them.

mod address;
mod answer;
mod batch;
mod bookmark;
mod budget;
mod caller;
mod count;
mod docs;
mod document;
mod etag;
mod extract;
mod file;
mod guard;
mod image;
mod incoming;
mod interface;
mod json;
mod limit;
mod middleware;
mod paging;
mod parent;
mod permission;
mod platform;
mod problem;
mod resource;
mod review;
mod revision;
mod schema;
mod search;
mod shape;
mod statistics;
mod template;
mod user;
mod version;
mod vocabulary;

use std::sync::Arc;

use poem::EndpointExt;
use poem::endpoint::BoxEndpoint;

pub use document::{document, document_for};
pub use template::InterfaceError;
pub use version::Version;

use crate::app::App;

/// The whole application, as the server runs it and tests call it.
///
/// # Errors
/// When an operation has no rule.
pub fn endpoint(app: Arc<App>) -> Result<BoxEndpoint<'static>, InterfaceError> {
    let routes = docs::add(interface::routes(&app)?, &app);
    Ok(middleware::surrounded(routes, &app).data(app).map_to_response().boxed())
}
