//! AIoD metadata in other formats: pure functions from a resource as it is read to a document of that format.
//!
//! What a resource lacks, its document lacks too; where a format insists on a value, the part that would need it is left out. No
//! input makes a converter fail, so that one odd record never spoils a list.

mod dcat_ap;
mod known;
mod read;
mod schema_org;

use std::fmt;

use serde_json::{Value, json};

pub use dcat_ap::dcat_ap;
pub use known::{Known, Names};
pub use schema_org::schema_org;

use crate::model::ResourceType;
use crate::resource::target;

/// A format that metadata can be read in.
pub struct Format {
    /// How requests name it.
    pub name: &'static str,
    /// The media type of its documents.
    pub media_type: &'static str,
    /// What stands around and between several documents.
    pub page: Enclosure,
    /// The name among its schemas of what a document is; none for the catalogue's own, which each type has its own of.
    pub schema: Option<&'static str>,
    /// The types whose resources can be read in it.
    types: Types,
    /// A resource, as it is read over REST, in this format; `None` where it stays as it is.
    write: Option<fn(&Value, &Known<'_>) -> String>,
    /// The link fields of whose resources it tells the names.
    pub named: &'static [&'static str],
    /// The JSON schemas of its documents, by name.
    schemas: fn() -> Vec<(&'static str, Value)>,
}

/// What makes one text of several documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enclosure {
    /// What stands before the first.
    pub begin: &'static str,
    /// What stands between two.
    pub between: &'static str,
    /// What stands behind the last.
    pub end: &'static str,
}

/// Types of resources.
enum Types {
    /// All of them.
    All,
    /// Those with these names.
    Only(&'static [&'static str]),
}

/// What JSON calls an array.
const JSON_LIST: Enclosure = Enclosure { begin: "[", between: ",", end: "]" };

// Clients expect documents of JSON-LD as `application/json`.
table! {
    /// Every format, the catalogue's own first. A new one is a file beside this one and a row here.
    FORMATS: [Format] = {
        /// The catalogue's own.
        AIOD = Format {
            name: "aiod", media_type: "application/json", page: JSON_LIST, types: Types::All,
            write: None, named: &[], schema: None, schemas: Vec::new,
        };
        /// schema.org as JSON-LD.
        SCHEMA_ORG = Format {
            name: "schema.org", media_type: "application/json", page: JSON_LIST, types: Types::Only(&[target::dataset]),
            write: Some(|dataset, known| schema_org(dataset, known).to_string()), named: &["creator", "funder", "citation"],
            schema: Some("SchemaDotOrgDataset"), schemas: schema_org::schemas,
        };
        /// DCAT-AP, the European profile of the W3C's Data Catalog Vocabulary, as JSON-LD.
        DCAT_AP = Format {
            name: "dcat-ap", media_type: "application/json", page: JSON_LIST, types: Types::Only(&[target::dataset]),
            write: Some(|dataset, known| dcat_ap(dataset, known).to_string()), named: &["contact", "creator"],
            schema: Some("DcatApWrapper"), schemas: dcat_ap::schemas,
        };
    }
}

impl Format {
    /// Whether resources of this type can be read in it.
    pub fn applies_to(&self, resource: &ResourceType) -> bool {
        match self.types {
            Types::All => true,
            Types::Only(names) => names.contains(&resource.name),
        }
    }

    /// Whether its documents are resources as they are read: whoever has the text of one need not write it anew.
    pub fn is_own(&self) -> bool {
        self.write.is_none()
    }

    /// A resource, as it is read over REST, in this format; it must be of a type that the format applies to.
    pub fn write(&self, resource: &Value, known: &Known<'_>) -> String {
        self.write.map_or_else(|| resource.to_string(), |write| write(resource, known))
    }
}

impl Enclosure {
    /// Several documents in one text.
    pub fn join(&self, documents: &[String]) -> String {
        [self.begin, &documents.join(self.between), self.end].concat()
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Format({})", self.name)
    }
}

/// The formats that resources of a type can be read in, the catalogue's own first.
pub fn formats(resource: &ResourceType) -> impl Iterator<Item = &'static Format> {
    FORMATS.iter().filter(move |format| format.applies_to(resource))
}

/// The JSON schemas of all documents that are converted to, by name, as OpenAPI 3.0 wants them below `#/components/schemas`.
pub fn json_schemas() -> Vec<(&'static str, Value)> {
    FORMATS.iter().flat_map(|format| (format.schemas)()).collect()
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn rows_are_complete() {
        assert!(FORMATS.first().is_some_and(Format::is_own) && FORMATS.iter().filter(|format| format.is_own()).count() == 1);
        assert_eq!(FORMATS.len(), CONSTANTS.len());
        let is_link = |name: &&str| crate::resource_types().iter().any(|resource| resource.links().any(|field| field.name == *name));
        assert!(FORMATS.iter().flat_map(|format| format.named).all(is_link));
        assert_eq!(FORMATS.iter().map(|format| format.name).collect::<HashSet<_>>().len(), FORMATS.len());
        // Documents that are not JSON have no schema.
        for format in FORMATS.iter().filter(|format| !format.is_own() && format.media_type == AIOD.media_type) {
            let schemas = (format.schemas)();
            assert!(schemas.iter().any(|(name, _)| Some(*name) == format.schema), "{format:?}");
        }
    }

    #[test]
    fn a_row_says_how_several_documents_are_written() {
        /// A format that is not JSON, such as BibTeX.
        const PLAIN: Format = Format {
            name: "plain",
            media_type: "text/plain",
            page: Enclosure { begin: "", between: "\n\n", end: "\n" },
            types: Types::Only(&[target::person]),
            write: Some(|person, _| format!("name = {}", person["name"])),
            named: &[],
            schema: None,
            schemas: Vec::new,
        };
        let known = Known { base: "", names: &Names::default(), is_v2: false };
        let written: Vec<String> = ["Ada", "Bob"].iter().map(|name| PLAIN.write(&json!({"name": name}), &known)).collect();
        assert_eq!(PLAIN.page.join(&written), "name = \"Ada\"\n\nname = \"Bob\"\n");
        assert_eq!((PLAIN.page.join(&[]), AIOD.page.join(&[])), ("\n".to_owned(), "[]".to_owned()));
        assert!(PLAIN.applies_to(crate::by_name("person").unwrap()) && !PLAIN.applies_to(crate::by_name("team").unwrap()));
    }
}
