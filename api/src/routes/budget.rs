//! The memory that large answers take while they are being sent. Readers who do not read cannot fill the memory of the server: when as many
//! bytes wait as may, other large answers are refused.

use bytes::Bytes;
use futures_util::stream;
use poem::http::header;
use poem::{Body, Response};
use tokio::sync::OwnedSemaphorePermit;

use super::problem::from_poem;
use crate::catalogue::Error;
use crate::catalogue::room::Room;
use crate::config::Reads;

/// Answers of fewer bytes do not count.
const SMALL: usize = 64 << 10;
/// How many bytes are handed on for sending at once.
const SLICE: usize = 64 << 10;

/// How many bytes an answer has, before it is compressed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Length(pub(super) usize);

/// The bytes that answers may take together, in KiB.
#[derive(Debug)]
pub(super) struct Budget(Room);

impl Budget {
    pub(super) fn new(config: &Reads) -> Self {
        Self(Room::new(config.answer_bytes / 1024, config.wait()))
    }

    /// The answer, holding its part of the budget until it is sent; or a refusal, when no part became free in time.
    pub(super) async fn hold(&self, mut response: Response) -> Response {
        let is_large = |length: &Length| length.0 >= SMALL;
        let Some(Length(length)) = response.extensions().get::<Length>().copied().filter(is_large) else { return response };
        let part = match self.0.take(length.div_ceil(1024)).await {
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
fn in_slices(bytes: Bytes, part: OwnedSemaphorePermit) -> Body {
    let slices = stream::unfold((bytes, part), async |(mut rest, part)| {
        let slice = rest.split_to(rest.len().min(SLICE));
        (!slice.is_empty()).then(|| (Ok::<_, std::io::Error>(slice), (rest, part)))
    });
    Body::from_bytes_stream(slices)
}
