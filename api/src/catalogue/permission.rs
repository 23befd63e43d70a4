//! Who may do what: one table.

use aiod_schema::ResourceType;

use super::{Error, Roles};
use crate::identity::{Caller, User};
use crate::store::asset::Status;
use crate::store::permission::PermissionKind;

/// What someone wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See a resource.
    Read,
    /// Register a resource of one's own.
    Register,
    /// Register or change resources in a platform's name.
    RegisterOnPlatform,
    /// Write many records of a platform at once.
    UpsertBatch,
    /// Change a resource.
    Update,
    /// Delete a resource.
    Delete,
    /// Register a platform.
    CreatePlatform,
    /// Rename or delete a platform.
    ChangePlatform,
}

/// What makes an action allowed; one of an action's grants is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Anyone, when the resource is published.
    Published,
    /// Any user.
    LoggedIn,
    /// A permission on the resource, this one or one that includes it.
    Permission(PermissionKind),
    /// The role `PREFIX_{type}`.
    TypeRole(&'static str),
    /// The connector of the resource's platform: role `platform_{platform}`.
    Connector,
    /// This role.
    Role(&'static str),
    /// An administrator.
    Administrator,
}

/// The rules: for each action, the grants that allow it.
pub const RULES: &[(Action, &[Grant])] = &[
    (
        Action::Read,
        &[Grant::Published, Grant::Permission(PermissionKind::Read), Grant::TypeRole("read"), Grant::Connector, Grant::Administrator],
    ),
    (Action::Register, &[Grant::LoggedIn]),
    (Action::RegisterOnPlatform, &[Grant::Connector]),
    (Action::UpsertBatch, &[Grant::Connector, Grant::Administrator]),
    (Action::Update, &[Grant::Permission(PermissionKind::Write), Grant::TypeRole("update"), Grant::Connector, Grant::Administrator]),
    (Action::Delete, &[Grant::Permission(PermissionKind::Admin), Grant::TypeRole("delete"), Grant::Connector, Grant::Administrator]),
    (Action::CreatePlatform, &[Grant::Role("create_platforms"), Grant::Administrator]),
    (Action::ChangePlatform, &[Grant::Role("create_platforms"), Grant::Administrator]),
];

/// What the rules look at of a resource. For actions without one, the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// Its type.
    pub resource: Option<&'static ResourceType>,
    /// Its platform.
    pub platform: Option<&'a str>,
    /// Where it stands.
    pub status: Option<Status>,
    /// The caller's permission on it.
    pub permission: Option<PermissionKind>,
}

/// Whether the caller may do this.
pub fn is_allowed(roles: &Roles, caller: &Caller, action: Action, subject: Subject<'_>) -> bool {
    let grants = RULES.iter().find(|(a, _)| *a == action).map_or(&[] as &[Grant], |(_, grants)| grants);
    grants.iter().any(|grant| holds(roles, caller.user(), *grant, subject))
}

fn holds(roles: &Roles, user: Option<&User>, grant: Grant, subject: Subject<'_>) -> bool {
    if grant == Grant::Published {
        return subject.status == Some(Status::Published);
    }
    let Some(user) = user else { return false };
    match grant {
        Grant::Published => false,
        Grant::LoggedIn => true,
        Grant::Permission(needed) => subject.permission.is_some_and(|held| held >= needed),
        Grant::TypeRole(prefix) => subject
            .resource
            .is_some_and(|r| user.has_role(&format!("{prefix}_{}", r.name)) || user.has_role(&format!("{prefix}_{}", r.path))),
        Grant::Connector => subject.platform.is_some_and(|platform| user.is_connector_of(platform)),
        Grant::Role(role) => user.has_role(role),
        Grant::Administrator => user.has_role(&roles.administrator),
    }
}

/// The answer to someone who must log in first.
pub(crate) fn login_needed(caller: &Caller) -> Error {
    unknown_caller(caller, "This endpoint requires authorization. You need to be logged in.")
}

/// The answer to a caller who is not known where one must be: this text, and why credentials were not accepted.
pub(crate) fn unknown_caller(caller: &Caller, text: &str) -> Error {
    match caller {
        Caller::Refused(refusal) => Error::Unauthenticated(format!("{text} Your credentials are not accepted: {refusal}.")),
        Caller::Unverified(error) => Error::Unavailable(format!("a token cannot be checked: {error}")),
        Caller::Anonymous | Caller::User(_) => Error::Unauthenticated(text.to_owned()),
    }
}

/// The user, or the demand to log in.
///
/// # Errors
/// [`Error::Unauthenticated`] for anyone who is not logged in; [`Error::Unavailable`] when that cannot be found out.
pub fn require_user(caller: &Caller) -> Result<&User, Error> {
    caller.user().ok_or_else(|| login_needed(caller))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_one_rule() {
        let actions = [
            Action::Read,
            Action::Register,
            Action::RegisterOnPlatform,
            Action::UpsertBatch,
            Action::Update,
            Action::Delete,
            Action::CreatePlatform,
            Action::ChangePlatform,
        ];
        for action in actions {
            assert_eq!(RULES.iter().filter(|(a, _)| *a == action).count(), 1, "{action:?}");
        }
    }
}
