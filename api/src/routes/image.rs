//! Images of resources.

use aiod_schema::{Model, ResourceType};
use poem::{IntoResponse, Request, Response, Result};
use poem_openapi::registry::{MetaMediaType, MetaResponses, MetaSchema, Registry};
use poem_openapi::types::multipart::Upload as File;
use poem_openapi::{ApiResponse, Multipart, OpenApi};
use serde::Deserialize;

use super::Version;
use super::answer::Answer;
use super::budget::Length;
use super::caller::Auth;
use super::extract::{Query, Segment, expected};
use super::resource::OfType;
use super::schema::inline;
use super::shape::Null;
use super::template::OperationGroup;
use crate::catalogue::Error;
use crate::catalogue::image::{MEDIA_TYPES, Mode, Upload};
use crate::catalogue::shapes::{Identifier, ImageRead};

/// An image, as a form sends it.
#[derive(Debug, Multipart)]
pub(super) struct ImageForm {
    /// The file: JPEG, PNG, GIF, WebP or BMP, at most 1 MiB.
    file: File,
}

/// The images of resources: for types that have images.
pub(super) struct ImageRoutes(OfType);

impl OperationGroup for ImageRoutes {
    type Subject = &'static ResourceType;

    fn new(context: OfType) -> Self {
        Self(context)
    }

    fn exists(resource: &Self::Subject, _: Version) -> bool {
        resource.images
    }
}

/// Which image is meant.
#[derive(Clone, Debug, Deserialize, Model)]
struct OneImage {
    /// The image's name, unique within the resource.
    #[field(required)]
    name: String,
}

/// Whether one image is meant.
#[derive(Clone, Debug, Deserialize, Model)]
struct OneOrAllImages {
    /// The image's name.
    name: Option<String>,
}

impl ImageRoutes {
    async fn put(
        &self,
        request: &Request,
        auth: Auth,
        identifier: String,
        name: String,
        form: ImageForm,
        mode: Mode,
    ) -> Result<Answer<Identifier>> {
        let OfType { app, subject, .. } = &self.0;
        let claimed_type = form.file.content_type().map(str::to_owned);
        let bytes = form.file.into_vec().await.map_err(|e| Error::BadRequest(format!("the file cannot be read: {e}")))?;
        app.catalogue.put_image(&auth.0, subject, &identifier, Upload { name, claimed_type, bytes }, mode, &expected(request)).await?;
        Ok(Answer::of(&Identifier { identifier })?)
    }
}

#[OpenApi]
impl ImageRoutes {
    /// Images of a LABEL
    ///
    /// With `name` the file itself, without it all images as JSON, in base64, in the order in which they were added.
    #[oai(path = "/RESOURCE/:identifier/image", method = "get", operation_id = "images_RESOURCE")]
    async fn images(&self, auth: Auth, identifier: Segment<String>, query: Query<OneOrAllImages>) -> Result<ImageAnswer> {
        let OfType { app, subject, .. } = &self.0;
        Ok(match query.0.name {
            Some(name) => {
                let image = app.catalogue.image(&auth.0, subject, &identifier.0, &name).await?;
                ImageAnswer::File(image.media_type, image.bytes)
            }
            None => ImageAnswer::List(Answer::of(&app.catalogue.images(&auth.0, subject, &identifier.0).await?)?),
        })
    }

    /// Add an image to a LABEL
    #[oai(path = "/RESOURCE/:identifier/image", method = "post", operation_id = "add_image_RESOURCE")]
    async fn add(
        &self,
        request: &Request,
        auth: Auth,
        identifier: Segment<String>,
        query: Query<OneImage>,
        form: ImageForm,
    ) -> Result<Answer<Identifier>> {
        self.put(request, auth, identifier.0, query.0.name, form, Mode::Add).await
    }

    /// Replace an image of a LABEL
    #[oai(path = "/RESOURCE/:identifier/image", method = "put", operation_id = "replace_image_RESOURCE")]
    async fn replace(
        &self,
        request: &Request,
        auth: Auth,
        identifier: Segment<String>,
        query: Query<OneImage>,
        form: ImageForm,
    ) -> Result<Answer<Identifier>> {
        self.put(request, auth, identifier.0, query.0.name, form, Mode::Replace).await
    }

    /// Remove an image of a LABEL
    #[oai(path = "/RESOURCE/:identifier/image", method = "delete", operation_id = "delete_image_RESOURCE")]
    async fn delete(&self, request: &Request, auth: Auth, identifier: Segment<String>, query: Query<OneImage>) -> Result<Answer<Null>> {
        let OfType { app, subject, .. } = &self.0;
        app.catalogue.delete_image(&auth.0, subject, &identifier.0, &query.0.name, &expected(request)).await?;
        Ok(Answer::null())
    }
}

/// One image or all.
pub(super) enum ImageAnswer {
    File(String, Vec<u8>),
    List(Answer<Vec<ImageRead>>),
}

impl IntoResponse for ImageAnswer {
    fn into_response(self) -> Response {
        match self {
            Self::File(media_type, bytes) => {
                let length = Length(bytes.len());
                Response::builder().content_type(&media_type).extension(length).body(bytes)
            }
            Self::List(images) => images.into_response(),
        }
    }
}

impl ApiResponse for ImageAnswer {
    fn meta() -> MetaResponses {
        let mut meta = <Answer<Vec<ImageRead>> as ApiResponse>::meta();
        let file = || inline(MetaSchema::new_with_format("string", "binary"));
        for response in &mut meta.responses {
            response.content.extend(MEDIA_TYPES.map(|content_type| MetaMediaType { content_type, schema: file() }));
        }
        meta
    }

    fn register(registry: &mut Registry) {
        <Answer<Vec<ImageRead>> as ApiResponse>::register(registry);
    }
}
