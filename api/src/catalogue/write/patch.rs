//! Changing a part of a resource by a JSON merge patch.

use aiod_schema::{Fault, ResourceType, by_name};
use serde_json::{Map, Value};

use super::{Expected, validated_keeping};
use crate::catalogue::permission::require_user;
use crate::catalogue::read::{check_type, parse};
use crate::catalogue::transaction::transaction;
use crate::catalogue::{Catalogue, Error, Result};
use crate::identity::Caller;
use crate::store::asset::StoredBody;

impl Catalogue {
    /// Changes what a JSON merge patch (RFC 7386) names, and leaves the rest. Links and terms of fields that it does not name
    /// are not even checked: others may have made more links than a body may hold, and terms may be older than their taxonomy.
    ///
    /// # Errors
    /// As for replacing; the faults are those of the patched body.
    pub async fn patch(
        &self,
        caller: &Caller,
        resource: &'static ResourceType,
        identifier: &str,
        patch: &Value,
        expected: &Expected,
    ) -> Result<()> {
        require_user(caller)?;
        let Value::Object(named) = patch else {
            return Err(Error::Invalid(vec![Fault::new(["body"], "a merge patch is a JSON object", "type_error.dict")]));
        };
        check_type(resource, identifier)?;
        transaction!(self.db, tx => {
            let head = self.editable(&mut tx, caller, resource, identifier, expected).await?;
            let mut body = body_of(&tx.stored_body(head.id).await?)?;
            merge(&mut body, patch);
            let input = validated_keeping(resource, &body, |field| !named.contains_key(field.name))?;
            self.rewrite(&mut tx, caller, head, input).await
        })
    }
}

/// RFC 7386: objects are merged, `null` removes, anything else replaces.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(target) = target {
        for (name, value) in patch {
            if value.is_null() {
                target.remove(name);
            } else {
                merge(target.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
    }
}

/// What a resource says of itself, in the form in which it is written: its document and its links.
fn body_of(stored: &StoredBody) -> Result<Value> {
    let mut body: Map<String, Value> = parse(&stored.document)?;
    let Some(resource) = by_name(&stored.resource_type) else { return Ok(Value::Object(body)) };
    for field in resource.links() {
        let of_field = stored.links.iter().filter(|(name, _)| name == field.name);
        let mut values: Vec<Value> = of_field.map(|(_, identifier)| Value::from(identifier.as_str())).collect();
        if field.list {
            body.insert(field.name.to_owned(), Value::Array(values));
        } else if let Some(value) = values.pop() {
            body.insert(field.name.to_owned(), value);
        }
    }
    Ok(Value::Object(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn merging_follows_the_examples_of_rfc_7386() {
        let cases = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ];
        for (mut target, patch, expected) in cases {
            merge(&mut target, &patch);
            assert_eq!(target, expected);
        }
    }
}
