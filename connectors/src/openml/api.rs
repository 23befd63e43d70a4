//! OpenML's REST API, version 1, as JSON: `{base}/api/v1/json/…`.
//!
//! Its JSON is made from XML: what stands once is a scalar, what stands several times a list, what is empty often `[]` or `{}`, and
//! numbers are texts in one place and numbers in another. Errors are 412 with `{"error": {"code", "message"}}`, the same as XML
//! (`<oml:code>`), or a page of HTML. Documentation: <https://www.openml.org/apis>.

use reqwest::{StatusCode, Url};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::http::{Answer, HttpError, Polite};

/// The error code of a page without any dataset: the end of the list.
const NO_RESULTS: u32 = 372;

/// The error code of a server that cannot reach its database just now, which comes with 412 as well.
const NO_DATABASE: u32 = 107;

/// The quality that says how large a dataset is.
const INSTANCES: &str = "NumberOfInstances";

/// The client of one OpenML server.
#[derive(Clone, Debug)]
pub struct Api {
    http: Polite,
    base: Url,
}

/// Why OpenML did not answer with what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No answer, or none that can be used.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// OpenML refused: mostly 412 with a code of its own.
    #[error("{url} answered {status}{}: {message}", code.map(|c| format!(", code {c}")).unwrap_or_default())]
    Refused {
        /// The URL as it may be shown.
        url: String,
        /// The status.
        status: StatusCode,
        /// OpenML's own code.
        code: Option<u32>,
        /// OpenML's message, or the beginning of the answer.
        message: String,
    },
    /// The answer is not the JSON that is expected: a page of HTML, say.
    #[error("{url} answered with something else than the expected JSON ({reason}): {excerpt}")]
    Unexpected {
        /// The URL as it may be shown.
        url: String,
        /// What is wrong.
        reason: String,
        /// The beginning of the answer.
        excerpt: String,
    },
    /// Page after page of the list brings the same datasets.
    #[error("the list brings nothing new any more, and does not end either (offset {offset})")]
    Stuck {
        /// The offset of the page that was not asked for any more.
        offset: usize,
    },
}

impl ApiError {
    /// Whether the same request may succeed later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Http(error) => error.is_passing(),
            Self::Refused { code, .. } => *code == Some(NO_DATABASE),
            _ => false,
        }
    }
}

/// One entry of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The dataset's number.
    pub id: u64,
    /// How many instances it has, when the list says so.
    pub instances: Option<f64>,
}

/// What stands at one place of the list.
#[derive(Clone, Debug, PartialEq)]
pub enum Listed {
    /// A dataset.
    Entry(Entry),
    /// Something that is not understood, and why.
    Broken(String),
}

/// What OpenML says of a dataset: the fields that are converted, see [`super::convert`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Description {
    /// The dataset's number.
    #[serde(deserialize_with = "text")]
    pub id: Option<String>,
    /// Its name; several versions of a dataset share it.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
    /// Its version, counted by OpenML.
    #[serde(deserialize_with = "text")]
    pub version: Option<String>,
    /// What it is, in Markdown.
    #[serde(deserialize_with = "text")]
    pub description: Option<String>,
    /// The format of its file, mostly `ARFF`.
    #[serde(deserialize_with = "text")]
    pub format: Option<String>,
    /// Names of those who made it.
    #[serde(deserialize_with = "texts")]
    pub creator: Vec<String>,
    /// Names of those who had a part in it.
    #[serde(deserialize_with = "texts")]
    pub contributor: Vec<String>,
    /// When it was uploaded, `2014-04-06T23:19:24`.
    #[serde(deserialize_with = "text")]
    pub upload_date: Option<String>,
    /// Its licence, in any words.
    #[serde(deserialize_with = "text")]
    pub licence: Option<String>,
    /// Where its file can be downloaded.
    #[serde(deserialize_with = "text")]
    pub url: Option<String>,
    /// Where the same data can be downloaded as Parquet.
    #[serde(deserialize_with = "text")]
    pub parquet_url: Option<String>,
    /// The older name of the same.
    #[serde(deserialize_with = "text")]
    pub minio_url: Option<String>,
    /// How it wants to be cited: a text or a URL.
    #[serde(deserialize_with = "texts")]
    pub citation: Vec<String>,
    /// Tags that users gave it.
    #[serde(deserialize_with = "texts")]
    pub tag: Vec<String>,
    /// `public`, or who may see it.
    #[serde(deserialize_with = "text")]
    pub visibility: Option<String>,
    /// Where the data came from.
    #[serde(deserialize_with = "texts")]
    pub original_data_url: Vec<String>,
    /// A publication about it.
    #[serde(deserialize_with = "texts")]
    pub paper_url: Vec<String>,
    /// The MD5 checksum of the file at `url`, in hexadecimal.
    #[serde(deserialize_with = "text")]
    pub md5_checksum: Option<String>,
}

impl Api {
    /// The server at this address.
    pub fn new(http: Polite, base: Url) -> Self {
        Self { http, base }
    }

    /// The server's address.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// One page of the list of active datasets; empty past the end.
    ///
    /// # Errors
    /// When OpenML does not answer with a page.
    pub async fn page(&self, limit: usize, offset: usize) -> Result<Vec<Listed>, ApiError> {
        let path = ["data", "list", "limit", &limit.to_string(), "offset", &offset.to_string()].map(str::to_owned);
        let (answer, body) = match self.get(&path).await {
            Ok(answered) => answered,
            Err(ApiError::Refused { code: Some(NO_RESULTS), .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        match body.get("data") {
            Some(data) if data.get("dataset").is_some() || is_empty(data) => Ok(many(&data["dataset"]).map(listed).collect()),
            // Taken for an empty page, it would end the list in the middle without a word.
            _ => Err(unexpected(&answer, "no data.dataset".to_owned())),
        }
    }

    /// What OpenML says of a dataset.
    ///
    /// # Errors
    /// When OpenML does not answer with a description; an unknown number is 412 with code 111.
    pub async fn dataset(&self, id: u64) -> Result<Description, ApiError> {
        let (answer, mut body) = self.get(&["data".to_owned(), id.to_string()]).await?;
        let description = body.get_mut("data_set_description").map(Value::take).unwrap_or_default();
        if !description.is_object() {
            return Err(unexpected(&answer, "no data_set_description".to_owned()));
        }
        serde_json::from_value(description).map_err(|e| unexpected(&answer, e.to_string()))
    }

    /// How many instances a dataset has by its qualities; `None` when OpenML has not computed them, or does not say so in a way that is
    /// understood: a dataset is worth having without its size.
    ///
    /// # Errors
    /// When OpenML is unavailable. Taking that for "no size" would make the size come and go.
    pub async fn instances(&self, id: u64) -> Result<Option<f64>, ApiError> {
        match self.get(&["data".to_owned(), "qualities".to_owned(), id.to_string()]).await {
            Ok((_, body)) => Ok(instances(&body["data_qualities"]["quality"])),
            Err(error) if error.is_passing() => Err(error),
            Err(error) => {
                tracing::debug!(record = id, "record {id}: no qualities: {error}");
                Ok(None)
            }
        }
    }

    async fn get(&self, path: &[String]) -> Result<(Answer, Value), ApiError> {
        let mut url = self.base.clone();
        url.set_query(None);
        url.set_fragment(None);
        // Fails for URLs that cannot have a path only, which the command line refuses.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1", "json"]).extend(path);
        }
        let answer = self.http.get(url).await?;
        let body = answer.json::<Value>();
        if !answer.status.is_success() {
            return Err(refused(&answer, body.ok().as_ref()));
        }
        match body {
            // Some errors come with status 200.
            Ok(body) if body.get("error").is_some() => Err(refused(&answer, Some(&body))),
            Ok(body) => Ok((answer, body)),
            Err(_) if xml_element(&answer.body, "code").is_some() => Err(refused(&answer, None)),
            Err(error) => Err(unexpected(&answer, error.to_string())),
        }
    }
}

fn refused(answer: &Answer, body: Option<&Value>) -> ApiError {
    let error = body.map(|body| &body["error"]);
    let code = error.and_then(|e| scalar(&e["code"])).or_else(|| xml_element(&answer.body, "code"));
    let message = error.and_then(|e| scalar(&e["message"])).or_else(|| xml_element(&answer.body, "message"));
    ApiError::Refused {
        url: answer.url.clone(),
        status: answer.status,
        code: code.and_then(|code| code.parse().ok()),
        message: message.unwrap_or_else(|| answer.excerpt()),
    }
}

fn unexpected(answer: &Answer, reason: String) -> ApiError {
    ApiError::Unexpected { url: answer.url.clone(), reason, excerpt: answer.excerpt() }
}

/// The text of an element of OpenML's XML errors, `<oml:NAME>text</oml:NAME>`: all that is needed of them.
fn xml_element(body: &[u8], name: &str) -> Option<String> {
    let body = String::from_utf8_lossy(body);
    let (_, rest) = body.split_once(&format!("<oml:{name}>"))?;
    let (text, _) = rest.split_once('<')?;
    Some(text.trim().to_owned())
}

fn listed(entry: &Value) -> Listed {
    match scalar(&entry["did"]).and_then(|did| did.parse().ok()) {
        Some(id) => Listed::Entry(Entry { id, instances: instances(&entry["quality"]) }),
        None => Listed::Broken(format!("the list has an entry without a dataset's number: {:.100}", entry.to_string())),
    }
}

fn instances(qualities: &Value) -> Option<f64> {
    let quality = many(qualities).find(|quality| quality["name"] == INSTANCES)?;
    scalar(&quality["value"])?.parse().ok()
}

/// The items of a list, or the one item that stands without a list; none of what is empty.
fn many(value: &Value) -> impl Iterator<Item = &Value> {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let empty = |item: &Value| item.is_null() || item == "" || item.as_object().is_some_and(serde_json::Map::is_empty);
    items.iter().filter(move |item| !empty(item))
}

fn is_empty(value: &Value) -> bool {
    many(value).next().is_none()
}

/// A text, number or truth value as text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(many(&value).filter_map(scalar).collect())
}

/// Of several the first: a field that should stand once.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(texts(deserializer)?.into_iter().next())
}
