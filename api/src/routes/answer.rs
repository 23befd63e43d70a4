//! What goes out.

use std::marker::PhantomData;

use aiod_schema::convert::Format;
use poem::http::StatusCode;
use poem::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use serde::Serialize;
use serde_json::Value;

use super::budget::Length;
use super::etag::EntityTag;
use super::shape::{self, JSON, Null, Shape};
use crate::catalogue::Error;
use crate::catalogue::read::Document;

/// An answer of this shape, already written: JSON, unless a format of another media type was asked for.
pub(super) struct Answer<T> {
    media_type: &'static str,
    headers: HeaderMap,
    body: String,
    /// The revision of the one resource that the answer is about.
    revision: Option<i64>,
    shape: PhantomData<fn() -> T>,
}

impl<T: Shape> Answer<T> {
    /// JSON that is written already, and of this shape.
    pub(super) fn written(body: String) -> Self {
        Self { media_type: JSON, headers: HeaderMap::new(), body, revision: None, shape: PhantomData }
    }

    /// A resource.
    pub(super) fn document(document: Document) -> Self {
        Self { revision: Some(document.revision), ..Self::written(document.body) }
    }

    /// A value of this shape.
    pub(super) fn json(value: &impl Serialize) -> Result<Self, Error> {
        serde_json::to_string(value).map(Self::written).map_err(|error| Error::Internal(format!("an answer cannot be written: {error}")))
    }

    /// The same in the media type of a format.
    pub(super) fn in_format(self, format: &Format) -> Self {
        Self { media_type: format.media_type, ..self }
    }

    /// Adds a header. A value that no header can hold is left out.
    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

impl<T: Shape + Serialize> Answer<T> {
    /// This value.
    pub(super) fn of(value: &T) -> Result<Self, Error> {
        Self::json(value)
    }
}

impl Answer<Null> {
    /// Done, and there is nothing to tell.
    pub(super) fn null() -> Self {
        Self::written("null".to_owned())
    }
}

impl<T> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let tag = match self.revision {
            Some(revision) => EntityTag::of_revision(revision, &self.body),
            None => EntityTag::of(&self.body),
        };
        let length = Length(self.body.len());
        let mut response = Response::builder().content_type(self.media_type).extension(tag).extension(length).body(self.body);
        response.headers_mut().extend(self.headers);
        response
    }
}

impl<T: Shape> ApiResponse for Answer<T> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: JSON, schema: T::schema() }];
        let done = MetaResponse { description: "It worked.", status: Some(200), status_range: None, content, headers: T::headers() };
        MetaResponses { responses: vec![done] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// An answer that sends the caller elsewhere.
pub(super) struct SeeOther(pub(super) String);

impl IntoResponse for SeeOther {
    fn into_response(self) -> Response {
        let body = Value::from(self.0.as_str()).to_string();
        let mut response = Response::builder().status(StatusCode::SEE_OTHER).content_type(JSON).body(body);
        // A URL that is no header value cannot be followed; the body still says it.
        if let Ok(location) = HeaderValue::from_str(&self.0) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

impl ApiResponse for SeeOther {
    fn meta() -> MetaResponses {
        let response = |status, description, headers| {
            let content = vec![MetaMediaType { content_type: JSON, schema: String::schema_ref() }];
            MetaResponse { description, status: Some(status), status_range: None, content, headers }
        };
        let location = vec![shape::header("Location", "Where the file is.")];
        // The existing document of this interface says 200; clients that were generated from it look for that.
        MetaResponses { responses: vec![response(200, "Where the file is.", vec![]), response(303, "The file is there.", location)] }
    }

    fn register(_: &mut Registry) {}
}
