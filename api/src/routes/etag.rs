//! `ETag`: every answer to a read has one, and is not sent again to those who have it.

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};
use twox_hash::XxHash3_64;

use super::budget::Length;

/// The `ETag` of an answer, quotes included.
#[derive(Clone, Debug)]
pub(super) struct EntityTag(String);

impl EntityTag {
    /// The hash of an answer.
    pub(super) fn of(body: &str) -> Self {
        Self(format!("\"{:016x}\"", XxHash3_64::oneshot(body.as_bytes())))
    }

    /// The tag of one resource, `"REVISION-HASH"`. `If-Match` compares the revision. The hash tells apart what different readers see of
    /// one revision: masked or not, with a linked resource deleted since.
    pub(super) fn of_revision(revision: i64, body: &str) -> Self {
        Self(format!("\"{revision}-{:016x}\"", XxHash3_64::oneshot(body.as_bytes())))
    }
}

/// The tags of answers that a reader has already (`If-None-Match`).
pub(super) struct Conditional(Option<HeaderValue>);

impl Conditional {
    /// `None` when the request is not for reading.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        is_read.then(|| Self(request.headers().get(header::IF_NONE_MATCH).cloned()))
    }

    /// Adds the `ETag` to an answer. Who has the answer already gets 304 without a body.
    pub(super) fn apply(self, mut response: Response) -> Response {
        let Some(EntityTag(tag)) = response.extensions().get::<EntityTag>().filter(|_| response.status() == StatusCode::OK).cloned() else {
            return response;
        };
        let known = self.0.as_ref().and_then(|known| known.to_str().ok()).unwrap_or_default();
        if known.split(',').any(|known| is_same_tag(known, &tag)) {
            response.set_status(StatusCode::NOT_MODIFIED);
            response.set_body(());
            response.extensions_mut().remove::<Length>();
        }
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

fn is_same_tag(known: &str, tag: &str) -> bool {
    let known = known.trim();
    known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
}
