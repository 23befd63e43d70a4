//! What comes in and goes out: JSON bodies as they are, checked against the model's tables instead of types.

use std::ops::Deref;

use aiod_schema::Fault;
use poem::error::ReadBodyError;
use poem::http::header::{self, HeaderMap, HeaderValue};
use poem::http::{StatusCode, Uri};
use poem::{IntoResponse, Request, RequestBody, Response, Result};
use poem_openapi::payload::{ParsePayload, Payload};
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, impl_apirequest_for_payload};
use serde_json::Value;

use super::etag::EntityTag;
use super::problem::unprocessable;
use crate::catalogue::read::Document;
use crate::catalogue::write::Expected;

/// The schemas that stand in the templates of operations until they are made for a type.
pub(crate) const PLACEHOLDER: &str = "PLACEHOLDER";

/// A JSON body, parsed but not yet checked.
pub(crate) struct JsonBody(pub(crate) Value);

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

impl Payload for JsonBody {
    const CONTENT_TYPE: &'static str = "application/json";

    fn check_content_type(content_type: &str) -> bool {
        is_json(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(PLACEHOLDER.to_owned())
    }
}

impl ParsePayload for JsonBody {
    const IS_REQUIRED: bool = true;

    async fn from_request(_: &Request, body: &mut RequestBody) -> Result<Self> {
        parsed(&json_bytes(body).await?).map(Self)
    }
}

async fn json_bytes(body: &mut RequestBody) -> Result<impl Deref<Target = [u8]>> {
    let bytes = body.take()?.into_bytes().await;
    bytes.map_err(|error| match error {
        ReadBodyError::PayloadTooLarge => poem::Error::from(crate::catalogue::Error::TooLarge(error.to_string())),
        other => poem::Error::from(crate::catalogue::Error::BadRequest(other.to_string())),
    })
}

fn parsed(bytes: &[u8]) -> Result<Value> {
    serde_json::from_slice(bytes).map_err(|error| {
        let fault = Fault::new(["body"], format!("the body is not JSON: {error}"), "value_error.jsondecode");
        poem::Error::from_response(unprocessable(&[fault]))
    })
}

impl_apirequest_for_payload!(JsonBody);

/// A JSON body that may be left out; then it is an empty object.
pub(crate) struct OptionalBody(pub(crate) Value);

impl Payload for OptionalBody {
    const CONTENT_TYPE: &'static str = JsonBody::CONTENT_TYPE;

    fn check_content_type(content_type: &str) -> bool {
        is_json(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        JsonBody::schema_ref()
    }
}

impl ParsePayload for OptionalBody {
    const IS_REQUIRED: bool = false;

    async fn from_request(_: &Request, body: &mut RequestBody) -> Result<Self> {
        let bytes = json_bytes(body).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) { Ok(Self(Value::Object(serde_json::Map::new()))) } else { parsed(&bytes).map(Self) }
    }
}

impl_apirequest_for_payload!(OptionalBody);

/// A JSON answer that is already text.
#[derive(Debug, Default)]
pub(crate) struct JsonAnswer {
    headers: HeaderMap,
    body: String,
    /// Of the one resource that it is about.
    revision: Option<i64>,
}

impl JsonAnswer {
    pub(crate) fn new(body: String) -> Self {
        Self { body, ..Self::default() }
    }

    pub(crate) fn value(value: &Value) -> Self {
        Self::new(value.to_string())
    }

    /// `null`, which is what writes without anything to tell answer.
    pub(crate) fn null() -> Self {
        Self::new("null".to_owned())
    }

    /// A resource.
    pub(crate) fn document(document: Document) -> Self {
        Self { revision: Some(document.revision), ..Self::new(document.body) }
    }

    /// Adds a header; a value that is none is left out.
    pub(crate) fn header(mut self, name: header::HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

/// What `If-Match` expects. Tags that are none of ours match nothing.
pub(crate) fn expected(request: &Request) -> Expected {
    let Some(value) = request.header(header::IF_MATCH) else { return Expected::Any };
    if value.trim() == "*" {
        return Expected::Any;
    }
    let revision = |tag: &str| tag.trim().trim_start_matches("W/").trim_matches('"').split('-').next()?.parse().ok();
    Expected::Revisions(value.split(',').filter_map(revision).collect())
}

/// Where the caller sees this server's root: the prefix that a proxy in front says.
pub(crate) fn forwarded_prefix(request: &Request) -> String {
    let given = request.header("X-Forwarded-Prefix").unwrap_or_default().trim_end_matches('/');
    let is_path =
        given.starts_with('/') && !given.starts_with("//") && given.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.~".contains(&b));
    if is_path { given.to_owned() } else { String::new() }
}

/// The request's URL with one query parameter set to another value.
pub(crate) fn with_query(request: &Request, name: &str, value: &str) -> String {
    let uri: &Uri = request.uri();
    let kept = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(name));
    let query: Vec<String> = kept.map(str::to_owned).chain([format!("{name}={value}")]).collect();
    format!("{}{}?{}", forwarded_prefix(request), uri.path(), query.join("&"))
}

impl Payload for JsonAnswer {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(PLACEHOLDER.to_owned())
    }
}

impl IntoResponse for JsonAnswer {
    fn into_response(self) -> Response {
        let tag = match self.revision {
            Some(revision) => EntityTag::of_revision(revision, &self.body),
            None => EntityTag::of(&self.body),
        };
        let mut response = Response::builder().content_type(Self::CONTENT_TYPE).extension(tag).body(self.body);
        response.headers_mut().extend(self.headers);
        response
    }
}

impl ApiResponse for JsonAnswer {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: Self::CONTENT_TYPE, schema: Self::schema_ref() }];
        let ok = MetaResponse { description: "", status: Some(200), status_range: None, content, headers: vec![] };
        MetaResponses { responses: vec![ok] }
    }

    fn register(_: &mut Registry) {}
}

/// A header of an answer, for the document.
pub(crate) fn header_meta(name: &str, description: &str) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: false,
        deprecated: false,
        schema: String::schema_ref(),
    }
}

/// An answer that sends the caller elsewhere.
pub(crate) struct SeeOther(pub(crate) String);

impl IntoResponse for SeeOther {
    fn into_response(self) -> Response {
        let mut response = Response::builder()
            .status(StatusCode::SEE_OTHER)
            .content_type("application/json")
            .body(Value::from(self.0.as_str()).to_string());
        // A URL that is no header value cannot be followed; the body still tells it.
        if let Ok(location) = HeaderValue::from_str(&self.0) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

impl ApiResponse for SeeOther {
    fn meta() -> MetaResponses {
        let schema = String::schema_ref();
        let content = || vec![MetaMediaType { content_type: "application/json", schema: schema.clone() }];
        let found = MetaResponse {
            description: "The file is there.",
            status: Some(303),
            status_range: None,
            content: content(),
            headers: vec![header_meta("Location", "Where the file is.")],
        };
        // The existing document of this interface says 200; clients that were generated from it look for that.
        let ok =
            MetaResponse { description: "Where the file is.", status: Some(200), status_range: None, content: content(), headers: vec![] };
        MetaResponses { responses: vec![ok, found] }
    }

    fn register(_: &mut Registry) {}
}
