//! Changing parts of a resource, and looking at what it was: for every type, in the newest version.

use aiod_schema::ResourceType;
use poem::{Request, Result};
use poem_openapi::OpenApi;

use super::Version;
use super::answer::Answer;
use super::caller::Auth;
use super::extract::{Body, Query, Segment, expected};
use super::paging::LongWindow;
use super::resource::OfType;
use super::shape::{Aiod, MergePatch, Null, Page};
use super::template::OperationGroup;
use crate::catalogue::shapes::Revision;

/// Patches and past revisions.
pub(super) struct RevisionRoutes(OfType);

impl OperationGroup for RevisionRoutes {
    type Subject = &'static ResourceType;

    fn new(context: OfType) -> Self {
        Self(context)
    }

    fn exists(_: &Self::Subject, version: Version) -> bool {
        version.is_newest()
    }
}

#[OpenApi]
impl RevisionRoutes {
    /// Change parts of a LABEL
    ///
    /// By a JSON merge patch (RFC 7386): what it names is replaced, `null` removes, the rest stays.
    #[oai(path = "/RESOURCE/:identifier", method = "patch", operation_id = "patch_RESOURCE")]
    async fn patch(&self, request: &Request, auth: Auth, identifier: Segment<String>, body: Body<MergePatch>) -> Result<Answer<Null>> {
        let OfType { app, subject, .. } = &self.0;
        app.catalogue.patch(&auth.0, subject, &identifier.0, &body.into_value(), &expected(request)).await?;
        Ok(Answer::null())
    }

    /// List what a LABEL was
    ///
    /// The states, the present one first: revision, status, who made it and when.
    #[oai(path = "/RESOURCE/:identifier/history", method = "get", operation_id = "history_RESOURCE")]
    async fn history(
        &self,
        request: &Request,
        auth: Auth,
        identifier: Segment<String>,
        window: Query<LongWindow>,
    ) -> Result<Answer<Page<Revision>>> {
        let OfType { app, subject, .. } = &self.0;
        let part = window.0.part(app)?;
        let found = app.catalogue.history(&auth.0, subject, &identifier.0, part).await?;
        Ok(Answer::json(&found.items)?.with_next(request, part, found.has_more))
    }

    /// Read what a LABEL was
    #[oai(path = "/RESOURCE/:identifier/history/:revision", method = "get", operation_id = "revision_RESOURCE")]
    async fn revision(
        &self,
        auth: Auth,
        identifier: Segment<String>,
        /// Which state, counted from 1.
        revision: Segment<i64>,
    ) -> Result<Answer<Aiod>> {
        let document = self.0.app.catalogue.past_revision(&auth.0, self.0.subject, &identifier.0, revision.0).await?;
        Ok(Answer::written(self.0.shown_as_aiod(document)?.body))
    }
}
