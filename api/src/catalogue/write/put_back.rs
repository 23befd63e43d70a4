//! What stands in a body only because its writer read it so: masks, and images. Whoever puts back what they read changes nothing by it.

use aiod_schema::{Field, Input, Role};
use serde_json::Value;

use crate::catalogue::Result;
use crate::catalogue::image::without_images;
use crate::catalogue::read::parse;
use crate::store::Tx;

/// The field in which reading lists images, where a body has it.
fn listed_images(input: &Input) -> Option<&'static Field> {
    let field = input.resource.field_with(Role::Images).filter(|_| input.resource.images)?;
    input.values.contains_key(field.name).then_some(field)
}

/// Whether a body may have anything that its writer read so.
pub(in crate::catalogue) fn may_repeat(input: &Input) -> bool {
    !input.masked.is_empty() || listed_images(input).is_some()
}

/// Puts what a resource, which the transaction has locked, has stored in place of masks, and leaves out the images that it has.
pub(in crate::catalogue) async fn settle(tx: &mut Tx, asset: i64, input: &mut Input) -> Result<()> {
    if !input.masked.is_empty() {
        input.restore(&parse(&tx.stored_body(asset).await?.document)?);
    }
    let Some(field) = listed_images(input) else { return Ok(()) };
    let images = tx.listed_images(asset).await?;
    if let Some(Value::Array(files)) = input.values.get_mut(field.name) {
        without_images(files, &images)?;
        if files.is_empty() {
            input.values.shift_remove(field.name);
        }
    }
    Ok(())
}
