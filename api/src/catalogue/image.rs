//! Images of organisations and projects.

use std::collections::HashMap;

use aiod_schema::resource::embedded::Distribution;
use aiod_schema::{ResourceType, Role};
use base64::Engine as _;
use serde_json::{Map, Value};

use super::permission::require_user;
use super::read::{Document, check_type, parse};
use super::write::Expected;
use super::{Catalogue, Error, Result};
use crate::catalogue::transaction::transaction;
use crate::identity::Caller;
use crate::store::Tx;
use crate::store::image::ImageRow;

/// The most images of a resource.
const MAX_IMAGES: i64 = 20;
/// The largest image, in bytes.
pub const MAX_IMAGE: usize = 1 << 20;
/// The longest name of an image, in characters.
const MAX_NAME: usize = 256;

/// An image that is sent to the catalogue.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Its name, unique within the resource.
    pub name: String,
    /// The type that the sender claims.
    pub claimed_type: Option<String>,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Whether an upload adds or replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// There must be none of this name.
    Add,
    /// There must be one of this name.
    Replace,
}

/// The types of images that are taken.
pub const MEDIA_TYPES: [&str; 5] = ["image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp"];

/// The type that the first bytes of a file say. The file's name and the type that the sender claims do not count. A crate
/// that knows hundreds of types would need the same list of the five that are taken.
pub fn media_type(bytes: &[u8]) -> Option<&'static str> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if starts(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if starts(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if starts(b"GIF87a") || starts(b"GIF89a") {
        Some("image/gif")
    } else if starts(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else if starts(b"BM") && bytes.len() > 26 {
        Some("image/bmp")
    } else {
        None
    }
}

impl Upload {
    /// The upload as it is kept.
    fn check(self, asset_id: i64) -> Result<ImageRow> {
        let Some(media_type) = media_type(&self.bytes) else {
            return Err(Error::UnsupportedMedia(format!(
                "'{}' is not an image that can be shown: JPEG, PNG, GIF, WebP and BMP are taken.",
                self.name
            )));
        };
        let claimed = self.claimed_type.as_deref().filter(|t| t.starts_with("image/"));
        if claimed.is_some_and(|claimed| claimed.replace("image/jpg", "image/jpeg") != media_type) {
            return Err(Error::UnsupportedMedia(format!("'{}' claims to be another type of image than it is: {media_type}.", self.name)));
        }
        Ok(ImageRow { asset_id, name: self.name, media_type: media_type.to_owned(), bytes: self.bytes })
    }
}

fn check_name(name: &str) -> Result<()> {
    let fits = !name.is_empty() && name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control) && name.trim() == name;
    fits.then_some(()).ok_or_else(|| {
        Error::query("name", "an image's name has 1 to 256 characters, without control characters and white space at its ends")
    })
}

fn no_image(name: &str) -> Error {
    Error::NotFound(format!("Image '{name}' not found in the database."))
}

/// Refuses to add an image where there is one of its name or no room, and to replace one that does not exist.
async fn check_place(tx: &mut Tx, asset: i64, name: &str, mode: Mode) -> Result<()> {
    match (mode, tx.has_image(asset, name).await?) {
        (Mode::Add, true) => Err(Error::Conflict(format!("There already exists an image with the name '{name}'."))),
        (Mode::Replace, false) => Err(no_image(name)),
        (Mode::Add, false) if tx.count_images(asset).await? >= MAX_IMAGES => {
            Err(Error::Conflict(format!("A resource has at most {MAX_IMAGES} images: remove one first.")))
        }
        _ => Ok(()),
    }
}

impl Catalogue {
    /// Adds or replaces an image.
    ///
    /// # Errors
    /// When nobody is logged in, the caller may not change the resource, the file is too large or no image, or there is one of
    /// this name already (adding) or none (replacing).
    pub async fn put_image(
        &self,
        caller: &Caller,
        resource: &'static ResourceType,
        identifier: &str,
        upload: Upload,
        mode: Mode,
        expected: &Expected,
    ) -> Result<()> {
        let user = require_user(caller)?;
        check_type(resource, identifier)?;
        check_name(&upload.name)?;
        if upload.bytes.len() > MAX_IMAGE {
            return Err(Error::TooLarge(format!("an image has at most {MAX_IMAGE} bytes (1 MiB)")));
        }
        let checked = upload.check(0)?;
        transaction!(self.db, tx => {
            let head = self.editable(&mut tx, caller, resource, identifier, expected).await?;
            check_place(&mut tx, head.id, &checked.name, mode).await?;
            let image = ImageRow { asset_id: head.id, ..checked.clone() };
            Ok(tx.revise(Some(user.account), async |revision| match mode {
                Mode::Add => revision.insert_image(image).await,
                Mode::Replace => revision.replace_image(image).await,
            }).await?)
        })
    }

    /// Removes an image.
    ///
    /// # Errors
    /// When nobody is logged in, the caller may not change the resource, or there is none of this name.
    pub async fn delete_image(
        &self,
        caller: &Caller,
        resource: &'static ResourceType,
        identifier: &str,
        name: &str,
        expected: &Expected,
    ) -> Result<()> {
        let user = require_user(caller)?;
        check_type(resource, identifier)?;
        transaction!(self.db, tx => {
            let head = self.editable(&mut tx, caller, resource, identifier, expected).await?;
            let found = tx.revise(Some(user.account), async |revision| revision.delete_image(head.id, name).await).await?;
            found.then_some(()).ok_or_else(|| no_image(name))
        })
    }

    /// One image of a resource that the caller may see.
    ///
    /// # Errors
    /// When there is none of this name, or as for reading.
    pub async fn image(&self, caller: &Caller, resource: &'static ResourceType, identifier: &str, name: &str) -> Result<ImageRow> {
        let document = self.read(caller, resource, identifier).await?;
        self.db.image(document.id, name).await?.ok_or_else(|| no_image(name))
    }

    /// All images of a resource that the caller may see, as entries of the list that the model names.
    ///
    /// # Errors
    /// As for reading.
    pub async fn images(&self, caller: &Caller, resource: &'static ResourceType, identifier: &str) -> Result<Vec<Value>> {
        let document = self.read(caller, resource, identifier).await?;
        self.db.images(&[document.id]).await?.iter().map(image_json).collect()
    }

    /// Puts the images of resources where the model says that they stand, in base64.
    ///
    /// # Errors
    /// When there are more of them than an answer may hold, or the store fails.
    pub async fn with_images(&self, documents: &mut [Document]) -> Result<()> {
        /// What an answer holds of them at most, in bytes; base64 makes it a third more.
        const MAX_IMAGES_SIZE: i64 = 64 << 20;
        let ids: Vec<i64> = documents.iter().map(|d| d.id).collect();
        if self.db.images_size(&ids).await? > MAX_IMAGES_SIZE {
            return Err(Error::query("limit", "the images of so many resources are more than 64 MiB: ask for fewer"));
        }
        let mut images: HashMap<i64, Vec<Value>> = HashMap::new();
        for image in self.db.images(&ids).await? {
            images.entry(image.asset_id).or_default().push(image_json(&image)?);
        }
        for document in documents {
            if let Some(images) = images.remove(&document.id) {
                add_images(document, images)?;
            }
        }
        Ok(())
    }
}

/// Adds images to the list of a resource that they belong to.
fn add_images(document: &mut Document, images: Vec<Value>) -> Result<()> {
    let Some(field) = document.resource.field_with(Role::Images) else { return Ok(()) };
    let mut map: Map<String, Value> = parse(&document.body)?;
    if let Some(Value::Array(listed)) = map.get_mut(field.name) {
        listed.extend(images);
    }
    document.body = Value::Object(map).to_string();
    Ok(())
}

/// An image as the model writes files.
fn image_json(image: &ImageRow) -> Result<Value> {
    let file = Distribution {
        name: Some(image.name.clone()),
        encoding_format: Some(image.media_type.clone()),
        content_size_kb: i64::try_from(image.bytes.len().div_ceil(1024)).ok(),
        binary_blob: Some(base64::engine::general_purpose::STANDARD.encode(&image.bytes)),
        ..Distribution::default()
    };
    serde_json::to_value(file).map_err(|e| Error::Internal(format!("the image '{}' cannot be written as JSON: {e}", image.name)))
}
