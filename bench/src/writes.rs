//! Writing load: a client with a few connections, each of which sends the next body as soon as its last one is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::wrk::Load;

/// Sends bodies to one path.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    /// Where the bodies go.
    pub(crate) url: String,
    /// The key that the requests carry.
    pub(crate) key: String,
}

/// What there is to send: the body with this number, until there is none.
type Bodies = dyn Fn(usize) -> Option<String> + Send + Sync;

impl Writer {
    /// Sends bodies over so many connections; `weigh` says what an answer counts for, or what is wrong with it.
    pub(crate) async fn load(
        &self,
        connections: usize,
        bodies: Arc<Bodies>,
        weigh: fn(&Value) -> std::result::Result<u64, String>,
    ) -> Result<Load> {
        let next = Arc::new(AtomicUsize::new(0));
        let begin = Instant::now();
        let workers: Vec<_> = (0..connections)
            .map(|_| {
                let (writer, bodies, next) = (self.clone(), Arc::clone(&bodies), Arc::clone(&next));
                tokio::spawn(async move { writer.work(&*bodies, &next, weigh).await })
            })
            .collect();
        let (mut total, mut times) = (0, Vec::new());
        for worker in workers {
            let (count, own) = worker.await.map_err(|e| Error::other(e.to_string()))??;
            total += count;
            times.extend(own);
        }
        let rate = f64::from(u32::try_from(total).unwrap_or(u32::MAX)) / begin.elapsed().as_secs_f64();
        times.sort_unstable();
        Ok(Load { rate, p50: percentile(&times, 50), p99: percentile(&times, 99) })
    }

    async fn work(
        &self,
        bodies: &Bodies,
        next: &AtomicUsize,
        weigh: fn(&Value) -> std::result::Result<u64, String>,
    ) -> Result<(u64, Vec<Duration>)> {
        // Each has a client, and thereby a connection, of its own; compressed answers would measure compression.
        let client = reqwest::Client::builder().no_gzip().build()?;
        let (mut total, mut times) = (0, Vec::new());
        while let Some(body) = bodies(next.fetch_add(1, Ordering::Relaxed)) {
            let begin = Instant::now();
            let request =
                client.post(&self.url).header(AUTHORIZATION, format!("Bearer {}", self.key)).header(CONTENT_TYPE, "application/json");
            let answer = request.body(body).send().await?;
            let (status, text) = (answer.status(), answer.bytes().await?);
            times.push(begin.elapsed());
            if !status.is_success() {
                return Err(Error::other(format!("{} answered {status}: {}", self.url, String::from_utf8_lossy(&text))));
            }
            total += weigh(&serde_json::from_slice(&text)?).map_err(Error::Other)?;
        }
        Ok((total, times))
    }
}

/// The time within which `percent` of the requests were answered; of sorted times.
fn percentile(times: &[Duration], percent: usize) -> Duration {
    let index = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }
}
