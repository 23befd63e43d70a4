//! Rows of resources.

mod lock;
mod name;
mod page;
mod read;
mod registering;
mod write;

pub use aiod_schema::Status;
pub use lock::{Head, LivingRow, StoredBody};
pub use name::{NameQuery, NameRow};
pub use page::{PageQuery, Sort, Start};
pub use read::ReadRow;
pub use registering::Registrations;
pub use write::{ChangedAsset, NewAsset};

/// Whether a text may be an identifier. Identifiers stand in columns of ASCII, which MySQL refuses to compare with anything else.
pub(super) fn may_identify(text: &str) -> bool {
    text.is_ascii() && !is_padded(text)
}

/// Whether a text ends in blanks. Nothing is stored so: MySQL ignores such blanks when it compares, SQLite does not.
fn is_padded(text: &str) -> bool {
    text.ends_with(' ')
}
