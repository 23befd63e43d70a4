//! Images of a resource type, written once, as [`super::resource`].

use poem::{Request, Response, Result};
use poem_openapi::param::{Path, Query};
use poem_openapi::types::multipart::Upload as File;
use poem_openapi::{Multipart, OpenApi};
use serde_json::Value;

use super::body::{JsonAnswer, expected};
use super::caller::Auth;
use super::resource::ResourceRoutes;
use crate::catalogue::Error;
use crate::catalogue::image::{Mode, Upload};

/// An image, as a form sends it.
#[derive(Debug, Multipart)]
pub(crate) struct ImageForm {
    /// The file: JPEG, PNG, GIF, WebP or BMP, at most 1 MiB.
    file: File,
}

/// The operations on images of one resource type.
#[derive(Clone)]
pub(crate) struct ImageRoutes(pub(crate) ResourceRoutes);

impl ImageRoutes {
    async fn put(
        &self,
        request: &Request,
        auth: Auth,
        identifier: String,
        name: String,
        form: ImageForm,
        mode: Mode,
    ) -> Result<JsonAnswer> {
        let ResourceRoutes { app, resource, .. } = &self.0;
        let claimed_type = form.file.content_type().map(str::to_owned);
        let bytes = form.file.into_vec().await.map_err(|e| Error::BadRequest(format!("the file cannot be read: {e}")))?;
        app.catalogue.put_image(&auth.0, resource, &identifier, Upload { name, claimed_type, bytes }, mode, &expected(request)).await?;
        Ok(JsonAnswer::null())
    }
}

#[OpenApi]
impl ImageRoutes {
    /// Images of a LABEL
    ///
    /// With `name` the file itself, without it all images as JSON, in base64.
    #[oai(path = "/RESOURCE/:identifier/image", method = "get", operation_id = "images_RESOURCE")]
    async fn images(
        &self,
        auth: Auth,
        identifier: Path<String>,
        /// The image's name.
        name: Query<Option<String>>,
    ) -> Result<ImageAnswer> {
        let ResourceRoutes { app, resource, .. } = &self.0;
        Ok(match name.0 {
            Some(name) => {
                let image = app.catalogue.image(&auth.0, resource, &identifier.0, &name).await?;
                ImageAnswer::File(image.media_type, image.bytes)
            }
            None => ImageAnswer::List(app.catalogue.images(&auth.0, resource, &identifier.0).await?),
        })
    }

    /// Add an image to a LABEL
    #[oai(path = "/RESOURCE/:identifier/image", method = "post", operation_id = "add_image_RESOURCE")]
    async fn add(
        &self,
        request: &Request,
        auth: Auth,
        identifier: Path<String>,
        /// The image's name, unique within the resource.
        name: Query<String>,
        form: ImageForm,
    ) -> Result<JsonAnswer> {
        self.put(request, auth, identifier.0, name.0, form, Mode::Add).await
    }

    /// Replace an image of a LABEL
    #[oai(path = "/RESOURCE/:identifier/image", method = "put", operation_id = "replace_image_RESOURCE")]
    async fn replace(
        &self,
        request: &Request,
        auth: Auth,
        identifier: Path<String>,
        /// The image's name.
        name: Query<String>,
        form: ImageForm,
    ) -> Result<JsonAnswer> {
        self.put(request, auth, identifier.0, name.0, form, Mode::Replace).await
    }

    /// Remove an image of a LABEL
    #[oai(path = "/RESOURCE/:identifier/image", method = "delete", operation_id = "delete_image_RESOURCE")]
    async fn delete(
        &self,
        request: &Request,
        auth: Auth,
        identifier: Path<String>,
        /// The image's name.
        name: Query<String>,
    ) -> Result<JsonAnswer> {
        let ResourceRoutes { app, resource, .. } = &self.0;
        app.catalogue.delete_image(&auth.0, resource, &identifier.0, &name.0, &expected(request)).await?;
        Ok(JsonAnswer::null())
    }
}

/// One image or all.
pub(crate) enum ImageAnswer {
    File(String, Vec<u8>),
    List(Vec<Value>),
}

impl poem::IntoResponse for ImageAnswer {
    fn into_response(self) -> Response {
        match self {
            // `nosniff`: what was checked to be an image must not be taken for a page.
            Self::File(media_type, bytes) => {
                Response::builder().content_type(&media_type).header("X-Content-Type-Options", "nosniff").body(bytes)
            }
            Self::List(images) => JsonAnswer::value(&Value::Array(images)).into_response(),
        }
    }
}

impl poem_openapi::ApiResponse for ImageAnswer {
    fn meta() -> poem_openapi::registry::MetaResponses {
        use poem_openapi::registry::{MetaMediaType, MetaSchema, MetaSchemaRef};
        let mut meta = <JsonAnswer as poem_openapi::ApiResponse>::meta();
        let file = || MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")));
        for response in &mut meta.responses {
            let types = ["image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp"];
            response.content.extend(types.map(|content_type| MetaMediaType { content_type, schema: file() }));
        }
        meta
    }

    fn register(_: &mut poem_openapi::registry::Registry) {}
}
