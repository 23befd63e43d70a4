//! What bodies and answers look like in the OpenAPI document, said by the types in the handlers' signatures.

use std::marker::PhantomData;

use aiod_schema::model::FieldType;
use aiod_schema::{Group, Kind};
use poem_openapi::registry::{MetaHeader, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde_json::Value;

use super::schema::{OWN_RESOURCES, group_name, inline, list_of, of_shape, reference, register};
use crate::catalogue::shapes::TermTree;

/// The media type of JSON.
pub(super) const JSON: &str = "application/json";

/// A type that stands for a body or an answer.
pub(super) trait Shape {
    /// The media types that it has.
    const MEDIA_TYPES: &'static [&'static str] = &[JSON];

    /// Its schema.
    fn schema() -> MetaSchemaRef;

    /// Adds the schemas that its own refers to.
    fn register(_: &mut Registry) {}

    /// Headers that its answer has beyond those of every answer.
    fn headers() -> Vec<MetaHeader> {
        Vec::new()
    }

    /// Whether a body must be there.
    fn is_required() -> bool {
        true
    }
}

/// Fixed shapes say all of it themselves.
impl<T: FieldType> Shape for T {
    fn schema() -> MetaSchemaRef {
        of_shape(&T::SHAPE)
    }

    fn register(registry: &mut Registry) {
        register(registry, &T::SHAPE);
    }

    fn is_required() -> bool {
        !matches!(T::SHAPE.kind, Kind::Object(object) if object().fields.iter().all(|field| !field.required))
    }
}

macro_rules! slots {
    ($($(#[$doc:meta])* $slot:ident),* $(,)?) => {
        /// What a template leaves open, because it depends on what its operations are made for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Slot {
            $($(#[$doc])* $slot,)*
        }

        impl Slot {
            const ALL: &'static [Self] = &[$(Self::$slot),*];
        }
    };
}
slots![
    /// A resource as it is written.
    Create,
    /// A resource as it is read, in any of its formats.
    Read,
    /// A resource as it is read, in the AIoD format.
    Aiod,
    /// The records of a bulk upsert.
    Batch,
    /// The terms of a vocabulary.
    Terms,
    /// The parameter that chooses the format; absent where there is one format alone.
    Format,
    /// The parameter that asks for images; absent where there are none.
    Images,
];

impl Slot {
    /// What stands in the template.
    pub(super) fn schema(self) -> MetaSchemaRef {
        reference(format!("<{self:?}>"))
    }

    /// The slot that a schema of a template is.
    pub(super) fn of(schema: &MetaSchemaRef) -> Option<Self> {
        Self::ALL.iter().copied().find(|slot| slot.schema() == *schema)
    }

    /// The slot that a schema of a template is, or is a list of.
    pub(super) fn within(schema: &MetaSchemaRef) -> Option<Self> {
        let items = if let MetaSchemaRef::Inline(schema) = schema { schema.items.as_deref() } else { None };
        Self::of(schema).or_else(|| Self::of(items?))
    }
}

macro_rules! open_shapes {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl Shape for $name {
            fn schema() -> MetaSchemaRef {
                Slot::$name.schema()
            }
        }
    )*};
}
open_shapes![
    /// A resource of the template's type, as it is written.
    Create,
    /// A resource of the template's type in its AIoD form.
    Aiod,
    /// The records of a bulk upsert of the template's type.
    Batch,
];

/// The terms of the template's vocabulary.
pub(super) struct Terms;

impl Shape for Terms {
    fn schema() -> MetaSchemaRef {
        Slot::Terms.schema()
    }

    fn register(registry: &mut Registry) {
        <Vec<TermTree> as Shape>::register(registry);
    }

    fn headers() -> Vec<MetaHeader> {
        vec![next_link()]
    }
}

/// A resource of the template's type, in the format that was asked for.
pub(super) struct Read;

impl Shape for Read {
    fn schema() -> MetaSchemaRef {
        Slot::Read.schema()
    }

    fn headers() -> Vec<MetaHeader> {
        vec![header("ETag", "The revision, for `If-None-Match` and `If-Match`.")]
    }
}

/// A page of values.
pub(super) struct Page<T>(PhantomData<T>);

impl<T: Shape> Shape for Page<T> {
    fn schema() -> MetaSchemaRef {
        list_of(T::schema())
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn headers() -> Vec<MetaHeader> {
        vec![next_link()]
    }
}

/// The header that leads to the next page.
fn next_link() -> MetaHeader {
    header("Link", "Where the next page is, if there is one. Pages of resources have it when they go by cursor.")
}

/// A JSON merge patch (RFC 7386).
pub(super) struct MergePatch;

impl Shape for MergePatch {
    const MEDIA_TYPES: &'static [&'static str] = &["application/merge-patch+json", JSON];

    fn schema() -> MetaSchemaRef {
        inline(MetaSchema::new("object"))
    }
}

/// A resource of any type whose absent values are written as `null`, which the schemas of the types do not say.
pub(super) struct WithNulls;

impl Shape for WithNulls {
    fn schema() -> MetaSchemaRef {
        inline(MetaSchema::new("object"))
    }

    fn headers() -> Vec<MetaHeader> {
        Read::headers()
    }
}

/// What a search among resources of one type found. Absent values of the resources are written as `null`.
pub(super) struct FoundOfType;

impl Shape for FoundOfType {
    fn schema() -> MetaSchemaRef {
        let number = || inline(MetaSchema::new_with_format("integer", "int64"));
        let resources = inline(MetaSchema { items: Some(Box::new(inline(MetaSchema::new("object")))), ..MetaSchema::new("array") });
        inline(MetaSchema {
            required: vec!["total_hits", "resources", "limit", "offset"],
            properties: vec![("total_hits", number()), ("resources", resources), ("limit", number()), ("offset", number())],
            ..MetaSchema::new("object")
        })
    }

    fn headers() -> Vec<MetaHeader> {
        vec![next_link()]
    }
}

macro_rules! any_resources {
    ($($(#[$doc:meta])* $name:ident = $group:expr),* $(,)?) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl Shape for $name {
            fn schema() -> MetaSchemaRef {
                reference(group_name($group))
            }

            fn headers() -> Vec<MetaHeader> {
                Read::headers()
            }
        }
    )*};
}
any_resources![
    /// An AI asset of whatever type.
    AnyAiAsset = Some(Group::AiAsset),
    /// An AI resource of whatever type.
    AnyAiResource = Some(Group::AiResource),
    /// A person or an organisation.
    AnyAgent = Some(Group::Agent),
];

/// Resources of all types, by the names of the types.
pub(super) struct OwnResources;

impl Shape for OwnResources {
    fn schema() -> MetaSchemaRef {
        reference(OWN_RESOURCES)
    }

    fn headers() -> Vec<MetaHeader> {
        vec![next_link()]
    }
}

/// `null`, which is what writes without anything to tell answer.
pub(super) struct Null;

impl Shape for Null {
    fn schema() -> MetaSchemaRef {
        reference("Null")
    }

    fn register(registry: &mut Registry) {
        let schema = MetaSchema {
            description: Some("`null`: it is done, and there is nothing to tell."),
            nullable: true,
            enum_items: vec![Value::Null],
            ..MetaSchema::ANY
        };
        registry.schemas.insert("Null".to_owned(), schema);
    }
}

/// A header of an answer.
pub(super) fn header(name: &str, description: &str) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: false,
        deprecated: false,
        schema: String::schema_ref(),
    }
}
