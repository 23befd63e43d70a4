//! The memory that large answers take while they are being sent. Readers who do not read cannot fill the memory of the server: when as many
//! bytes wait as may, other large answers are refused. One caller takes at most a part of that, however slowly they read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use poem::http::header;
use poem::{Body, Response};
use tokio::sync::OwnedSemaphorePermit;

use super::limit::Who;
use super::problem::from_poem;
use crate::catalogue::room::Room;
use crate::catalogue::{Error, Result};
use crate::config::Reads;

/// Answers of fewer bytes do not count.
const SMALL: usize = 64 << 10;
/// How many bytes are handed on for sending at once.
const SLICE: usize = 64 << 10;

/// How many bytes an answer has, before it is compressed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Length(pub(super) usize);

/// How many callers there must be to fill the budget.
const CALLERS: usize = 4;

/// The bytes that answers may take together, in KiB.
#[derive(Debug)]
pub(super) struct Budget {
    all: Room,
    /// How many of them the answers to one caller may take.
    each: usize,
    wait: Duration,
    /// What callers may take who hold some, or wait for some.
    callers: Mutex<HashMap<Who, Weak<Room>>>,
}

/// A part of the budget that an answer holds, and of what its caller may take.
struct Part {
    _of_all: OwnedSemaphorePermit,
    _of_caller: Option<(OwnedSemaphorePermit, Arc<Room>)>,
}

impl Budget {
    pub(super) fn new(config: &Reads) -> Self {
        let (kib, wait) = (config.answer_bytes / 1024, config.wait());
        Self { all: Room::new(kib, wait), each: kib / CALLERS, wait, callers: Mutex::default() }
    }

    /// Takes so many KiB for an answer to a caller. First of what the caller may take: whoever waits for that takes nothing from the others.
    async fn take(&self, kib: usize, who: Option<Who>) -> Result<Part> {
        let taking = async {
            let of_caller = match who.map(|who| self.caller(who)) {
                Some(room) => Some((room.take(kib).await?, room)),
                None => None,
            };
            Ok(Part { _of_all: self.all.take(kib).await?, _of_caller: of_caller })
        };
        tokio::time::timeout(self.wait, taking).await.unwrap_or(Err(Error::Busy))
    }

    /// What a caller may take.
    fn caller(&self, who: Who) -> Arc<Room> {
        /// When there are so many callers, those are forgotten who hold nothing.
        const MANY: usize = 1_024;
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = callers.get(&who).and_then(Weak::upgrade) {
            return room;
        }
        if callers.len() >= MANY {
            callers.retain(|_, room| room.strong_count() > 0);
        }
        let room = Arc::new(Room::new(self.each, self.wait));
        callers.insert(who, Arc::downgrade(&room));
        room
    }

    /// The answer, holding its part of the budget until it is sent; or a refusal, when no part became free in time.
    pub(super) async fn hold(&self, mut response: Response, who: Option<Who>) -> Response {
        let is_large = |length: &Length| length.0 >= SMALL;
        let Some(Length(length)) = response.extensions().get::<Length>().copied().filter(is_large) else { return response };
        let part = match self.take(length.div_ceil(1024), who).await {
            Ok(part) => part,
            Err(error) => return from_poem(error.into()),
        };
        match response.take_body().into_bytes().await {
            Ok(bytes) => {
                response.headers_mut().insert(header::CONTENT_LENGTH, bytes.len().into());
                response.set_body(in_slices(bytes, part));
                response
            }
            Err(error) => from_poem(Error::Internal(error.to_string()).into()),
        }
    }
}

/// A body that is handed on slice by slice, and holds its part of the budget until the last slice is.
fn in_slices(bytes: Bytes, part: Part) -> Body {
    let slices = stream::unfold((bytes, part), async |(mut rest, part)| {
        let slice = rest.split_to(rest.len().min(SLICE));
        (!slice.is_empty()).then(|| (Ok::<_, std::io::Error>(slice), (rest, part)))
    });
    Body::from_bytes_stream(slices)
}
