//! The vocabularies that a new catalogue starts with.

use super::Taxonomy;

/// The terms that are loaded on the first start.
pub fn defaults() -> Vec<Taxonomy> {
    Vec::new()
}
