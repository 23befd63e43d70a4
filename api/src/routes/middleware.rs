//! What surrounds every request: limits, compression, CORS, one form of errors, and the methods that no operation names.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, Method, StatusCode, Uri, header};
use poem::middleware::{CatchPanic, Cors};
use poem::web::{Compress, CompressionAlgo};
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response};

use super::Version;
use super::address::{forwarded_prefix, varying_headers};
use super::budget::Budget;
use super::caller::identify;
use super::etag::Conditional;
use super::limit::{self, Allowance, RateLimit, Who};
use super::problem::{from_poem, problem};
use super::template::{InterfaceError, RouteTable};
use crate::app::App;
use crate::identity::Caller;

/// Answers smaller than this gain nothing from compression, in bytes.
const MIN_COMPRESSED: usize = 512;
/// The methods that a path without an operation for them refuses by name.
const METHODS: [Method; 7] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE];

/// Adds what every path has: `OPTIONS`, `HEAD`, and 405 with `Allow` for the rest.
pub(super) fn completed(mut table: RouteTable) -> Result<RouteTable, InterfaceError> {
    join_overlapping(&mut table)?;
    for methods in table.values_mut() {
        let allow: Arc<str> = allowed(methods).join(", ").into();
        for method in METHODS {
            let is_answered = methods.contains_key(&method) || (method == Method::HEAD && methods.contains_key(&Method::GET));
            if !is_answered {
                methods.insert(method, refusing(Arc::clone(&allow)));
            }
        }
        methods.insert(Method::OPTIONS, answering_options(allow));
    }
    Ok(table)
}

/// The methods that a path answers, in order.
fn allowed(methods: &HashMap<Method, BoxEndpoint<'static>>) -> Vec<String> {
    let mut allowed: Vec<String> = methods.keys().map(Method::to_string).chain(["OPTIONS".to_owned()]).collect();
    if methods.contains_key(&Method::GET) {
        allowed.push("HEAD".to_owned());
    }
    allowed.sort();
    allowed
}

/// The value that a path gives to the parameter of a path that takes the rest: `batch` of `/a/batch` below `/a`.
fn value_below<'p>(path: &'p str, stem: &str) -> Option<&'p str> {
    path.strip_prefix(stem)?.strip_prefix('/').filter(|value| !value.starts_with(['*', ':']))
}

/// Where the rest of a path is a parameter (`/a/*rest`), a path below it (`/a/batch`) is a value of this parameter as well. The router
/// takes one of the two alone: the methods of both go to the first, and those of the second answer that one value. So a method must not stand
/// at both.
fn join_overlapping(table: &mut RouteTable) -> Result<(), InterfaceError> {
    let catch_alls: Vec<String> = table.keys().filter(|path| path.contains("/*")).cloned().collect();
    for catch_all in catch_alls {
        let Some((stem, parameter)) = catch_all.split_once("/*") else { continue };
        let below: Vec<String> = table.keys().filter(|path| value_below(path, stem).is_some()).cloned().collect();
        for path in below {
            let (Some(value), Some(methods)) = (value_below(&path, stem), table.remove(&path)) else { continue };
            let of_rest = table.entry(catch_all.clone()).or_default();
            let others = allowed(of_rest).join(", ");
            for (method, endpoint) in methods {
                if of_rest.contains_key(&method) {
                    return Err(InterfaceError::Twice { method: method.to_string(), path });
                }
                of_rest.insert(method, only_at(endpoint, parameter, value, &others));
            }
        }
    }
    Ok(())
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

/// An endpoint for one value of a parameter; for others, its method is not allowed.
fn only_at(endpoint: BoxEndpoint<'static>, parameter: &str, value: &str, others: &str) -> BoxEndpoint<'static> {
    let (endpoint, parameter, value, others) = (Arc::new(endpoint), parameter.to_owned(), value.to_owned(), Arc::<str>::from(others));
    let answer = move |request: Request| {
        let is_there = request.raw_path_param(&parameter) == Some(value.as_str());
        let (endpoint, others) = (Arc::clone(&endpoint), Arc::clone(&others));
        async move {
            if is_there {
                return endpoint.get_response(request).await;
            }
            with_allow(problem(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"), &others)
        }
    };
    poem::endpoint::make(answer).map_to_response().boxed()
}

/// The application with everything that surrounds it.
pub(super) fn surrounded<E: Endpoint<Output = Response> + 'static>(inner: E, app: &Arc<App>) -> impl Endpoint + use<E> {
    let varying = varying_headers(app).and_then(|names| HeaderValue::from_str(&names).ok());
    let (rate, budget) = (RateLimit::new(&app.config.limits), Budget::new(&app.config.reads));
    let surroundings = Surroundings { inner, app: Arc::clone(app), rate, budget, varying };
    let origins = &app.config.cors.origins;
    let cors = origins.iter().fold(Cors::new(), |cors, origin| cors.allow_origin(origin));
    surroundings
        .with(cors.expose_headers([header::ETAG, header::LINK, header::LOCATION, header::RETRY_AFTER]).expose_headers(limit::HEADERS))
        .with(CatchPanic::new().with_handler(|_| problem(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong in the catalogue.")))
}

/// Who asks, limits of requests, one form of errors, compression and a line in the log, around every request.
struct Surroundings<E> {
    inner: E,
    app: Arc<App>,
    rate: Option<RateLimit>,
    budget: Budget,
    /// The headers of a proxy on which answers depend.
    varying: Option<HeaderValue>,
}

impl<E: Endpoint<Output = Response>> Surroundings<E> {
    /// Finds out who asks and whether they may ask again, and then the answer, and who it is for.
    async fn answer(&self, request: Request) -> (Response, Option<Who>) {
        match identify(&self.app, &request).await {
            Ok(caller) => {
                let who = Who::of(&request, &caller, &self.app.config.limits);
                (self.answer_to(caller, who, request).await, who)
            }
            Err(error) => (from_poem(error.into()), None),
        }
    }

    async fn answer_to(&self, caller: Caller, who: Option<Who>, mut request: Request) -> Response {
        let allowance = self.rate.as_ref().zip(who).map(|(rate, who)| rate.check(who));
        if let Some(refused) = allowance.as_ref().and_then(Allowance::refusal) {
            return refused;
        }
        let is_personal = caller.user().is_some();
        request.set_data(caller);
        let mut response = redirected(&self.inner, &self.app, request).await;
        if is_personal {
            // No cache between the server and this reader may keep it for others.
            response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private"));
        }
        match allowance {
            Some(allowance) => allowance.add_headers(response),
            None => response,
        }
    }

    /// Adds what every answer says: that its type is what it says, and on which headers of a proxy it depends.
    fn with_common_headers(&self, mut response: Response) -> Response {
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(varying) = &self.varying {
            response.headers_mut().append(header::VARY, varying.clone());
        }
        response
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for Surroundings<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let begin = Instant::now();
        let (method, path) = (request.method().clone(), request.uri().clone());
        let wanted = request.header(header::ACCEPT_ENCODING).and_then(negotiated);
        let conditional = Conditional::of(&request);
        let (answer, who) = self.answer(request).await;
        let response = match conditional {
            Some(conditional) => conditional.apply(answer),
            None => answer,
        };
        let response = self.with_common_headers(compressed(self.budget.hold(response, who).await, wanted));
        let status = response.status().as_u16();
        tracing::debug!(%method, path = path.path(), status, micros = begin.elapsed().as_micros(), "{method} {} {status}", path.path());
        Ok(response)
    }
}

/// Calls the application and brings errors into our form. A path that does not exist may lead to one that does.
async fn redirected(endpoint: &impl Endpoint, app: &App, request: Request) -> Response {
    let (documentation, stem) = (documentation(&request, app), without_trailing_slash(&request));
    let response = endpoint.call(request).await.map_or_else(from_poem, IntoResponse::into_response);
    if response.status() != StatusCode::NOT_FOUND {
        return response;
    }
    let target = match (documentation, stem) {
        (Some(target), _) => Some(target),
        (None, Some(stem)) if exists(endpoint, &stem.path).await => Some(stem.target),
        _ => None,
    };
    match target {
        Some(target) => StatusCode::TEMPORARY_REDIRECT.with_header(header::LOCATION, target).into_response(),
        None => response,
    }
}

/// Whether the interface has a path: every path of it answers `OPTIONS`, or refuses it by name.
async fn exists(endpoint: &impl Endpoint, path: &str) -> bool {
    let Ok(uri) = path.parse::<Uri>() else { return false };
    let request = Request::builder().method(Method::OPTIONS).uri(uri).finish();
    let status = endpoint.call(request).await.map_or_else(|error| error.status(), |answer| answer.into_response().status());
    status != StatusCode::NOT_FOUND
}

/// Where the roots of the versions lead.
fn documentation(request: &Request, app: &App) -> Option<String> {
    let mut served = Version::ALL.into_iter().filter(|version| version.is_served(&app.config.versions));
    let root = served.find(|version| request.uri().path().trim_end_matches('/') == version.prefix())?;
    Some(format!("{}{}/docs", forwarded_prefix(request), root.prefix()))
}

/// A path without the slash at its end.
struct Stem {
    path: String,
    /// Where the caller finds it.
    target: String,
}

/// What a path with a slash at its end may mean. Browsers take `//` and `/\` for the beginning of another host's address.
fn without_trailing_slash(request: &Request) -> Option<Stem> {
    let path = request.uri().path().strip_suffix('/')?;
    if !path.starts_with('/') || path.starts_with("//") || path.contains('\\') {
        return None;
    }
    let query = request.uri().query().map(|q| format!("?{q}")).unwrap_or_default();
    Some(Stem { path: path.to_owned(), target: format!("{}{path}{query}", forwarded_prefix(request)) })
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

/// Whether a media type is one of texts, which compression makes smaller.
fn is_text(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.starts_with("text/") || essence.ends_with("json") || essence.ends_with("xml")
}

fn compressed(mut response: Response, wanted: Option<CompressionAlgo>) -> Response {
    let is_text = response.content_type().is_some_and(is_text);
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
