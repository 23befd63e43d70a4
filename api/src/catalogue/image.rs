//! Images of organisations and projects.

use std::collections::HashMap;

use aiod_schema::resource::embedded::Distribution;
use aiod_schema::{ResourceType, Role};
use base64::Engine as _;
use serde_json::{Map, Value};

use super::permission::require_user;
use super::read::{Document, check_type, parse};
use super::shapes::ImageRead;
use super::write::Expected;
use super::{Catalogue, Error, Result};
use crate::catalogue::transaction::transaction;
use crate::identity::Caller;
use crate::store::Tx;
use crate::store::asset::ReadRow;
use crate::store::image::{ImageRow, ListedImage, NewImage};

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

/// The type that the first bytes of a file say. The file's name does not count. A crate
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

/// A media type without parameters. Some clients know JPEG by a name that is not registered.
fn claimed_type(given: &str) -> String {
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "image/jpg" { "image/jpeg".to_owned() } else { essence }
}

impl Upload {
    /// The upload as it is kept.
    fn check(self, asset_id: i64) -> Result<NewImage> {
        let claimed = self.claimed_type.as_deref().map(claimed_type);
        if let Some(claimed) = claimed.as_deref().filter(|claimed| !MEDIA_TYPES.contains(claimed)) {
            return Err(Error::UnsupportedMedia(format!(
                "'{}' claims to be '{claimed}': one of {} is expected.",
                self.name,
                MEDIA_TYPES.join(", ")
            )));
        }
        let Some(media_type) = media_type(&self.bytes) else {
            return Err(Error::UnsupportedMedia(format!(
                "'{}' is not an image that can be shown: JPEG, PNG, GIF, WebP and BMP are taken.",
                self.name
            )));
        };
        if claimed.is_some_and(|claimed| claimed != media_type) {
            return Err(Error::UnsupportedMedia(format!("'{}' claims to be another type of image than it is: {media_type}.", self.name)));
        }
        Ok(NewImage { asset_id, name: self.name, media_type: media_type.to_owned(), bytes: self.bytes })
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

/// What an answer with the files of images costs: most of them weigh as much as the largest pages.
pub const COST_OF_IMAGES: i64 = 1_000;

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
            let image = NewImage { asset_id: head.id, ..checked.clone() };
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

    /// All images of a resource that the caller may see, with their files, in the order in which they were added.
    ///
    /// # Errors
    /// As for reading.
    pub async fn images(&self, caller: &Caller, resource: &'static ResourceType, identifier: &str) -> Result<Vec<ImageRead>> {
        let id = self.read(caller, resource, identifier).await?.id;
        let _turn = self.turns.take(COST_OF_IMAGES).await?;
        let images = self.db.images(&[id]).await?;
        Ok(images.into_iter().map(|image| image_read(identifier, &image)).collect())
    }

    /// Lists the images of these resources in their documents, where the model says that they stand. Types without images take no
    /// statement.
    pub(super) async fn list_images(&self, resource: &ResourceType, rows: &mut [ReadRow]) -> Result<()> {
        if !resource.images {
            return Ok(());
        }
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let mut images: HashMap<i64, Vec<Value>> = HashMap::new();
        for image in self.db.listed_images(&ids).await? {
            images.entry(image.asset_id).or_default().push(listed_json(&image)?);
        }
        for row in rows {
            let listed = images.remove(&row.id).and_then(|images| with_listed(resource, &row.document, images));
            row.document = listed.unwrap_or_else(|| std::mem::take(&mut row.document));
        }
        Ok(())
    }

    /// Adds the files to the images that documents list, in base64.
    ///
    /// # Errors
    /// When there are more of them than an answer may hold, or the store fails.
    pub async fn with_images(&self, documents: &mut [Document]) -> Result<()> {
        let ids: Vec<i64> = documents.iter().map(|d| d.id).collect();
        let size = self.db.images_size(&ids).await?;
        if usize::try_from(size).is_ok_and(|size| size > self.turns.page_bytes()) {
            return Err(self.turns.too_much());
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

/// Puts images into the list of a resource that they belong to.
fn add_images(document: &mut Document, images: Vec<Value>) -> Result<()> {
    let Some(field) = document.resource.field_with(Role::Images) else { return Ok(()) };
    let mut map: Map<String, Value> = parse(&document.body)?;
    if let Some(Value::Array(listed)) = map.get_mut(field.name) {
        list(listed, images);
    }
    document.body = Value::Object(map).to_string();
    Ok(())
}

/// A stored document that lists these images. Its entry stays last. A document that is not one of ours has no such form.
fn with_listed(resource: &ResourceType, document: &str, images: Vec<Value>) -> Option<String> {
    let field = resource.field_with(Role::Images)?;
    let mut map: Map<String, Value> = serde_json::from_str(document).ok()?;
    let entry = map.shift_remove_entry(resource.field_with(Role::Entry)?.name);
    if let Value::Array(listed) = map.entry(field.name).or_insert_with(|| Value::Array(Vec::new())) {
        list(listed, images);
    }
    map.extend(entry);
    Some(Value::Object(map).to_string())
}

/// Puts images at the end of a list, in which each stands once.
fn list(listed: &mut Vec<Value>, images: Vec<Value>) {
    listed.retain(|file| !images.iter().any(|image| is_listing(file, image)));
    listed.extend(images);
}

/// Whether a file says of itself what the list of a resource's files says of an image, and nothing else.
fn is_listing(file: &Value, image: &Value) -> bool {
    let names = [NAME, MEDIA_TYPE];
    let says_more = |(name, value): (&String, &Value)| !names.contains(&name.as_str()) && !value.is_null();
    file.as_object().is_some_and(|file| !file.iter().any(says_more)) && names.iter().all(|name| file.get(name) == image.get(name))
}

/// Takes the images of a resource, which reading lists, out of a body that was read: they have paths of their own.
pub(super) fn without_images(files: &mut Vec<Value>, images: &[ListedImage]) -> Result<()> {
    let images = images.iter().map(listed_json).collect::<Result<Vec<_>>>()?;
    files.retain(|file| !images.iter().any(|image| is_listing(file, image)));
    Ok(())
}

/// The members of a file that say of an image what it is called, and its media type.
const NAME: &str = "name";
const MEDIA_TYPE: &str = "encoding_format";

/// An image as the list of a resource's files has it.
fn listed_json(image: &ListedImage) -> Result<Value> {
    file_json(Distribution { name: Some(image.name.clone()), encoding_format: Some(image.media_type.clone()), ..Distribution::default() })
}

/// The same with the file.
fn image_json(image: &ImageRow) -> Result<Value> {
    file_json(Distribution {
        name: Some(image.name.clone()),
        encoding_format: Some(image.media_type.clone()),
        content_size_kb: size_in_kb(image),
        binary_blob: Some(base64::engine::general_purpose::STANDARD.encode(&image.bytes)),
        ..Distribution::default()
    })
}

fn file_json(file: Distribution) -> Result<Value> {
    serde_json::to_value(file).map_err(|e| Error::Internal(format!("an image cannot be written as JSON: {e}")))
}

/// An image by itself.
fn image_read(identifier: &str, image: &ImageRow) -> ImageRead {
    ImageRead {
        identifier: image.id,
        asset_identifier: identifier.to_owned(),
        name: image.name.clone(),
        encoding_format: image.media_type.clone(),
        content_size_kb: size_in_kb(image),
        binary_blob: base64::engine::general_purpose::STANDARD.encode(&image.bytes),
    }
}

fn size_in_kb(image: &ImageRow) -> Option<i64> {
    i64::try_from(image.bytes.len().div_ceil(1024)).ok()
}
