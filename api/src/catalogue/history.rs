//! What resources were before.

use aiod_schema::ResourceType;

use super::permission::{Action, require_user};
use super::read::{Document, check_type};
use super::shapes::Revision;
use super::turns::Turn;
use super::{Catalogue, Error, Result};
use crate::identity::Caller;
use crate::store::asset::{ReadRow, Status};
use crate::store::part::{Part, PartOf};

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

    /// One state of a resource, as it would have been read then. Links to what was deleted since are left in it;
    /// contacts that it shows in full, and the list of its images, are shown as they are today.
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
            let (status, date_modified, document, links) =
                past.ok_or_else(|| Error::NotFound(format!("{} '{identifier}' has no revision {revision}.", resource.label())))?;
            row = ReadRow { status: Status::parse(&status), date_modified, document, links, revision, ..row };
        }
        let page = self.rendered(caller, resource, vec![row], Turn::default()).await?;
        let document = page.documents().pop();
        document.ok_or_else(|| Error::Internal(format!("revision {revision} of {identifier} cannot be read")))
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
