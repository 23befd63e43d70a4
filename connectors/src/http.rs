//! The polite HTTP client: it names itself, keeps an interval between the requests to a host, waits as long as a server asks for, and
//! gives up after some tries.
//!
//! * Requests to one host keep a minimum interval ([`HttpOptions::requests_per_minute`]).
//! * 408, 429, 5xx (but 501) and failed connections are tried again after exponentially growing, jittered delays ([`Retry`]).
//!   `Retry-After`, in seconds or as a date, goes before them, and holds back every other request to that host too.
//! * Bodies are read up to a limit, so that a runaway answer cannot exhaust the memory.
//! * URLs are shown without passwords and without the values of query parameters that are not known to be harmless; what an
//!   answer repeats of those is masked as well ([`Answer::excerpt`]).

mod pace;
mod secret;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aiod_schema::causes::chain;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Request, StatusCode, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::pace::{Pace, parse_retry_after};
use self::secret::{MASK, hidden};
pub use self::secret::{NotAKey, bare, check_key, read_key, shown};

/// How connectors name themselves to platforms.
pub const USER_AGENT: &str = concat!("aiod-connectors/", env!("CARGO_PKG_VERSION"), " (AI-on-Demand metadata catalogue)");

/// How many characters of an answer are shown in messages.
const EXCERPT: usize = 200;

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long one try may take, from connecting to the last byte.
    pub timeout: Duration,
    /// The most requests a minute to each host, evenly spaced; `None` for no limit of our own.
    pub requests_per_minute: Option<NonZeroU32>,
    /// The largest body that is read, in bytes after decompression.
    pub max_body: usize,
    /// How many redirects are followed.
    pub redirects: usize,
    /// When a request is tried again.
    pub retry: Retry,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
            requests_per_minute: None,
            max_body: 32 << 20,
            redirects: 5,
            retry: Retry::default(),
        }
    }
}

/// When a request is tried again.
#[derive(Clone, Debug)]
pub struct Retry {
    /// How often it is tried at most, the first time included.
    pub tries: u32,
    /// About how long the first delay is; each further one is twice as long.
    pub first_delay: Duration,
    /// The longest delay of our own choice.
    pub longest_delay: Duration,
    /// The longest `Retry-After` that is obeyed; a longer one ends the tries, since a run should not hang for hours.
    pub longest_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            tries: 5,
            first_delay: Duration::from_secs(1),
            longest_delay: Duration::from_secs(60),
            longest_wait: Duration::from_secs(15 * 60),
        }
    }
}

impl Retry {
    /// The delay after this many failed tries: half of it fixed, half of it random, so that clients that failed together come back apart.
    fn delay(&self, failed: u32) -> Duration {
        let factor = 2u32.saturating_pow(failed.saturating_sub(1));
        let full = self.first_delay.saturating_mul(factor).min(self.longest_delay);
        full.mul_f64(rand::random_range(0.5..=1.0))
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The client or the request could not be made.
    #[error("the HTTP request cannot be made: {}", chain(.0))]
    Request(#[source] reqwest::Error),
    /// No try got an answer: connection refused, name unknown, timeout, broken off.
    #[error("{url} cannot be reached (tries: {tries}): {}", chain(.source))]
    Unreachable {
        /// The URL as it may be shown.
        url: String,
        /// How often it was tried.
        tries: u32,
        /// What happened last.
        source: reqwest::Error,
    },
    /// The server answered that it cannot answer now, and kept doing so.
    #[error("{url} is unavailable (tries: {tries}): {status}{wait}: {excerpt}", wait = asked_to_wait(*.retry_after))]
    Unavailable {
        /// The URL as it may be shown.
        url: String,
        /// How often it was tried.
        tries: u32,
        /// The last status: 408, 429 or 5xx.
        status: StatusCode,
        /// How long it asked to wait.
        retry_after: Option<Duration>,
        /// The beginning of the last body.
        excerpt: String,
    },
    /// The body is larger than [`HttpOptions::max_body`].
    #[error("{url} answered with more than {limit} bytes")]
    TooLarge {
        /// The URL as it may be shown.
        url: String,
        /// The limit in bytes.
        limit: usize,
    },
}

impl HttpError {
    /// Whether the same request may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Unavailable { .. })
    }
}

fn asked_to_wait(wait: Option<Duration>) -> String {
    wait.map(|wait| format!(", asks to wait {} s", wait.as_secs())).unwrap_or_default()
}

/// What a server answered: any status that is not worth another try.
#[derive(Debug)]
pub struct Answer {
    /// The URL as it may be shown.
    pub url: String,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
    hidden: Vec<String>,
}

impl Answer {
    /// Reads the body as JSON.
    ///
    /// # Errors
    /// When it is not JSON or not of the form of `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// The beginning of the body on one line, for messages; secrets of the request that it repeats are masked.
    pub fn excerpt(&self) -> String {
        // Masked before it is cut, or half a secret could stay at the end.
        let start = self.body.get(..16 * EXCERPT).unwrap_or(&self.body);
        let mut text = String::from_utf8_lossy(start).split_whitespace().collect::<Vec<_>>().join(" ");
        for secret in &self.hidden {
            text = text.replace(secret, MASK);
        }
        text.chars().filter(|c| !c.is_control()).take(EXCERPT).collect()
    }
}

/// The client. Clones share connections and pace.
#[derive(Clone, Debug)]
pub struct Polite {
    client: reqwest::Client,
    pace: Arc<Pace>,
    options: HttpOptions,
}

impl Polite {
    /// A client with these options.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(options: HttpOptions) -> Result<Self, HttpError> {
        let redirects = if options.redirects == 0 { redirect::Policy::none() } else { redirect::Policy::limited(options.redirects) };
        let client = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            .redirect(redirects)
            .referer(false)
            .build()
            .map_err(|e| HttpError::Request(e.without_url()))?;
        let pace = Arc::new(Pace::new(options.requests_per_minute));
        Ok(Self { client, pace, options })
    }

    /// The same client with another number of tries.
    #[must_use]
    pub fn with_tries(&self, tries: u32) -> Self {
        let mut other = self.clone();
        other.options.retry.tries = tries;
        other
    }

    /// Reads a URL.
    ///
    /// # Errors
    /// When there is no answer, see [`HttpError`]; statuses that are not worth another try are answers.
    pub async fn get(&self, url: Url) -> Result<Answer, HttpError> {
        self.send(self.client.get(url)).await
    }

    /// Posts JSON with a bearer token.
    ///
    /// # Errors
    /// As [`Polite::get`].
    pub async fn post_json(&self, url: Url, bearer: &SecretString, body: &(impl Serialize + Sync)) -> Result<Answer, HttpError> {
        let request = self.client.post(url).json(body);
        let request = match HeaderValue::from_str(&format!("Bearer {}", bearer.expose_secret())) {
            Ok(mut header) => {
                header.set_sensitive(true);
                request.header(AUTHORIZATION, header)
            }
            // Checked keys always fit; of others the server's 401 says what is missing.
            Err(_) => request,
        };
        self.send(request).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, HttpError> {
        let request = request.build().map_err(|e| HttpError::Request(e.without_url()))?;
        let host = host_of(request.url());
        let retry = &self.options.retry;
        let mut tries = 0;
        loop {
            tries += 1;
            self.pace.turn(&host).await;
            let failure = match self.once(&request, tries).await {
                Ok(answer) if !is_passing(answer.status) => return Ok(answer),
                Ok(answer) => unavailable(&answer, tries),
                Err(error) => error,
            };
            // No time at all, or one that is over by our clock, is no reason to try again at once.
            let wait = retry_after_of(&failure).filter(|wait| !wait.is_zero());
            if !failure.is_passing() || tries >= retry.tries || wait.is_some_and(|wait| wait > retry.longest_wait) {
                return Err(failure);
            }
            let delay = retry.delay(tries);
            match wait {
                Some(wait) => {
                    tracing::info!("waiting {} s: {failure}", wait.as_secs());
                    // A little later than asked, and not all at once.
                    self.pace.hold(&host, wait + delay.min(wait / 10));
                }
                None => {
                    tracing::debug!("trying again in {} ms: {failure}", delay.as_millis());
                    tokio::time::sleep(delay).await;
                }
            }
        }
    }

    /// One try, with the whole body.
    async fn once(&self, request: &Request, tries: u32) -> Result<Answer, HttpError> {
        let url = shown(request.url());
        let unreachable = |e: reqwest::Error| HttpError::Unreachable { url: url.clone(), tries, source: e.without_url() };
        // Bodies are bytes, never streams, so that there always is a copy.
        let copy = request.try_clone().unwrap_or_else(|| Request::new(request.method().clone(), request.url().clone()));
        let mut response = self.client.execute(copy).await.map_err(unreachable)?;
        let limit = self.options.max_body;
        let too_large = || HttpError::TooLarge { url: url.clone(), limit };
        if response.content_length().is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { url, status, headers, body, hidden: hidden(request) })
    }
}

fn host_of(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// Whether the same request may get another answer later. 501 is a fact about the server, not a state.
fn is_passing(status: StatusCode) -> bool {
    matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
        || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
}

fn unavailable(answer: &Answer, tries: u32) -> HttpError {
    let header = answer.headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok());
    HttpError::Unavailable {
        url: answer.url.clone(),
        tries,
        status: answer.status,
        retry_after: header.and_then(|text| parse_retry_after(text, SystemTime::now())),
        excerpt: answer.excerpt(),
    }
}

fn retry_after_of(error: &HttpError) -> Option<Duration> {
    match error {
        HttpError::Unavailable { retry_after, .. } => *retry_after,
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn excerpts_mask_what_the_request_kept_secret() {
        let request = Request::new(reqwest::Method::GET, Url::parse("http://h/get?apiToken=abcd1234").unwrap());
        let body = b"<html>\n <b>no route to /get?apiToken=abcd1234</b>\x07".to_vec();
        let answer =
            Answer { url: shown(request.url()), status: StatusCode::OK, headers: HeaderMap::new(), body, hidden: hidden(&request) };
        assert_eq!(answer.excerpt(), "<html> <b>no route to /get?apiToken=***</b>");
    }

    #[test]
    fn delays_grow_and_stay_below_the_longest() {
        let retry = Retry { first_delay: Duration::from_secs(1), longest_delay: Duration::from_secs(10), ..Retry::default() };
        for failed in 1..80 {
            let full = 2f64.powi(failed as i32 - 1).min(10.0);
            let delay = retry.delay(failed).as_secs_f64();
            assert!((full / 2.0..=full).contains(&delay), "{failed}: {delay}");
        }
    }
}
