//! How many requests each caller may send.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use poem::http::{HeaderName, HeaderValue, header};
use poem::{Request, Response};

use super::problem::too_many;
use crate::config::Limits;
use crate::identity::Caller;
use crate::network;

/// After how many requests callers are forgotten that did not come again.
const FORGET_EVERY: u32 = 10_000;
/// The header that says through which addresses a request came.
const FORWARDED_FOR: &str = "X-Forwarded-For";

/// The headers of every answer where requests are limited: how many requests a caller may send at once, how many of them are left, and in
/// how many seconds all of them are there again.
pub(super) const HEADERS: [&str; 3] = ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"];

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Who {
    /// A user, from wherever.
    Account(i64),
    /// Somebody who is not known.
    Address(IpAddr),
}

/// Counts requests.
pub(super) struct RateLimit {
    limiter: RateLimiter<Who, DefaultKeyedStateStore<Who>, DefaultClock, StateInformationMiddleware>,
    quota: Quota,
    since_forgetting: AtomicU32,
}

/// How many requests a caller may still send.
pub(super) struct Allowance {
    limit: u32,
    remaining: u32,
    /// How long until everything is there again; when nothing is left, until there is one.
    reset: Duration,
    is_exceeded: bool,
}

impl RateLimit {
    /// As configured; `None` when requests are not limited.
    pub(super) fn new(limits: &Limits) -> Option<Self> {
        let quota = Quota::per_minute(NonZeroU32::new(limits.requests_per_minute)?);
        let quota = NonZeroU32::new(limits.request_burst).map_or(quota, |burst| quota.allow_burst(burst));
        Some(Self { limiter: RateLimiter::keyed(quota).with_middleware(), quota, since_forgetting: AtomicU32::new(0) })
    }

    /// Counts a request. The answer is how many more its caller may send.
    pub(super) fn check(&self, who: Who) -> Allowance {
        if self.since_forgetting.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiter.retain_recent();
        }
        let limit = self.quota.burst_size().get();
        match self.limiter.check_key(&who) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let reset = self.quota.replenish_interval() * limit.saturating_sub(remaining);
                Allowance { limit, remaining, reset, is_exceeded: false }
            }
            Err(not_yet) => {
                Allowance { limit, remaining: 0, reset: not_yet.wait_time_from(DefaultClock::default().now()), is_exceeded: true }
            }
        }
    }
}

impl Who {
    /// Who sends a request; `None` for a caller without an address.
    pub(super) fn of(request: &Request, caller: &Caller, limits: &Limits) -> Option<Self> {
        if let Some(user) = caller.user() {
            return Some(Self::Account(user.account));
        }
        let forwarded = if limits.behind_proxy { forwarded_address(request) } else { None };
        let address = forwarded.or_else(|| request.remote_addr().as_socket_addr().map(SocketAddr::ip));
        address.map(|address| Self::Address(network::counted(address)))
    }
}

/// The caller's address, as our own proxy wrote it: the last one. Those before it are whatever the caller wrote.
fn forwarded_address(request: &Request) -> Option<IpAddr> {
    let last = |name| request.headers().get_all(name).iter().next_back()?.to_str().ok()?.rsplit(',').next();
    match last(FORWARDED_FOR) {
        Some(address) => network::parse(address),
        None => forwarded_for(last(header::FORWARDED.as_str())?),
    }
}

/// The address in an element of `Forwarded` (RFC 7239), such as `for="[2001:db8::1]:4711";proto=https`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for")).find_map(|(_, address)| network::parse(address))
}

impl Allowance {
    /// The answer to a caller who sent too many requests.
    pub(super) fn refusal(&self) -> Option<Response> {
        if !self.is_exceeded {
            return None;
        }
        let seconds = self.seconds();
        let detail = format!("Too many requests: {} at once are taken. The next one may come in {seconds} s.", self.limit);
        Some(self.add_headers(too_many(&detail, seconds)))
    }

    /// Whole seconds, rounded up.
    fn seconds(&self) -> u64 {
        self.reset.as_secs() + u64::from(self.reset.subsec_nanos() > 0)
    }

    /// Adds the headers to an answer.
    pub(super) fn add_headers(&self, mut response: Response) -> Response {
        let numbers = [u64::from(self.limit), u64::from(self.remaining), self.seconds()];
        for (name, number) in HEADERS.into_iter().zip(numbers) {
            response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(number));
        }
        response
    }
}
