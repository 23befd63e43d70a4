//! Registering, replacing, patching and deleting resources.
//!
//! A body in normal form becomes a `Change`. `Resolved` finds out what it refers to, and what is wrong with that. `apply` writes it, as one
//! revision of the store (`Tx::revise`).

mod access;
mod apply;
mod document;
mod identity;
mod links;
mod misuse;
mod patch;
mod put_back;
mod resolve;

use aiod_schema::validate::{FaultKind, normalise_keeping};
use aiod_schema::{Field, Input, ResourceType};
use serde_json::Value;

use super::permission::{Action, require_user};
use super::read::check_type;
use super::{Catalogue, Error, Result};
use crate::catalogue::transaction::transaction;
use crate::config::Roles;
use crate::identity::{Caller, User};
use crate::store::asset::Head;
use crate::store::{Tx, now};

pub(super) use apply::{Change, Target, apply};
pub(super) use document::{HASH_LENGTH, content_hash};
pub(super) use identity::{Identity, name_key, platform_key};
pub(super) use put_back::{may_repeat, settle};
pub(super) use resolve::{Body, Resolved};

use identity::{already_exists, check_platforms};

/// The platform of resources that people register.
pub const HOME_PLATFORM: &str = aiod_schema::platform::HOME.name;

/// Which revision the caller expects to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whichever there is.
    Any,
    /// One of these.
    Revisions(Vec<i64>),
}

impl Expected {
    /// Refuses another revision than the expected ones.
    fn check(&self, head: &Head) -> Result<()> {
        match self {
            Self::Any => Ok(()),
            Self::Revisions(revisions) if revisions.contains(&head.revision) => Ok(()),
            Self::Revisions(_) => Err(Error::Precondition(format!(
                "'{}' was changed meanwhile: its revision is {}. Read it again.",
                head.identifier, head.revision
            ))),
        }
    }
}

/// Who writes, and by which rules.
#[derive(Clone, Copy)]
pub(super) struct Actor<'a> {
    /// Who it is.
    pub(super) caller: &'a Caller,
    /// Names of roles.
    pub(super) roles: &'a Roles,
    /// Whether taxonomies take terms that they do not have.
    pub(super) brings_terms: bool,
    /// Whether links that other resources may have made stay when the body does not name their field.
    pub(super) keeps_inverse_links: bool,
}

impl Actor<'_> {
    /// The account's row id.
    fn account(self) -> Option<i64> {
        self.caller.user().map(|user| user.account)
    }
}

/// Checks a body against the model.
///
/// # Errors
/// [`Error::Invalid`] with every fault; [`Error::BadRequest`] where a file stands in the body.
pub(super) fn validated(resource: &'static ResourceType, body: &Value) -> Result<Input> {
    validated_keeping(resource, body, |_| false)
}

/// The same for a body of which some fields stay as they are stored.
fn validated_keeping(resource: &'static ResourceType, body: &Value, is_kept: impl Fn(&Field) -> bool) -> Result<Input> {
    normalise_keeping(resource, body, is_kept).map_err(|faults| match faults.iter().find(|f| f.kind == FaultKind::Blob) {
        Some(blob) => Error::BadRequest(format!("{}: {}", blob.path(), blob.message)),
        None => Error::Invalid(faults),
    })
}

impl Catalogue {
    /// Whoever writes resources one by one, by these rules.
    fn actor<'a>(&'a self, caller: &'a Caller) -> Actor<'a> {
        let brings_terms = caller.user().is_some_and(User::is_connector);
        Actor { caller, roles: &self.roles, brings_terms, keeps_inverse_links: false }
    }

    /// Registers a resource; its identifier.
    ///
    /// # Errors
    /// When nobody is logged in, the body is faulty, the platform is not the caller's to use or unknown, the platform's
    /// identifier is taken, or links or terms are unknown.
    pub async fn register(&self, caller: &Caller, resource: &'static ResourceType, body: &Value) -> Result<String> {
        let user = require_user(caller)?;
        let input = validated(resource, body)?;
        let faults = input.mask_faults();
        if !faults.is_empty() {
            return Err(Error::Invalid(faults));
        }
        let identity = self.identity(caller, user, &input)?;
        let (platform, key) = (identity.platform.clone(), identity.platform_key.clone());
        let change = Change { hash: content_hash(&input), input, target: Target::New(identity) };
        let outcome = transaction!(self.db, tx => {
            check_platforms(&mut tx, &change.input, Some(&platform)).await?;
            if let Some(existing) = tx.on_platform(resource.name, &platform, &key).await? {
                return Err(already_exists(resource, &existing));
            }
            write(&mut tx, self.actor(caller), &change).await
        });
        match outcome {
            // Another registered the same meanwhile.
            Err(Error::Store(error)) if error.is_duplicate() => {
                let mut tx = self.db.begin().await?;
                let existing = tx.on_platform(resource.name, &platform, &key).await?;
                tx.rollback().await;
                Err(existing.map_or(Error::Store(error), |head| already_exists(resource, &head)))
            }
            other => other.map(|()| change.identifier().to_owned()),
        }
    }

    /// Replaces everything that a resource's body says.
    ///
    /// # Errors
    /// As for registering; when the resource does not exist, is submitted, may not be changed by the caller, or is of another
    /// revision than expected.
    pub async fn replace(
        &self,
        caller: &Caller,
        resource: &'static ResourceType,
        identifier: &str,
        body: &Value,
        expected: &Expected,
    ) -> Result<()> {
        require_user(caller)?;
        let input = validated(resource, body)?;
        check_type(resource, identifier)?;
        transaction!(self.db, tx => {
            let head = self.editable(&mut tx, caller, resource, identifier, expected).await?;
            self.rewrite(&mut tx, caller, head, input.clone()).await
        })
    }

    /// Writes a body into a resource that exists, which the transaction has locked.
    async fn rewrite(&self, tx: &mut Tx, caller: &Caller, head: Head, mut input: Input) -> Result<()> {
        let same = |given: &Option<String>, kept: &Option<String>| given.is_none() || given == kept;
        if !same(&input.platform, &head.platform) || !same(&input.platform_resource_identifier, &head.platform_resource_identifier) {
            return Err(Error::Forbidden(
                "No permission to change platform or platform_resource_identifier: they are the resource's identity. Leave them out."
                    .to_owned(),
            ));
        }
        check_platforms(tx, &input, None).await?;
        settle(tx, vec![(head.id, &mut input)]).await?;
        let change = Change { hash: content_hash(&input), input, target: Target::Existing(Box::new(head)) };
        write(tx, self.actor(caller), &change).await
    }

    /// Marks a resource as deleted; it is kept for a while, and then removed for good.
    ///
    /// # Errors
    /// When nobody is logged in, the resource does not exist, or the caller may not delete it.
    pub async fn delete(&self, caller: &Caller, resource: &'static ResourceType, identifier: &str, expected: &Expected) -> Result<()> {
        let user = require_user(caller)?;
        check_type(resource, identifier)?;
        transaction!(self.db, tx => {
            let head = self.living(&mut tx, resource, identifier).await?;
            if !self.check_action(&mut tx, caller, resource, &head, Action::Delete).await? {
                return Err(Error::Forbidden(format!("You do not have permission to delete {}.", resource.path)));
            }
            expected.check(&head)?;
            Ok(tx.revise(Some(user.account), async |revision| revision.delete_asset(head.id, &head.identifier, now()).await).await?)
        })
    }

    /// Removes for good what was deleted before this time (microseconds since 1970, UTC); how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn purge_deleted(&self, before: i64) -> Result<usize> {
        /// How many one transaction removes, so that it holds its locks briefly.
        const AT_ONCE: i64 = 500;
        let mut total = 0;
        loop {
            let removed = transaction!(self.db, tx => {
                let ids = tx.deleted_before(before, AT_ONCE).await?;
                if !ids.is_empty() {
                    tx.purge(&ids).await?;
                }
                Ok(ids.len())
            })?;
            total += removed;
            if removed == 0 {
                return Ok(total);
            }
        }
    }
}

/// Checks what a body refers to and uses, and writes it.
async fn write(tx: &mut Tx, actor: Actor<'_>, change: &Change) -> Result<()> {
    let mut resolved = Resolved::load(tx, actor, &[change.body()]).await?;
    resolved.check(change.body(), actor)?;
    let changes = std::slice::from_ref(change);
    resolved.add_terms(tx, changes).await?;
    apply(tx, actor, changes, &resolved).await.map(drop)
}
