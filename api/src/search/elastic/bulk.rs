//! Writing many entries at once.

use std::fmt::Write as _;

use elasticsearch::http::Method;
use serde_json::{Value, json};

use super::client::{Answer, Client, Content, pauses, reason};
use super::layout::document;
use crate::search::{Refused, Result, SearchError, Write};

/// The most bytes that are sent at once; one entry may have more.
const MAX_BYTES: usize = 8 << 20;

/// A change as it is sent: the lines that say it.
struct Item {
    id: i64,
    lines: String,
}

impl Item {
    /// `version` is a position of the change log: what was written with a higher one stays.
    fn of(write: &Write, version: i64) -> Self {
        let id = write.id();
        let about = json!({"_id": id.to_string(), "version": version, "version_type": "external_gte"});
        let mut lines = String::new();
        let _ = match write {
            Write::Put(entry) => writeln!(lines, "{}\n{}", json!({ "index": about }), document(entry)),
            Write::Remove(_) => writeln!(lines, "{}", json!({ "delete": about })),
        };
        Self { id, lines }
    }
}

/// What became of a change.
enum Outcome {
    Done,
    /// It can never be done.
    Refused(String),
    /// It may be done later.
    Busy(String),
    /// Nothing can be done now.
    Failed(String),
}

/// Writes to the index behind an alias; those that it refused.
///
/// # Errors
/// When any of them was neither written nor refused.
pub(super) async fn write(client: &Client, alias: &str, writes: Vec<Write>, version: i64) -> Result<Vec<Refused>> {
    let path = format!("/{alias}/_bulk?require_alias=true&filter_path=errors,items.*._id,items.*.status,items.*.result,items.*.error");
    let bulk = Bulk { client, path };
    let mut refused = Vec::new();
    let mut batch: Vec<Item> = Vec::new();
    let mut bytes = 0;
    for write in writes {
        let item = Item::of(&write, version);
        if !batch.is_empty() && bytes + item.lines.len() > MAX_BYTES {
            bulk.send(std::mem::take(&mut batch), &mut refused).await?;
            bytes = 0;
        }
        bytes += item.lines.len();
        batch.push(item);
    }
    bulk.send(batch, &mut refused).await?;
    Ok(refused)
}

struct Bulk<'c> {
    client: &'c Client,
    path: String,
}

impl Bulk<'_> {
    /// Sends changes, in smaller parts where they are too large together.
    async fn send(&self, items: Vec<Item>, refused: &mut Vec<Refused>) -> Result<()> {
        let mut parts = vec![items];
        while let Some(mut items) = parts.pop() {
            if items.is_empty() || self.send_part(&mut items, refused).await? {
                continue;
            }
            let half = items.split_off(items.len() / 2);
            match (items.is_empty(), half.as_slice()) {
                (true, [single]) => refused.push((single.id, format!("{} bytes are too large for Elasticsearch", single.lines.len()))),
                _ => parts.extend([half, items]),
            }
        }
        Ok(())
    }

    /// Sends changes until all are done or refused; `false` when they are too large together.
    async fn send_part(&self, items: &mut Vec<Item>, refused: &mut Vec<Refused>) -> Result<bool> {
        let mut pauses = pauses();
        loop {
            let lines: String = items.iter().map(|item| item.lines.as_str()).collect();
            let answer = self.client.send_patiently(Method::Post, &self.path, Content::Lines(&lines)).await?;
            if answer.status == 413 {
                return Ok(false);
            }
            let busy = sort_out(answer, items, refused)?;
            if items.is_empty() {
                return Ok(true);
            }
            match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(SearchError::Unavailable(format!("Elasticsearch has too much to do: {busy}"))),
            }
        }
    }
}

/// Leaves those changes that have to be sent again; why the last of them has.
fn sort_out(answer: Answer, items: &mut Vec<Item>, refused: &mut Vec<Refused>) -> Result<String> {
    let mut answered = answer.ok()?;
    let outcomes = match answered.get_mut("items").map(Value::take) {
        Some(Value::Array(outcomes)) if outcomes.len() == items.len() => outcomes,
        _ => return Err(SearchError::Unavailable("Elasticsearch did not say what became of what it was sent".to_owned())),
    };
    let mut again = Vec::new();
    let mut why = String::new();
    for (item, outcome) in items.drain(..).zip(&outcomes) {
        match outcome_of(outcome) {
            Outcome::Done => {}
            Outcome::Refused(reason) => refused.push((item.id, reason)),
            Outcome::Busy(reason) => {
                why = reason;
                again.push(item);
            }
            Outcome::Failed(reason) => return Err(SearchError::Unavailable(format!("Elasticsearch does not write: {reason}"))),
        }
    }
    *items = again;
    Ok(why)
}

fn outcome_of(item: &Value) -> Outcome {
    let Some(said) = item.as_object().and_then(|item| item.values().next()) else {
        return Outcome::Failed("it did not say what became of an entry".to_owned());
    };
    let status = said.get("status").and_then(Value::as_u64).unwrap_or_default();
    match (status, said.get("error")) {
        // What was removed was not there; what is there is newer.
        (200..300, _) | (404, None) | (409, _) => Outcome::Done,
        (400 | 413, Some(error)) => Outcome::Refused(reason(error)),
        // A disk that is full blocks the index with this status, too, until somebody makes room.
        (429, Some(error)) if !is_block(error) => Outcome::Busy(reason(error)),
        (_, Some(error)) => Outcome::Failed(reason(error)),
        (status, None) => Outcome::Failed(format!("status {status}")),
    }
}

fn is_block(error: &Value) -> bool {
    error.get("type").and_then(Value::as_str) == Some("cluster_block_exception")
}
