//! Requests to Elasticsearch, and what its answers mean for the catalogue.

use std::time::Duration;

use elasticsearch::auth::Credentials;
use elasticsearch::cert::{Certificate, CertificateValidation};
use elasticsearch::http::Method;
use elasticsearch::http::headers::HeaderMap;
use elasticsearch::http::transport::{SingleNodeConnectionPool, Transport, TransportBuilder};
use secrecy::ExposeSecret;
use serde_json::Value;
use url::Url;

use crate::config::SearchConfig;
use crate::search::{Result, SearchError};

/// How long somebody who searches waits for an answer.
pub(super) const SEARCHING: Duration = Duration::from_millis(2_000);
/// How long a request may take that nobody waits for.
pub(super) const WORKING: Duration = Duration::from_secs(30);
/// How long to wait before a request is repeated that was refused because Elasticsearch had too much to do.
const BUSY: [Duration; 5] =
    [Duration::from_millis(100), Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Why nothing is found where there is no index yet.
pub(super) const BEING_MADE: &str = "the search index is being made";

/// A connection to Elasticsearch.
#[derive(Debug)]
pub(super) struct Client {
    /// Or what is wrong with the configuration.
    transport: std::result::Result<Transport, String>,
}

/// What is sent along.
#[derive(Clone, Copy)]
pub(super) enum Content<'c> {
    Nothing,
    Json(&'c Value),
    /// JSON values, each in a line of its own.
    Lines(&'c str),
}

/// An answer of Elasticsearch.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Client {
    pub(super) fn new(config: &SearchConfig) -> Self {
        Self { transport: transport(config) }
    }

    /// Sends a request; whatever the status, the answer.
    ///
    /// # Errors
    /// When there is no whole answer within `limit`.
    pub(super) async fn send(&self, method: Method, path: &str, content: Content<'_>, limit: Duration) -> Result<Answer> {
        let transport = self.transport.as_ref().map_err(unavailable)?;
        let exchange = async {
            let body = match content {
                Content::Nothing => None,
                Content::Json(body) => Some(body.to_string()),
                Content::Lines(lines) => Some(lines.to_owned()),
            };
            let response = transport.send(method, path, HeaderMap::new(), None::<&()>, body, Some(limit)).await?;
            let status = response.status_code().as_u16();
            Ok((status, response.bytes().await?))
        };
        let (status, bytes) = exchange.await.map_err(|error: elasticsearch::Error| no_answer(&error))?;
        let body = match serde_json::from_slice(&bytes) {
            Ok(body) => body,
            // What stands between may answer in its own words.
            Err(_) if status >= 400 || bytes.is_empty() => Value::Null,
            Err(error) => return Err(unavailable(format!("an answer is not JSON: {error}"))),
        };
        Ok(Answer { status, body })
    }

    /// Sends a request again while Elasticsearch has too much to do.
    pub(super) async fn send_patiently(&self, method: Method, path: &str, content: Content<'_>) -> Result<Answer> {
        let mut pauses = BUSY.iter();
        loop {
            let answer = self.send(method, path, content, WORKING).await?;
            match pauses.next().filter(|_| answer.status == 429) {
                Some(pause) => tokio::time::sleep(*pause).await,
                None => return Ok(answer),
            }
        }
    }
}

/// Pauses before what was refused is sent again.
pub(super) fn pauses() -> impl Iterator<Item = Duration> {
    BUSY.into_iter()
}

fn transport(config: &SearchConfig) -> std::result::Result<Transport, String> {
    let mut url = Url::parse(config.elasticsearch_url.expose()).map_err(|error| format!("search.elasticsearch_url: {error}"))?;
    let credentials = credentials(config, &mut url);
    let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(url)).enable_meta_header(false);
    if let Some(credentials) = credentials {
        builder = builder.auth(credentials);
    }
    if !config.ca_file.as_os_str().is_empty() {
        let refused = |error: String| format!("search.ca_file: {}: {error}", config.ca_file.display());
        let pem = std::fs::read(&config.ca_file).map_err(|error| refused(error.to_string()))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| refused(error.to_string()))?;
        builder = builder.cert_validation(CertificateValidation::Full(certificate));
    }
    builder.build().map_err(|error| error.to_string())
}

/// Whom Elasticsearch is to take the catalogue for; takes a name and a password out of the address.
fn credentials(config: &SearchConfig, url: &mut Url) -> Option<Credentials> {
    let decoded =
        |text: &str| url::form_urlencoded::parse(format!("x={}", text.replace('+', "%2B")).as_bytes()).next().map(|(_, v)| v.into_owned());
    let in_url = (!url.username().is_empty())
        .then(|| (decoded(url.username()).unwrap_or_default(), url.password().and_then(decoded).unwrap_or_default()));
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let key = config.api_key.expose_secret();
    if !key.is_empty() {
        return Some(Credentials::AuthorizationHeader(format!("ApiKey {key}")));
    }
    if !config.user.is_empty() {
        return Some(Credentials::Basic(config.user.clone(), config.password.expose_secret().to_owned()));
    }
    in_url.map(|(user, password)| Credentials::Basic(user, password))
}

fn unavailable(why: impl std::fmt::Display) -> SearchError {
    SearchError::Unavailable(format!("Elasticsearch: {why}"))
}

/// Why there is no answer, without the address, which is nobody's business who searches.
fn no_answer(error: &elasticsearch::Error) -> SearchError {
    if error.is_timeout() {
        return unavailable("no answer in time");
    }
    let mut cause: &dyn std::error::Error = error;
    let mut depth = 0;
    while let Some(source) = cause.source() {
        cause = source;
        depth += 1;
    }
    if depth == 0 { unavailable("it does not answer") } else { unavailable(format!("it does not answer: {cause}")) }
}

impl Answer {
    /// The body of an answer that says that all went well.
    pub(super) fn ok(self) -> Result<Value> {
        if self.status < 300 {
            return Ok(self.body);
        }
        Err(match self.status {
            401 | 403 if self.error_type() != "cluster_block_exception" => {
                unavailable(format!("it refuses what the catalogue asks ({}): {}", self.status, self.reason()))
            }
            404 => SearchError::Unavailable(BEING_MADE.to_owned()),
            429 => unavailable("it has too much to do"),
            403 | 500.. => unavailable(format!("it fails ({}): {}", self.status, self.reason())),
            status => SearchError::Failed(format!("Elasticsearch answered {status}: {}", self.reason())),
        })
    }

    /// The body, or nothing when what was asked for is not there.
    pub(super) fn found(self) -> Result<Option<Value>> {
        if self.status == 404 { Ok(None) } else { self.ok().map(Some) }
    }

    fn error_type(&self) -> &str {
        self.body.pointer("/error/type").and_then(Value::as_str).unwrap_or_default()
    }

    fn reason(&self) -> String {
        self.body.get("error").map_or_else(|| "no reason given".to_owned(), reason)
    }
}

/// Why Elasticsearch refused something, and what caused that.
pub(super) fn reason(error: &Value) -> String {
    /// Its reasons may quote whole documents.
    const MAX_REASON: usize = 500;
    let text = |error: &Value| error.get("reason").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut reason = text(error);
    if let Some(cause) = error.pointer("/root_cause/0").map(text).filter(|cause| *cause != reason && !cause.is_empty()) {
        reason = format!("{reason}: {cause}");
    }
    if let Some(cause) = error.get("caused_by").map(text).filter(|cause| !cause.is_empty()) {
        reason = format!("{reason}: {cause}");
    }
    if reason.is_empty() {
        reason = error.to_string();
    }
    reason.chars().take(MAX_REASON).collect()
}
