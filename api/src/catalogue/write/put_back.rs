//! What stands in a body only because its writer read it so: masks, and images. Whoever puts back what they read changes nothing by it.

use std::collections::HashMap;

use aiod_schema::{Field, Input, Role};
use serde_json::Value;

use crate::catalogue::Result;
use crate::catalogue::image::without_images;
use crate::catalogue::read::parse;
use crate::store::Tx;
use crate::store::image::ListedImage;

/// Bodies, with the row ids of the resources that they go to.
type Bodies<'i> = Vec<(i64, &'i mut Input)>;

/// The field in which reading lists images, where a body has it.
fn listed_images(input: &Input) -> Option<&'static Field> {
    let field = input.resource.field_with(Role::Images).filter(|_| input.resource.images)?;
    input.values.contains_key(field.name).then_some(field)
}

/// Whether a body may have anything that its writer read so.
pub(in crate::catalogue) fn may_repeat(input: &Input) -> bool {
    !input.masked.is_empty() || listed_images(input).is_some()
}

/// Puts what resources, which the transaction has locked, have stored in place of masks, and leaves out the images that they have. Most bodies
/// have neither, and take no statement.
pub(in crate::catalogue) async fn settle(tx: &mut Tx, mut bodies: Bodies<'_>) -> Result<()> {
    restore_masked(tx, &mut bodies).await?;
    leave_out_images(tx, &mut bodies).await
}

async fn restore_masked(tx: &mut Tx, bodies: &mut Bodies<'_>) -> Result<()> {
    let masked: Vec<i64> = bodies.iter().filter(|(_, input)| !input.masked.is_empty()).map(|(id, _)| *id).collect();
    let stored: HashMap<i64, String> = tx.stored_documents(&masked).await?.into_iter().collect();
    for (id, input) in bodies {
        if let Some(document) = stored.get(id) {
            input.restore(&parse(document)?);
        }
    }
    Ok(())
}

async fn leave_out_images(tx: &mut Tx, bodies: &mut Bodies<'_>) -> Result<()> {
    let with_files: Vec<i64> = bodies.iter().filter(|(_, input)| listed_images(input).is_some()).map(|(id, _)| *id).collect();
    let mut images: HashMap<i64, Vec<ListedImage>> = HashMap::new();
    for image in tx.listed_images(&with_files).await? {
        images.entry(image.asset_id).or_default().push(image);
    }
    for (id, input) in bodies {
        if let Some(images) = images.get(id) {
            leave_out(input, images)?;
        }
    }
    Ok(())
}

fn leave_out(input: &mut Input, images: &[ListedImage]) -> Result<()> {
    let Some(field) = listed_images(input) else { return Ok(()) };
    if let Some(Value::Array(files)) = input.values.get_mut(field.name) {
        without_images(files, images)?;
        if files.is_empty() {
            input.values.shift_remove(field.name);
        }
    }
    Ok(())
}
