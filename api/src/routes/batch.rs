//! The bulk upsert: for every type, in the newest version.

use aiod_schema::ResourceType;
use aiod_schema::wire::BatchAnswer;
use poem::Result;
use poem_openapi::OpenApi;
use serde_json::Value;

use super::Version;
use super::answer::Answer;
use super::caller::Auth;
use super::extract::{Body, Segment};
use super::resource::OfType;
use super::shape::Batch;
use super::template::OperationGroup;
use crate::catalogue::Error;
use crate::catalogue::permission::require_user;

/// Writing many resources of a platform at once.
pub(super) struct BatchRoutes(OfType);

impl OperationGroup for BatchRoutes {
    type Subject = &'static ResourceType;

    fn new(context: OfType) -> Self {
        Self(context)
    }

    fn exists(_: &Self::Subject, version: Version) -> bool {
        version.is_newest()
    }
}

#[OpenApi]
impl BatchRoutes {
    /// Write many LABELS of a platform
    ///
    /// Each of up to 1,000 records is found by its platform's identifier and created, updated, or left alone when it says what is
    /// there already. Resources that it relates to are found or created along with it. A faulty record stops no other.
    #[oai(path = "/platforms/:platform/RESOURCE/batch", method = "post", operation_id = "upsert_RESOURCE")]
    async fn upsert(&self, auth: Auth, platform: Segment<String>, body: Body<Batch>) -> Result<Answer<BatchAnswer>> {
        require_user(&auth.0)?;
        let body = body.into_value();
        let Some(records) = body.get("records").and_then(Value::as_array) else {
            let message = "a list of records is expected: {\"records\": [{\"resource\": {…}, \"related\": {…}}]}";
            return Err(Error::body("records", message).into());
        };
        let results = self.0.app.catalogue.upsert_batch(&auth.0, &platform.0, self.0.subject, records).await?;
        Ok(Answer::of(&BatchAnswer::new(results))?)
    }
}
