//! What everything that a client may ask costs at several sizes of the catalogue.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aiod_api::store::Db;
use clap::Args;

use crate::catalogue::{Catalogue, on_fresh};
use crate::database;
use crate::error::{Error, Result};
use crate::generate::{Generator, PLATFORM};
use crate::process::{Server, output, server_program};
use crate::report::{grouped, millis};
use crate::{note, reads};

/// What is measured, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// The MySQL server on which a database of this run's own is made, `mysql://USER:PASSWORD@HOST:PORT`; SQLite when left out.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The numbers of datasets, smallest first: the first are generated, more are copied in the database.
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    datasets: Vec<u32>,
    /// The catalogue's program; when left out, `aiod-api` beside this one, built first where cargo runs this.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// How often each request is sent, one after the other.
    #[arg(long, value_name = "N", default_value_t = 30)]
    times: usize,
}

/// A request, and the times that it took at each size.
struct Line {
    path: String,
    /// Whether the one who registered everything asks.
    by_owner: bool,
    times: Vec<Duration>,
}

/// Measures all requests at all sizes and prints the table.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let program = server_program(options.server.as_deref())?;
    let measure = async |catalogue: &Catalogue, folder: &Path| at_all_sizes(options, catalogue, folder).await;
    let lines = on_fresh("growth", program, options.database_url.as_deref(), measure).await?;
    println!("{}", table(&options.datasets, &lines));
    Ok(())
}

async fn at_all_sizes(options: &Options, catalogue: &Catalogue, folder: &Path) -> Result<Vec<Line>> {
    let first = *options.datasets.first().ok_or_else(|| Error::other("--datasets: at least one number is expected"))?;
    let server = catalogue.start(folder).await?;
    note(&format!("registering {first} datasets"));
    let key = catalogue.fill(&server, &Generator::new(usize::try_from(first).unwrap_or_default(), 1)).await?;
    let mut lines = lines(&server).await?;
    server.stop().await?;
    for size in &options.datasets {
        let db = Db::open(&catalogue.database_url, 2).await?;
        note(&format!("growing to {size} datasets"));
        database::multiply(&db, i64::from(*size)).await?;
        db.close().await;
        output(&mut catalogue.command(&["recount"]))?;
        let server = catalogue.start(folder).await?;
        for line in &mut lines {
            let key = line.by_owner.then_some(key.as_str());
            line.times.push(median(&server, &line.path, key, options.times).await?);
        }
        server.stop().await?;
    }
    Ok(lines)
}

/// The requests that are measured.
async fn lines(server: &Server) -> Result<Vec<Line>> {
    let (one, _) = reads::fetch(&format!("{}/datasets?limit=1", server.url)).await?;
    let one: Vec<serde_json::Value> = serde_json::from_str(&one)?;
    let text = |name: &str| one.first().and_then(|o| o.get(name)?.as_str()).unwrap_or_default().to_owned();
    let (identifier, own) = (text("identifier"), text("platform_resource_identifier"));
    let last = reads::last_page(&server.url).await?;
    let anyone = [
        format!("/datasets/{identifier}"),
        format!("/platforms/{PLATFORM}/datasets/{own}"),
        format!("/assets/{identifier}"),
        format!("/datasets/{identifier}?schema=dcat-ap"),
        format!("/datasets/{identifier}?schema=schema.org"),
        "/datasets".to_owned(),
        "/datasets?limit=100".to_owned(),
        "/datasets?limit=1000".to_owned(),
        "/datasets?limit=100&schema=dcat-ap".to_owned(),
        "/datasets?offset=5000".to_owned(),
        "/datasets?offset=100000".to_owned(),
        "/datasets?sort=date_created&direction=asc".to_owned(),
        "/datasets?cursor=".to_owned(),
        last,
        "/datasets?date_modified_after=2000-01-01".to_owned(),
        "/datasets?date_modified_after=2000-01-01&cursor=".to_owned(),
        "/datasets?date_modified_before=2000-01-01".to_owned(),
        "/datasets?date_modified_before=2000-01-01&cursor=".to_owned(),
        "/datasets?date_modified_before=2000-01-01&sort=date_created".to_owned(),
        format!("/platforms/{PLATFORM}/datasets"),
        format!("/platforms/{PLATFORM}/datasets?offset=100000"),
        format!("/platforms/{PLATFORM}/datasets?date_modified_before=2000-01-01&cursor="),
        "/platforms".to_owned(),
        "/counts".to_owned(),
        "/counts/datasets".to_owned(),
        "/counts/datasets?detailed=true".to_owned(),
        "/keywords".to_owned(),
        "/licenses".to_owned(),
        "/languages".to_owned(),
        "/stats/top/datasets".to_owned(),
        "/stats/top/all".to_owned(),
    ];
    let owner = [
        "/user/resources".to_owned(),
        "/user/resources?limit=1000".to_owned(),
        "/user/resources?offset=100000".to_owned(),
        "/bookmarks".to_owned(),
        "/submissions?mode=all".to_owned(),
        "/submissions?mode=newest".to_owned(),
        "/authorization_test".to_owned(),
        format!("/datasets/{identifier}/history"),
        format!("/assets/permissions/{identifier}"),
    ];
    let line = |by_owner| move |path| Line { path, by_owner, times: Vec::new() };
    Ok(anyone.into_iter().map(line(false)).chain(owner.into_iter().map(line(true))).collect())
}

/// The median time of a request, over one connection.
async fn median(server: &Server, path: &str, key: Option<&str>, times: usize) -> Result<Duration> {
    let client = reqwest::Client::builder().no_gzip().build()?;
    let mut taken = Vec::with_capacity(times);
    for _ in 0..times.max(1) {
        let mut request = client.get(format!("{}{path}", server.url));
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        let begin = Instant::now();
        let answer = request.send().await?;
        let status = answer.status();
        answer.bytes().await?;
        taken.push(begin.elapsed());
        if !status.is_success() {
            return Err(Error::other(format!("{path} answered {status}")));
        }
    }
    taken.sort_unstable();
    taken.get(taken.len() / 2).copied().ok_or_else(|| Error::other("nothing was measured"))
}

fn table(sizes: &[u32], lines: &[Line]) -> String {
    let heads: Vec<String> = sizes.iter().map(|size| grouped(f64::from(*size))).collect();
    let mut out = format!("| Request | {} | Growth |\n|---|{}---:|\n", heads.join(" | "), "---:|".repeat(sizes.len()));
    for Line { path, times, .. } in lines {
        let cells: Vec<String> = times.iter().map(|time| millis(*time)).collect();
        let growth = times.last().zip(times.first()).map_or(1.0, |(last, first)| last.as_secs_f64() / first.as_secs_f64());
        out.push_str(&format!("| `{path}` | {} | {growth:.1} |\n", cells.join(" | ")));
    }
    out
}
