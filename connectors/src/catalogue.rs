//! The client of the catalogue: a check that it answers and that the key may write, and the bulk upsert
//! (`POST {catalogue}/platforms/{platform}/{type_path}/batch`).

use std::fmt;
use std::time::Duration;

use aiod_schema::wire::{BatchAnswer, BatchRequest, HttpValidationError, Problem, RecordResult, ValidationError};
use reqwest::{StatusCode, Url};
use secrecy::SecretString;
use tokio::time::Instant;

use crate::http::{Answer, HttpError, HttpOptions, Polite};
use crate::record::Record;

/// The longest wait before a catalogue that does not answer yet is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// A catalogue, and the key to write to it.
#[derive(Clone, Debug)]
pub struct Catalogue {
    http: Polite,
    base: Url,
    key: SecretString,
}

/// Why the catalogue did not take a batch.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// It cannot be reached, or is unavailable.
    #[error("the catalogue does not answer: {0}. Is it running, and is --catalogue (AIOD_CONNECTOR_CATALOGUE) its address?")]
    Unreachable(#[source] HttpError),
    /// 500 at every try: a defect of the catalogue, which one record may cause.
    #[error("the catalogue failed: {0}")]
    Failed(#[source] HttpError),
    /// Another failure of HTTP.
    #[error("the request to the catalogue failed: {0}")]
    Http(#[source] HttpError),
    /// 401: the key is unknown, expired or revoked.
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
    /// 3xx, 404 or 405: this address has no bulk upsert.
    #[error("there is no bulk upsert at this address: {0}. Check --catalogue (AIOD_CONNECTOR_CATALOGUE)")]
    NoBulkUpsert(Refusal),
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
    /// Whether a later run fails as well until someone changes the set-up.
    pub fn needs_change(&self) -> bool {
        matches!(self, Self::KeyRefused(_) | Self::NotAllowed { .. } | Self::UnknownPlatform { .. } | Self::NoBulkUpsert(_))
    }

    /// Whether the records or their number may be the reason, so that smaller batches may be accepted.
    pub fn is_about_records(&self) -> bool {
        matches!(self, Self::BatchRefused(_) | Self::Failed(_))
    }
}

/// The catalogue's explanation of an error: `{"detail": …, "reference": …}`.
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

impl Refusal {
    fn new(answer: &Answer) -> Self {
        let (url, status) = (answer.url.clone(), answer.status);
        if let Ok(Problem { detail, reference }) = answer.json() {
            return Self { url, status, detail: shorten(&detail), reference: given(reference) };
        }
        if let Ok(HttpValidationError { detail, reference }) = answer.json() {
            return Self { url, status, detail: shorten(&reasons(&detail)), reference: given(reference) };
        }
        Self { url, status, detail: answer.excerpt(), reference: None }
    }
}

/// A reference, unless it is empty: errors of a proxy before the catalogue have none.
fn given(reference: String) -> Option<String> {
    Some(reference).filter(|reference| !reference.is_empty())
}

/// All faults on one line.
fn reasons(faults: &[ValidationError]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Why a record failed, on one line.
pub fn reason(result: &RecordResult) -> String {
    if result.errors.is_empty() { "the catalogue gives no reason".to_owned() } else { reasons(&result.errors) }
}

/// Details of a 422 may list a thousand faults.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(500) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl Catalogue {
    /// The catalogue at this address (an http or https URL, with or without a path).
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(base: Url, key: SecretString, options: HttpOptions) -> Result<Self, HttpError> {
        // A redirected POST becomes a GET, whose answer would mislead: a redirect is reported instead.
        let http = Polite::new(HttpOptions { redirects: 0, ..options })?;
        Ok(Self { http, base, key })
    }

    /// Waits until the catalogue answers, at most for `patience`, and checks that the key may write. It sends an empty batch, which
    /// changes nothing. Without this check, thousands of records would be fetched before the first one is refused.
    ///
    /// # Errors
    /// When the catalogue is not there in time, or refuses the key, the platform or the path.
    pub async fn check_access(&self, platform: &str, type_path: &str, patience: Duration) -> Result<(), CatalogueError> {
        let once = Self { http: self.http.with_tries(1), ..self.clone() };
        let deadline = Instant::now() + patience;
        let mut waiting = false;
        loop {
            let error = match once.post(platform, type_path, &[]).await {
                Ok(_) => return Ok(()),
                Err(error @ (CatalogueError::Unreachable(_) | CatalogueError::Failed(_))) if Instant::now() < deadline => error,
                // Some catalogues refuse an empty batch, but only after they have accepted the key.
                Err(CatalogueError::BatchRefused(_)) => return Ok(()),
                Err(error) => return Err(error),
            };
            if waiting {
                tracing::debug!("still waiting: {error}");
            } else {
                tracing::info!("waiting up to {} s: {error}", patience.as_secs());
                waiting = true;
            }
            tokio::time::sleep_until(deadline.min(Instant::now() + ASK_AGAIN)).await;
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
        let answer = match self.http.post_json(url, &self.key, &BatchRequest { records: records.iter().collect::<Vec<_>>() }).await {
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
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Err(CatalogueError::NoBulkUpsert(refusal())),
            status if status.is_redirection() => Err(CatalogueError::NoBulkUpsert(refusal())),
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
