//! What comes in: bodies, parameters of the query and of the path. Whatever is wrong with them is said in our own words, all of it at once.

use std::marker::PhantomData;
use std::str::FromStr;

use aiod_schema::model::{FieldType, Model};
use aiod_schema::{Fault, form};
use poem::error::ReadBodyError;
use poem::http::{Uri, header};
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaParamIn, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::address::{self, link_base};
use super::caller::Auth;
use super::json::{self, ParseError};
use super::schema::{self, Form, inline, object_schema, of_shape};
use super::shape::{Shape, Slot};
use crate::catalogue::Error;
use crate::catalogue::permission::require_user;
use crate::catalogue::write::Expected;

/// How many JSON values any body may have.
const VALUES: usize = 20_000;
/// A larger body may have one more for so many bytes.
const BYTES_OF_A_VALUE: usize = 16;

/// A JSON body of this shape, parsed but not yet checked.
pub(super) struct Body<T> {
    value: Value,
    shape: PhantomData<fn() -> T>,
}

impl<T> Body<T> {
    /// The JSON, whatever it is.
    pub(super) fn into_value(self) -> Value {
        self.value
    }
}

impl<T: Model + DeserializeOwned> Body<T> {
    /// What the body says. Those who are not logged in do not learn what is wrong with theirs.
    pub(super) fn checked(&self, auth: &Auth) -> Result<T, Error> {
        require_user(&auth.0)?;
        form::from_json(&self.value).map_err(Error::Invalid)
    }
}

impl<'a, T: Shape> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = T::MEDIA_TYPES.iter().map(|content_type| MetaMediaType { content_type, schema: T::schema() }).collect();
        Some(MetaRequest { description: None, content, required: T::is_required() })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        check_content_type(request)?;
        let bytes = body.take()?.into_bytes().await.map_err(unreadable)?;
        let is_absent = !T::is_required() && bytes.iter().all(u8::is_ascii_whitespace);
        let value = if is_absent { Value::Object(Map::new()) } else { parse(&bytes)? };
        Ok(Self { value, shape: PhantomData })
    }
}

/// Refuses bodies that say to be something else than JSON. Those that say nothing are taken for JSON.
fn check_content_type(request: &Request) -> Result<(), Error> {
    let Some(given) = request.header(header::CONTENT_TYPE).filter(|given| !given.trim().is_empty()) else { return Ok(()) };
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    if is_json {
        return Ok(());
    }
    let message = format!("'{given}' is not taken here: application/json is expected");
    Err(Error::Invalid(vec![Fault::value(["header", "Content-Type"], message)]))
}

fn unreadable(error: ReadBodyError) -> Error {
    match error {
        ReadBodyError::PayloadTooLarge => Error::TooLarge(error.to_string()),
        other => Error::BadRequest(other.to_string()),
    }
}

/// Reads JSON. A body of very many small values would take some fifty times its size in memory, so their number is limited.
fn parse(bytes: &[u8]) -> Result<Value, Error> {
    let most = VALUES + bytes.len() / BYTES_OF_A_VALUE;
    json::parse(bytes, most).map_err(|error| match error {
        ParseError::TooMany => Error::TooLarge(format!("The body holds more than {most} JSON values, which is too many for its size.")),
        ParseError::Json(error) => not_json(&error),
    })
}

fn not_json(error: &serde_json::Error) -> Error {
    Error::Invalid(vec![Fault::new(["body"], format!("the body is not JSON: {error}"), "value_error.jsondecode")])
}

/// A parameter of the query or the path.
trait Parameter: Sized {
    const IN: MetaParamIn;
    const IS_REQUIRED: bool;

    /// What it looks like in the document.
    fn schema() -> MetaSchemaRef;

    /// Adds the schemas that its own refers to.
    fn register(_: &mut Registry) {}

    /// Reads it from a request, by its name in the handler's signature.
    fn read(request: &Request, name: &str) -> Result<Self, Error>;
}

/// Lets a parameter stand in a handler's signature.
macro_rules! in_signatures {
    ($({ $parameter:ty $(, $($generics:tt)*)? })*) => {$(
        impl<'a $(, $($generics)*)?> ApiExtractor<'a> for $parameter {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
            const PARAM_IS_REQUIRED: bool = <Self as Parameter>::IS_REQUIRED;
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                <Self as Parameter>::register(registry);
            }

            fn param_in() -> Option<MetaParamIn> {
                Some(<Self as Parameter>::IN)
            }

            fn param_schema_ref() -> Option<MetaSchemaRef> {
                Some(<Self as Parameter>::schema())
            }

            async fn from_request(request: &'a Request, _: &mut RequestBody, options: ExtractParamOptions<()>) -> Result<Self> {
                Ok(<Self as Parameter>::read(request, options.name)?)
            }
        }
    )*};
}
in_signatures! {
    { Query<T>, T: Model + DeserializeOwned }
    { Segment<T>, T: FieldType + FromStr + Send }
    { Rest }
    { WantedFormat }
    { WithImages }
}

/// The parameters of a request's query, decoded.
fn parameters(request: &Request) -> Vec<(String, String)> {
    let is_empty = request.uri().query().is_none_or(str::is_empty);
    if is_empty { Vec::new() } else { request.params().unwrap_or_default() }
}

/// The first parameter of the query with this name.
fn parameter(request: &Request, name: &str) -> Option<String> {
    parameters(request).into_iter().find(|(given, _)| given == name).map(|(_, text)| text)
}

/// The parameters of a query: one for each field of the struct. Parameters that it does not have are ignored.
pub(super) struct Query<T>(pub(super) T);

impl<T: Model + DeserializeOwned> Parameter for Query<T> {
    const IN: MetaParamIn = MetaParamIn::Query;
    const IS_REQUIRED: bool = false;

    fn schema() -> MetaSchemaRef {
        inline(object_schema(T::object(), Form::Create))
    }

    fn register(registry: &mut Registry) {
        // The object itself is no schema of the document: it is spread into parameters. What it refers to is one.
        for field in &T::object().fields {
            schema::register_field(registry, field);
        }
    }

    fn read(request: &Request, _: &str) -> Result<Self, Error> {
        let given = parameters(request);
        let texts = |name: &str| given.iter().filter(|(given, _)| given == name).map(|(_, text)| text.as_str()).collect();
        form::from_texts("query", texts).map(Self).map_err(Error::Invalid)
    }
}

/// The format that a reader wants.
pub(super) struct WantedFormat {
    /// Its name; `None` means the AIoD format.
    pub(super) name: Option<String>,
    /// What the addresses in its documents begin with.
    pub(super) base: String,
}

impl Parameter for WantedFormat {
    const IN: MetaParamIn = MetaParamIn::Query;
    const IS_REQUIRED: bool = false;

    fn schema() -> MetaSchemaRef {
        Slot::Format.schema()
    }

    fn read(request: &Request, name: &str) -> Result<Self, Error> {
        let name = parameter(request, name);
        let base = if name.is_some() { address::base(request) } else { String::new() };
        Ok(Self { name, base })
    }
}

/// Whether a reader wants images as part of `media`.
pub(super) struct WithImages(pub(super) bool);

impl Parameter for WithImages {
    const IN: MetaParamIn = MetaParamIn::Query;
    const IS_REQUIRED: bool = false;

    fn schema() -> MetaSchemaRef {
        Slot::Images.schema()
    }

    fn read(request: &Request, name: &str) -> Result<Self, Error> {
        let Some(text) = parameter(request, name) else { return Ok(Self(false)) };
        let value = form::value_of(bool::SHAPE.kind, &text).as_bool();
        value.map(Self).ok_or_else(|| Error::query(name, "value could not be parsed to a boolean: true or false is expected"))
    }
}

/// A parameter of the path: what stands between two slashes.
pub(super) struct Segment<T>(pub(super) T);

impl<T: FieldType + FromStr> Parameter for Segment<T> {
    const IN: MetaParamIn = MetaParamIn::Path;
    const IS_REQUIRED: bool = true;

    fn schema() -> MetaSchemaRef {
        of_shape(&T::SHAPE)
    }

    fn read(request: &Request, name: &str) -> Result<Self, Error> {
        let text = request.raw_path_param(name).unwrap_or_default();
        // Only numbers can fail: the other parameters are texts.
        text.parse().map(Self).map_err(|_| Error::Invalid(vec![Fault::value(["path", name], "value is not a valid integer")]))
    }
}

/// The format of a parameter that takes the rest of the path: by it the router knows [`Rest`].
const REST_FORMAT: &str = "rest";

/// The last parameter of the path: all that follows, slashes too.
pub(super) struct Rest(pub(super) String);

impl Rest {
    /// Whether a parameter of a template takes all that follows.
    pub(super) fn is(schema: &MetaSchemaRef) -> bool {
        matches!(schema, MetaSchemaRef::Inline(schema) if schema.format == Some(REST_FORMAT))
    }
}

impl Parameter for Rest {
    const IN: MetaParamIn = MetaParamIn::Path;
    const IS_REQUIRED: bool = true;

    fn schema() -> MetaSchemaRef {
        inline(MetaSchema::new_with_format("string", REST_FORMAT))
    }

    fn read(request: &Request, name: &str) -> Result<Self, Error> {
        Ok(Self(request.raw_path_param(name).unwrap_or_default().to_owned()))
    }
}

/// What `If-Match` expects. Tags that are none of ours match nothing.
pub(super) fn expected(request: &Request) -> Expected {
    let Some(value) = request.header(header::IF_MATCH) else { return Expected::Any };
    if value.trim() == "*" {
        return Expected::Any;
    }
    let revision = |tag: &str| tag.trim().trim_start_matches("W/").trim_matches('"').split('-').next()?.parse().ok();
    Expected::Revisions(value.split(',').filter_map(revision).collect())
}

/// The request's URL with one query parameter set to another value.
pub(super) fn with_query(request: &Request, name: &str, value: &str) -> String {
    let uri: &Uri = request.uri();
    let kept = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(name));
    let query: Vec<String> = kept.map(str::to_owned).chain([format!("{name}={value}")]).collect();
    format!("{}{}?{}", link_base(request), uri.path(), query.join("&"))
}
