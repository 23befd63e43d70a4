//! One run: fills a database, measures, and tells.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aiod_api::store::Db;
use clap::Args;
use serde_json::Value;

use crate::catalogue::Catalogue;
use crate::database::{self, Fresh};
use crate::error::{Context, Error, Result};
use crate::generate::{Generator, PLATFORM};
use crate::process::{Server, output, server_program};
use crate::report::{Report, Target, grouped};
use crate::writes::Writer;
use crate::wrk::{Load, Wrk};
use crate::{bare, note, reads};

/// What is measured, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// The MySQL server on which a database of this run's own is made, `mysql://USER:PASSWORD@HOST:PORT`; SQLite when left out.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// How many datasets are registered.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    datasets: usize,
    /// Copy them in the database until there are so many, and measure pages by cursor at both ends: 1000000 takes some
    /// minutes and 4 GB on the disk.
    #[arg(long, value_name = "N")]
    rows: Option<i64>,
    /// The catalogue's program; when left out, `aiod-api` beside this one, built first where cargo runs this.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// How many connections ask at once.
    #[arg(long, value_name = "N", default_value_t = 4)]
    connections: usize,
    /// For how long each load lasts.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    seconds: u64,
    /// How often each load is measured; the best counts.
    #[arg(long, value_name = "N", default_value_t = 3)]
    runs: usize,
    /// Another seed gives other datasets.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A realm of Keycloak, such as `http://127.0.0.1:8180/realms/aiod` of `scripts/stack up keycloak`: reading with a token of its
    /// user `user` is measured, too.
    #[arg(long, value_name = "URL")]
    keycloak: Option<String>,
    /// Measure reading alone.
    #[arg(long)]
    reads_only: bool,
}

/// Measures everything and prints the table.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let program = server_program(options.server.as_deref())?;
    let folder = std::env::temp_dir().join(format!("aiod-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).context(format!("creating {}", folder.display()))?;
    let outcome = in_folder(options, program, &folder).await;
    std::fs::remove_dir_all(&folder).context(format!("removing {}", folder.display()))?;
    println!("{}", outcome?);
    Ok(())
}

async fn in_folder(options: &Options, program: PathBuf, folder: &Path) -> Result<String> {
    let wrk = Wrk::new(folder, options.connections, options.seconds)?;
    let database = Fresh::create(options.database_url.as_deref(), folder, "main").await?;
    let mut report = Report::default();
    let outcome = on_database(options, program, folder, wrk, &database, &mut report).await;
    database.remove().await?;
    let table = report.markdown();
    if outcome.is_err() {
        note(&table);
    }
    outcome.map(|()| table)
}

async fn on_database(options: &Options, program: PathBuf, folder: &Path, wrk: Wrk, database: &Fresh, report: &mut Report) -> Result<()> {
    let db = Db::open(&database.url, 2).await?;
    let variables = options.keycloak.iter().map(|issuer| ("AIOD_KEYCLOAK_ISSUER", issuer.clone())).collect();
    let catalogue = Catalogue { program, database_url: database.url.clone(), variables };
    let outcome = Bench { options, catalogue, folder, wrk, database, db: &db, report }.all().await;
    db.close().await;
    outcome
}

struct Bench<'a> {
    options: &'a Options,
    catalogue: Catalogue,
    folder: &'a Path,
    wrk: Wrk,
    database: &'a Fresh,
    db: &'a Db,
    report: &'a mut Report,
}

impl Bench<'_> {
    async fn all(&mut self) -> Result<()> {
        let server = self.catalogue.start(self.folder).await?;
        self.report.time("start to ready, new database", server.ready, None);
        let generator = Arc::new(Generator::new(self.options.datasets, self.options.seed));
        self.bulk(&server, &generator).await?;
        self.reads(&server).await?;
        if !self.options.reads_only {
            self.register(&server, &generator).await?;
            self.moves().await?;
        }
        self.memory("memory after all of it", &server, true)?;
        server.stop().await?;
        self.restarts("start to ready, existing database").await?;
        if let Some(rows) = self.options.rows {
            self.many_rows(rows).await?;
        }
        Ok(())
    }

    async fn bulk(&mut self, server: &Server, generator: &Generator) -> Result<()> {
        note(&format!("registering {} datasets", self.options.datasets));
        let key = self.catalogue.key("bench", &["admin_aiod_resources", &format!("platform_{PLATFORM}")])?;
        let writer = Writer { url: format!("{}/platforms/{PLATFORM}/datasets/batch", server.url), key };
        let requests = Arc::new(generator.requests());
        let (one, several) = requests.split_at(requests.len() / 2);
        for (part, connections) in [(one, 1), (several, self.options.connections)] {
            let part = part.to_vec();
            let target = Target { rate: (connections > 1).then_some(3_000.0), ..Target::default() };
            let load = writer.load(connections, Arc::new(move |n| part.get(n).cloned()), all_created).await?;
            self.report.load(format!("bulk upsert, new records, {connections} connections"), &load, None, target);
        }
        for connections in [1, self.options.connections] {
            let target = Target { rate: (connections > 1).then_some(10_000.0), ..Target::default() };
            let mut best = Load::default();
            for _ in 0..self.options.runs {
                let requests = Arc::clone(&requests);
                best = best.better(writer.load(connections, Arc::new(move |n| requests.get(n).cloned()), all_unchanged).await?);
            }
            self.report.load(format!("bulk upsert, unchanged records, {connections} connections"), &best, None, target);
        }
        Ok(())
    }

    async fn reads(&mut self, real: &Server) -> Result<()> {
        note("filling the bare tables");
        let bodies = reads::bodies(&real.url).await?;
        bare::fill(self.db, &bodies).await?;
        let size = bodies.iter().map(|(_, body)| body.len()).sum::<usize>() / bodies.len().max(1);
        self.report.value("average size of a dataset", format!("{} bytes", grouped(f64::from(u32::try_from(size).unwrap_or(0)))), "", true);
        let own = std::env::current_exe().context("looking for this program")?;
        let mut command = Command::new(own);
        command.args(["bare", "--database-url", &self.database.url]);
        let one: Vec<String> = bodies.into_iter().map(|(identifier, _)| format!("/datasets/{identifier}")).collect();
        let first = one.first().cloned().unwrap_or_default();
        let bare = Server::start(command, &first, &self.folder.join("bare.log")).await?;
        let page = |limit: u32| vec![format!("/datasets?limit={limit}")];
        let loads = [
            (
                "GET one dataset",
                one,
                Target { ratio: Some(if self.database.kind() == "MySQL" { 0.85 } else { 0.95 }), p99: Some(5), ..Target::default() },
            ),
            ("page of 10", page(10), Target { ratio: Some(0.75), p99: Some(10), ..Target::default() }),
            ("page of 100", page(100), Target { ratio: Some(0.7), p99: Some(40), ..Target::default() }),
        ];
        self.callers(real, &loads[0].1).await?;
        for (what, paths, target) in loads {
            note(what);
            same_answers(real, &bare, &paths).await?;
            let (load, plain) = reads::compare(&self.wrk, self.options.runs, [&real.url, &bare.url], &paths)?;
            self.report.load(what, &load, Some(&plain), target);
        }
        bare.stop().await.map(drop)
    }

    /// Reading by those who are known, beside those who are not.
    async fn callers(&mut self, server: &Server, paths: &[String]) -> Result<()> {
        note("GET one dataset with a key and with a token");
        let mut callers = vec![("an API key", self.catalogue.key("reader", &[])?)];
        if let Some(issuer) = &self.options.keycloak {
            callers.push(("a token of Keycloak", reads::token(issuer).await?));
        }
        for (what, bearer) in callers {
            let known = || self.wrk.load_as(&server.url, paths, Some(&bearer));
            let (load, anonymous) = reads::best_of(self.options.runs, known, || self.wrk.load(&server.url, paths))?;
            let target = Target { ratio: Some(0.8), ..Target::default() };
            self.report.compared(format!("GET one dataset with {what}, beside nobody"), &load, &anonymous, target);
        }
        Ok(())
    }

    async fn register(&mut self, server: &Server, generator: &Arc<Generator>) -> Result<()> {
        note("registering one at a time");
        let writer = Writer { url: format!("{}/datasets", server.url), key: self.catalogue.key("person", &[])? };
        let mut best = Load::default();
        for run in 0..self.options.runs {
            let (generator, seconds) = (Arc::clone(generator), self.options.seconds);
            let (begin, first) = (Instant::now(), (run + 1) * 1_000_000);
            let bodies = move |n| (begin.elapsed() < Duration::from_secs(seconds)).then(|| generator.registration(first + n));
            best = best.better(writer.load(self.options.connections, Arc::new(bodies), is_registered).await?);
        }
        let target = Target { rate: Some(300.0), p99: Some(30), ..Target::default() };
        self.report.load("register one dataset", &best, None, target);
        Ok(())
    }

    /// Exports the catalogue and imports it into another database.
    async fn moves(&mut self) -> Result<()> {
        note("export and import");
        let file = self.folder.join("export.jsonl");
        let file = file.display().to_string();
        let resources = f64::from(u32::try_from(database::resources(self.db).await?).unwrap_or(u32::MAX));
        let other = Fresh::create(self.options.database_url.as_deref(), self.folder, "copy").await?;
        // Making the tables is not moving resources.
        let copy = Catalogue { database_url: other.url.clone(), ..self.catalogue.clone() };
        output(&mut copy.command(&["migrate", "up"]))?;
        for (step, catalogue) in [("export", &self.catalogue), ("import", &copy)] {
            let begin = Instant::now();
            if let Err(error) = output(&mut catalogue.command(&[step, &file])) {
                note(&format!("{step} is left out: {error}"));
                break;
            }
            let rate = resources / begin.elapsed().as_secs_f64();
            let is_target = step == "import" && other.kind() == "MySQL";
            let target = if is_target { "≥ 15,000/s" } else { "" };
            self.report.value(format!("{step}, resources"), format!("{}/s", grouped(rate)), target, rate >= 15_000.0);
        }
        other.remove().await
    }

    fn memory(&mut self, what: &str, server: &Server, has_target: bool) -> Result<()> {
        let memory = server.memory()?;
        let megabytes = |bytes: u64| bytes / 1_000_000;
        let text = format!("{} MB (at most {} MB)", megabytes(memory.now), megabytes(memory.peak));
        self.report.value(what, text, if has_target { "< 150 MB" } else { "" }, megabytes(memory.now) < 150);
        Ok(())
    }

    async fn restarts(&mut self, what: &str) -> Result<()> {
        let mut best = Duration::MAX;
        for _ in 0..self.options.runs.max(1) {
            let server = self.catalogue.start(self.folder).await?;
            best = best.min(server.ready);
            server.stop().await?;
        }
        self.report.time(what, best, Some(Duration::from_secs(1)));
        Ok(())
    }

    /// Pages by cursor at both ends of a large catalogue.
    async fn many_rows(&mut self, rows: i64) -> Result<()> {
        note(&format!("copying datasets until there are {rows}"));
        database::multiply(self.db, rows).await?;
        let text = grouped(f64::from(u32::try_from(rows).unwrap_or(u32::MAX)));
        self.restarts(&format!("start to ready, {text} datasets")).await?;
        let server = self.catalogue.start(self.folder).await?;
        let first = ["/datasets?limit=10&cursor=".to_owned()];
        let last = [reads::last_page(&server.url).await?];
        let runs = self.options.runs;
        let (begin, end) = reads::best_of(runs, || self.wrk.load(&server.url, &first), || self.wrk.load(&server.url, &last))?;
        self.report.load(format!("page of 10 by cursor, first of {text}"), &begin, None, Target::default());
        // Within 1.3 times the first page's time.
        let target = Target { ratio: Some(0.77), ..Target::default() };
        self.report.compared(format!("page of 10 by cursor, last of {text}, beside the first"), &end, &begin, target);
        let default = ["/datasets?limit=10".to_owned()];
        let (page, _) = reads::best_of(runs, || self.wrk.load(&server.url, &default), || Ok(Load::default()))?;
        self.report.load(format!("page of 10 of {text}"), &page, None, Target::default());
        self.memory(&format!("memory, {text} datasets"), &server, false)?;
        server.stop().await.map(drop)
    }
}

/// Makes sure that both servers do the same work.
async fn same_answers(real: &Server, bare: &Server, paths: &[String]) -> Result<()> {
    for path in paths.iter().take(20) {
        let (ours, _) = reads::fetch(&format!("{}{path}", real.url)).await?;
        let (plain, _) = reads::fetch(&format!("{}{path}", bare.url)).await?;
        if ours != plain {
            return Err(Error::other(format!("the two servers answer {path} differently")));
        }
    }
    Ok(())
}

type Weight = std::result::Result<u64, String>;

fn outcome(answer: &Value, wanted: &str) -> Weight {
    let results = answer.get("results").and_then(Value::as_array).map_or(0, Vec::len);
    let count = answer.get(wanted).and_then(Value::as_u64).unwrap_or_default();
    if usize::try_from(count).is_ok_and(|c| c == results) {
        return Ok(count);
    }
    let odd = answer.get("results").and_then(Value::as_array).and_then(|r| r.iter().find(|r| r.get("outcome").is_none_or(|o| o != wanted)));
    Err(format!("{count} of {results} records are {wanted}; another: {odd:?}"))
}

fn all_created(answer: &Value) -> Weight {
    outcome(answer, "created")
}

fn all_unchanged(answer: &Value) -> Weight {
    outcome(answer, "unchanged")
}

fn is_registered(answer: &Value) -> Weight {
    answer.get("identifier").map(|_| 1).ok_or_else(|| format!("no identifier in {answer}"))
}
