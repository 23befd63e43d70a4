//! The client of the catalogue: is it there, may we write, and the bulk upsert
//! (`POST {catalogue}/platforms/{platform}/{type_path}/batch`).

use std::fmt;
use std::time::Duration;

use reqwest::{StatusCode, Url};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use crate::http::{Answer, HttpError, HttpOptions, Polite, Secret};
use crate::record::Record;

/// How long to wait at most between two looks for a catalogue that is not there yet.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// A catalogue, and the key to write to it.
#[derive(Clone, Debug)]
pub struct Catalogue {
    http: Polite,
    base: Url,
    key: Secret,
}

/// What the catalogue did with one record.
#[derive(Clone, Debug, Deserialize)]
pub struct RecordResult {
    /// The platform's identifier.
    #[serde(default)]
    pub platform_resource_identifier: Option<String>,
    /// The catalogue's identifier, unless it failed.
    #[serde(default)]
    pub identifier: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it failed.
    #[serde(default)]
    errors: Option<Vec<Fault>>,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is new.
    Created,
    /// It replaced an older state.
    Updated,
    /// It was there as it is.
    Unchanged,
    /// It was refused.
    Failed,
}

#[derive(Clone, Debug, Deserialize)]
struct Fault {
    #[serde(default)]
    loc: Vec<Value>,
    msg: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.loc.iter().enumerate() {
            match step {
                Value::Number(place) => write!(f, "[{place}]")?,
                step => write!(f, "{}{}", if index == 0 { "" } else { "." }, step.as_str().unwrap_or_default())?,
            }
        }
        write!(f, "{}{}", if self.loc.is_empty() { "" } else { ": " }, self.msg)
    }
}

impl RecordResult {
    /// Why the record failed, on one line.
    pub fn reason(&self) -> String {
        let faults: Vec<String> = self.errors.iter().flatten().map(ToString::to_string).collect();
        if faults.is_empty() { "the catalogue says no more".to_owned() } else { faults.join("; ") }
    }
}

/// Why the catalogue did not take a batch.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// It cannot be reached, or is unavailable.
    #[error("the catalogue does not answer: {0}. Is it running, and is --catalogue (AIOD_CONNECTOR_CATALOGUE) its address?")]
    Unreachable(#[source] HttpError),
    /// 500, however often it was tried: a defect of the catalogue, which one record may bring out.
    #[error("the catalogue failed: {0}")]
    Failed(#[source] HttpError),
    /// Another failure of HTTP.
    #[error("the request to the catalogue failed: {0}")]
    Http(#[source] HttpError),
    /// 401: the key is none, or no more.
    #[error("the catalogue refused the API key: {0}. Check --api-key (AIOD_CONNECTOR_API_KEY): it may be mistyped, expired or revoked")]
    KeyRefused(Refusal),
    /// 403: the key may not write this platform.
    #[error("the API key may not write resources of '{platform}': {refusal}. The key needs the role platform_{platform}")]
    NotAllowed {
        /// The platform.
        platform: String,
        /// What the catalogue says.
        refusal: Refusal,
    },
    /// 412: the catalogue does not know the platform.
    #[error("the catalogue does not know the platform '{platform}': {refusal}. An administrator has to register it")]
    UnknownPlatform {
        /// The platform.
        platform: String,
        /// What the catalogue says.
        refusal: Refusal,
    },
    /// 3xx, 404 or 405: there is no bulk upsert at this address.
    #[error("there is no bulk upsert at this address: {0}. Check --catalogue (AIOD_CONNECTOR_CATALOGUE)")]
    NotThere(Refusal),
    /// 400, 413 or 422: something in the batch, or its size.
    #[error("the catalogue refused the batch: {0}")]
    BatchRefused(Refusal),
    /// Another status.
    #[error("the catalogue answered unexpectedly: {0}")]
    Unexpected(Refusal),
    /// 200 with a body that is not the contract's.
    #[error("the catalogue's answer is not understood: {0}")]
    Answer(String),
}

impl CatalogueError {
    /// Whether waiting cannot help: someone has to change the set-up.
    pub fn needs_someone(&self) -> bool {
        matches!(self, Self::KeyRefused(_) | Self::NotAllowed { .. } | Self::UnknownPlatform { .. } | Self::NotThere(_))
    }

    /// Whether one record, or the number of records, may be the reason, so that smaller batches may pass.
    pub fn is_about_records(&self) -> bool {
        matches!(self, Self::BatchRefused(_) | Self::Failed(_))
    }
}

/// What the catalogue says with an error: `{"detail": …, "reference": …}`.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The URL as it may be shown.
    pub url: String,
    /// The status.
    pub status: StatusCode,
    /// What is wrong.
    pub detail: String,
    /// What identifies the error in the catalogue's log.
    pub reference: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}: {}", self.status, self.url, self.detail)?;
        match &self.reference {
            Some(reference) => write!(f, " (reference {reference})"),
            None => Ok(()),
        }
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    detail: Value,
    #[serde(default)]
    reference: Option<String>,
}

impl Refusal {
    fn new(answer: &Answer) -> Self {
        let (url, status) = (answer.url.clone(), answer.status);
        match answer.json::<ErrorBody>() {
            Ok(body) => {
                let detail = body.detail.as_str().map_or_else(|| shorten(&body.detail.to_string()), shorten);
                Self { url, status, detail, reference: body.reference }
            }
            Err(_) => Self { url, status, detail: answer.excerpt(), reference: None },
        }
    }
}

/// Details of a 422 may list a thousand faults.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(500) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[derive(Serialize)]
struct Batch<'a> {
    records: &'a [Record],
}

#[derive(Deserialize)]
struct BatchAnswer {
    results: Vec<RecordResult>,
}

impl Catalogue {
    /// The catalogue at this address (an http or https URL, with or without a path).
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(base: Url, key: Secret, options: HttpOptions) -> Result<Self, HttpError> {
        // A redirected POST becomes a GET, whose answer would mislead: a redirect is reported instead.
        let http = Polite::new(HttpOptions { redirects: 0, ..options })?;
        Ok(Self { http, base, key })
    }

    /// Waits until the catalogue answers, at most for `patience`, and makes sure that the key may write: before the platform is asked
    /// for thousands of records that could not be sent. Sends an empty batch, which changes nothing.
    ///
    /// # Errors
    /// When the catalogue is not there in time, or refuses the key, the platform or the path.
    pub async fn greet(&self, platform: &str, type_path: &str, patience: Duration) -> Result<(), CatalogueError> {
        let once = Self { http: self.http.with_tries(1), ..self.clone() };
        let deadline = Instant::now() + patience;
        let mut waiting = false;
        loop {
            let error = match once.post(platform, type_path, &[]).await {
                Ok(_) => return Ok(()),
                Err(error @ (CatalogueError::Unreachable(_) | CatalogueError::Failed(_))) if Instant::now() < deadline => error,
                // An empty batch may be refused for its emptiness: by then the key is accepted.
                Err(CatalogueError::BatchRefused(_)) => return Ok(()),
                Err(error) => return Err(error),
            };
            if waiting {
                tracing::debug!("still waiting: {error}");
            } else {
                tracing::info!("waiting up to {} s: {error}", patience.as_secs());
                waiting = true;
            }
            tokio::time::sleep_until(deadline.min(Instant::now() + LOOK_AGAIN)).await;
        }
    }

    /// Creates or updates records of one platform and type: at most [`aiod_schema::validate::MAX_RECORDS`]. The results stand in the order of the records.
    ///
    /// # Errors
    /// When the batch as a whole was not taken.
    pub async fn upsert(&self, platform: &str, type_path: &str, records: &[Record]) -> Result<Vec<RecordResult>, CatalogueError> {
        let answer = self.post(platform, type_path, records).await?;
        let results = match answer.json::<BatchAnswer>() {
            Ok(answer) => answer.results,
            Err(error) => return Err(CatalogueError::Answer(format!("{error}: {}", answer.excerpt()))),
        };
        if results.len() != records.len() {
            return Err(CatalogueError::Answer(format!("{} results for {} records", results.len(), records.len())));
        }
        Ok(results)
    }

    async fn post(&self, platform: &str, type_path: &str, records: &[Record]) -> Result<Answer, CatalogueError> {
        let url = self.batch_url(platform, type_path);
        let answer = match self.http.post_json(url, &self.key, &Batch { records }).await {
            Ok(answer) => answer,
            Err(error @ HttpError::Unavailable { status: StatusCode::INTERNAL_SERVER_ERROR, .. }) => {
                return Err(CatalogueError::Failed(error));
            }
            Err(error) if error.is_passing() => return Err(CatalogueError::Unreachable(error)),
            Err(error) => return Err(CatalogueError::Http(error)),
        };
        let platform = platform.to_owned();
        let refusal = || Refusal::new(&answer);
        match answer.status {
            StatusCode::OK => Ok(answer),
            StatusCode::UNAUTHORIZED => Err(CatalogueError::KeyRefused(refusal())),
            StatusCode::FORBIDDEN => Err(CatalogueError::NotAllowed { platform, refusal: refusal() }),
            StatusCode::PRECONDITION_FAILED => Err(CatalogueError::UnknownPlatform { platform, refusal: refusal() }),
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                Err(CatalogueError::BatchRefused(refusal()))
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Err(CatalogueError::NotThere(refusal())),
            status if status.is_redirection() => Err(CatalogueError::NotThere(refusal())),
            _ => Err(CatalogueError::Unexpected(refusal())),
        }
    }

    fn batch_url(&self, platform: &str, type_path: &str) -> Url {
        let mut url = self.base.clone();
        // Fails for URLs that cannot have a path only, which the command line refuses.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["platforms", platform, type_path, "batch"]);
        }
        url
    }
}
