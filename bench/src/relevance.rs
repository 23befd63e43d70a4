//! How well searches find what people mean: judged queries over realistic records.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use clap::Args;
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::catalogue::{Catalogue, on_fresh};
use crate::error::{Error, Result};
use crate::note;
use crate::process::{Server, server_program};

/// How many hits of a query are looked at.
const DEPTH: usize = 10;
/// How many of the worst queries the table names.
const WORST: usize = 12;
/// The platform of records that come from none.
const PLATFORM: &str = "example";

/// What is measured, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// The MySQL server on which a database of this run's own is made; SQLite when left out.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Where Elasticsearch is; the embedded index when left out.
    #[arg(long, value_name = "URL")]
    elasticsearch_url: Option<String>,
    /// The folder with `records.json` and `queries.json`.
    #[arg(long, value_name = "FOLDER", default_value = "bench/relevance")]
    collection: PathBuf,
    /// The catalogue's program; when left out, `aiod-api` beside this one, built first where cargo runs this.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
}

/// A record of the collection.
#[derive(Debug, Deserialize)]
struct Record {
    id: String,
    /// The path of its type.
    r#type: String,
    body: Map<String, Value>,
    /// Names of those who made it.
    #[serde(default)]
    creators: Vec<String>,
}

/// A query, and what its user would make of which record: 3 is exactly what is wanted, 0 (left out) is of no use.
#[derive(Debug, Deserialize)]
struct Judged {
    query: String,
    types: Option<Vec<String>>,
    kind: String,
    judgements: HashMap<String, u32>,
    #[serde(default)]
    hard: bool,
}

/// How well a query was answered.
struct Outcome<'q> {
    judged: &'q Judged,
    /// Normalised discounted cumulative gain of the first ten hits, 0 to 1.
    ndcg: f64,
    /// The hits.
    found: Vec<String>,
}

/// Asks all queries and prints how well they were answered.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let records: Vec<Record> = read(&options.collection.join("records.json"))?;
    let queries: Vec<Judged> = read(&options.collection.join("queries.json"))?;
    let program = server_program(options.server.as_deref())?;
    let measure = async |catalogue: &Catalogue, folder: &Path| {
        let mut catalogue = catalogue.clone();
        catalogue.search_by(options.elasticsearch_url.as_deref(), folder, "relevance");
        let server = catalogue.start(folder).await?;
        note(&format!("registering {} records", records.len()));
        let names = register(&catalogue, &server, &records).await?;
        let mut outcomes = Vec::new();
        for judged in &queries {
            let found = ask(&server, judged, &names).await?;
            outcomes.push(Outcome { judged, ndcg: ndcg(&found, &judged.judgements), found });
        }
        println!("{}", table(&outcomes));
        server.stop().await?;
        Ok(())
    };
    on_fresh("relevance", program, options.database_url.as_deref(), measure).await
}

fn read<T: for<'d> Deserialize<'d>>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::other(format!("{}: {error}", path.display())))?;
    serde_json::from_str(&text).map_err(|error| Error::other(format!("{}: {error}", path.display())))
}

/// Registers all records, their creators first; the records' ids by the identifiers that they got.
async fn register(catalogue: &Catalogue, server: &Server, records: &[Record]) -> Result<HashMap<String, String>> {
    let platforms = ["example", "huggingface", "openml", "zenodo", "aibuilder"].map(|platform| format!("platform_{platform}"));
    let roles: Vec<&str> = platforms.iter().map(String::as_str).collect();
    let key = catalogue.key("relevance", &roles)?;
    let client = Client::new();
    let send = async |path: &str, body: &Value, wait: bool| -> Result<String> {
        let url = format!("{}/{path}{}", server.url, if wait { "?wait=index" } else { "" });
        let answer = client.post(url).bearer_auth(&key).json(body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            return Err(Error::other(format!("{path} answered {status}: {text}")));
        }
        let answer: Value = serde_json::from_str(&text)?;
        Ok(answer.get("identifier").and_then(Value::as_str).unwrap_or_default().to_owned())
    };
    let mut contacts: BTreeMap<&str, String> = BTreeMap::new();
    for name in records.iter().flat_map(|record| &record.creators) {
        if !contacts.contains_key(name.as_str()) {
            let own = format!("contact {}", contacts.len());
            let body = json!({"platform": PLATFORM, "platform_resource_identifier": own, "name": name});
            contacts.insert(name, send("contacts", &body, false).await?);
        }
    }
    let mut names = HashMap::new();
    for (index, record) in records.iter().enumerate() {
        let mut body = record.body.clone();
        if !body.contains_key("platform") {
            body.insert("platform".to_owned(), PLATFORM.into());
            body.insert("platform_resource_identifier".to_owned(), record.id.clone().into());
        }
        let creators: Vec<&String> = record.creators.iter().filter_map(|name| contacts.get(name.as_str())).collect();
        body.insert("creator".to_owned(), json!(creators));
        let identifier = send(&record.r#type, &Value::Object(body), index + 1 == records.len()).await?;
        names.insert(identifier, record.id.clone());
    }
    Ok(names)
}

/// The ids of the records that a query finds, the best first.
async fn ask(server: &Server, judged: &Judged, names: &HashMap<String, String>) -> Result<Vec<String>> {
    let mut query = vec![("q", judged.query.clone()), ("limit", DEPTH.to_string())];
    query.extend(judged.types.iter().flatten().map(|name| ("types", name.clone())));
    let answer = Client::new().get(format!("{}/search", server.url)).query(&query).send().await?.error_for_status()?;
    let answer: Value = serde_json::from_str(&answer.text().await?)?;
    let resources = answer.get("resources").and_then(Value::as_array).into_iter().flatten();
    let identifiers = resources.filter_map(|resource| resource.get("identifier")?.as_str());
    Ok(identifiers.map(|identifier| names.get(identifier).cloned().unwrap_or_else(|| "a contact".to_owned())).collect())
}

/// Normalised discounted cumulative gain (Järvelin and Kekäläinen 2002): each hit counts `2^grade - 1`, less the further down it stands,
/// as a part of what the best possible order would get.
fn ndcg(found: &[String], judgements: &HashMap<String, u32>) -> f64 {
    let gain = |grade: u32, place: usize| (f64::from(2_u32.pow(grade)) - 1.0) / f64::log2(place as f64 + 2.0);
    let got: f64 = found.iter().enumerate().map(|(place, id)| gain(judgements.get(id).copied().unwrap_or_default(), place)).sum();
    let mut grades: Vec<u32> = judgements.values().copied().collect();
    grades.sort_unstable_by(|a, b| b.cmp(a));
    let best: f64 = grades.into_iter().take(DEPTH).enumerate().map(|(place, grade)| gain(grade, place)).sum();
    if best > 0.0 { got / best } else { 1.0 }
}

fn table(outcomes: &[Outcome<'_>]) -> String {
    let mean = |of: &dyn Fn(&Outcome<'_>) -> bool| {
        let chosen: Vec<f64> = outcomes.iter().filter(|outcome| of(outcome)).map(|outcome| outcome.ndcg).collect();
        (chosen.len(), chosen.iter().sum::<f64>() / chosen.len().max(1) as f64)
    };
    let mut out = String::from("| Queries | Number | nDCG@10 |\n|---|---:|---:|\n");
    let mut line = |name: &str, (number, mean): (usize, f64)| out.push_str(&format!("| {name} | {number} | {mean:.3} |\n"));
    line("all", mean(&|_| true));
    line("all but those marked as hard", mean(&|outcome| !outcome.judged.hard));
    let kinds: std::collections::BTreeSet<&str> = outcomes.iter().map(|outcome| outcome.judged.kind.as_str()).collect();
    for kind in kinds {
        line(kind, mean(&|outcome| outcome.judged.kind == kind));
    }
    out.push_str("\n| Worst answered | nDCG@10 | Wanted | Found first |\n|---|---:|---|---|\n");
    let mut worst: Vec<&Outcome<'_>> = outcomes.iter().filter(|outcome| outcome.ndcg < 0.85).collect();
    worst.sort_by(|a, b| a.ndcg.total_cmp(&b.ndcg));
    for outcome in worst.into_iter().take(WORST) {
        let mut wanted: Vec<(&String, &u32)> = outcome.judged.judgements.iter().collect();
        wanted.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let wanted: Vec<String> = wanted.iter().map(|(id, grade)| format!("{id} ({grade})")).collect();
        let first: Vec<&str> = outcome.found.iter().take(5).map(String::as_str).collect();
        out.push_str(&format!("| {} | {:.2} | {} | {} |\n", outcome.judged.query, outcome.ndcg, wanted.join(", "), first.join(", ")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_order_counts_one_and_nothing_counts_nought() {
        let judgements = HashMap::from([("a".to_owned(), 3), ("b".to_owned(), 1)]);
        let found = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        assert!((ndcg(&found(&["a", "b"]), &judgements) - 1.0).abs() < 1e-9);
        assert!(ndcg(&found(&["b", "a"]), &judgements) < 1.0);
        assert!(ndcg(&found(&["x"]), &judgements).abs() < 1e-9);
    }
}
