//! When a host may be asked: governor keeps the interval between requests; the holds that servers ask for are kept here, since a rate
//! limiter cannot be told that nobody may ask before a certain time.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

/// The time of tokio since a beginning: tests may pause it.
#[derive(Clone, Debug)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// When each host may be asked next.
#[derive(Debug)]
pub(super) struct Pace {
    limiter: Option<RateLimiter<String, HashMapStateStore<String>, TokioClock, NoOpMiddleware<Duration>>>,
    held_until: Mutex<HashMap<String, Instant>>,
}

impl Pace {
    pub(super) fn new(requests_per_minute: Option<NonZeroU32>) -> Self {
        // One at a time: a burst would be the opposite of polite.
        let quota = |n| Quota::per_minute(n).allow_burst(NonZeroU32::MIN);
        let limiter = |n| RateLimiter::new(quota(n), HashMapStateStore::default(), TokioClock(Instant::now()));
        Self { limiter: requests_per_minute.map(limiter), held_until: Mutex::default() }
    }

    /// Waits until the host may be asked, and takes that turn. A turn is taken only when it has come: a task that stops waiting costs
    /// the others nothing, and a hold that begins during the wait is kept.
    pub(super) async fn turn(&self, host: &str) {
        while let Err(wait) = self.take(host) {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes a turn, or says how long to wait before the next try.
    fn take(&self, host: &str) -> Result<(), Duration> {
        let now = Instant::now();
        let held_until = self.held_until.lock().unwrap_or_else(PoisonError::into_inner).get(host).copied();
        match held_until {
            Some(until) if until > now => return Err(until - now),
            _ => {}
        }
        let Some(limiter) = &self.limiter else { return Ok(()) };
        limiter.check_key(&host.to_owned()).map_err(|refused| refused.wait_time_from(limiter.clock().now()))
    }

    /// Keeps everybody from asking this host before the wait is over.
    pub(super) fn hold(&self, host: &str, wait: Duration) {
        let until = Instant::now() + wait;
        let mut held_until = self.held_until.lock().unwrap_or_else(PoisonError::into_inner);
        let at = held_until.entry(host.to_owned()).or_insert(until);
        *at = until.max(*at);
    }
}

/// Reads `Retry-After` (RFC 9110, 10.2.3): seconds, or a date in any of the three HTTP forms. A date in the past is zero.
pub(super) fn parse_retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn retry_after_is_seconds_or_one_of_three_dates() {
        let now = chrono::DateTime::parse_from_rfc3339("1994-11-06T08:49:07Z").unwrap().into();
        let thirty = Some(Duration::from_secs(30));
        assert_eq!(parse_retry_after(" 30 ", now), thirty);
        assert_eq!(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now), thirty);
        assert_eq!(parse_retry_after("Sunday, 06-Nov-94 08:49:37 GMT", now), thirty);
        assert_eq!(parse_retry_after("Sun Nov  6 08:49:37 1994", now), thirty);
        assert_eq!(parse_retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO), "a date in the past");
        assert_eq!(parse_retry_after("soon", now), None);
        assert_eq!(parse_retry_after("-5", now), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_pace_is_kept_for_each_host() {
        let pace = Pace::new(NonZeroU32::new(60));
        let start = Instant::now();
        for _ in 0..4 {
            pace.turn("a:80").await;
        }
        assert_eq!(start.elapsed().as_secs(), 3);
        pace.turn("b:80").await;
        assert_eq!(start.elapsed().as_secs(), 3, "another host waits for nobody");
    }

    #[tokio::test(start_paused = true)]
    async fn a_hold_reaches_those_who_already_wait() {
        let pace = Arc::new(Pace::new(NonZeroU32::new(60)));
        let start = Instant::now();
        pace.turn("a:80").await;
        let waiting = tokio::spawn({
            let pace = Arc::clone(&pace);
            async move { pace.turn("a:80").await }
        });
        tokio::task::yield_now().await;
        pace.hold("a:80", Duration::from_secs(30));
        waiting.await.unwrap();
        assert!(start.elapsed() >= Duration::from_secs(30));
    }
}
