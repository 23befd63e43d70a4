//! The example resources that an embedded catalogue starts with.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use aiod_schema::wire::{Outcome, RecordResult};
use aiod_schema::{ResourceType, resource_types};
use include_dir::{Dir, include_dir};
use serde_json::{Value, json};

use super::read::parse;
use super::{Catalogue, Error, Result};
use crate::identity::{Caller, User};

/// One file for each type, named by its path, with resources of the platform `example`. What a connector made of another platform's
/// answers lies in a folder with the platform's name, as records of a bulk upsert.
static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/examples");
/// The platform that the examples are of which were made up.
pub const PLATFORM: &str = aiod_schema::platform::EXAMPLE.name;
/// How a reference to another example begins; its type and its platform's identifier follow.
const REFERENCE: &str = "example:";

fn examples(folder: &Path, resource: &ResourceType) -> Result<Vec<Value>> {
    let file = FILES.get_file(folder.join(format!("{}.json", resource.path))).and_then(|f| f.contents_utf8());
    file.map_or(Ok(Vec::new()), parse)
}

/// Who writes the examples of a platform.
fn caller(account: i64, platform: &str) -> Caller {
    let roles = BTreeSet::from([format!("{}{platform}", crate::identity::CONNECTOR_PREFIX)]);
    Caller::User(Arc::new(User { account, name: "examples".to_owned(), subject: "local:examples".to_owned(), roles }))
}

impl Catalogue {
    /// Loads the example resources; how many there are.
    ///
    /// # Errors
    /// When the store fails, or an example is not as the model says, which is a defect of ours.
    pub async fn load_examples(&self) -> Result<usize> {
        let account = self.db.account("local:examples", "examples").await?;
        let mut total = self.load_interlinked(&caller(account, PLATFORM)).await?;
        // Last, since a catalogue that has resources of other platforms gets no examples any more: these must not keep those out.
        for folder in FILES.dirs() {
            let platform = folder.path().to_string_lossy();
            let caller = caller(account, &platform);
            for resource in resource_types() {
                let records = examples(folder.path(), resource)?;
                total += self.load(&caller, &platform, resource, &records).await?.len();
            }
        }
        Ok(total)
    }

    /// Loads the examples that refer to each other; how many there are.
    async fn load_interlinked(&self, caller: &Caller) -> Result<usize> {
        let mut known = HashMap::new();
        // Twice: examples may refer to each other in any order, so the first time they come without what they refer to.
        let mut total = 0;
        for with_links in [false, true] {
            total = 0;
            for resource in resource_types() {
                let mut bodies = examples(Path::new(""), resource)?;
                bodies.iter_mut().for_each(|body| resolve(resource, body, if with_links { Some(&known) } else { None }));
                let records: Vec<Value> = bodies.iter().map(|body| json!({ "resource": body })).collect();
                total += records.len();
                for result in self.load(caller, PLATFORM, resource, &records).await? {
                    if let (Some(own), Some(identifier)) = (result.platform_resource_identifier, result.identifier) {
                        known.insert(format!("{REFERENCE}{}:{own}", resource.name), identifier);
                    }
                }
            }
        }
        Ok(total)
    }

    /// Writes examples of one platform and type, all of them.
    async fn load(&self, caller: &Caller, platform: &str, resource: &'static ResourceType, records: &[Value]) -> Result<Vec<RecordResult>> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let results = self.upsert_batch(caller, platform, resource, records).await?;
        match results.iter().find(|result| result.outcome == Outcome::Failed) {
            Some(failed) => Err(Error::Internal(format!(
                "example {} {:?} of platform {platform}: {:?}",
                resource.name, failed.platform_resource_identifier, failed.errors
            ))),
            None => Ok(results),
        }
    }
}

/// Replaces references to examples by identifiers, or leaves link fields out where none are known yet.
fn resolve(resource: &ResourceType, body: &mut Value, known: Option<&HashMap<String, String>>) {
    let Some(map) = body.as_object_mut() else { return };
    for field in resource.links() {
        let Some(known) = known else {
            map.remove(field.name);
            continue;
        };
        let replace = |value: &mut Value| {
            if let Some(identifier) = value.as_str().and_then(|v| known.get(v)) {
                *value = Value::from(identifier.as_str());
            }
        };
        match map.get_mut(field.name) {
            Some(Value::Array(values)) => values.iter_mut().for_each(replace),
            Some(value) => replace(value),
            None => {}
        }
    }
}
