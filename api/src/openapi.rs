//! From the model's tables to the schemas of the OpenAPI document.

use std::collections::BTreeMap;

use aiod_schema::convert::formats;
use aiod_schema::validate::{MAX_RECORDS, MAX_RELATED};
use aiod_schema::{Field, Kind, Object, ResourceType, Role, resource_types};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use serde_json::{Value, json};

use crate::catalogue::review::{MAX_REVIEW_COMMENT, MAX_SUBMISSION_COMMENT};
use crate::store::asset::Status;
use crate::store::permission::PermissionKind;

/// Which form of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it is written.
    Create,
    /// As it is read.
    Read,
}

/// A text that lives as long as the program: the document is made once for each version.
pub(crate) fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

pub(crate) fn reference(name: impl Into<String>) -> MetaSchemaRef {
    MetaSchemaRef::Reference(name.into())
}

pub(crate) fn inline(schema: MetaSchema) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(schema))
}

pub(crate) fn array(items: MetaSchemaRef) -> MetaSchemaRef {
    inline(MetaSchema { items: Some(Box::new(items)), ..MetaSchema::new("array") })
}

pub(crate) fn any_of(members: Vec<MetaSchemaRef>) -> MetaSchemaRef {
    inline(MetaSchema { any_of: members, ..MetaSchema::ANY })
}

fn described(schema: MetaSchemaRef, description: &'static str) -> MetaSchemaRef {
    match schema {
        MetaSchemaRef::Inline(mut schema) => {
            schema.description = Some(description);
            MetaSchemaRef::Inline(schema)
        }
        // A description beside a reference is not read; around it, it is.
        reference => inline(MetaSchema { all_of: vec![reference], description: Some(description), ..MetaSchema::ANY }),
    }
}

/// Whether an object looks different when it is read.
fn has_forms(object: &Object) -> bool {
    object.fields.iter().any(|f| f.read_only)
}

/// The name of an object's schema in one of its forms.
pub(crate) fn schema_name(object: &Object, form: Form) -> String {
    let suffix = match form {
        _ if !has_forms(object) => "",
        Form::Create => "Create",
        Form::Read => "Read",
    };
    format!("{}{suffix}", object.title)
}

fn value_schema(field: &Field, form: Form) -> MetaSchemaRef {
    let text = || MetaSchema::new("string");
    match field.kind {
        Kind::Text | Kind::Platform => inline(MetaSchema { min_length: field.min_length, max_length: field.max_length, ..text() }),
        Kind::Integer => inline(MetaSchema::new_with_format("integer", "int64")),
        Kind::Number => inline(MetaSchema::new("number")),
        Kind::Boolean => inline(MetaSchema::new("boolean")),
        Kind::Date => inline(MetaSchema::new_with_format("string", "date")),
        // Not the format `date-time`: that one asks for a zone, which clients of this interface leave out.
        Kind::DateTime => inline(MetaSchema { example: Some(json!("2022-01-01T15:15:00")), ..text() }),
        Kind::Blob => inline(MetaSchema::new_with_format("string", "binary")),
        Kind::Link(_) => inline(text()),
        Kind::Term(_) => {
            let max_length = field.vocabulary().filter(|_| form == Form::Create).map(|v| v.max_length);
            inline(MetaSchema { max_length, ..text() })
        }
        Kind::Choice(choice) => inline(MetaSchema { enum_items: choice.names.iter().map(|name| Value::from(*name)).collect(), ..text() }),
        Kind::Object(object) => reference(schema_name(object(), form)),
        // No field of the model is any of these.
        Kind::Map(_) | Kind::AnyOf(_) | Kind::Resource(_) => inline(MetaSchema::ANY),
    }
}

fn field_schema(field: &Field, form: Form) -> MetaSchemaRef {
    let one = value_schema(field, form);
    let schema = described(if field.list { array(one) } else { one }, field.doc);
    match schema {
        // What is absent may be written as `null`, and some paths read it as `null`.
        MetaSchemaRef::Inline(mut schema) if !(is_required(field, form) || field.list) => {
            schema.nullable = true;
            MetaSchemaRef::Inline(schema)
        }
        schema => schema,
    }
}

fn is_required(field: &Field, form: Form) -> bool {
    field.required || (form == Form::Read && field.role == Some(Role::Identifier))
}

/// The schema of an object in one of its forms.
fn object_schema(object: &'static Object, form: Form) -> MetaSchema {
    let shown = |f: &&Field| form == Form::Read || !f.read_only;
    MetaSchema {
        description: Some(object.doc),
        properties: object.fields.iter().filter(shown).map(|f| (f.name, field_schema(f, form))).collect(),
        required: object.fields.iter().filter(shown).filter(|f| is_required(f, form)).map(|f| f.name).collect(),
        ..MetaSchema::new("object")
    }
}

/// Adds an object and everything that stands in it.
fn add(schemas: &mut BTreeMap<String, MetaSchema>, object: &'static Object, form: Form) {
    let name = schema_name(object, form);
    if schemas.contains_key(&name) {
        return;
    }
    schemas.insert(name, object_schema(object, form));
    for field in object.fields.iter().filter(|f| form == Form::Read || !f.read_only) {
        if let Kind::Object(nested) = field.kind {
            add(schemas, nested(), form);
        }
    }
}

/// Every schema of the model.
pub(crate) fn model_schemas() -> BTreeMap<String, MetaSchema> {
    let mut schemas = BTreeMap::new();
    for resource in resource_types() {
        add(&mut schemas, resource.object, Form::Create);
        add(&mut schemas, resource.object, Form::Read);
    }
    for (name, schema) in aiod_schema::convert::json_schemas() {
        schemas.insert(name.to_owned(), from_json(&schema));
    }
    for (name, schema) in wire_schemas() {
        schemas.insert(name.to_owned(), from_json(&schema));
    }
    schemas
}

/// The fields of a form that have another name in `/v2`, added to its schema.
pub(crate) fn with_aliases(mut schema: MetaSchema, aliases: &[(&'static str, &'static str)]) -> MetaSchema {
    for (name, alias) in aliases {
        if let Some((_, of_field)) = schema.properties.iter().find(|(n, _)| n == name).cloned() {
            schema.properties.push((alias, described(of_field, leak(format!("The same as `{name}`, under its older name.")))));
        }
    }
    schema
}

/// What reading a resource of this type answers.
pub(crate) fn read_schema(resource: &ResourceType, own: String) -> MetaSchemaRef {
    let mut members: Vec<MetaSchemaRef> = vec![reference(own)];
    members.extend(formats(resource).filter_map(|format| format.schema).map(reference));
    if members.len() == 1 { members.remove(0) } else { any_of(members) }
}

/// What is neither of the model nor of another format.
fn wire_schemas() -> Vec<(&'static str, Value)> {
    let text = json!({"type": "string"});
    let step = json!({"anyOf": [{"type": "string"}, {"type": "integer"}]});
    let fault = json!({"type": "object", "required": ["loc", "msg", "type"],
        "properties": {"loc": {"type": "array", "items": step}, "msg": text, "type": text}});
    let faults = json!({"type": "array", "items": {"$ref": "#/components/schemas/ValidationError"}});
    let outcome = json!({"type": "string", "enum": ["created", "updated", "unchanged", "failed"]});
    let result = json!({"type": "object", "required": ["outcome", "errors"], "properties": {
        "platform_resource_identifier": text, "identifier": text, "outcome": outcome, "errors": faults}});
    let number = json!({"type": "integer"});
    let name = json!({"type": "string", "minLength": 1});
    // Not the format `date-time`, see above.
    let time = json!({"type": "string"});
    let comment = |max: usize| json!({"type": "string", "maxLength": max, "default": ""});
    let choice = |names: &[&str]| json!({"type": "string", "enum": names});
    let term = json!({"type": "object", "required": ["term", "definition"], "properties": {"term": text, "definition": text,
        "subterms": {"type": "array", "items": {"$ref": "#/components/schemas/TaxonomyHierarchy"}}}});
    let image = json!({"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}});
    vec![
        ("ValidationError", fault),
        ("HTTPValidationError", json!({"type": "object", "properties": {"detail": faults, "reference": text}})),
        ("Problem", json!({"type": "object", "required": ["detail", "reference"], "properties": {"detail": text, "reference": text}})),
        ("TaxonomyHierarchy", term),
        ("Identifier", json!({"type": "object", "required": ["identifier"], "properties": {"identifier": text}})),
        ("PlatformIdentifier", json!({"type": "object", "required": ["identifier"], "properties": {"identifier": number}})),
        ("PlatformCreate", json!({"type": "object", "required": ["name"], "properties": {"name": text}})),
        (
            "PlatformRead",
            json!({"type": "object", "required": ["name", "identifier"], "properties": {"name": text,
            "identifier": {"type": "string", "maxLength": 30}}}),
        ),
        (
            "KeycloakUser",
            json!({"type": "object", "required": ["name", "roles"], "properties": {"name": text,
            "roles": {"type": "array", "items": text, "uniqueItems": true}}}),
        ),
        (
            "PermissionCreate",
            json!({"type": "object", "required": ["asset_identifier", "user"], "properties": {
            "asset_identifier": name, "user": name, "permission_type": {"allOf": [{"$ref": "#/components/schemas/PermissionType"}], "nullable": true}}}),
        ),
        ("PermissionType", choice(&PermissionKind::ALL.map(PermissionKind::as_str))),
        (
            "PermissionRead",
            json!({"type": "object", "required": ["user", "permission_type"], "properties": {
            "user": text, "permission_type": {"$ref": "#/components/schemas/PermissionType"}}}),
        ),
        (
            "BookmarkRead",
            json!({"type": "object", "required": ["resource_identifier", "created_at"], "properties": {
            "resource_identifier": text, "created_at": time}}),
        ),
        ("Reads", json!({"type": "object", "required": ["identifier", "reads"], "properties": {"identifier": text, "reads": number}})),
        (
            "Revision",
            json!({"type": "object", "required": ["revision", "status", "date_modified"], "properties": {
            "revision": number, "status": choice(&Status::ALL.map(Status::as_str)), "date_modified": time,
            "modified_by": {"type": "string", "nullable": true}}}),
        ),
        ("SubmissionComment", json!({"type": "object", "properties": {"comment": comment(MAX_SUBMISSION_COMMENT)}})),
        (
            "SubmissionCreate",
            json!({"type": "object", "required": ["asset_identifiers"], "properties": {
            "asset_identifiers": {"type": "array", "items": name, "minItems": 1}, "comment": comment(MAX_SUBMISSION_COMMENT)}}),
        ),
        (
            "SubmissionIdentifier",
            json!({"type": "object", "required": ["submission_identifier"], "properties": {"submission_identifier": number}}),
        ),
        (
            "SubmissionBase",
            json!({"type": "object", "required": ["identifier", "request_date", "comment"], "properties": {
            "identifier": number, "request_date": time, "comment": comment(MAX_SUBMISSION_COMMENT)}}),
        ),
        ("Decision", choice(&["accepted", "rejected", "retracted"])),
        (
            "ReviewCreate",
            json!({"type": "object", "required": ["decision", "submission_identifier"], "properties": {
            "comment": comment(MAX_REVIEW_COMMENT), "decision": {"$ref": "#/components/schemas/Decision"}, "submission_identifier": number}}),
        ),
        (
            "Review",
            json!({"type": "object",
            "required": ["comment", "decision", "submission_identifier", "identifier", "decision_date", "reviewer_identifier"], "properties": {
            "comment": comment(MAX_REVIEW_COMMENT), "decision": {"$ref": "#/components/schemas/Decision"}, "submission_identifier": number,
            "identifier": number, "decision_date": time, "reviewer_identifier": text}}),
        ),
        ("BatchResult", result),
        (
            "BatchAnswer",
            json!({"type": "object", "required": ["results", "created", "updated", "unchanged", "failed"], "properties": {
            "results": {"type": "array", "items": {"$ref": "#/components/schemas/BatchResult"}},
            "created": number, "updated": number, "unchanged": number, "failed": number}}),
        ),
        ("Counts", json!({"type": "object", "additionalProperties": {"type": "object", "additionalProperties": number}})),
        ("ImageFile", image),
        ("Null", json!({"nullable": true, "enum": [null], "description": "`null`: it is done, and there is nothing to tell."})),
    ]
}

/// What a bulk upsert of this type takes.
pub(crate) fn batch_schema(resource: &'static ResourceType) -> MetaSchema {
    let entry = inline(MetaSchema {
        description: Some(
            "One related resource by its type's name, such as `{\"contact\": {\"name\": \"…\"}}`: found by its platform_resource_identifier, else by its name, or created.",
        ),
        additional_properties: Some(Box::new(inline(MetaSchema::new("object")))),
        ..MetaSchema::new("object")
    });
    let entries = inline(MetaSchema { items: Some(Box::new(entry)), max_items: Some(MAX_RELATED), ..MetaSchema::new("array") });
    let related =
        inline(MetaSchema { properties: resource.links().map(|f| (f.name, entries.clone())).collect(), ..MetaSchema::new("object") });
    let own = inline(MetaSchema { all_of: vec![reference(schema_name(resource.object, Form::Create))], ..MetaSchema::ANY });
    let record = inline(MetaSchema {
        properties: vec![("resource", own), ("related", related)],
        required: vec!["resource"],
        ..MetaSchema::new("object")
    });
    let records = inline(MetaSchema { items: Some(Box::new(record)), max_items: Some(MAX_RECORDS), ..MetaSchema::new("array") });
    MetaSchema { properties: vec![("records", records)], required: vec!["records"], ..MetaSchema::new("object") }
}

/// A JSON schema as the document's library has it: the words that this crate's own schemas use.
pub(crate) fn from_json(schema: &Value) -> MetaSchema {
    let text = |name: &str| schema.get(name).and_then(Value::as_str).map(|t| leak(t.to_owned()));
    let members =
        |name: &str| schema.get(name).and_then(Value::as_array).map(|m| m.iter().map(ref_from_json).collect()).unwrap_or_default();
    let size = |name: &str| schema.get(name).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array);
    MetaSchema {
        ty: text("type").unwrap_or_default(),
        format: text("format"),
        description: text("description"),
        default: schema.get("default").cloned(),
        unique_items: schema.get("uniqueItems").and_then(Value::as_bool),
        nullable: schema.get("nullable").and_then(Value::as_bool).unwrap_or_default(),
        enum_items: schema.get("enum").and_then(Value::as_array).cloned().unwrap_or_default(),
        max_length: size("maxLength"),
        min_length: size("minLength"),
        properties: properties.map(|p| p.iter().map(|(name, s)| (leak(name.clone()), ref_from_json(s))).collect()).unwrap_or_default(),
        required: required.map(|r| r.iter().filter_map(|n| Some(leak(n.as_str()?.to_owned()))).collect()).unwrap_or_default(),
        items: schema.get("items").map(|i| Box::new(ref_from_json(i))),
        additional_properties: schema.get("additionalProperties").filter(|a| a.is_object()).map(|a| Box::new(ref_from_json(a))),
        any_of: members("anyOf"),
        one_of: members("oneOf"),
        all_of: members("allOf"),
        ..MetaSchema::ANY
    }
}

fn ref_from_json(schema: &Value) -> MetaSchemaRef {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(target) => reference(target.rsplit('/').next().unwrap_or_default()),
        None => inline(from_json(schema)),
    }
}
