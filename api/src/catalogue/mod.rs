//! The rules of the catalogue: registering, reading, changing and deleting resources, whoever asks and however.

pub mod bulk;
pub mod counts;
mod error;
pub mod examples;
pub mod history;
pub mod image;
pub mod names;
pub mod permission;
pub mod platform;
pub mod read;
pub mod reads;
mod render;
pub mod review;
pub mod role;
pub mod room;
pub mod search;
pub mod shapes;
mod transaction;
pub mod turns;
pub mod users;
pub mod vocabulary;
pub mod write;

use std::sync::Arc;

use crate::config::{Config, Reviews, Roles};
use crate::search::Search;
use crate::store::Db;
use reads::ReadCounter;
use turns::Turns;

pub use error::Error;

/// What the catalogue answers.
pub type Result<T> = std::result::Result<T, Error>;

/// The catalogue over its database.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// Where everything is kept.
    pub db: Db,
    /// Names of roles.
    pub roles: Roles,
    /// How drafts are published.
    pub reviews: Reviews,
    /// How often resources were read, as far as it is not in the database yet.
    pub reads: Arc<ReadCounter>,
    /// Turns of dear reads.
    pub turns: Turns,
    /// The search index.
    pub search: Arc<Search>,
}

impl Catalogue {
    /// The catalogue over this database.
    pub fn new(db: Db, config: &Config) -> Self {
        Self {
            roles: config.roles.clone(),
            reviews: config.reviews.clone(),
            reads: Arc::default(),
            turns: Turns::new(&config.reads),
            search: Arc::new(Search::new(db.clone(), config)),
            db,
        }
    }
}
