//! What stands before an operation: the rule that says who may use it, and how large its body may be.

use std::sync::Arc;
use std::time::Duration;

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, Method, header};
use poem::{Body, Endpoint, EndpointExt, Request, Response, Result};
use tokio::sync::SemaphorePermit;

use super::incoming::{Incoming, too_large};
use crate::app::App;
use crate::catalogue::permission::{self, Action, Subject};
use crate::identity::Caller;

/// The largest body of somebody who is not known and will be refused, in bytes.
const MAX_UNKNOWN: usize = 256 << 10;
/// The path parameter that names the platform that a request is about. Operations that write in bulk have it: `template` makes sure.
pub(super) const PLATFORM: &str = "platform";

/// An endpoint behind the rule of its action.
pub(super) fn guarded(inner: BoxEndpoint<'static>, action: Action, app: &Arc<App>) -> BoxEndpoint<'static> {
    Guard { inner, action, app: Arc::clone(app) }.boxed()
}

struct Guard {
    inner: BoxEndpoint<'static>,
    action: Action,
    app: Arc<App>,
}

impl Endpoint for Guard {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if has_body(&request) {
            return self.with_body(request).await;
        }
        self.check_rule(&request)?;
        self.inner.call(request).await
    }
}

impl Guard {
    /// Refuses whoever may not do this. Where it depends on a resource or on a body, the catalogue asks itself.
    fn check_rule(&self, request: &Request) -> Result<()> {
        if !self.action.is_checked_first() || self.action.is_open() {
            return Ok(());
        }
        let caller = request.data::<Caller>().unwrap_or(&Caller::Anonymous);
        Ok(permission::require(&self.app.catalogue.roles, caller, self.action)?)
    }

    async fn with_body(&self, mut request: Request) -> Result<Response> {
        let limit = self.body_limit(&request);
        let declared = request.header(header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
        if declared.is_some_and(|length| length > limit) {
            return Ok(too_large(limit));
        }
        let caller = request.data::<Caller>().cloned().unwrap_or(Caller::Anonymous);
        let mut incoming = Incoming::new(&self.app, &caller);
        let bytes = match incoming.read(request.take_body(), declared.unwrap_or_default(), limit).await {
            Ok(bytes) => bytes,
            Err(refused) => return Ok(refused),
        };
        let turn = self.turn(bytes.len()).await;
        request.set_body(Body::from_vec(bytes));
        self.check_rule(&request)?;
        let waits = waits_for_index(&request);
        let mut response = self.inner.call(request).await?;
        drop((turn, incoming));
        if waits && response.status().is_success() && !self.app.catalogue.search.await_changes(INDEX_WAIT).await {
            response.headers_mut().insert(INDEX_HEADER, HeaderValue::from_static("pending"));
        }
        Ok(response)
    }

    /// Waits until so many bytes may be worked on. Half of the room stays for others, however large a body is.
    async fn turn(&self, bytes: usize) -> Option<SemaphorePermit<'_>> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        self.app.bodies.acquire_many(kib.min(App::BODIES_KIB / 2)).await.ok()
    }

    /// How many bytes a request's body may have: many for those alone who may write that platform in bulk.
    fn body_limit(&self, request: &Request) -> usize {
        let (limits, roles) = (&self.app.config.limits, &self.app.catalogue.roles);
        let caller = request.data::<Caller>().unwrap_or(&Caller::Anonymous);
        let subject = Subject { platform: request.raw_path_param(PLATFORM), ..Subject::default() };
        if self.action.is_bulk() && permission::is_allowed(roles, caller, self.action, subject) {
            limits.batch_bytes
        } else if caller.user().is_some() {
            limits.body_bytes
        } else {
            limits.body_bytes.min(MAX_UNKNOWN)
        }
    }
}

/// How long an answer waits until what was written can be found.
const INDEX_WAIT: Duration = Duration::from_secs(10);
/// Says `pending` where what was written cannot be found yet, after all that time.
const INDEX_HEADER: &str = "X-Search-Index";

/// Whether a write is to be answered when what it wrote can be found: `?wait=index`.
fn waits_for_index(request: &Request) -> bool {
    request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == "wait=index"))
}

fn has_body(request: &Request) -> bool {
    !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
}
