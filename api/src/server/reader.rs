//! A connection that does not wait for ever for whoever should read the answer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::Patience;

/// A connection whose writing fails when the other end reads too slowly, or not at all.
pub(super) struct ReaderWatch<Io> {
    io: Io,
    patience: Patience,
    blocked: Option<Blocked>,
}

/// What is known of an answer that the other end did not take at once.
struct Blocked {
    since: Instant,
    /// When it took the latest bytes.
    latest: Instant,
    /// How many bytes it took since the beginning.
    taken: u64,
    timer: Pin<Box<Sleep>>,
}

impl<Io> ReaderWatch<Io> {
    pub(super) fn new(io: Io, patience: Patience) -> Self {
        Self { io, patience, blocked: None }
    }

    /// Passes on the outcome of a write. While the other end takes nothing, a timer runs; when it ends, the write fails.
    fn watch(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Ready(Ok(bytes)) => {
                self.count(bytes);
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.wait(cx),
        }
    }

    fn count(&mut self, bytes: usize) {
        if let Some(blocked) = &mut self.blocked {
            blocked.taken = blocked.taken.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
            blocked.latest = Instant::now();
        }
    }

    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let patience = self.patience;
        let blocked = self.blocked.get_or_insert_with(Blocked::new);
        let end = patience.end(blocked.since, blocked.latest, blocked.taken);
        if blocked.timer.deadline() != end {
            blocked.timer.as_mut().reset(end);
        }
        ready!(blocked.timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the answer is read too slowly")))
    }
}

impl Blocked {
    fn new() -> Self {
        let since = Instant::now();
        Self { since, latest: since, taken: 0, timer: Box::pin(sleep_until(since)) }
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for ReaderWatch<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for ReaderWatch<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(cx, buf);
        self.watch(cx, outcome)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.watch(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// All is written: the next answer has its own time.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.blocked = None;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::config::Connections;

    fn patience() -> Patience {
        Connections { answer_seconds: 1, least_bytes_per_second: 100, ..Connections::default() }.answer_patience()
    }

    #[tokio::test]
    async fn an_answer_that_nobody_reads_is_given_up() {
        let (near, _far) = tokio::io::duplex(16);
        let begin = Instant::now();
        let error = ReaderWatch::new(near, patience()).write_all(&[0; 64]).await.unwrap_err();
        assert_eq!((error.kind(), begin.elapsed().as_secs()), (io::ErrorKind::TimedOut, 1));
    }

    #[tokio::test]
    async fn who_reads_slowly_has_time_for_each_byte_and_who_trickles_has_not() {
        for (every_millis, is_enough) in [(1, true), (100, false)] {
            let (near, mut far) = tokio::io::duplex(16);
            let reader = tokio::spawn(async move {
                let mut read = 0;
                while far.read_u8().await.is_ok() {
                    read += 1;
                    tokio::time::sleep(std::time::Duration::from_millis(every_millis)).await;
                }
                read
            });
            let mut watch = ReaderWatch::new(near, patience());
            assert_eq!(watch.write_all(&[0; 400]).await.is_ok(), is_enough);
            drop(watch);
            assert_eq!(reader.await.unwrap() == 400, is_enough);
        }
    }
}
