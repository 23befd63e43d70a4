//! From the model's tables to the schemas of the OpenAPI document.

use aiod_schema::convert::{AIOD, formats};
use aiod_schema::model::{Digits, Shape};
use aiod_schema::validate::{MAX_RECORDS, MAX_RELATED};
use aiod_schema::{Field, Group, Kind, Object, ResourceType, Role, resource_types};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use serde_json::{Value, json};

use super::Version;

/// The name of the schema of resources of all types, by the names of the types.
pub(super) const OWN_RESOURCES: &str = "OwnResources";

/// Which form of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is written.
    Create,
    /// As it is read.
    Read,
}

/// A text that lives as long as the program: the document is made once for each version.
pub(super) fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

pub(super) fn reference(name: impl Into<String>) -> MetaSchemaRef {
    MetaSchemaRef::Reference(name.into())
}

pub(super) fn inline(schema: MetaSchema) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(schema))
}

pub(super) fn list_of(items: MetaSchemaRef) -> MetaSchemaRef {
    inline(MetaSchema { items: Some(Box::new(items)), ..MetaSchema::new("array") })
}

pub(super) fn map_of(values: MetaSchemaRef) -> MetaSchemaRef {
    inline(MetaSchema { additional_properties: Some(Box::new(values)), ..MetaSchema::new("object") })
}

pub(super) fn any_of(mut members: Vec<MetaSchemaRef>) -> MetaSchemaRef {
    if members.len() == 1 { members.remove(0) } else { inline(MetaSchema { any_of: members, ..MetaSchema::ANY }) }
}

/// A schema with a description of its own.
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
fn schema_name(object: &Object, form: Form) -> String {
    let suffix = match form {
        _ if !has_forms(object) => "",
        Form::Create => "Create",
        Form::Read => "Read",
    };
    format!("{}{suffix}", object.title)
}

/// The name of a type's schema in a version: `ProjectV2Create` where fields have other names there.
pub(super) fn form_name(resource: &'static ResourceType, version: Version, form: Form) -> String {
    let plain = schema_name(resource.object, form);
    if version.has_aliases(resource) { plain.replace(resource.title, &format!("{}V2", resource.title)) } else { plain }
}

/// The name of the schema of a bulk upsert of this type.
pub(super) fn batch_name(resource: &ResourceType) -> String {
    format!("{}Batch", resource.title)
}

/// The name of the schema of a resource of whatever type of a group, or of any type.
pub(super) fn group_name(group: Option<Group>) -> String {
    group.map_or_else(|| "AnyResource".to_owned(), |group| format!("Any{group:?}"))
}

/// The schema of a value that stands by itself, such as an answer.
pub(super) fn of_shape(shape: &Shape) -> MetaSchemaRef {
    let one = of_kind(shape.kind, Form::Read);
    if shape.list { list_of(one) } else { one }
}

/// The schema of one value, without the limits that a field may add.
fn of_kind(kind: Kind, form: Form) -> MetaSchemaRef {
    match kind {
        Kind::Text | Kind::Platform | Kind::Link(_) | Kind::Term(_) => inline(MetaSchema::new("string")),
        Kind::Integer => inline(MetaSchema::new_with_format("integer", "int64")),
        Kind::Number => inline(MetaSchema::new("number")),
        Kind::Boolean => inline(MetaSchema::new("boolean")),
        Kind::Date => inline(MetaSchema::new_with_format("string", "date")),
        // Not the format `date-time`: that one asks for a zone, which clients of this interface leave out.
        Kind::DateTime => inline(MetaSchema { example: Some(json!("2022-01-01T15:15:00")), ..MetaSchema::new("string") }),
        Kind::Blob => inline(MetaSchema::new_with_format("string", "binary")),
        Kind::Choice(choice) => reference(choice.title),
        Kind::Object(object) => reference(schema_name(object(), form)),
        Kind::Map(shape) => map_of(of_shape(shape)),
        Kind::AnyOf(shapes) => any_of(shapes.iter().map(of_shape).collect()),
        Kind::Resource(group) => reference(group_name(group)),
    }
}

/// The schema of one value of a field.
fn value_schema(field: &Field, form: Form) -> MetaSchemaRef {
    let MetaSchemaRef::Inline(mut schema) = of_kind(field.kind, form) else { return of_kind(field.kind, form) };
    match field.kind {
        Kind::Text | Kind::Platform => (schema.min_length, schema.max_length) = (field.min_length, field.max_length),
        Kind::Term(_) if form == Form::Create => schema.max_length = field.vocabulary().map(|v| v.max_length),
        Kind::Integer => (schema.minimum, schema.maximum) = (field.minimum.map(f64::from), field.maximum.map(f64::from)),
        Kind::Number => {
            schema.maximum = field.digits.map(Digits::greatest);
            schema.minimum = schema.maximum.map(|greatest| -greatest);
        }
        _ => {}
    }
    MetaSchemaRef::Inline(schema)
}

fn field_schema(field: &Field, form: Form) -> MetaSchemaRef {
    let one = value_schema(field, form);
    let schema = described(if field.list { limited_list(field, one) } else { one }, field.doc);
    let MetaSchemaRef::Inline(mut schema) = schema else { return schema };
    schema.default = field.default.map(Value::from);
    // What is absent may be written as `null`, and some paths read it as `null`.
    schema.nullable = !(is_required(field, form) || field.list || field.default.is_some());
    MetaSchemaRef::Inline(schema)
}

fn limited_list(field: &Field, items: MetaSchemaRef) -> MetaSchemaRef {
    inline(MetaSchema { items: Some(Box::new(items)), min_items: field.min_items, max_items: field.max_items, ..MetaSchema::new("array") })
}

fn is_required(field: &Field, form: Form) -> bool {
    field.required || (form == Form::Read && field.role == Some(Role::Identifier))
}

/// The fields that one form of an object has.
fn fields_of(object: &'static Object, form: Form) -> impl Iterator<Item = &'static Field> {
    object.fields.iter().filter(move |f| form == Form::Read || !f.read_only)
}

/// The schema of an object in one of its forms.
pub(super) fn object_schema(object: &'static Object, form: Form) -> MetaSchema {
    MetaSchema {
        description: Some(object.doc),
        properties: fields_of(object, form).map(|f| (f.name, field_schema(f, form))).collect(),
        required: fields_of(object, form).filter(|f| is_required(f, form)).map(|f| f.name).collect(),
        ..MetaSchema::new("object")
    }
}

/// Adds the schemas that a value of this shape refers to.
pub(super) fn register(registry: &mut Registry, shape: &Shape) {
    register_kind(registry, shape.kind, Form::Read);
}

fn register_kind(registry: &mut Registry, kind: Kind, form: Form) {
    match kind {
        Kind::Object(object) => register_object(registry, object(), form),
        Kind::Map(shape) => register(registry, shape),
        Kind::AnyOf(shapes) => shapes.iter().for_each(|shape| register(registry, shape)),
        Kind::Choice(choice) => {
            let names = choice.names.iter().copied().map(Value::from).collect();
            let schema = MetaSchema { description: Some(choice.doc), enum_items: names, ..MetaSchema::new("string") };
            registry.schemas.insert(choice.title.to_owned(), schema);
        }
        _ => {}
    }
}

/// Adds an object and everything that stands in it.
pub(super) fn register_object(registry: &mut Registry, object: &'static Object, form: Form) {
    let name = schema_name(object, form);
    if registry.schemas.contains_key(&name) {
        return;
    }
    registry.schemas.insert(name, object_schema(object, form));
    for field in fields_of(object, form) {
        register_kind(registry, field.kind, form);
    }
}

/// Adds the schemas that a parameter refers to.
pub(super) fn register_field(registry: &mut Registry, field: &Field) {
    register_kind(registry, field.kind, Form::Create);
}

/// Adds every schema of the model, as a version has it.
pub(super) fn register_model(registry: &mut Registry, version: Version) {
    for resource in resource_types() {
        for form in [Form::Create, Form::Read] {
            register_object(registry, resource.object, form);
            if version.has_aliases(resource) {
                let schema = with_aliases(object_schema(resource.object, form), resource, version);
                registry.schemas.insert(form_name(resource, version, form), schema);
            }
        }
        registry.schemas.insert(batch_name(resource), batch_schema(resource));
    }
    for group in Group::ALL.into_iter().map(Some).chain([None]) {
        let types = resource_types().iter().filter(|r| group.is_none_or(|group| group.has(r)));
        let members = types.map(|r| reference(form_name(r, version, Form::Read))).collect();
        registry.schemas.insert(group_name(group), MetaSchema { any_of: members, ..MetaSchema::ANY });
    }
    registry.schemas.insert(OWN_RESOURCES.to_owned(), own_resources(version));
}

fn own_resources(version: Version) -> MetaSchema {
    let of_type = |r: &'static ResourceType| (r.name, list_of(reference(form_name(r, version, Form::Read))));
    let properties: Vec<_> = resource_types().iter().map(of_type).collect();
    let required = properties.iter().map(|(name, _)| *name).collect();
    MetaSchema { properties, required, ..MetaSchema::new("object") }
}

/// The schema of a form, with the other names that fields have in a version.
fn with_aliases(mut schema: MetaSchema, resource: &'static ResourceType, version: Version) -> MetaSchema {
    for (name, alias) in version.aliases(resource) {
        if let Some((_, of_field)) = schema.properties.iter().find(|(n, _)| *n == name).cloned() {
            schema.properties.push((alias, described(of_field, leak(format!("The same as `{name}`, under its older name.")))));
        }
    }
    schema
}

/// What reading a resource of this type answers, in whatever format.
pub(super) fn read_schema(resource: &'static ResourceType, version: Version) -> MetaSchemaRef {
    let own = reference(form_name(resource, version, Form::Read));
    let others = formats(resource).filter_map(|format| format.schema).map(reference);
    any_of(std::iter::once(own).chain(others).collect())
}

/// The parameter that chooses the format, for types that have several.
pub(super) fn format_parameter(resource: &ResourceType) -> Option<MetaSchemaRef> {
    let names: Vec<Value> = formats(resource).map(|format| format.name.into()).collect();
    let default = Some(AIOD.name.into());
    (names.len() > 1).then(|| inline(MetaSchema { enum_items: names, default, ..MetaSchema::new("string") }))
}

/// The parameter that asks for images, for types that have images.
pub(super) fn images_parameter(resource: &ResourceType) -> Option<MetaSchemaRef> {
    resource.images.then(|| inline(MetaSchema { default: Some(false.into()), ..MetaSchema::new("boolean") }))
}

/// What a bulk upsert of this type takes.
fn batch_schema(resource: &'static ResourceType) -> MetaSchema {
    let object = |properties, required| inline(MetaSchema { properties, required, ..MetaSchema::new("object") });
    let at_most = |items, most| inline(MetaSchema { items: Some(Box::new(items)), max_items: Some(most), ..MetaSchema::new("array") });
    let related_resource = described(
        map_of(object(vec![], vec![])),
        "One related resource by its type's name, such as `{\"contact\": {\"name\": \"…\"}}`: found by its platform_resource_identifier, else by its name, or created.",
    );
    let entries = at_most(related_resource, MAX_RELATED);
    let related = object(resource.links().map(|f| (f.name, entries.clone())).collect(), vec![]);
    let own = inline(MetaSchema { all_of: vec![reference(schema_name(resource.object, Form::Create))], ..MetaSchema::ANY });
    let record = object(vec![("resource", own), ("related", related)], vec!["resource"]);
    let records = at_most(record, MAX_RECORDS);
    MetaSchema { properties: vec![("records", records)], required: vec!["records"], ..MetaSchema::new("object") }
}
