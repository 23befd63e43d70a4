//! `ETag`: every answer to a read has one, and is not sent again to those who have it.

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};
use twox_hash::XxHash3_64;

/// What an `ETag` says of an answer.
#[derive(Clone, Debug)]
pub(super) struct EntityTag(String);

impl EntityTag {
    /// Of an answer: its hash.
    pub(super) fn of(body: &str) -> Self {
        Self(format!("\"{:016x}\"", XxHash3_64::oneshot(body.as_bytes())))
    }

    /// Of one resource, `"REVISION-HASH"`: the revision is what `If-Match` compares, the hash tells views of one revision apart
    /// (masked or not, with a linked resource deleted since).
    pub(super) fn of_revision(revision: i64, body: &str) -> Self {
        Self(format!("\"{revision}-{:016x}\"", XxHash3_64::oneshot(body.as_bytes())))
    }
}

/// What a caller who reads says to have already; `None` when the request is not for reading.
pub(super) struct Known(Option<HeaderValue>);

impl Known {
    pub(super) fn of(request: &Request) -> Option<Self> {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        reads.then(|| Self(request.headers().get(header::IF_NONE_MATCH).cloned()))
    }

    /// The answer with its `ETag`; 304 without a body when the caller has it.
    pub(super) fn told(self, mut response: Response) -> Response {
        let Some(EntityTag(tag)) = response.extensions().get::<EntityTag>().filter(|_| response.status() == StatusCode::OK).cloned() else {
            return response;
        };
        let known = self.0.as_ref().and_then(|known| known.to_str().ok()).unwrap_or_default();
        if known.split(',').any(|known| is_same_tag(known, &tag)) {
            response.set_status(StatusCode::NOT_MODIFIED);
            response.set_body(());
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
