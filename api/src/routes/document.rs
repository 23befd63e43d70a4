//! The OpenAPI document of each version, put together from the operations of all groups.

use std::collections::{BTreeMap, HashMap};

use aiod_schema::convert;
use aiod_schema::wire::{HttpValidationError, Problem};
use poem::http::Method;
use poem_openapi::ApiExtractor;
use poem_openapi::registry::{MetaOperation, MetaResponse, Registry};
use serde_json::{Map, Value, json};

use super::Version;
use super::caller::{Auth, OPEN_ID_CONNECT};
use super::interface::GROUPS;
use super::schema::{leak, register_model};
use super::shape::{JSON, Shape, header};
use super::template::{InterfaceError, Operation, Tag};
use crate::config::{Config, Keycloak};
use crate::identity::discovery_url;

/// The version of OpenAPI, which the schemas follow.
const OPENAPI: &str = "3.0.0";

/// The OpenAPI document of a version, with the login of a configuration.
///
/// # Errors
/// When an operation has no rule.
pub fn document_for(version: Version, config: &Config) -> Result<Value, InterfaceError> {
    let mut document = document(version)?;
    set_issuer(&mut document, &config.keycloak);
    Ok(document)
}

/// Says in a document where the login of this catalogue is.
pub(super) fn set_issuer(document: &mut Value, keycloak: &Keycloak) {
    let url = document.pointer_mut(&format!("/components/securitySchemes/{OPEN_ID_CONNECT}/openIdConnectUrl"));
    if let Some(url) = url.filter(|_| keycloak.is_on()) {
        *url = discovery_url(keycloak.issuer.expose()).into();
    }
}

/// The OpenAPI document of a version.
///
/// # Errors
/// When an operation has no rule.
pub fn document(version: Version) -> Result<Value, InterfaceError> {
    let mut registry = Registry::new();
    <Auth as ApiExtractor<'_>>::register(&mut registry);
    <Problem as Shape>::register(&mut registry);
    <HttpValidationError as Shape>::register(&mut registry);
    register_model(&mut registry, version);
    let mut operations = Vec::new();
    for group in GROUPS {
        let of_group = (group.describe)(version)?;
        if !of_group.is_empty() {
            (group.register)(&mut registry);
        }
        operations.extend(of_group);
    }
    Ok(json!({
        "openapi": OPENAPI,
        "info": {
            "title": "AIoD metadata catalogue",
            "description": "Metadata of AI resources: datasets, models, publications, events and more, in the AIoD format.",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [],
        "tags": tags(&operations),
        "paths": paths(version, operations),
        "components": {
            "responses": ERRORS.iter().map(|error| (error.name.to_owned(), error.described())).collect::<Map<_, _>>(),
            "schemas": schemas(&registry),
            "securitySchemes": registry.security_schemes,
        },
    }))
}

/// The schemas of the interface and of the documents of other formats.
fn schemas(registry: &Registry) -> BTreeMap<String, Value> {
    let own = registry.schemas.iter().map(|(name, schema)| (name.clone(), json!(schema)));
    own.chain(convert::json_schemas().into_iter().map(|(name, schema)| (name.to_owned(), schema))).collect()
}

/// The groups of the documentation, in the order in which the operations first name them.
fn tags(operations: &[Operation]) -> Vec<Value> {
    let mut tags: Vec<Tag> = Vec::new();
    for operation in operations {
        tags.extend(operation.tag.filter(|tag| !tags.contains(tag)));
    }
    tags.into_iter().map(|tag| json!({"name": tag.name, "description": tag.description})).collect()
}

/// One entry for each path, in the order of the groups: a document must not have a key twice.
fn paths(version: Version, operations: Vec<Operation>) -> Map<String, Value> {
    let mut paths = Map::new();
    for operation in operations {
        let path = format!("{}{}", version.prefix(), operation.path);
        let method = operation.meta.method.as_str().to_lowercase();
        let errors = errors_of(&operation.meta);
        let mut described = json!(complete(operation));
        if let Some(responses) = described.get_mut("responses").and_then(Value::as_object_mut) {
            responses.extend(errors.map(|error| (error.status.to_string(), json!({"$ref": error.path()}))));
        }
        if let Value::Object(of_path) = paths.entry(path).or_insert_with(|| json!({})) {
            of_path.insert(method, described);
        }
    }
    paths
}

/// Adds what follows from an operation's rule and method: who may, and `ETag`s.
fn complete(operation: Operation) -> MetaOperation {
    let Operation { action, mut meta, .. } = operation;
    if action.is_open() && !meta.security.is_empty() {
        // Nobody needs to be known here, but who is may see more.
        meta.security.insert(0, HashMap::new());
    }
    let explanation = action.explanation();
    meta.description = Some(leak(match meta.description {
        None | Some("") => explanation,
        Some(text) => format!("{text}\n\n{explanation}"),
    }));
    let is_read = meta.method == Method::GET;
    let responses = &mut meta.responses.responses;
    let redirects = responses.iter().any(|response| response.status == Some(303));
    if is_read && !redirects {
        responses.iter_mut().for_each(add_etag);
        responses.push(not_modified());
    }
    meta
}

fn add_etag(response: &mut MetaResponse) {
    if response.headers.iter().all(|header| header.name != "ETag") {
        response.headers.insert(0, header("ETag", "For `If-None-Match`."));
    }
}

fn not_modified() -> MetaResponse {
    let description = "The caller has it already (`If-None-Match`).";
    MetaResponse { description, status: Some(304), status_range: None, content: vec![], headers: vec![] }
}

/// An error that operations may answer. It stands once in the document, and operations refer to it.
struct ErrorResponse {
    status: u16,
    name: &'static str,
    meaning: &'static str,
    /// Whether reading never answers it.
    only_writes: bool,
}

const fn any(status: u16, name: &'static str, meaning: &'static str) -> ErrorResponse {
    ErrorResponse { status, name, meaning, only_writes: false }
}

const fn writes(status: u16, name: &'static str, meaning: &'static str) -> ErrorResponse {
    ErrorResponse { status, name, meaning, only_writes: true }
}

/// The status of an input with faults; its body names each of them.
const INVALID: u16 = 422;

const ERRORS: &[ErrorResponse] = &[
    any(400, "BadRequest", "The request makes no sense as it is."),
    any(401, "Unauthorized", "A user is needed, by token or API key."),
    any(403, "Forbidden", "The caller may not do this."),
    any(404, "NotFound", "It does not exist, or was deleted."),
    writes(408, "RequestTimeout", "The body came too slowly."),
    any(409, "Conflict", "It exists already, or something stands in the way."),
    writes(412, "PreconditionFailed", "A precondition does not hold: the platform is unknown, or the revision is another."),
    writes(413, "PayloadTooLarge", "The body is too large."),
    writes(415, "UnsupportedMediaType", "The body is of another type."),
    any(INVALID, "UnprocessableEntity", "The input is faulty; every fault is named."),
    any(429, "TooManyRequests", "The caller sent too many requests; `Retry-After` says when the next may come."),
    any(503, "ServiceUnavailable", "The catalogue cannot reach its database, or the identity provider, right now."),
];

impl ErrorResponse {
    /// Where it stands in the document.
    fn path(&self) -> String {
        format!("#/components/responses/{}", self.name)
    }

    fn described(&self) -> Value {
        let schema = if self.status == INVALID { HttpValidationError::schema() } else { Problem::schema() };
        json!({"description": self.meaning, "content": {JSON: {"schema": schema}}})
    }
}

/// The errors that an operation may answer.
fn errors_of(operation: &MetaOperation) -> impl Iterator<Item = &'static ErrorResponse> + use<> {
    let is_read = operation.method == Method::GET;
    ERRORS.iter().filter(move |error| !(is_read && error.only_writes))
}
