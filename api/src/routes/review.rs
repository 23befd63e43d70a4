//! Submissions and reviews.

use aiod_schema::{Model, ResourceType};
use poem::{Request, Result};
use poem_openapi::OpenApi;
use serde::Deserialize;

use super::Version;
use super::answer::Answer;
use super::caller::Auth;
use super::extract::{Body, Query, Segment};
use super::paging::LongWindow;
use super::resource::OfType;
use super::shape::Page;
use super::template::{Context, OperationGroup, Tag};
use crate::catalogue::shapes::{
    Retraction, Review, ReviewCreate, Submission, SubmissionBase, SubmissionComment, SubmissionCreate, SubmissionIdentifier,
};
use crate::store::review::Mode;

/// Which submissions are wanted.
#[derive(Clone, Copy, Debug, Deserialize, Model)]
struct SubmissionQuery {
    /// Which of them.
    #[field(default = "newest")]
    mode: Mode,
    /// Which part of them.
    #[serde(flatten)]
    window: LongWindow,
}

/// Submissions and reviews.
pub(super) struct ReviewRoutes(Context<()>);

impl OperationGroup for ReviewRoutes {
    type Subject = ();

    const TAG: Option<Tag> = Some(Tag { name: "reviewing", description: "How drafts are published: submissions, and decisions on them." });

    fn new(context: Context<()>) -> Self {
        Self(context)
    }
}

#[OpenApi]
impl ReviewRoutes {
    /// Submit drafts for publication
    ///
    /// All of them are published together, or go back together. Where reviews are switched off they are published at once.
    #[oai(path = "/submissions", method = "post", operation_id = "submit")]
    async fn submit(&self, auth: Auth, body: Body<SubmissionCreate>) -> Result<Answer<SubmissionIdentifier>> {
        let submission_identifier = self.0.app.catalogue.submit(&auth.0, body.checked(&auth)?).await?;
        Ok(Answer::of(&SubmissionIdentifier { submission_identifier })?)
    }

    /// List submissions
    ///
    /// Reviewers see everyone's, others their own. `newest` and `oldest` give the one that is pending.
    #[oai(path = "/submissions", method = "get", operation_id = "list_submissions")]
    async fn list(&self, request: &Request, auth: Auth, query: Query<SubmissionQuery>) -> Result<Answer<Page<SubmissionBase>>> {
        let part = query.0.window.part(&self.0.app)?;
        let found = self.0.app.catalogue.submissions(&auth.0, query.0.mode, part).await?;
        Ok(Answer::json(&found.items)?.with_next(request, part, found.has_more))
    }

    /// Read a submission
    ///
    /// With its resources and the decision on it.
    #[oai(path = "/submissions/:identifier", method = "get", operation_id = "read_submission")]
    async fn read(
        &self,
        auth: Auth,
        /// The submission's number.
        identifier: Segment<i64>,
    ) -> Result<Answer<Submission>> {
        let mut submission = self.0.app.catalogue.submission(&auth.0, identifier.0).await?;
        submission.assets.iter_mut().for_each(|asset| self.0.version.add_aliases(&mut asset.0));
        Ok(Answer::of(&submission)?)
    }

    /// Take a submission back
    ///
    /// Its resources are drafts again.
    #[oai(path = "/submissions/retract/:submission_identifier", method = "post", operation_id = "retract_submission")]
    async fn retract(
        &self,
        auth: Auth,
        /// The submission's number.
        submission_identifier: Segment<String>,
    ) -> Result<Answer<Retraction>> {
        Ok(Answer::of(&self.0.app.catalogue.retract(&auth.0, &submission_identifier.0).await?.into())?)
    }

    /// Decide on a submission
    ///
    /// Once, and never on what is one's own.
    #[oai(path = "/reviews", method = "post", operation_id = "review")]
    async fn review(&self, auth: Auth, body: Body<ReviewCreate>) -> Result<Answer<Review>> {
        Ok(Answer::of(&self.0.app.catalogue.review(&auth.0, &body.checked(&auth)?).await?)?)
    }
}

/// Submitting one resource, as clients of `/v2` do.
pub(super) struct SubmitRoutes(OfType);

impl OperationGroup for SubmitRoutes {
    type Subject = &'static ResourceType;

    fn new(context: OfType) -> Self {
        Self(context)
    }

    fn exists(_: &Self::Subject, version: Version) -> bool {
        version == Version::V2
    }
}

#[OpenApi]
impl SubmitRoutes {
    /// Submit a LABEL for publication
    #[oai(path = "/RESOURCE/submit/:identifier", method = "post", operation_id = "submit_RESOURCE", deprecated = true)]
    async fn submit(&self, auth: Auth, identifier: Segment<String>, body: Body<SubmissionComment>) -> Result<Answer<SubmissionIdentifier>> {
        let OfType { app, subject, .. } = &self.0;
        let comment = body.checked(&auth)?.comment;
        let submission_identifier = app.catalogue.submit_one(&auth.0, subject, &identifier.0, &comment).await?;
        Ok(Answer::of(&SubmissionIdentifier { submission_identifier })?)
    }
}
