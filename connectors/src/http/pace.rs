//! When a host may be asked: a minimum interval between requests, and holds that servers ask for.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use tokio::time::Instant;

/// When each host may be asked next.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    next: Mutex<HashMap<String, Instant>>,
}

impl Pace {
    pub(super) fn new(requests_per_minute: Option<NonZeroU32>) -> Self {
        let interval = requests_per_minute.map_or(Duration::ZERO, |n| Duration::from_secs(60) / n.get());
        Self { interval, next: Mutex::default() }
    }

    /// Waits until the host may be asked, and takes that turn. A turn is taken only when it has come: one who stops waiting costs nobody
    /// anything, and one who waits still hears of a hold that comes meanwhile.
    pub(super) async fn turn(&self, host: &str) {
        while let Err(at) = self.take(host) {
            tokio::time::sleep_until(at).await;
        }
    }

    fn take(&self, host: &str) -> Result<(), Instant> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match next.get(host) {
            Some(&at) if at > now => Err(at),
            _ => {
                next.insert(host.to_owned(), now + self.interval);
                Ok(())
            }
        }
    }

    /// Nobody asks this host before the wait is over.
    pub(super) fn hold(&self, host: &str, wait: Duration) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let until = Instant::now() + wait;
        let at = next.entry(host.to_owned()).or_insert(until);
        *at = until.max(*at);
    }
}

/// Reads `Retry-After` (RFC 9110, 10.2.3): seconds, or a date in any of the three HTTP forms. A date in the past is zero.
pub(super) fn parse_retry_after(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(text)
        .map(|date| date.to_utc())
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%A, %d-%b-%y %H:%M:%S GMT").map(|date| date.and_utc()))
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%a %b %e %H:%M:%S %Y").map(|date| date.and_utc()))
        .ok()?;
    Some((date - now).to_std().unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn retry_after_is_seconds_or_one_of_three_dates() {
        let now = DateTime::parse_from_rfc3339("1994-11-06T08:49:07Z").unwrap().to_utc();
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
