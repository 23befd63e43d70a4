//! Where the files of a resource are: for types that have files.

use aiod_schema::ResourceType;
use poem::Result;
use poem_openapi::OpenApi;

use super::Version;
use super::answer::SeeOther;
use super::caller::Auth;
use super::extract::Segment;
use super::resource::OfType;
use super::template::OperationGroup;

/// Files of resources.
pub(super) struct FileRoutes(OfType);

impl OperationGroup for FileRoutes {
    type Subject = &'static ResourceType;

    fn new(context: OfType) -> Self {
        Self(context)
    }

    fn exists(resource: &Self::Subject, _: Version) -> bool {
        resource.has_files()
    }
}

#[OpenApi]
impl FileRoutes {
    /// Download the only file of a LABEL
    #[oai(path = "/RESOURCE/:identifier/content", method = "get", operation_id = "content_RESOURCE")]
    async fn content(&self, auth: Auth, identifier: Segment<String>) -> Result<SeeOther> {
        Ok(SeeOther(self.0.app.catalogue.content_url(&auth.0, self.0.subject, &identifier.0, None).await?))
    }

    /// Download a file of a LABEL
    #[oai(path = "/RESOURCE/:identifier/content/:distribution_idx", method = "get", operation_id = "content_n_RESOURCE")]
    async fn content_n(
        &self,
        auth: Auth,
        identifier: Segment<String>,
        /// Which of its files, counted from 0.
        distribution_idx: Segment<i64>,
    ) -> Result<SeeOther> {
        Ok(SeeOther(self.0.app.catalogue.content_url(&auth.0, self.0.subject, &identifier.0, Some(distribution_idx.0)).await?))
    }
}
