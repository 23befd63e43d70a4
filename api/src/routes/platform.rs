//! Platforms, and the resources of one of them.

use aiod_schema::ResourceType;
use poem::{Request, Result};
use poem_openapi::OpenApi;

use super::answer::Answer;
use super::caller::Auth;
use super::extract::{Body, Query, Rest, Segment, WantedFormat};
use super::paging::{ResourcePage, Window};
use super::resource::{OfType, Wanted};
use super::shape::{Null, Page, Read};
use super::template::{Context, OperationGroup, Tag};
use crate::catalogue::shapes::{PlatformCreate, PlatformIdentifier, PlatformRead};

/// The resources of a type on one platform.
pub(super) struct TypePlatformRoutes(OfType);

impl OperationGroup for TypePlatformRoutes {
    type Subject = &'static ResourceType;

    fn new(context: OfType) -> Self {
        Self(context)
    }
}

#[OpenApi]
impl TypePlatformRoutes {
    /// List LABELS of a platform
    #[oai(path = "/platforms/:platform/RESOURCE", method = "get", operation_id = "list_platform_RESOURCE")]
    async fn list(
        &self,
        request: &Request,
        auth: Auth,
        /// The platform's name.
        platform: Segment<String>,
        /// The format of the metadata.
        schema: WantedFormat,
        page: Query<ResourcePage>,
    ) -> Result<Answer<Page<Read>>> {
        self.0.page(request, &auth.0, Wanted { page: page.0, platform: Some(platform.0), format: schema, images: false }).await
    }

    /// Read a LABEL by its platform's identifier
    ///
    /// The identifier may hold `/`, as it is or as `%2F`, `:` and dots.
    #[oai(path = "/platforms/:platform/RESOURCE/:identifier", method = "get", operation_id = "read_platform_RESOURCE")]
    async fn read(
        &self,
        auth: Auth,
        /// The platform's name.
        platform: Segment<String>,
        /// The platform's identifier of the resource.
        identifier: Rest,
        /// The format of the metadata.
        schema: WantedFormat,
    ) -> Result<Answer<Read>> {
        let _turn = self.0.turn(&schema, false).await?;
        let document = self.0.app.catalogue.read_on_platform(&auth.0, self.0.subject, &platform.0, &identifier.0).await?;
        self.0.one(&auth.0, document, &schema, false).await
    }
}

/// The platforms themselves.
pub(super) struct PlatformRoutes(Context<()>);

impl OperationGroup for PlatformRoutes {
    type Subject = ();

    const TAG: Option<Tag> = Some(Tag { name: "platforms", description: "The platforms that resources come from." });

    fn new(context: Context<()>) -> Self {
        Self(context)
    }
}

#[OpenApi]
impl PlatformRoutes {
    /// List platforms
    ///
    /// In the order of their registration.
    #[oai(path = "/platforms", method = "get", operation_id = "list_platforms")]
    async fn list(&self, window: Query<Window>) -> Result<Answer<Vec<PlatformRead>>> {
        window.0.check(&self.0.app)?;
        Ok(Answer::of(&self.0.app.catalogue.platforms(window.0.offset, window.0.limit).await?)?)
    }

    /// Register a platform
    ///
    /// Needs the role `create_platforms`. Its name is kept in lower case.
    #[oai(path = "/platforms", method = "post", operation_id = "register_platform")]
    async fn register(&self, auth: Auth, body: Body<PlatformCreate>) -> Result<Answer<PlatformIdentifier>> {
        let identifier = self.0.app.catalogue.create_platform(&auth.0, &body.checked(&auth)?).await?;
        Ok(Answer::of(&PlatformIdentifier { identifier })?)
    }

    /// Read a platform
    #[oai(path = "/platforms/:identifier", method = "get", operation_id = "read_platform")]
    async fn read(
        &self,
        /// The platform's number.
        identifier: Segment<String>,
    ) -> Result<Answer<PlatformRead>> {
        Ok(Answer::of(&self.0.app.catalogue.platform(&identifier.0).await?)?)
    }

    /// Rename a platform
    ///
    /// As long as no resource belongs to it.
    #[oai(path = "/platforms/:identifier", method = "put", operation_id = "replace_platform")]
    async fn rename(&self, auth: Auth, identifier: Segment<i64>, body: Body<PlatformCreate>) -> Result<Answer<Null>> {
        self.0.app.catalogue.rename_platform(&auth.0, identifier.0, &body.checked(&auth)?).await?;
        Ok(Answer::null())
    }

    /// Remove a platform
    ///
    /// As long as no resource belongs to it.
    #[oai(path = "/platforms/:identifier", method = "delete", operation_id = "delete_platform")]
    async fn delete(&self, auth: Auth, identifier: Segment<String>) -> Result<Answer<Null>> {
        self.0.app.catalogue.delete_platform(&auth.0, &identifier.0).await?;
        Ok(Answer::null())
    }
}
