//! What surrounds every request: limits, compression, CORS, one form of errors, and the methods that no operation names.

use std::sync::Arc;
use std::time::Instant;

use poem::endpoint::BoxEndpoint;
use poem::error::ReadBodyError;
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::middleware::{CatchPanic, Cors};
use poem::web::{Compress, CompressionAlgo};
use poem::{Body, Endpoint, EndpointExt, IntoResponse, Request, Response, Result};
use tokio::sync::Semaphore;

use super::Version;
use super::body::forwarded_prefix;
use super::caller::identify;
use super::etag::Known;
use super::limit::{Left, RateLimit, TOLD};
use super::problem::{from_poem, problem};
use super::typed::RouteTable;
use crate::app::App;
use crate::catalogue::permission::{self, Action, Subject};
use crate::config::Config;
use crate::identity::Caller;

/// Answers smaller than this gain nothing from compression, in bytes.
const MIN_COMPRESSED: usize = 512;
/// The largest body of somebody who is not known and will be refused, in bytes.
const MAX_UNKNOWN: usize = 256 << 10;
/// How many KiB of bodies are worked on at once: JSON takes many times its size when it is parsed.
const BODIES_KIB: usize = 128 << 10;
/// What the framework calls the second parameter of a path: below `/platforms/…`, the platform's identifier of a resource.
const OWN_IDENTIFIER: &str = "param1";
/// The methods that a path without an operation for them refuses by name.
const METHODS: [Method; 7] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE];

/// Adds what every path has: `OPTIONS`, `HEAD`, and 405 with `Allow` for the rest. Platform identifiers may hold `/`, so their
/// paths take whatever follows.
pub(super) fn completed(table: RouteTable) -> RouteTable {
    let mut out = RouteTable::new();
    for (path, methods) in table {
        let (path, methods) = match path.strip_suffix("/batch") {
            // In the same place as the identifiers: `batch` may be one, and only POST tells them apart.
            Some(stem) => {
                (format!("{stem}/*{OWN_IDENTIFIER}"), methods.into_iter().map(|(m, endpoint)| (m, only_batch(endpoint))).collect())
            }
            None => match path.strip_suffix(&format!("/:{OWN_IDENTIFIER}")).filter(|stem| stem.contains("/platforms/")) {
                Some(stem) => (format!("{stem}/*{OWN_IDENTIFIER}"), methods),
                None => (path, methods),
            },
        };
        out.entry(path).or_default().extend(methods);
    }
    for methods in out.values_mut() {
        let mut allowed: Vec<String> = methods.keys().map(Method::to_string).chain(["OPTIONS".to_owned()]).collect();
        if methods.contains_key(&Method::GET) {
            allowed.push("HEAD".to_owned());
        }
        allowed.sort();
        let allow: Arc<str> = allowed.join(", ").into();
        for method in METHODS.iter().filter(|m| !allowed.iter().any(|a| a == m.as_str())) {
            methods.insert(method.clone(), refusing(Arc::clone(&allow)));
        }
        methods.insert(Method::OPTIONS, answering_options(allow));
    }
    out
}

fn with_allow(mut response: Response, allow: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(allow) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

fn refusing(allow: Arc<str>) -> BoxEndpoint<'static> {
    let answer = move |_| {
        let allow = Arc::clone(&allow);
        async move { with_allow(problem(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"), &allow) }
    };
    poem::endpoint::make(answer).map_to_response().boxed()
}

fn answering_options(allow: Arc<str>) -> BoxEndpoint<'static> {
    let answer = move |_| {
        let allow = Arc::clone(&allow);
        async move { with_allow(StatusCode::NO_CONTENT.into_response(), &allow) }
    };
    poem::endpoint::make(answer).map_to_response().boxed()
}

fn only_batch(endpoint: BoxEndpoint<'static>) -> BoxEndpoint<'static> {
    let endpoint = Arc::new(endpoint);
    let answer = move |request: Request| {
        let endpoint = Arc::clone(&endpoint);
        async move {
            if request.raw_path_param(OWN_IDENTIFIER) == Some("batch") {
                return endpoint.get_response(request).await;
            }
            with_allow(problem(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"), "GET, HEAD, OPTIONS")
        }
    };
    poem::endpoint::make(answer).map_to_response().boxed()
}

/// The application with everything that surrounds it.
pub(super) fn guarded<E: Endpoint<Output = Response> + 'static>(inner: E, app: &Arc<App>) -> impl Endpoint + use<E> {
    let guard = Guard { inner, app: Arc::clone(app), rate: RateLimit::new(&app.config.limits), bodies: Semaphore::new(BODIES_KIB) };
    let origins = &app.config.cors.origins;
    let cors = origins.iter().fold(Cors::new(), |cors, origin| cors.allow_origin(origin));
    guard
        .with(cors.expose_headers([header::ETAG, header::LINK, header::LOCATION, header::RETRY_AFTER]).expose_headers(TOLD))
        .with(CatchPanic::new().with_handler(|_| problem(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong in the catalogue.")))
}

/// Limits, one form of errors, compression and a line in the log, around every request.
struct Guard<E> {
    inner: E,
    app: Arc<App>,
    rate: Option<RateLimit>,
    /// A permit for each KiB of a body that is worked on.
    bodies: Semaphore,
}

impl<E: Endpoint<Output = Response>> Guard<E> {
    /// How many bytes a request's body may have: many for those alone who may write that platform in bulk.
    fn body_limit(&self, request: &Request, caller: &Caller) -> usize {
        let App { config: Config { limits, .. }, catalogue, .. } = &*self.app;
        let platform = request.uri().path().strip_suffix("/batch").and_then(|path| path.rsplit('/').nth(1));
        let subject = Subject { platform, ..Subject::default() };
        if platform.is_some() && permission::is_allowed(&catalogue.roles, caller, Action::UpsertBatch, subject) {
            limits.batch_bytes
        } else if caller.user().is_some() {
            limits.body_bytes
        } else {
            limits.body_bytes.min(MAX_UNKNOWN)
        }
    }

    /// Who it is, whether there may be another request, and then the answer.
    async fn answer(&self, mut request: Request) -> Response {
        let caller = match identify(&self.app, &request).await {
            Ok(caller) => caller,
            Err(error) => return from_poem(error.into()),
        };
        let left = self.rate.as_ref().and_then(|rate| rate.check(&request, &caller));
        if let Some(refused) = left.as_ref().and_then(Left::refusal) {
            return refused;
        }
        let limit = self.body_limit(&request, &caller);
        request.set_data(caller);
        let response = limited(&self.inner, request, limit, &self.bodies).await;
        match left {
            Some(left) => left.told(response),
            None => response,
        }
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for Guard<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let begin = Instant::now();
        let (method, path) = (request.method().clone(), request.uri().clone());
        let wanted = request.header(header::ACCEPT_ENCODING).and_then(negotiated);
        let known = Known::of(&request);
        let answer = self.answer(request).await;
        let response = match known {
            Some(known) => known.told(answer),
            None => answer,
        };
        let response = compressed(response, wanted);
        let status = response.status().as_u16();
        tracing::debug!(%method, path = path.path(), status, micros = begin.elapsed().as_micros(), "{method} {} {status}", path.path());
        Ok(response)
    }
}

/// Calls the application with a body of at most `limit` bytes, and brings errors into our form.
async fn limited(endpoint: &impl Endpoint, mut request: Request, limit: usize, bodies: &Semaphore) -> Response {
    let mut turn = None;
    let redirect = documentation(&request).or_else(|| without_trailing_slash(&request));
    if has_body(&request) {
        // No Content-Type means JSON, as it always did for clients of this interface.
        if !request.headers().contains_key(header::CONTENT_TYPE) {
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let declared = request.header(header::CONTENT_LENGTH).and_then(|l| l.parse::<usize>().ok());
        if declared.is_some_and(|length| length > limit) {
            return too_large(limit);
        }
        match request.take_body().into_bytes_limit(limit).await {
            Ok(bytes) => {
                let weight = bytes.len().div_ceil(1024).min(BODIES_KIB);
                turn = bodies.acquire_many(u32::try_from(weight).unwrap_or(u32::MAX)).await.ok();
                request.set_body(Body::from_bytes(bytes));
            }
            Err(ReadBodyError::PayloadTooLarge) => return too_large(limit),
            Err(error) => return problem(StatusCode::BAD_REQUEST, &format!("the body cannot be read: {error}")),
        }
    }
    let response = endpoint.call(request).await.map_or_else(from_poem, IntoResponse::into_response);
    drop(turn);
    match redirect.filter(|_| response.status() == StatusCode::NOT_FOUND) {
        Some(target) => StatusCode::TEMPORARY_REDIRECT.with_header(header::LOCATION, target).into_response(),
        None => response,
    }
}

fn has_body(request: &Request) -> bool {
    !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
}

fn too_large(limit: usize) -> Response {
    problem(StatusCode::PAYLOAD_TOO_LARGE, &format!("The body is larger than the {limit} bytes that are taken here."))
}

/// Where the roots of both versions lead.
fn documentation(request: &Request) -> Option<String> {
    let root = Version::ALL.into_iter().find(|version| request.uri().path().trim_end_matches('/') == version.prefix())?;
    Some(format!("{}{}/docs", forwarded_prefix(request), root.prefix()))
}

/// Where a path with a slash at its end leads.
fn without_trailing_slash(request: &Request) -> Option<String> {
    let path = request.uri().path();
    let stem = path.strip_suffix('/').filter(|stem| !stem.is_empty() && !stem.starts_with("//"))?;
    let query = request.uri().query().map(|q| format!("?{q}")).unwrap_or_default();
    Some(format!("{}{stem}{query}", forwarded_prefix(request)))
}

/// The encoding that the caller likes best of those that are offered.
fn negotiated(accepted: &str) -> Option<CompressionAlgo> {
    let quality = |name: &str| {
        accepted.split(',').find_map(|entry| {
            let (coding, parameters) = entry.split_once(';').unwrap_or((entry, ""));
            let q = parameters.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
            coding.trim().eq_ignore_ascii_case(name).then_some(q)
        })
    };
    // In the order in which they are preferred: zstd costs the least, brotli packs the best.
    let offered = [("zstd", CompressionAlgo::ZSTD), ("br", CompressionAlgo::BR), ("gzip", CompressionAlgo::GZIP)];
    let mut best: Option<(f32, CompressionAlgo)> = None;
    for (name, algorithm) in offered {
        let q = quality(name).unwrap_or(0.0);
        if q > 0.0 && best.is_none_or(|(b, _)| q > b) {
            best = Some((q, algorithm));
        }
    }
    best.map(|(_, algorithm)| algorithm)
}

fn compressed(mut response: Response, wanted: Option<CompressionAlgo>) -> Response {
    let is_text = response.content_type().is_some_and(|t| t.starts_with("application/json") || t.starts_with("text/"));
    if is_text {
        response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|l| l.to_str().ok()?.parse::<usize>().ok());
    let worth = is_text && length.is_none_or(|l| l >= MIN_COMPRESSED) && !response.headers().contains_key(header::CONTENT_ENCODING);
    match wanted.filter(|_| worth && response.status() == StatusCode::OK) {
        Some(algorithm) => Compress::new(response, algorithm).into_response(),
        None => response,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_the_offered_encodings_is_taken() {
        let coding = |accepted| negotiated(accepted).map(|a| format!("{a:?}"));
        assert_eq!(coding("gzip, deflate, br, zstd").as_deref(), Some("ZSTD"));
        assert_eq!(coding("gzip").as_deref(), Some("GZIP"));
        assert_eq!(coding("br;q=0.5, gzip;q=0.9").as_deref(), Some("GZIP"));
        assert_eq!(coding("gzip;q=0"), None);
        assert_eq!(coding("identity"), None);
    }
}
