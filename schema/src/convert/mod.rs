//! AIoD metadata in other formats: pure functions from a resource as it is read to a document of that format.
//!
//! What a resource lacks, its document lacks too; where a format insists on a value, the part that would need it is left out. No
//! input makes a converter fail, so that one odd record never spoils a list.

mod dcat_ap;
mod read;
mod schema_org;

use serde_json::{Value, json};

pub use dcat_ap::dcat_ap;
pub use schema_org::schema_org;

use crate::model::ResourceType;

/// A format that metadata can be read in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// The catalogue's own.
    Aiod,
    /// schema.org as JSON-LD.
    SchemaOrg,
    /// DCAT-AP, the European profile of the W3C's Data Catalog Vocabulary, as JSON-LD.
    DcatAp,
}

impl Format {
    /// All formats, the catalogue's own first.
    pub const ALL: &'static [Self] = &[Self::Aiod, Self::SchemaOrg, Self::DcatAp];

    /// How requests name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aiod => "aiod",
            Self::SchemaOrg => "schema.org",
            Self::DcatAp => "dcat-ap",
        }
    }

    /// The format of this name, as [`Format::name`] gives it.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|format| format.name() == name)
    }

    /// The resource in this format; it must be of a type that [`formats`] lists the format for.
    pub fn convert(self, resource: Value) -> Value {
        match self {
            Self::Aiod => resource,
            Self::SchemaOrg => schema_org(&resource),
            Self::DcatAp => dcat_ap(&resource),
        }
    }
}

/// The formats that resources of a type can be read in, the catalogue's own first.
pub fn formats(resource: &ResourceType) -> &'static [Format] {
    match resource.name {
        "dataset" => Format::ALL,
        _ => &[Format::Aiod],
    }
}

/// The name among [`json_schemas`] of what the documents of a format are; none for the catalogue's own, which each type has its own of.
pub const fn schema_name(format: Format) -> Option<&'static str> {
    match format {
        Format::Aiod => None,
        Format::SchemaOrg => Some("SchemaDotOrgDataset"),
        Format::DcatAp => Some("DcatApWrapper"),
    }
}

/// The JSON schemas of all documents that are converted to, by name, as OpenAPI 3.0 wants them below `#/components/schemas`.
pub fn json_schemas() -> Vec<(&'static str, Value)> {
    let mut schemas = dcat_ap::schemas();
    schemas.extend(schema_org::schemas());
    schemas
}

fn text_schema() -> Value {
    json!({"type": "string"})
}

/// The schema of a text that is always the same.
fn constant_schema(value: &str) -> Value {
    json!({"type": "string", "enum": [value], "default": value})
}

fn list_schema(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

/// JSON-LD writes a single value without the list around it.
fn one_or_list_schema(one: &Value) -> Value {
    json!({"anyOf": [list_schema(one), one]})
}

fn schema_of(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}
