//! Accepting connections and answering on them: as many as configured, in all and by address, and none for ever.
//!
//! HTTP/1.1 alone is spoken here. HTTP/2 without TLS is what neither browsers nor proxies use, and one connection of it could hold hundreds of
//! requests; a proxy in front speaks HTTP/2 with clients.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::endpoint::BoxEndpoint;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, Request};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::reader::ReaderWatch;
use crate::config::{Config, Connections};
use crate::network::counted;

/// The most bytes of the head of a request.
const MAX_HEAD: usize = 64 << 10;
/// How long the server waits before it accepts connections again, after it could not.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the log does not repeat that no connection can be accepted.
const SILENCE: Duration = Duration::from_mins(1);

/// Answers requests until `stop` is cancelled, and then those that are under way, for as long as `grace`.
pub(super) async fn serve(
    listener: TcpListener,
    endpoint: BoxEndpoint<'static>,
    config: &Config,
    stop: &CancellationToken,
    grace: Duration,
) {
    let server = Arc::new(Server { endpoint, connections: config.connections.clone(), local: local_address(&listener) });
    let mut door = Door::new(listener, config);
    let (tracker, cut_off) = (TaskTracker::new(), CancellationToken::new());
    while let Some(accepted) = stop.run_until_cancelled(door.accept()).await {
        let serving = Arc::clone(&server).serve(accepted, stop.clone());
        tracker.spawn(cut_off.clone().run_until_cancelled_owned(serving));
    }
    drop(door);
    tracker.close();
    if tokio::time::timeout(grace, tracker.wait()).await.is_err() {
        cut_off.cancel();
        tracker.wait().await;
    }
}

fn local_address(listener: &TcpListener) -> LocalAddr {
    listener.local_addr().map_or_else(|_| LocalAddr::default(), |address| LocalAddr(address.into()))
}

/// A connection, and what it takes of the limits until it ends.
struct Accepted {
    stream: TcpStream,
    peer: SocketAddr,
    _permit: Option<OwnedSemaphorePermit>,
    _place: Option<Place>,
}

/// Where connections come in.
struct Door {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    places: Option<Arc<Places>>,
    /// When the log last said that no connection can be accepted.
    logged: Option<Instant>,
}

impl Door {
    fn new(listener: TcpListener, config: &Config) -> Self {
        let limits = &config.connections;
        let counts_addresses = limits.most_by_address > 0 && !config.limits.behind_proxy;
        let places = counts_addresses.then(|| Arc::new(Places { most: limits.most_by_address, taken: Mutex::default() }));
        let permits = Arc::new(Semaphore::new(limits.most.min(Semaphore::MAX_PERMITS)));
        Self { listener, permits, places, logged: None }
    }

    /// The next connection that the limits leave room for. One too many of an address is closed at once.
    async fn accept(&mut self) -> Accepted {
        loop {
            let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
            let (stream, peer) = self.accept_any().await;
            let place = match &self.places {
                Some(places) => match places.take(counted(peer.ip())) {
                    Some(place) => Some(place),
                    None => continue,
                },
                None => None,
            };
            return Accepted { stream, peer, _permit: permit, _place: place };
        }
    }

    /// Waits for a connection. An error of the listener, as when there are no file descriptors left, is waited out.
    async fn accept_any(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    self.log(&error);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Says that no connection can be accepted, unless the log has said so lately.
    fn log(&mut self, error: &io::Error) {
        if self.logged.is_none_or(|logged| logged.elapsed() >= SILENCE) {
            self.logged = Some(Instant::now());
            tracing::error!(%error, "no connection can be accepted: {error}; trying again until one can");
        }
    }
}

/// Whether a connection ended before it was accepted: the next one may be well.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// How many connections each address has.
struct Places {
    most: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection of an address.
struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Places {
    /// Takes a place, unless the address has as many as it may.
    fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let mut taken = self.taken();
        let count = taken.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place { places: Arc::clone(self), address })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

/// What answers requests.
struct Server {
    endpoint: BoxEndpoint<'static>,
    connections: Connections,
    local: LocalAddr,
}

impl Server {
    /// Answers the requests of a connection until it ends, or until the request after `stop`.
    async fn serve(self: Arc<Self>, accepted: Accepted, stop: CancellationToken) {
        let Accepted { stream, peer, _permit, _place } = accepted;
        // A failure of this makes answers slower, no more.
        drop(stream.set_nodelay(true));
        let io = TokioIo::new(ReaderWatch::new(stream, self.connections.answer_patience()));
        let header_time = self.connections.header_time();
        let service = service_fn(move |request| Arc::clone(&self).answer(request, peer));
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(header_time).max_buf_size(MAX_HEAD);
        let mut connection = std::pin::pin!(builder.serve_connection(io, service));
        let outcome = match stop.run_until_cancelled(connection.as_mut()).await {
            Some(outcome) => outcome,
            None => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(%peer, %error, "a connection of {peer} ended early: {error}");
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: hyper::Request<hyper::body::Incoming>,
        peer: SocketAddr,
    ) -> Result<hyper::Response<impl hyper::body::Body<Data = hyper::body::Bytes, Error = io::Error>>, Infallible> {
        let request = Request::from((request, self.local.clone(), RemoteAddr(peer.into()), Scheme::HTTP));
        let response: hyper::Response<_> = self.endpoint.get_response(request).await.into();
        Ok(response)
    }
}
