//! The example resources that an embedded catalogue starts with.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use aiod_schema::{ResourceType, resource_types};
use include_dir::{Dir, include_dir};
use serde_json::{Value, json};

use super::bulk::Outcome;
use super::read::parse;
use super::{Catalogue, Error, Result};
use crate::identity::{Caller, User};

/// One file for each type, named by its path.
static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/examples");
/// The platform that the examples are of.
pub const PLATFORM: &str = "example";
/// How a reference to another example begins; its type and its platform's identifier follow.
const REFERENCE: &str = "example:";

fn examples(resource: &ResourceType) -> Result<Vec<Value>> {
    let file = FILES.get_file(format!("{}.json", resource.path)).and_then(|f| f.contents_utf8());
    file.map_or(Ok(Vec::new()), parse)
}

impl Catalogue {
    /// Loads the example resources; how many there are.
    ///
    /// # Errors
    /// When the store fails, or an example is not as the model says, which is a defect of ours.
    pub async fn load_examples(&self) -> Result<usize> {
        let account = self.db.account("local:examples", "examples").await?;
        let roles = BTreeSet::from([format!("{}{PLATFORM}", crate::identity::CONNECTOR_PREFIX)]);
        let caller = Caller::User(Arc::new(User { account, name: "examples".to_owned(), subject: "local:examples".to_owned(), roles }));
        let mut known = HashMap::new();
        // Twice: examples may refer to each other in any order, so the first time they come without what they refer to.
        let mut total = 0;
        for with_links in [false, true] {
            total = 0;
            for resource in resource_types() {
                let mut bodies = examples(resource)?;
                bodies.iter_mut().for_each(|body| resolve(resource, body, if with_links { Some(&known) } else { None }));
                total += bodies.len();
                self.load(&caller, resource, &bodies, &mut known).await?;
            }
        }
        Ok(total)
    }

    async fn load(
        &self,
        caller: &Caller,
        resource: &'static ResourceType,
        bodies: &[Value],
        known: &mut HashMap<String, String>,
    ) -> Result<()> {
        let records: Vec<Value> = bodies.iter().map(|body| json!({ "resource": body })).collect();
        for result in self.upsert_batch(caller, PLATFORM, resource, &records).await? {
            if result.outcome == Outcome::Failed {
                return Err(Error::Internal(format!(
                    "example {} {:?}: {:?}",
                    resource.name, result.platform_resource_identifier, result.errors
                )));
            }
            if let (Some(own), Some(identifier)) = (result.platform_resource_identifier, result.identifier) {
                known.insert(format!("{REFERENCE}{}:{own}", resource.name), identifier);
            }
        }
        Ok(())
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
