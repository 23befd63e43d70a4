//! Who sends a request.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{ProviderError, Refusal};

/// Someone who acts: a person, or a machine with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Row id of the account.
    pub account: i64,
    /// Name, as shown to others.
    pub name: String,
    /// The identity provider's id.
    pub subject: String,
    /// Roles.
    pub roles: BTreeSet<String>,
}

impl User {
    /// Whether the user has this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.contains(role)
    }

    /// Whether the user registers resources for a platform instead of for a person.
    pub fn is_connector(&self) -> bool {
        self.roles.iter().any(|role| role.starts_with(CONNECTOR_PREFIX))
    }

    /// Whether the user registers resources for this platform.
    pub fn is_connector_of(&self, platform: &str) -> bool {
        self.roles.iter().any(|role| role.strip_prefix(CONNECTOR_PREFIX) == Some(platform))
    }
}

/// How the roles of connectors begin; the platform's name follows.
pub const CONNECTOR_PREFIX: &str = "platform_";

/// Who sent a request.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Somebody without credentials.
    Anonymous,
    /// Somebody whose credentials are not accepted. Where a user is needed, the answer says why; elsewhere the request counts as anonymous.
    Refused(Refusal),
    /// Somebody with a token that cannot be checked, because the identity provider does not answer.
    Unverified(ProviderError),
    /// A user.
    User(Arc<User>),
}

impl Caller {
    /// The user, when there is one.
    pub fn user(&self) -> Option<&User> {
        match self {
            Self::Anonymous | Self::Refused(_) | Self::Unverified(_) => None,
            Self::User(user) => Some(user),
        }
    }
}
