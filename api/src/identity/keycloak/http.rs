//! Requests to Keycloak, by its internal address where it has one.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

use super::ProviderError;
use crate::config::SecretUrl;

/// How long connecting to the provider may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a whole answer of the provider may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer of the provider that is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;
/// A failure that took this long is a provider that does not answer, rather than one that refuses.
const SLOW: Duration = Duration::from_millis(500);
/// A provider that did not answer gets no requests for so many times as long as it was waited for. Callers thus wait a small part of the time.
const PAUSE_FACTOR: u32 = 4;

/// Requests to the provider.
#[derive(Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    /// What public addresses of Keycloak begin with.
    public: String,
    /// What is put there instead; empty where the public address is used. It may hold a password.
    internal: SecretUrl,
    /// Until when a provider that did not answer gets no requests.
    paused_until: Mutex<Option<Instant>>,
}

/// openidconnect sends its requests by this.
impl<'c> AsyncHttpClient<'c> for Http {
    type Error = ProviderError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, ProviderError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl Http {
    /// For a provider at this public address; `internal` is where we reach it, if elsewhere.
    pub(super) fn new(public: &str, internal: &SecretUrl) -> Result<Self, ProviderError> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // A provider has no reason to send us elsewhere, and a secret must not go along.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| ProviderError::of(&e))?;
        Ok(Self { client, public: public.to_owned(), internal: internal.clone(), paused_until: Mutex::new(None) })
    }

    /// Sends a request, unless the provider did not answer a moment ago.
    pub(super) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ProviderError> {
        let paused_until = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        if paused_until.is_some_and(|end| Instant::now() < end) {
            return Err(ProviderError::new("it did not answer a moment ago"));
        }
        let begin = Instant::now();
        let outcome = self.exchange(request).await;
        let took = begin.elapsed();
        let pause = (outcome.is_err() && took >= SLOW).then(|| Instant::now() + took * PAUSE_FACTOR);
        *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner) = pause;
        outcome
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, ProviderError> {
        let (parts, body) = request.into_parts();
        let url = self.reached_by(&parts.uri.to_string());
        let sent = self.client.request(parts.method, url).headers(parts.headers).body(body).send().await;
        // Its URL may hold a password.
        let received = sent.map_err(|e| ProviderError::of(&e.without_url()))?;
        let mut answer = openidconnect::http::Response::builder().status(received.status());
        if let Some(headers) = answer.headers_mut() {
            headers.clone_from(received.headers());
        }
        answer.body(read_body(received).await?).map_err(|e| ProviderError::of(&e))
    }

    /// The address by which the server reaches what the public address names.
    fn reached_by(&self, url: &str) -> String {
        let rest = url.strip_prefix(&self.public).filter(|rest| rest.starts_with('/'));
        match (self.internal.expose().trim_end_matches('/'), rest) {
            ("", _) | (_, None) => url.to_owned(),
            (internal, Some(rest)) => format!("{internal}{rest}"),
        }
    }
}

async fn read_body(mut received: reqwest::Response) -> Result<Vec<u8>, ProviderError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = received.chunk().await.map_err(|e| ProviderError::of(&e.without_url()))? {
        if bytes.len() + chunk.len() > MAX_ANSWER {
            return Err(ProviderError::new(format!("its answer is larger than {MAX_ANSWER} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_the_internal_address_is_used_and_not_shown() {
        let internal = SecretUrl::from("http://aiod:s3cret@keycloak:8080/");
        let http = Http::new("https://login.example.org", &internal).unwrap();
        assert_eq!(http.reached_by("https://login.example.org/realms/aiod"), "http://aiod:s3cret@keycloak:8080/realms/aiod");
        assert_eq!(http.reached_by("https://login.example.org.evil/"), "https://login.example.org.evil/");
        assert!(!format!("{http:?}").contains("s3cret"), "{http:?}");
    }
}
