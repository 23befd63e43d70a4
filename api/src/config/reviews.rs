//! `reviews.…`: how drafts are published.

use serde::{Deserialize, Serialize};

/// How drafts are published.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reviews {
    /// Whether a submission publishes at once, without a review.
    pub disable: bool,
}
