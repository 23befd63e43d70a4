//! What resources were before.

use aiod_schema::ResourceType;

use super::permission::{Action, require_user};
use super::read::{Document, check_type};
use super::shapes::Revision;
use super::turns::Turn;
use super::{Catalogue, Error, Result};
use crate::catalogue::transaction::transaction;
use crate::config::History;
use crate::identity::Caller;
use crate::store::asset::{ReadRow, Status};
use crate::store::part::{Part, PartOf};
use crate::store::revision::PastRevision;
use crate::store::{DAY, now};

/// How many past revisions, or resources that have too many of them, one transaction is about, so that it holds its locks briefly.
const PRUNED_AT_ONCE: i64 = 500;
/// How many resources are looked at in one statement.
const COUNTED_AT_ONCE: i64 = 1_000;

impl Catalogue {
    /// The states of a resource, the present one first: revision, status, who made it and when. A part of them, and whether there are more.
    ///
    /// # Errors
    /// When nobody is logged in, the resource is unknown, or the caller may not write it.
    pub async fn history(
        &self,
        caller: &Caller,
        resource: &'static ResourceType,
        identifier: &str,
        part: Part,
    ) -> Result<PartOf<Revision>> {
        let row = self.writable(caller, resource, identifier).await?;
        Ok(self.db.revisions(row.id, part).await?.map(Revision::from))
    }

    /// One state of a resource, as it would have been read then. Links to what was deleted since are left in it, and links that others
    /// made are not in past states; contacts that it shows in full, and the list of its images, are shown as they are today.
    ///
    /// # Errors
    /// As for [`Catalogue::history`]; when there is no such revision.
    pub async fn past_revision(
        &self,
        caller: &Caller,
        resource: &'static ResourceType,
        identifier: &str,
        revision: i64,
    ) -> Result<Document> {
        let mut row = self.writable(caller, resource, identifier).await?;
        if revision != row.revision {
            let past = self.db.revision(row.id, revision).await?;
            let PastRevision { status, date_modified, document, links } =
                past.ok_or_else(|| Error::NotFound(format!("{} '{identifier}' has no revision {revision}.", resource.label())))?;
            row = ReadRow { status: Status::parse(&status), date_modified, document, links, revision, ..row };
        }
        let page = self.rendered(caller, resource, vec![row], &mut Turn::default()).await?;
        let document = page.documents().pop();
        document.ok_or_else(|| Error::Internal(format!("revision {revision} of {identifier} cannot be read")))
    }

    /// Removes the past revisions that the configuration does not keep; how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn prune_history(&self, kept: &History) -> Result<u64> {
        let mut removed = 0;
        if kept.keep_days > 0 {
            removed += self.prune_by_age(now() - i64::from(kept.keep_days) * DAY).await?;
        }
        if kept.keep_revisions > 0 {
            removed += self.prune_by_number(kept.keep_revisions.into()).await?;
        }
        Ok(removed)
    }

    /// Removes past revisions that were replaced before a time.
    async fn prune_by_age(&self, before: i64) -> Result<u64> {
        let mut total = 0;
        loop {
            let removed = transaction!(self.db, tx => Ok(tx.delete_revisions_before(before, PRUNED_AT_ONCE).await?))?;
            total += removed;
            if removed == 0 {
                return Ok(total);
            }
        }
    }

    /// Removes all but the newest past revisions of each resource.
    async fn prune_by_number(&self, most: i64) -> Result<u64> {
        let (mut total, mut after) = (0, i64::MIN);
        // A few resources at a time: no statement takes long, however many there are.
        while let Some(last) = self.db.last_of_next(after, COUNTED_AT_ONCE).await? {
            let found = self.db.with_more_revisions(most, after, last).await?;
            after = last;
            if !found.is_empty() {
                total += transaction!(self.db, tx => Ok(tx.delete_revisions_but(most, &found).await?))?;
            }
        }
        Ok(total)
    }

    /// A living resource that the caller may write.
    async fn writable(&self, caller: &Caller, resource: &'static ResourceType, identifier: &str) -> Result<ReadRow> {
        require_user(caller)?;
        check_type(resource, identifier)?;
        let row = self.living_row(resource, identifier).await?;
        if self.has_right(caller, resource, &row, Action::SeeHistory).await? {
            return Ok(row);
        }
        Err(Error::Forbidden(format!("You do not have permission to edit {}.", resource.path)))
    }
}
