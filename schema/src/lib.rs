//! The AIoD metadata model: resource types, vocabularies, links between resources, validation and conversions.
//!
//! No HTTP, no SQL, no I/O: the server, the connectors and the converters share these types and tables.

// What `#[derive(Model)]` writes names this crate as others do.
extern crate self as aiod_schema;

pub mod causes;
pub mod choice;
pub mod convert;
pub mod form;
pub mod identifier;
pub mod link;
pub mod model;
pub mod resource;
pub mod validate;
pub mod vocabulary;
pub mod wire;

pub use aiod_schema_derive::Model;
pub use choice::Status;
pub use identifier::new_identifier;
pub use model::{Class, Field, Kind, Object, ResourceType, by_identifier, by_name, by_path, resource_types};
pub use validate::{Fault, Input};
