//! Who may do what: one table.

use aiod_schema::ResourceType;

use super::Error;
use crate::config::Roles;
use crate::identity::{Caller, User};
use crate::store::asset::Status;
use crate::store::permission::PermissionKind;

/// What someone wants to do. Each operation needs one action; each action has one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See what is published: lists, counts, vocabularies, platforms, statistics.
    Browse,
    /// Use what belongs to a user alone: bookmarks, submissions, one's own resources.
    UseAccount,
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
    /// See what a resource was before, and who changed it.
    SeeHistory,
    /// See and change who may do what with a resource.
    Share,
    /// Ask for the publication of a resource, or take that back.
    Submit,
    /// See everyone's submissions, and decide on those of others.
    Review,
    /// Register a platform.
    CreatePlatform,
    /// Rename or delete a platform.
    ChangePlatform,
    /// See what the catalogue does in the background.
    Operate,
}

/// What makes an action allowed; one of an action's grants is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Anyone.
    Anyone,
    /// Anyone, when the resource is published.
    Published,
    /// A reviewer, while the resource waits for a review.
    ReviewerOfSubmitted,
    /// A reviewer.
    Reviewer,
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
    (Action::Browse, &[Grant::Anyone]),
    (Action::UseAccount, &[Grant::LoggedIn]),
    (
        Action::Read,
        &[
            Grant::Published,
            Grant::Permission(PermissionKind::Read),
            Grant::TypeRole("read"),
            Grant::ReviewerOfSubmitted,
            Grant::Connector,
            Grant::Administrator,
        ],
    ),
    (Action::Register, &[Grant::LoggedIn]),
    (Action::RegisterOnPlatform, &[Grant::Connector]),
    (Action::UpsertBatch, &[Grant::Connector, Grant::Administrator]),
    (Action::Update, &[Grant::Permission(PermissionKind::Write), Grant::TypeRole("update"), Grant::Connector, Grant::Administrator]),
    (Action::Delete, &[Grant::Permission(PermissionKind::Admin), Grant::TypeRole("delete"), Grant::Connector, Grant::Administrator]),
    (Action::SeeHistory, &[Grant::Permission(PermissionKind::Write), Grant::TypeRole("update"), Grant::Connector, Grant::Administrator]),
    (Action::Share, &[Grant::Permission(PermissionKind::Admin), Grant::Administrator]),
    (Action::Submit, &[Grant::Permission(PermissionKind::Admin), Grant::Administrator]),
    (Action::Review, &[Grant::Reviewer, Grant::Administrator]),
    (Action::CreatePlatform, &[Grant::Role("create_platforms"), Grant::Administrator]),
    (Action::ChangePlatform, &[Grant::Role("create_platforms"), Grant::Administrator]),
    (Action::Operate, &[Grant::Administrator]),
];

/// What each operation needs, by its operation id; `RESOURCE` stands for a type's path, `VOCABULARY` for a vocabulary's. The server does
/// not start when an operation has no row here.
pub const OPERATIONS: &[(&str, Action)] = &[
    ("list_RESOURCE", Action::Browse),
    ("list_platform_RESOURCE", Action::Browse),
    ("count_RESOURCE", Action::Browse),
    ("read_RESOURCE", Action::Read),
    ("read_platform_RESOURCE", Action::Read),
    ("register_RESOURCE", Action::Register),
    ("replace_RESOURCE", Action::Update),
    ("patch_RESOURCE", Action::Update),
    ("delete_RESOURCE", Action::Delete),
    ("upsert_RESOURCE", Action::UpsertBatch),
    ("history_RESOURCE", Action::SeeHistory),
    ("revision_RESOURCE", Action::SeeHistory),
    ("submit_RESOURCE", Action::Submit),
    ("content_RESOURCE", Action::Read),
    ("content_n_RESOURCE", Action::Read),
    ("images_RESOURCE", Action::Read),
    ("add_image_RESOURCE", Action::Update),
    ("replace_image_RESOURCE", Action::Update),
    ("delete_image_RESOURCE", Action::Update),
    ("list_VOCABULARY", Action::Browse),
    ("counts", Action::Browse),
    ("count_platforms", Action::Browse),
    ("list_platforms", Action::Browse),
    ("read_platform", Action::Browse),
    ("register_platform", Action::CreatePlatform),
    ("replace_platform", Action::ChangePlatform),
    ("delete_platform", Action::ChangePlatform),
    ("read_asset", Action::Read),
    ("read_ai_asset", Action::Read),
    ("read_ai_resource", Action::Read),
    ("read_agent", Action::Read),
    ("set_permission", Action::Share),
    ("list_permissions", Action::Share),
    ("submit", Action::Submit),
    ("list_submissions", Action::UseAccount),
    ("read_submission", Action::UseAccount),
    ("retract_submission", Action::Submit),
    ("review", Action::Review),
    ("list_own_resources", Action::UseAccount),
    ("list_bookmarks", Action::UseAccount),
    ("add_bookmark", Action::UseAccount),
    ("remove_bookmark", Action::UseAccount),
    ("authorization_test", Action::UseAccount),
    ("search_RESOURCE", Action::Browse),
    ("similar_RESOURCE", Action::Read),
    ("search", Action::Browse),
    ("suggest", Action::Browse),
    ("search_status", Action::Operate),
    ("search_failures", Action::Operate),
    ("top", Action::Browse),
    ("top_all", Action::Browse),
];

/// What an operation needs.
pub fn needed(operation: &str) -> Option<Action> {
    OPERATIONS.iter().find(|(id, _)| *id == operation).map(|(_, action)| *action)
}

impl Action {
    /// The grants that allow it.
    pub fn grants(self) -> &'static [Grant] {
        RULES.iter().find(|(action, _)| *action == self).map_or(&[], |(_, grants)| grants)
    }

    /// Whether its rule is checked before anything else: it is about no resource, and needs no body.
    pub fn is_checked_first(self) -> bool {
        matches!(self, Self::Browse | Self::UseAccount | Self::Operate)
    }

    /// Whether it writes many resources at once, for which bodies may be large.
    pub fn is_bulk(self) -> bool {
        self == Self::UpsertBatch
    }

    /// Whether somebody who is not logged in may do it, to some resources at least.
    pub fn is_open(self) -> bool {
        self.grants().iter().any(|g| matches!(g, Grant::Anyone | Grant::Published))
    }

    /// Who may do it, as a sentence for the documentation.
    pub fn explanation(self) -> String {
        let grants: Vec<String> = self.grants().iter().map(|grant| grant.explanation()).collect();
        format!("Needs `{self:?}`: {}.", grants.join(", or "))
    }
}

impl Grant {
    fn explanation(self) -> String {
        match self {
            Self::Anyone => "anyone may".to_owned(),
            Self::Published => "anyone, when it is published".to_owned(),
            Self::ReviewerOfSubmitted => "a reviewer, while it waits for a review".to_owned(),
            Self::Reviewer => "a reviewer".to_owned(),
            Self::LoggedIn => "any user".to_owned(),
            Self::Permission(kind) => format!("`{}` permission on the resource", kind.as_str()),
            Self::TypeRole(prefix) => format!("the role `{prefix}_` and the type's name"),
            Self::Connector => "the connector of the platform".to_owned(),
            Self::Role(role) => format!("the role `{role}`"),
            Self::Administrator => "an administrator".to_owned(),
        }
    }
}

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
    action.grants().iter().any(|grant| holds(roles, caller.user(), *grant, subject))
}

/// Refuses whoever may not do something that is about no resource in particular.
///
/// # Errors
/// [`Error::Unauthenticated`] for those who are not known, [`Error::Forbidden`] for others.
pub fn require(roles: &Roles, caller: &Caller, action: Action) -> Result<(), Error> {
    if is_allowed(roles, caller, action, Subject::default()) {
        return Ok(());
    }
    require_user(caller)?;
    Err(Error::Forbidden("You do not have permission to do this.".to_owned()))
}

fn holds(roles: &Roles, user: Option<&User>, grant: Grant, subject: Subject<'_>) -> bool {
    match grant {
        Grant::Anyone => return true,
        Grant::Published => return subject.status == Some(Status::Published),
        _ => {}
    }
    let Some(user) = user else { return false };
    match grant {
        Grant::Anyone | Grant::Published => false,
        Grant::LoggedIn => true,
        Grant::Reviewer => user.has_role(&roles.reviewer),
        Grant::ReviewerOfSubmitted => subject.status == Some(Status::Submitted) && user.has_role(&roles.reviewer),
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
        for (_, action) in OPERATIONS.iter().copied().chain([("", Action::RegisterOnPlatform)]) {
            assert_eq!(RULES.iter().filter(|(a, _)| *a == action).count(), 1, "{action:?}");
        }
    }
}
