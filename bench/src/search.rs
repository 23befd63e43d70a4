//! How fast searches are, beside the same query sent straight to Elasticsearch, and how fast the index is made.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aiod_api::store::Db;
use clap::Args;
use serde_json::Value;

use crate::catalogue::{Catalogue, on_fresh};
use crate::database;
use crate::error::{Error, Result};
use crate::generate::Generator;
use crate::note;
use crate::process::{Server, output, server_program};
use crate::report::{grouped, millis};

/// What is measured, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// The MySQL server on which a database of this run's own is made, `mysql://USER:PASSWORD@HOST:PORT`; SQLite when left out.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Where Elasticsearch is; the embedded index when left out.
    #[arg(long, value_name = "URL")]
    elasticsearch_url: Option<String>,
    /// How many datasets: 10,000 are generated, more are copied in the database.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    datasets: u32,
    /// The catalogue's program; when left out, `aiod-api` beside this one, built first where cargo runs this.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// How often each request is sent by each connection.
    #[arg(long, value_name = "N", default_value_t = 100)]
    times: usize,
    /// How many connections send requests at once.
    #[arg(long, value_name = "N", default_value_t = 4)]
    connections: usize,
}

/// How many datasets are generated; copies of them come on top.
const GENERATED: u32 = 10_000;

/// The times that a request took, sorted.
struct Times(Vec<Duration>);

impl Times {
    fn at(&self, part: f64) -> Duration {
        let place = (self.0.len() as f64 * part) as usize;
        self.0.get(place.min(self.0.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// Measures and prints the table.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let program = server_program(options.server.as_deref())?;
    let measure = async |catalogue: &Catalogue, folder: &Path| {
        let mut catalogue = catalogue.clone();
        catalogue.search_by(options.elasticsearch_url.as_deref(), folder, "search");
        let rows = measured(options, &catalogue, folder).await?;
        println!("{}", table(options.datasets, &rows));
        Ok(())
    };
    on_fresh("search", program, options.database_url.as_deref(), measure).await
}

async fn measured(options: &Options, catalogue: &Catalogue, folder: &Path) -> Result<Vec<(String, String)>> {
    let mut rows = Vec::new();
    let generated = options.datasets.min(GENERATED);
    let server = catalogue.start(folder).await?;
    note(&format!("registering {generated} datasets"));
    let begin = Instant::now();
    catalogue.fill(&server, &Generator::new(usize::try_from(generated).unwrap_or_default(), 1)).await?;
    let written = begin.elapsed();
    await_index(catalogue, &server).await?;
    rows.push(("registered in bulk, then found".to_owned(), format!("{} after {}", millis(written), millis(begin.elapsed()))));
    server.stop().await?;
    let db = Db::open(&catalogue.database_url, 2).await?;
    note(&format!("growing to {} datasets", options.datasets));
    database::multiply(&db, i64::from(options.datasets)).await?;
    db.close().await;
    output(&mut catalogue.command(&["recount"]))?;
    let server = catalogue.start(folder).await?;
    note("making the index anew");
    let begin = Instant::now();
    output(&mut catalogue.command(&["search", "reindex"]))?;
    let taken = begin.elapsed();
    let total = total_hits(&server, "/search?limit=1").await?;
    let speed = total as f64 / taken.as_secs_f64();
    rows.push((
        "index made anew".to_owned(),
        format!("{} resources in {:.1} s, {}/s", grouped(total as f64), taken.as_secs_f64(), grouped(speed)),
    ));
    for path in requests(&server).await? {
        let hits =
            if path.contains("/suggest") { String::new() } else { format!(", {} hits", grouped(total_hits(&server, &path).await? as f64)) };
        let times = times(&server, &path, options).await?;
        rows.push((format!("`{path}`{hits}"), format!("p50 {}, p99 {}", millis(times.at(0.5)), millis(times.at(0.99)))));
    }
    let memory = server.memory()?;
    rows.push(("memory of the server".to_owned(), format!("{} MB, at most {} MB", memory.now >> 20, memory.peak >> 20)));
    server.stop().await?;
    Ok(rows)
}

/// The requests that are measured: words that many have, and that few have, in names that there are.
async fn requests(server: &Server) -> Result<Vec<String>> {
    let answer = json(&format!("{}/datasets?limit=1&offset=500", server.url)).await?;
    let name = answer.pointer("/0/name").and_then(Value::as_str).unwrap_or("dataset").to_owned();
    let words: Vec<&str> = name.split_whitespace().filter(|word| word.chars().all(char::is_alphanumeric) && word.len() > 3).collect();
    let (first, last) = (words.first().copied().unwrap_or("data"), words.last().copied().unwrap_or("image"));
    let mut typo = last.to_owned();
    typo.insert(2, 'q');
    Ok(vec![
        format!("/search/datasets?search_query={last}"),
        format!("/search/datasets?search_query={first}+{last}"),
        format!("/search/datasets?search_query={first}+{last}&get_all=true"),
        format!("/search/datasets?search_query={first}+{last}&exact_match=true"),
        format!("/search?q={first}+{last}"),
        format!("/search?q={first}+{last}&facets=type,platform,license,keyword,year"),
        format!("/search?q={first}&sort=date_modified"),
        format!("/search?q={typo}"),
        "/search?facets=type,platform,license,keyword,year".to_owned(),
        format!("/search/suggest?q={}", last.get(..3).unwrap_or(last)),
    ])
}

async fn json(url: &str) -> Result<Value> {
    let answer = reqwest::get(url).await?.error_for_status()?;
    Ok(serde_json::from_str(&answer.text().await?)?)
}

async fn total_hits(server: &Server, path: &str) -> Result<u64> {
    let answer = json(&format!("{}{path}", server.url)).await?;
    Ok(answer.get("total_hits").and_then(Value::as_u64).unwrap_or_default())
}

/// Waits until everything that was written can be found.
async fn await_index(catalogue: &Catalogue, server: &Server) -> Result<()> {
    let key = catalogue.key("bench-index", &["admin_aiod_resources"])?;
    let client = reqwest::Client::new();
    loop {
        let answer = client.get(format!("{}/search/status", server.url)).bearer_auth(&key).send().await?.error_for_status()?;
        let status: Value = serde_json::from_str(&answer.text().await?)?;
        if status.get("state").and_then(Value::as_str) == Some("following") && status.get("position") == status.get("last_position") {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The times of a request over several connections at once.
async fn times(server: &Server, path: &str, options: &Options) -> Result<Times> {
    let connections = (0..options.connections.max(1)).map(|_| async {
        let client = reqwest::Client::builder().no_gzip().build()?;
        let mut taken = Vec::with_capacity(options.times);
        for _ in 0..options.times.max(1) {
            let begin = Instant::now();
            let answer = client.get(format!("{}{path}", server.url)).send().await?;
            let status = answer.status();
            answer.bytes().await?;
            taken.push(begin.elapsed());
            if !status.is_success() {
                return Err(Error::other(format!("{path} answered {status}")));
            }
        }
        Ok(taken)
    });
    let mut all: Vec<Duration> = futures_util::future::try_join_all(connections).await?.into_iter().flatten().collect();
    all.sort_unstable();
    Ok(Times(all))
}

fn table(datasets: u32, rows: &[(String, String)]) -> String {
    let mut out = format!("| {} datasets | |\n|---|---|\n", grouped(f64::from(datasets)));
    for (what, value) in rows {
        out.push_str(&format!("| {what} | {value} |\n"));
    }
    out
}
