//! Registering, replacing, patching and deleting single resources.

use aiod_schema::identifier::platform_identifier_fault;
use aiod_schema::validate::{Step, normalise_keeping};
use aiod_schema::{Fault, Field, Input, ResourceType, new_identifier};
use serde_json::{Map, Value};

use super::change::{Actor, Change, Identity, Resolved, Target, apply, content_hash, platform_key};
use super::permission::{Action, Subject, is_allowed, require_user};
use super::read::{check_type, parse};
use super::transaction::transaction;
use super::{Catalogue, Error, Result};
use crate::identity::{Caller, User};
use crate::store::asset::{Head, Status};
use crate::store::{Tx, now};

/// The platform of resources that people register.
pub const HOME_PLATFORM: &str = "aiod";

/// Which revision the caller expects to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whichever there is.
    Any,
    /// One of these.
    Revisions(Vec<i64>),
}

impl Expected {
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

/// Checks a body against the model.
///
/// # Errors
/// [`Error::Invalid`] with every fault; [`Error::BadRequest`] where a file stands in the body.
pub(super) fn validated(resource: &'static ResourceType, body: &Value) -> Result<Input> {
    validated_keeping(resource, body, |_| false)
}

/// The same for a body of which some link fields stay as they are stored.
fn validated_keeping(resource: &'static ResourceType, body: &Value, is_kept: impl Fn(&Field) -> bool) -> Result<Input> {
    normalise_keeping(resource, body, is_kept).map_err(|faults| {
        match faults.iter().find(|f| f.kind == aiod_schema::validate::FaultKind::Blob) {
            Some(blob) => Error::BadRequest(format!("{}: {}", blob.path(), blob.message)),
            None => Error::Invalid(faults),
        }
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
        let identity = self.identity(caller, user, &input)?;
        let taken = (identity.platform.clone(), identity.platform_key.clone());
        let identifier = identity.identifier.clone();
        let change = Change { hash: content_hash(&input), input, target: Target::New(identity) };
        let changes = [change];
        let [change] = &changes;
        let outcome = transaction!(self.db, tx => {
            check_platforms(&mut tx, &change.input, Some(&taken.0)).await?;
            if let Some(existing) = tx.on_platform(resource.name, &taken.0, &taken.1).await? {
                return Err(already_exists(resource, &existing));
            }
            write(&mut tx, self.actor(caller), &changes).await
        });
        match outcome {
            // Another registered the same meanwhile.
            Err(Error::Store(error)) if error.is_duplicate() => {
                let mut tx = self.db.begin().await?;
                let existing = tx.on_platform(resource.name, &taken.0, &taken.1).await?;
                Err(existing.map_or(Error::Store(error), |head| already_exists(resource, &head)))
            }
            other => other.map(|()| identifier),
        }
    }

    /// What identifies a resource that this user registers.
    fn identity(&self, caller: &Caller, user: &User, input: &Input) -> Result<Identity> {
        let identifier = new_identifier(input.resource.prefix);
        if !user.is_connector() {
            if input.platform.is_some() || input.platform_resource_identifier.is_some() {
                return Err(Error::Forbidden(
                    "No permission to set platform or platform_resource_identifier: they are set for you. Leave them out.".to_owned(),
                ));
            }
            return Ok(Identity {
                platform: HOME_PLATFORM.to_owned(),
                platform_resource_identifier: Some(identifier.clone()),
                platform_key: platform_key(&identifier),
                identifier,
                status: Status::Draft,
            });
        }
        let (Some(platform), Some(own)) = (&input.platform, &input.platform_resource_identifier) else {
            return Err(Error::Forbidden("A connector must set both platform and platform_resource_identifier.".to_owned()));
        };
        let subject = Subject { resource: Some(input.resource), platform: Some(platform), ..Subject::default() };
        if !is_allowed(&self.roles, caller, Action::RegisterOnPlatform, subject) {
            return Err(Error::Forbidden(format!("No permission to register resources of platform '{platform}'.")));
        }
        check_platform_identifier(platform, own)?;
        Ok(Identity {
            identifier,
            platform: platform.clone(),
            platform_resource_identifier: Some(own.clone()),
            platform_key: platform_key(own),
            status: Status::Published,
        })
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

    /// Changes what a JSON merge patch (RFC 7386) names, and leaves the rest. Links of fields that it does not name are not even
    /// checked: others may have made more of them than a body may hold.
    ///
    /// # Errors
    /// As for replacing; the faults are those of the patched body.
    pub async fn patch(
        &self,
        caller: &Caller,
        resource: &'static ResourceType,
        identifier: &str,
        patch: &Value,
        expected: &Expected,
    ) -> Result<()> {
        require_user(caller)?;
        let Value::Object(named) = patch else {
            return Err(Error::Invalid(vec![Fault::new(["body"], "a merge patch is a JSON object", "type_error.dict")]));
        };
        check_type(resource, identifier)?;
        transaction!(self.db, tx => {
            let head = self.editable(&mut tx, caller, resource, identifier, expected).await?;
            let mut body = tx.body_of(head.id).await?;
            merge(&mut body, patch);
            let input = validated_keeping(resource, &body, |field| !named.contains_key(field.name))?;
            self.rewrite(&mut tx, caller, head, input).await
        })
    }

    async fn rewrite(&self, tx: &mut Tx, caller: &Caller, head: Head, input: Input) -> Result<()> {
        let same = |given: &Option<String>, kept: &Option<String>| given.is_none() || given == kept;
        if !same(&input.platform, &head.platform) || !same(&input.platform_resource_identifier, &head.platform_resource_identifier) {
            return Err(Error::Forbidden(
                "No permission to change platform or platform_resource_identifier: they are the resource's identity. Leave them out."
                    .to_owned(),
            ));
        }
        check_platforms(tx, &input, None).await?;
        let change = Change { hash: content_hash(&input), input, target: Target::Existing(Box::new(head)) };
        write(tx, self.actor(caller), &[change]).await
    }

    /// The head of a resource that the caller may change, locked.
    pub(super) async fn editable(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        resource: &'static ResourceType,
        identifier: &str,
        expected: &Expected,
    ) -> Result<Head> {
        let head = self.living(tx, resource, identifier).await?;
        let refused = || Error::Forbidden(format!("You do not have permission to edit {}.", resource.path));
        self.check_action(tx, caller, resource, &head, Action::Update).await?.then_some(()).ok_or_else(refused)?;
        if head.status() == Status::Submitted {
            return Err(Error::Forbidden(
                "A submitted asset cannot be edited: it waits for a review. Retract the submission first.".to_owned(),
            ));
        }
        expected.check(&head)?;
        Ok(head)
    }

    pub(super) async fn living(&self, tx: &mut Tx, resource: &'static ResourceType, identifier: &str) -> Result<Head> {
        let what = format!("'{identifier}'");
        let head = tx.lock_head(identifier).await?.ok_or_else(|| Error::not_found(resource, &what, false))?;
        if head.date_deleted.is_some() {
            return Err(Error::not_found(resource, &what, true));
        }
        Ok(head)
    }

    pub(super) async fn check_action(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        resource: &'static ResourceType,
        head: &Head,
        action: Action,
    ) -> Result<bool> {
        let permission = match caller.user() {
            Some(user) => tx.permission(user.account, head.id).await?,
            None => None,
        };
        let subject = Subject { resource: Some(resource), platform: head.platform.as_deref(), status: Some(head.status()), permission };
        Ok(is_allowed(&self.roles, caller, action, subject))
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
            let partners: Vec<i64> = tx.referring_to(&[head.id]).await?;
            tx.lock_rows(&partners).await?;
            tx.archive(&[head.id]).await?;
            tx.archive(&partners).await?;
            tx.mark_deleted(head.id, Some(user.account), now()).await?;
            tx.forget_links_to(head.id, &head.identifier).await?;
            tx.touch_assets(&partners, Some(user.account)).await?;
            tx.note_changes(&[head.id]).await?;
            Ok(tx.note_changes(&partners).await?)
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

pub(super) async fn write(tx: &mut Tx, actor: Actor<'_>, changes: &[Change]) -> Result<()> {
    let mut resolved = Resolved::load(tx, actor, changes.iter().map(Change::owned)).await?;
    for change in changes {
        resolved.check(&change.input, change.own(), actor)?;
    }
    resolved.add_terms(tx, changes.iter().map(|c| &c.input)).await?;
    apply(tx, actor, changes, &resolved).await.map(drop)
}

fn already_exists(resource: &ResourceType, existing: &Head) -> Error {
    Error::Conflict(format!(
        "There already exists a {} with the same platform and platform_resource_identifier, with identifier={}.",
        resource.name, existing.identifier
    ))
}

/// Refuses platform identifiers that break their platform's rule.
pub(super) fn check_platform_identifier(platform: &str, identifier: &str) -> Result<()> {
    platform_identifier_fault(platform, identifier).map_or(Ok(()), |message| Err(Error::body("platform_resource_identifier", message)))
}

/// Refuses platforms that the catalogue does not know: the resource's own and those of its files.
pub(super) async fn check_platforms(tx: &mut Tx, input: &Input, own: Option<&str>) -> Result<()> {
    let mut named: Vec<(Vec<Step>, String)> = input.platforms.clone();
    named.extend(own.filter(|p| *p != HOME_PLATFORM).map(|p| (vec!["body".into(), "platform".into()], p.to_owned())));
    if named.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = named.iter().map(|(_, name)| name.clone()).collect();
    let known = tx.known_platforms(&names).await?;
    match named.into_iter().find(|(_, name)| !known.contains(name)) {
        None => Ok(()),
        Some((location, name)) => {
            let place = Fault::new(location, "", "").path();
            Err(Error::Precondition(format!(
                "{place}: platform '{name}' is not known to the catalogue; GET /platforms lists those that are."
            )))
        }
    }
}

/// RFC 7386: objects are merged, `null` removes, anything else replaces.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(target) = target {
        for (name, value) in patch {
            if value.is_null() {
                target.remove(name);
            } else {
                merge(target.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
    }
}

impl Tx {
    /// A resource in the form in which it is written: its document and its links.
    async fn body_of(&mut self, id: i64) -> Result<Value> {
        let (type_name, document, links) = self.stored_body(id).await?;
        let mut body: Map<String, Value> = parse(&document)?;
        let Some(resource) = aiod_schema::by_name(&type_name) else { return Ok(Value::Object(body)) };
        for field in resource.links() {
            let of_field = links.iter().filter(|(name, _)| name == field.name).map(|(_, identifier)| Value::from(identifier.as_str()));
            let mut values: Vec<Value> = of_field.collect();
            if field.list {
                body.insert(field.name.to_owned(), Value::Array(values));
            } else if let Some(value) = values.pop() {
                body.insert(field.name.to_owned(), value);
            }
        }
        Ok(Value::Object(body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn merging_follows_the_examples_of_rfc_7386() {
        let cases = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ];
        for (mut target, patch, expected) in cases {
            merge(&mut target, &patch);
            assert_eq!(target, expected);
        }
    }
}
