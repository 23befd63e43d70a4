//! Rows of resources.

mod lock;
mod page;
mod read;
mod registering;
mod write;

pub use lock::{Head, LivingRow, StoredBody};
pub use page::{PageQuery, Sort, Start};
pub use read::ReadRow;
pub use registering::Registrations;
pub use write::{ChangedAsset, NewAsset};

/// Where a resource stands between registration and publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Seen by those with permission alone.
    Draft,
    /// Waits for a review.
    Submitted,
    /// Seen by all.
    Published,
    /// Refused by a reviewer.
    Rejected,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Draft, Self::Submitted, Self::Published, Self::Rejected];

    /// As it stands in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Submitted => "submitted",
            Self::Published => "published",
            Self::Rejected => "rejected",
        }
    }

    /// The status of this name; an unknown one counts as a draft, which nobody sees by accident.
    pub fn parse(name: &str) -> Self {
        Self::ALL.into_iter().find(|s| s.as_str() == name).unwrap_or(Self::Draft)
    }
}

/// Whether a text may be an identifier. Identifiers stand in columns of ASCII, which MySQL refuses to compare with anything else.
pub(super) fn may_identify(text: &str) -> bool {
    text.is_ascii() && !is_padded(text)
}

/// Whether a text ends in blanks. Nothing is stored so: MySQL ignores such blanks when it compares, SQLite does not.
fn is_padded(text: &str) -> bool {
    text.ends_with(' ')
}
