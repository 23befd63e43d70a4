//! The paths of submissions and reviews.

use std::sync::Arc;

use poem::Result;
use poem_openapi::param::{Path, Query};
use poem_openapi::{Enum, OpenApi};
use serde_json::{Value, json};

use super::Version;
use super::body::{JsonAnswer, JsonBody, OptionalBody};
use super::caller::Auth;
use super::resource::ResourceRoutes;
use crate::app::App;
use crate::store::review::Mode;

/// Which submissions.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "lowercase")]
pub(crate) enum ListMode {
    /// The pending one that waits longest.
    Oldest,
    /// The pending one that came last.
    Newest,
    /// Every one.
    All,
    /// Those without a decision.
    Pending,
    /// Those with one.
    Completed,
}

fn newest() -> ListMode {
    ListMode::Newest
}

impl From<ListMode> for Mode {
    fn from(mode: ListMode) -> Self {
        match mode {
            ListMode::Oldest => Self::Oldest,
            ListMode::Newest => Self::Newest,
            ListMode::All => Self::All,
            ListMode::Pending => Self::Pending,
            ListMode::Completed => Self::Completed,
        }
    }
}

/// Submissions and reviews.
#[derive(Clone)]
pub(crate) struct ReviewRoutes(pub(crate) Arc<App>, pub(crate) Version);

#[OpenApi]
impl ReviewRoutes {
    /// Submit drafts for publication
    ///
    /// All of them are published together, or go back together. Where reviews are switched off they are published at once.
    #[oai(path = "/submissions", method = "post", operation_id = "submit")]
    async fn submit(&self, auth: Auth, body: JsonBody) -> Result<JsonAnswer> {
        let submission = self.0.catalogue.submit(&auth.0, &body.0).await?;
        Ok(JsonAnswer::value(&json!({ "submission_identifier": submission })))
    }

    /// List submissions
    ///
    /// Reviewers see everyone's, others their own. `newest` and `oldest` give the one that is pending.
    #[oai(path = "/submissions", method = "get", operation_id = "list_submissions")]
    async fn submissions(
        &self,
        auth: Auth,
        /// Which of them.
        #[oai(default = "newest")]
        mode: Query<ListMode>,
    ) -> Result<JsonAnswer> {
        Ok(JsonAnswer::value(&self.0.catalogue.submissions(&auth.0, mode.0.into()).await?))
    }

    /// Read a submission
    ///
    /// With its resources and the decision on it.
    #[oai(path = "/submissions/:identifier", method = "get", operation_id = "read_submission")]
    async fn submission(
        &self,
        auth: Auth,
        /// The submission's number.
        identifier: Path<i64>,
    ) -> Result<JsonAnswer> {
        let mut submission = self.0.catalogue.submission(&auth.0, identifier.0).await?;
        let assets = submission.get_mut("assets").and_then(Value::as_array_mut);
        assets.into_iter().flatten().for_each(|asset| self.1.add_aliases(asset));
        Ok(JsonAnswer::value(&submission))
    }

    /// Take a submission back
    ///
    /// Its resources are drafts again.
    #[oai(path = "/submissions/retract/:submission_identifier", method = "post", operation_id = "retract_submission")]
    async fn retract(
        &self,
        auth: Auth,
        /// The submission's number.
        submission_identifier: Path<String>,
    ) -> Result<JsonAnswer> {
        self.0.catalogue.retract(&auth.0, &submission_identifier.0).await?;
        Ok(JsonAnswer::null())
    }

    /// Decide on a submission
    ///
    /// Once, and never on what is one's own.
    #[oai(path = "/reviews", method = "post", operation_id = "review")]
    async fn review(&self, auth: Auth, body: JsonBody) -> Result<JsonAnswer> {
        Ok(JsonAnswer::value(&self.0.catalogue.review(&auth.0, &body.0).await?))
    }
}

/// Submitting one resource, as clients of `/v2` do.
#[derive(Clone)]
pub(crate) struct SubmitRoutes(pub(crate) ResourceRoutes);

#[OpenApi]
impl SubmitRoutes {
    /// Submit a LABEL for publication
    #[oai(path = "/RESOURCE/submit/:identifier", method = "post", operation_id = "submit_RESOURCE", deprecated = true)]
    async fn submit(&self, auth: Auth, identifier: Path<String>, body: OptionalBody) -> Result<JsonAnswer> {
        let ResourceRoutes { app, resource, .. } = &self.0;
        let submission = app.catalogue.submit_one(&auth.0, resource, &identifier.0, &body.0).await?;
        Ok(JsonAnswer::value(&json!({ "submission_identifier": submission })))
    }
}
