//! Pages that go on from one another, over a point in time that Elasticsearch keeps.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use elasticsearch::http::Method;
use serde_json::{Value, json};

use super::client::{Client, Content, SEARCHING};
use super::spelling::MOST_CORRECTIONS;
use crate::search::{Query, Result, SearchError};

/// For how long a cursor can be used again.
pub(super) const KEPT: &str = "5m";
/// How many points in time a process keeps: with one more, the cursors of the oldest expire.
const MOST_KEPT: usize = 500;

/// Where a page begins.
pub(super) struct Cursor {
    /// The point in time.
    pub(super) point: String,
    /// What the last hit was ordered by; `None` on the first page.
    pub(super) after: Option<Value>,
    /// Words that nothing had when the first page was made, and what was looked for in their stead.
    pub(super) corrected: Vec<Correction>,
}

type Correction = (String, Vec<String>);

/// The points in time that this process had kept.
#[derive(Debug, Default)]
pub(super) struct Points(Mutex<VecDeque<String>>);

impl Points {
    /// Has a point in time kept.
    pub(super) async fn open(&self, client: &Client, index: &str) -> Result<Cursor> {
        let path = format!("/{index}/_pit?keep_alive={KEPT}");
        let answer = client.send(Method::Post, &path, Content::Nothing, SEARCHING).await?.ok()?;
        let point = answer.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let oldest = {
            let mut kept = self.locked();
            kept.push_back(point.clone());
            if kept.len() > MOST_KEPT { kept.pop_front() } else { None }
        };
        if let Some(oldest) = oldest {
            release(client, &oldest).await;
        }
        Ok(Cursor { point, after: None, corrected: Vec::new() })
    }

    /// Gives up a point in time of which no cursor was given out.
    pub(super) async fn close(&self, client: &Client, point: &str) {
        self.locked().retain(|kept| kept != point);
        release(client, point).await;
    }

    fn locked(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is not given up ends by itself.
async fn release(client: &Client, point: &str) {
    if let Err(error) = client.send(Method::Delete, "/_pit", Content::Json(&json!({ "id": point })), SEARCHING).await {
        tracing::debug!(%error, "a point in time was not given up");
    }
}

impl Cursor {
    /// Reads one that was given out.
    pub(super) fn read(text: &str, query: &Query, keys: usize) -> Result<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| SearchError::Cursor)?;
        let (asked, point, after, corrected): (u64, String, Vec<Value>, Vec<Correction>) =
            serde_json::from_slice(&bytes).map_err(|_| SearchError::Cursor)?;
        if asked != query.fingerprint() {
            return Err(SearchError::Cursor);
        }
        let is_key = |value: &Value| value.is_number() || value.is_string() || value.is_null();
        let is_ours = |(_, words): &Correction| words.len() <= MOST_CORRECTIONS;
        // Elasticsearch orders by one thing more: where it keeps a hit.
        if after.len() < keys || after.len() > keys + 1 || !after.iter().all(is_key) || !corrected.iter().all(is_ours) {
            return Err(SearchError::Cursor);
        }
        Ok(Self { point, after: Some(Value::Array(after)), corrected })
    }

    /// One that goes on behind a hit.
    pub(super) fn text(query: &Query, point: &str, after: &Value, corrected: &[Correction]) -> String {
        URL_SAFE_NO_PAD.encode(json!([query.fingerprint(), point, after, corrected]).to_string())
    }
}
