//! Finding and locking the resource that a caller wants to change.

use aiod_schema::ResourceType;

use super::Expected;
use crate::catalogue::permission::{Action, Subject, is_allowed};
use crate::catalogue::{Catalogue, Error, Result};
use crate::identity::Caller;
use crate::store::Tx;
use crate::store::asset::{Head, Status};

impl Catalogue {
    /// The head of a resource that the caller may change, locked.
    pub(in crate::catalogue) async fn editable(
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

    /// The head of a living resource, locked.
    pub(in crate::catalogue) async fn living(&self, tx: &mut Tx, resource: &'static ResourceType, identifier: &str) -> Result<Head> {
        let what = format!("'{identifier}'");
        let head = tx.lock_head(identifier).await?.ok_or_else(|| Error::not_found(resource, &what, false))?;
        if head.date_deleted.is_some() {
            return Err(Error::not_found(resource, &what, true));
        }
        Ok(head)
    }

    /// Whether the caller may do something with a resource.
    pub(in crate::catalogue) async fn check_action(
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
}
