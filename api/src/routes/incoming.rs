//! Receiving bodies: each within its time and size, all of them within the memory that there is for them.

use std::pin::pin;

use futures_util::StreamExt;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, Response};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::problem::{from_poem, problem};
use crate::app::App;
use crate::catalogue::room::Room;
use crate::identity::Caller;

/// A body that is being received. It holds its part of what all bodies may take, as much as has come of it.
pub(super) struct Incoming<'a> {
    app: &'a App,
    room: &'a Room,
    held: Option<OwnedSemaphorePermit>,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(app: &'a App, caller: &Caller) -> Self {
        let room = if caller.user().is_some() { &app.incoming } else { &app.incoming_of_unknown };
        Self { app, room, held: None }
    }

    /// The whole body; the answer to whoever sends it too slowly, or sends too much, or has no room left by the others.
    /// `expected` is how many bytes the request says that it has.
    pub(super) async fn read(&mut self, body: Body, expected: usize, limit: usize) -> Result<Vec<u8>, Response> {
        let patience = self.app.config.connections.body_patience();
        let beginning = Instant::now();
        let mut latest = beginning;
        let mut chunks = pin!(body.into_bytes_stream());
        // Growing step by step would take twice the memory. What is not written to yet takes none.
        let mut bytes = Vec::with_capacity(expected.min(limit));
        loop {
            let end = patience.end(beginning, latest, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            match timeout_at(end, chunks.next()).await {
                Err(_) => return Err(too_slow()),
                Ok(None) => return Ok(bytes),
                Ok(Some(Err(error))) => return Err(problem(StatusCode::BAD_REQUEST, &format!("the body cannot be read: {error}"))),
                Ok(Some(Ok(chunk))) if bytes.len() + chunk.len() > limit => return Err(too_large(limit)),
                Ok(Some(Ok(chunk))) => bytes.extend_from_slice(&chunk),
            }
            latest = Instant::now();
            self.hold(bytes.len()).await?;
        }
    }

    /// Takes room for so many bytes in all, a step ahead.
    async fn hold(&mut self, bytes: usize) -> Result<(), Response> {
        /// How many KiB are taken at once.
        const STEP: usize = 64;
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if bytes <= held * 1024 {
            return Ok(());
        }
        let missing = (bytes.div_ceil(1024) - held).next_multiple_of(STEP);
        let part = self.room.take(missing).await.map_err(|error| from_poem(error.into()))?;
        match &mut self.held {
            Some(held) => held.merge(part),
            None => self.held = Some(part),
        }
        Ok(())
    }
}

/// The connection is of no use any more: the rest of the body may still come.
fn too_slow() -> Response {
    let mut response = problem(StatusCode::REQUEST_TIMEOUT, "The body came too slowly.");
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The answer to a body of more bytes than are taken.
pub(super) fn too_large(limit: usize) -> Response {
    problem(StatusCode::PAYLOAD_TOO_LARGE, &format!("The body is larger than the {limit} bytes that are taken here."))
}
