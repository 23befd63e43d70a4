//! The rules of the catalogue: registering, reading, changing and deleting resources, whoever asks and however.

pub mod bulk;
mod change;
mod error;
pub mod examples;
pub mod image;
pub mod permission;
pub mod platform;
pub mod read;
mod render;
pub mod vocabulary;
pub mod write;

use crate::store::Db;

pub use error::Error;

/// What the catalogue answers.
pub type Result<T> = std::result::Result<T, Error>;

/// The names of roles that operators may choose.
#[derive(Clone, Debug)]
pub struct Roles {
    /// May do everything.
    pub administrator: String,
    /// May see what is masked of protected platforms.
    pub full_view: String,
}

/// The catalogue over its database.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// Where everything is kept.
    pub db: Db,
    /// Names of roles.
    pub roles: Roles,
}

impl Catalogue {
    /// The catalogue over this database.
    pub fn new(db: Db, roles: Roles) -> Self {
        Self { db, roles }
    }
}
