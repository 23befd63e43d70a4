//! How many requests each caller may send.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{Request, Response};

use super::problem::problem;
use crate::config::Limits;
use crate::identity::Caller;

/// After how many requests callers are forgotten that did not come again.
const FORGET_EVERY: u32 = 10_000;
/// The header that says through which addresses a request came.
const FORWARDED_FOR: &str = "X-Forwarded-For";

/// The headers of every answer where requests are limited: how many at once, how many of them are left, and in how many seconds all are
/// there again.
pub(super) const TOLD: [&str; 3] = ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"];

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Who {
    /// A user, from wherever.
    Account(i64),
    /// Somebody who is not known.
    Address(IpAddr),
}

/// Counts requests.
pub(super) struct RateLimit {
    limiter: RateLimiter<Who, DefaultKeyedStateStore<Who>, DefaultClock, StateInformationMiddleware>,
    quota: Quota,
    behind_proxy: bool,
    since_forgetting: AtomicU32,
}

/// What a caller has left.
pub(super) struct Left {
    limit: u32,
    remaining: u32,
    /// Seconds until everything is there again.
    reset: u64,
}

impl RateLimit {
    /// As configured; `None` when requests are not limited.
    pub(super) fn new(limits: &Limits) -> Option<Self> {
        let quota = Quota::per_minute(NonZeroU32::new(limits.requests_per_minute)?);
        let quota = NonZeroU32::new(limits.request_burst).map_or(quota, |burst| quota.allow_burst(burst));
        Some(Self {
            limiter: RateLimiter::keyed(quota).with_middleware(),
            quota,
            behind_proxy: limits.behind_proxy,
            since_forgetting: AtomicU32::new(0),
        })
    }

    /// Counts a request; what the caller has left, or the answer to one who sent too many.
    pub(super) fn check(&self, request: &Request, caller: &Caller) -> Result<Option<Left>, Response> {
        let Some(who) = self.who(request, caller) else { return Ok(None) };
        if self.since_forgetting.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiter.retain_recent();
        }
        let limit = self.quota.burst_size().get();
        match self.limiter.check_key(&who) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let missing = limit.saturating_sub(remaining);
                let reset = (self.quota.replenish_interval() * missing).as_secs_f64().ceil();
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole seconds, not below 0")]
                Ok(Some(Left { limit, remaining, reset: reset as u64 }))
            }
            Err(not_yet) => {
                let wait = not_yet.wait_time_from(DefaultClock::default().now()).max(Duration::from_millis(1));
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                let detail = format!("Too many requests: {limit} at once are taken, and then one every {:.1} s. Wait.", self.interval());
                let response = problem(StatusCode::TOO_MANY_REQUESTS, &detail);
                let mut response = Left { limit, remaining: 0, reset: seconds }.told(response);
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                Err(response)
            }
        }
    }

    fn interval(&self) -> f64 {
        self.quota.replenish_interval().as_secs_f64()
    }

    fn who(&self, request: &Request, caller: &Caller) -> Option<Who> {
        if let Some(user) = caller.user() {
            return Some(Who::Account(user.account));
        }
        // The last address is the one that our own proxy wrote; those before it are whatever the caller wrote.
        let forwarded = request.header(FORWARDED_FOR).filter(|_| self.behind_proxy);
        let forwarded = forwarded.and_then(|value| value.rsplit(',').next()?.trim().parse().ok());
        let address = forwarded.or_else(|| request.remote_addr().as_socket_addr().map(std::net::SocketAddr::ip));
        address.map(Who::Address)
    }
}

impl Left {
    /// The answer, with what is left.
    pub(super) fn told(&self, mut response: Response) -> Response {
        let numbers = [u64::from(self.limit), u64::from(self.remaining), self.reset];
        for (name, number) in TOLD.into_iter().zip(numbers) {
            response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(number));
        }
        response
    }
}
