//! Why the catalogue could not do what was asked; it knows nothing of HTTP.

use aiod_schema::{Fault, ResourceType};

use crate::identity::IdentityError;
use crate::store::StoreError;

/// Why something was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing has this identifier, or it was deleted.
    #[error("{0}")]
    NotFound(String),
    /// The identifier belongs to another type.
    #[error("The identifier '{identifier}' does not belong to a '{wanted}'. Did you mean to request a '{actual}' instead?")]
    WrongType {
        /// What was asked for.
        identifier: String,
        /// The type that was asked for.
        wanted: &'static str,
        /// The type that it belongs to.
        actual: &'static str,
    },
    /// A user is needed, and there is none.
    #[error("{0}")]
    Unauthenticated(String),
    /// The user must not do this.
    #[error("{0}")]
    Forbidden(String),
    /// It exists already, or another state of it stands in the way.
    #[error("{0}")]
    Conflict(String),
    /// A precondition does not hold: an unknown platform, another revision.
    #[error("{0}")]
    Precondition(String),
    /// The request makes no sense as it is.
    #[error("{0}")]
    BadRequest(String),
    /// The input is not as the model says.
    #[error("{} fault(s) in the input", .0.len())]
    Invalid(Vec<Fault>),
    /// A file is of a type that is not taken.
    #[error("{0}")]
    UnsupportedMedia(String),
    /// The input is too large.
    #[error("{0}")]
    TooLarge(String),
    /// The caller asks for this too often.
    #[error("{detail}")]
    TooMany {
        /// What is asked for too often.
        detail: String,
        /// In how many seconds it may be asked for again.
        seconds: u64,
    },
    /// Something outside that is needed, other than the store, cannot be reached.
    #[error("{0}")]
    Unavailable(String),
    /// The search index cannot be asked. The log says once that it is so.
    #[error("Searching is not possible now: {0}. Everything else works. Try again later.")]
    NotSearchable(String),
    /// As many dear reads are under way as there may be.
    #[error("The catalogue is busy with requests that take long. Try again in some seconds, or ask for less at once.")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A defect of ours.
    #[error("{0}")]
    Internal(String),
}

/// What is said of a platform that is not registered.
pub(super) fn unknown_platform(name: &str) -> String {
    format!("platform '{name}' is not known to the catalogue")
}

/// The same to somebody who asks for a platform, who may look at the list of them.
pub(super) fn unknown_platform_with_hint(name: &str) -> String {
    format!("{}; GET /platforms lists those that are", unknown_platform(name))
}

impl From<IdentityError> for Error {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Store(error) => Self::Store(error),
            IdentityError::Provider(error) => Self::Unavailable(error.to_string()),
            IdentityError::TooMany(wait) => Self::TooMany { detail: error.to_string(), seconds: wait.as_secs() + 1 },
        }
    }
}

impl Error {
    /// A fault in the query.
    pub fn query(name: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Fault::value(["query", name], message)])
    }

    /// A fault in the body.
    pub fn body(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Fault::value(["body", field], message)])
    }

    pub(crate) fn not_found(resource: &ResourceType, what: &str, deleted: bool) -> Self {
        let why = if deleted { ", because it was deleted" } else { "" };
        Self::NotFound(format!("{} {what} not found in the database{why}.", resource.label()))
    }

    /// Nothing that lives has this identifier, of whatever type.
    pub(crate) fn no_asset(identifier: &str) -> Self {
        Self::NotFound(format!("No active asset found for identifier '{identifier}'"))
    }

    /// Whether trying the same again may help.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_transient())
    }
}
