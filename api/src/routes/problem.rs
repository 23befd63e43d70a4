//! From errors to answers, in one place: `{"detail": …, "reference": "<hex>"}`, the reference being the one in the log.

use aiod_schema::Fault;
use aiod_schema::causes::chain;
use aiod_schema::wire::{HttpValidationError, Problem, ValidationError};
use poem::Response;
use poem::http::{HeaderValue, StatusCode, header};
use poem_openapi::error::ContentTypeError;
use rand::RngExt;
use serde::Serialize;
use serde_json::json;

use crate::catalogue::Error;

/// How long clients should wait when a part of the catalogue is out of reach, in seconds.
const RETRY_AFTER: &str = "5";

impl From<Error> for poem::Error {
    fn from(error: Error) -> Self {
        let response = respond(&error);
        let mut out = Self::from_response(response);
        out.set_error_message(error.to_string());
        out
    }
}

fn respond(error: &Error) -> Response {
    let status = match error {
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::Conflict(_) => StatusCode::CONFLICT,
        Error::Precondition(_) => StatusCode::PRECONDITION_FAILED,
        Error::BadRequest(_) => StatusCode::BAD_REQUEST,
        Error::UnsupportedMedia(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Error::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Error::TooMany { detail, seconds } => return too_many(detail, *seconds),
        Error::Invalid(faults) => return unprocessable(faults),
        Error::WrongType { .. } => {
            return unprocessable(&[Fault::new(["path", "identifier"], error.to_string(), "value_error.identifier")]);
        }
        Error::Busy | Error::NotSearchable(_) => return busy(error),
        Error::Store(store) if store.is_too_long() => return busy(&Error::Busy),
        Error::Store(store) if store.is_transient() => {
            let detail = "Too many write the same things at once. Try again later.";
            return failure(StatusCode::SERVICE_UNAVAILABLE, detail, error);
        }
        Error::Store(store) if store.is_unavailable() => {
            return failure(StatusCode::SERVICE_UNAVAILABLE, "The catalogue cannot reach its database right now. Try again later.", error);
        }
        Error::Store(store) if store.is_full() => {
            let detail = "The disk of the catalogue is full: nothing can be written until there is room again. Reading works.";
            return failure(StatusCode::INSUFFICIENT_STORAGE, detail, error);
        }
        Error::Store(store) if store.is_read_only() => {
            let detail = "The database takes no writes right now. Reading works. Try again later.";
            return failure(StatusCode::SERVICE_UNAVAILABLE, detail, error);
        }
        Error::Unavailable(_) => {
            let detail = "The catalogue cannot reach the identity provider right now, and needs it for this request. Try again later.";
            return failure(StatusCode::SERVICE_UNAVAILABLE, detail, error);
        }
        Error::Store(_) | Error::Internal(_) => {
            return failure(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong in the catalogue; the reference helps to find out what.",
                error,
            );
        }
    };
    problem(status, &error.to_string())
}

/// An answer about a fault of the caller.
pub(crate) fn problem(status: StatusCode, detail: &str) -> Response {
    let reference = reference();
    tracing::debug!(%reference, %status, detail, "refused");
    let mut response = json_response(status, &Problem { detail: detail.to_owned(), reference });
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// The answer to a caller who asks too often.
pub(crate) fn too_many(detail: &str, seconds: u64) -> Response {
    let mut response = problem(StatusCode::TOO_MANY_REQUESTS, detail);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// An answer about a fault of ours; the log has the reason, the client its reference.
fn failure(status: StatusCode, detail: &str, error: &dyn std::error::Error) -> Response {
    let reference = reference();
    tracing::error!(%reference, %status, error = %chain(error), "request {reference} failed");
    let response = json_response(status, &Problem { detail: detail.to_owned(), reference });
    if status == StatusCode::SERVICE_UNAVAILABLE { retry_later(response) } else { response }
}

/// 503 to one of those that ask for too much together. It is no failure, so it is no error in the log.
fn busy(error: &Error) -> Response {
    retry_later(problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()))
}

fn retry_later(mut response: Response) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
    response
}

fn reference() -> String {
    format!("{:016x}", rand::rng().random::<u64>())
}

/// 422 with every fault.
pub(crate) fn unprocessable(faults: &[Fault]) -> Response {
    let detail: Vec<ValidationError> = faults.iter().map(Into::into).collect();
    let (status, reference) = (StatusCode::UNPROCESSABLE_ENTITY, reference());
    tracing::debug!(%reference, %status, detail = ?detail, "refused");
    json_response(status, &HttpValidationError { detail, reference })
}

fn json_response(status: StatusCode, body: &impl Serialize) -> Response {
    Response::builder().status(status).content_type("application/json").body(json!(body).to_string())
}

/// Brings whatever error a request ended with into our form.
pub(crate) fn from_poem(error: poem::Error) -> Response {
    if error.is_from_response() {
        return error.into_response();
    }
    if let Some(fault) = input_fault(&error) {
        return unprocessable(&[fault]);
    }
    let status = error.status();
    if status.is_server_error() {
        return failure(
            status,
            "Something went wrong in the catalogue; the reference helps to find out what.",
            &Error::Internal(error.to_string()),
        );
    }
    let detail = match status {
        StatusCode::NOT_FOUND => "Not Found".to_owned(),
        StatusCode::METHOD_NOT_ALLOWED => "Method Not Allowed".to_owned(),
        _ => error.to_string(),
    };
    problem(status, &detail)
}

/// What is wrong with a multipart body, which the framework reads.
fn input_fault(error: &poem::Error) -> Option<Fault> {
    if error.is::<ContentTypeError>() {
        return Some(Fault::value(["header", "Content-Type"], error.to_string()));
    }
    let client_fault = error.status() == StatusCode::BAD_REQUEST;
    client_fault.then(|| Fault::value(["body"], error.to_string()))
}
