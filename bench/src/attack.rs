//! What strangers leave of the catalogue for the others: many connections on dear requests, and what fills the memory.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::catalogue::{Catalogue, on_fresh};
use crate::error::{Context, Error, Result};
use crate::generate::{Generator, PLATFORM};
use crate::process::{Server, server_program};
use crate::report::{grouped, millis};
use crate::writes::Writer;
use crate::wrk::{Attack, Wrk};
use crate::{note, reads};

/// What is measured, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// The MySQL server on which a database of this run's own is made, `mysql://USER:PASSWORD@HOST:PORT`; SQLite when left out.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// How many datasets are registered.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    datasets: usize,
    /// The catalogue's program; when left out, `aiod-api` beside this one, built first where cargo runs this.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// How many connections attack at once.
    #[arg(long, value_name = "N", default_value_t = 64)]
    connections: usize,
    /// How many ask for single resources meanwhile.
    #[arg(long, value_name = "N", default_value_t = 4)]
    readers: usize,
    /// For how long each attack lasts.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    seconds: u64,
}

/// Runs every attack and prints two tables: of time, and of memory.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let program = server_program(options.server.as_deref())?;
    let measure = async |catalogue: &Catalogue, folder: &Path| attacked(options, catalogue, folder).await;
    println!("{}", on_fresh("attack", program, options.database_url.as_deref(), measure).await?);
    Ok(())
}

async fn attacked(options: &Options, catalogue: &Catalogue, folder: &Path) -> Result<String> {
    let server = catalogue.start(folder).await?;
    note(&format!("registering {} datasets", options.datasets));
    let key = catalogue.fill(&server, &Generator::new(options.datasets, 1)).await?;
    // What registering so many took is not what strangers take.
    server.stop().await?;
    let server = catalogue.start(folder).await?;
    // Only who may write the platform may relate what weighs much.
    let attack = Attacked { options, server: &server, key, folder };
    let time = attack.of_time().await?;
    let memory = attack.of_memory().await?;
    server.stop().await?;
    Ok(format!("{time}\n{memory}"))
}

struct Attacked<'a> {
    options: &'a Options,
    server: &'a Server,
    key: String,
    folder: &'a Path,
}

impl Attacked<'_> {
    /// What readers of single resources and writers have left while many connections ask for what is dear.
    async fn of_time(&self) -> Result<String> {
        let one: Vec<String> = self.some_identifiers().await?.into_iter().map(|id| format!("/datasets/{id}")).collect();
        let wrk = Wrk::new(self.folder, self.options.readers, self.options.seconds)?;
        let alone = wrk.load(&self.server.url, &one)?;
        let mut out = format!(
            "| {} connections ask for | answered | refused (503) | GET one, {} connections | of alone | p99 | writes |\n\
             |---|---:|---:|---:|---:|---:|---:|\n| nothing | | | {}/s | 1.00 | {} | |\n",
            self.options.connections,
            self.options.readers,
            grouped(alone.rate),
            millis(alone.p99)
        );
        for (number, path) in dear_paths(self.options.datasets).into_iter().enumerate() {
            note(&path);
            let (attack, load, writes) = self.beside(&wrk, &one, &path, number).await?;
            out.push_str(&format!(
                "| `{path}` | {}/s | {}/s | {}/s | {:.2} | {} | {}/s |\n",
                grouped(attack.answered),
                grouped(attack.refused),
                grouped(load.rate),
                load.rate / alone.rate,
                millis(load.p99),
                grouped(writes)
            ));
        }
        Ok(out)
    }

    /// An attack, reading and writing, all at once.
    async fn beside(&self, wrk: &Wrk, one: &[String], path: &str, number: usize) -> Result<(Attack, crate::wrk::Load, f64)> {
        let done = Arc::new(AtomicBool::new(false));
        let writer = Writer { url: format!("{}/news", self.server.url), key: self.key.clone() };
        let writing = tokio::spawn({
            let done = Arc::clone(&done);
            async move {
                let body = move |n| (!done.load(Ordering::Relaxed)).then(|| news(number, n));
                writer.load(1, Arc::new(body), |_| Ok(1)).await
            }
        });
        let (attack, load) = tokio::task::block_in_place(|| {
            std::thread::scope(|scope| {
                let seconds = self.options.seconds + 2;
                let attack = scope.spawn(move || wrk.attack(&self.server.url, path, self.options.connections, seconds));
                std::thread::sleep(Duration::from_secs(1));
                let load = wrk.load(&self.server.url, one);
                (attack.join(), load)
            })
        });
        done.store(true, Ordering::Relaxed);
        let writes = writing.await.map_err(|e| Error::other(e.to_string()))??;
        Ok((attack.map_err(|_| Error::other("the attack panicked"))??, load?, writes.rate))
    }

    async fn some_identifiers(&self) -> Result<Vec<String>> {
        let (page, _) = reads::fetch(&format!("{}/datasets?limit=1000", self.server.url)).await?;
        let page: Vec<Value> = serde_json::from_str(&page)?;
        Ok(page.iter().filter_map(|resource| Some(resource.get("identifier")?.as_str()?.to_owned())).collect())
    }

    /// How much memory the server holds after what fills memory.
    async fn of_memory(&self) -> Result<String> {
        let mut out = String::from("| Attack | resident memory at most |\n|---|---:|\n");
        let megabytes = |bytes: u64| bytes / 1_000_000;
        out.push_str(&format!("| before | {} MB |\n", megabytes(self.server.memory()?.peak)));
        note("bodies of very many values");
        let zeros = format!("{{\"name\": \"x\", \"zzz\": [{}0]}}", "0,".repeat((4 << 20) / 2 - 100));
        self.send_at_once("/datasets", &zeros).await?;
        out.push_str(&format!("| {} bodies of 4 MiB of `[0,0,…]` at once | {} MB |\n", self.options.connections, self.peak()?));
        note("contacts that weigh much");
        self.relate_heavy_contacts().await?;
        let page = format!("/platforms/{PLATFORM}/news?limit=1000");
        self.get_at_once(&page).await;
        out.push_str(&format!("| {} pages of 1,000 with heavy contacts at once | {} MB |\n", self.options.connections, self.peak()?));
        note("answers that nobody reads");
        let unread = self.unread("/datasets?limit=1000")?;
        tokio::time::sleep(Duration::from_secs(5)).await;
        out.push_str(&format!("| {} answers of 2 MB that nobody reads | {} MB |\n", unread.len(), self.peak()?));
        Ok(out)
    }

    fn peak(&self) -> Result<u64> {
        Ok(self.server.memory()?.peak / 1_000_000)
    }

    async fn send_at_once(&self, path: &str, body: &str) -> Result<()> {
        let client = reqwest::Client::new();
        let request = |_| client.post(format!("{}{path}", self.server.url)).bearer_auth(&self.key).body(body.to_owned()).send();
        let answers = futures_util::future::join_all((0..self.options.connections).map(request)).await;
        let failed = answers.iter().flatten().filter(|answer| answer.status() == 500).count();
        if failed > 0 { Err(Error::other(format!("{failed} bodies were answered with 500"))) } else { Ok(()) }
    }

    async fn get_at_once(&self, path: &str) {
        let client = reqwest::Client::new();
        let get = async |_| match client.get(format!("{}{path}", self.server.url)).send().await {
            Ok(answer) => drop(answer.bytes().await),
            Err(error) => note(&error.to_string()),
        };
        futures_util::future::join_all((0..self.options.connections).map(get)).await;
    }

    /// News that show the same contacts, which weigh as much as a contact may that is shown in full.
    async fn relate_heavy_contacts(&self) -> Result<()> {
        let telephone: Vec<String> = (0..300).map(|i| format!("{i:0200}")).collect();
        let contact =
            |i| json!({"resource": {"platform_resource_identifier": format!("heavy/{i}"), "name": "heavy", "telephone": telephone}});
        self.upsert("contacts", (0..60).map(contact).collect()).await?;
        let (page, _) = reads::fetch(&format!("{}/platforms/{PLATFORM}/contacts?limit=1000", self.server.url)).await?;
        let page: Vec<Value> = serde_json::from_str(&page)?;
        let heavy: Vec<&Value> =
            page.iter().filter(|c| c.get("name").is_some_and(|n| n == "heavy")).filter_map(|c| c.get("identifier")).collect();
        let news = |i| json!({"resource": {"platform_resource_identifier": format!("heavy/{i}"), "name": "heavy", "contact": heavy}});
        self.upsert("news", (0..1_000).map(news).collect()).await
    }

    async fn upsert(&self, path: &str, records: Vec<Value>) -> Result<()> {
        let writer = Writer { url: format!("{}/platforms/{PLATFORM}/{path}/batch", self.server.url), key: self.key.clone() };
        let body = json!({ "records": records }).to_string();
        writer.load(1, Arc::new(move |n| (n == 0).then(|| body.clone())), |_| Ok(1)).await.map(drop)
    }

    /// Connections that ask for a page and never read it.
    fn unread(&self, path: &str) -> Result<Vec<TcpStream>> {
        let address = self.server.url.trim_start_matches("http://");
        let connect = |_| {
            let mut stream = TcpStream::connect(address).context("connecting")?;
            let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
            stream.write_all(request.as_bytes()).context("asking")?;
            Ok(stream)
        };
        (0..self.options.connections).map(connect).collect()
    }
}

/// A body that registers something small.
fn news(attack: usize, number: usize) -> String {
    json!({"platform": PLATFORM, "platform_resource_identifier": format!("attack{attack}/{number}"), "name": "news"}).to_string()
}

/// Requests that cost the catalogue much.
fn dear_paths(datasets: usize) -> Vec<String> {
    let deep = datasets.saturating_sub(10).min(100_000);
    vec![
        "/counts".to_owned(),
        "/keywords".to_owned(),
        "/licenses".to_owned(),
        "/datasets?limit=25".to_owned(),
        "/datasets?limit=100".to_owned(),
        "/datasets?limit=1000".to_owned(),
        format!("/datasets?limit=1&offset={deep}"),
        format!("/datasets?limit=1000&offset={deep}&sort=date_created"),
        "/datasets?limit=100&schema=dcat-ap".to_owned(),
        "/datasets?limit=1000&schema=schema.org".to_owned(),
        "/organisations?limit=1000&get_image=true".to_owned(),
        "/datasets?limit=25&date_modified_before=2000-01-01&cursor=".to_owned(),
        "/stats/top/all".to_owned(),
        "/openapi.json".to_owned(),
    ]
}
