//! The AIoD metadata model: resource types, vocabularies, links between resources, validation and conversions.
//!
//! No HTTP, no SQL, no I/O: the server, the connectors and the converters share these types and tables.

// The derive macro writes paths from here, which hold inside this crate, too.
extern crate self as aiod_schema;

#[macro_use]
mod table;

pub mod causes;
pub mod choice;
pub mod convert;
pub mod form;
pub mod identifier;
pub mod link;
pub mod model;
pub mod platform;
pub mod resource;
pub mod validate;
pub mod vocabulary;
pub mod wire;

/// Turns a struct into the table of its fields; the attributes are those that the crate `aiod-schema-derive` describes.
///
/// What an attribute names has to exist:
///
/// ```
/// #[derive(aiod_schema::Model)]
/// struct Book {
///     #[field(term = "keyword")]
///     keyword: Vec<String>,
///     #[field(link = "person, organisation")]
///     author: Vec<String>,
/// }
/// ```
///
/// A vocabulary that does not exist does not compile, nor does a link's target:
///
/// ```compile_fail,E0425
/// #[derive(aiod_schema::Model)]
/// struct Book {
///     #[field(term = "key_word")]
///     keyword: Vec<String>,
/// }
/// ```
///
/// ```compile_fail,E0425
/// #[derive(aiod_schema::Model)]
/// struct Book {
///     #[field(link = "persons")]
///     author: Vec<String>,
/// }
/// ```
///
/// Nor does a role, nor a field that another is said to repeat or to override:
///
/// ```compile_fail,E0599
/// #[derive(aiod_schema::Model)]
/// struct Book {
///     #[field(role = Title)]
///     title: String,
/// }
/// ```
///
/// ```compile_fail,E0609
/// #[derive(aiod_schema::Model)]
/// struct Book {
///     #[field(read_only, embeds = "auhtor")]
///     authors: Vec<String>,
/// }
/// ```
pub use aiod_schema_derive::Model;
pub use choice::Status;
pub use identifier::new_identifier;
pub use model::{Class, Field, Group, Kind, Object, ResourceType, Role, by_identifier, by_name, by_path, resource_types};
pub use validate::{Fault, Input};
