//! Running the program in a folder of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The file for what servers log.
const LOG: &str = "server.log";

static COUNT: AtomicU32 = AtomicU32::new(0);

/// The server, without a database, on which a test may have a database of its own.
const SERVER: &str = "AIOD_TEST_DATABASE_URL";

/// A folder with an embedded catalogue, removed with everything that still runs in it.
pub(crate) struct Home {
    pub(crate) folder: PathBuf,
    /// The catalogue's database, where it is not in the folder.
    database: Option<Database>,
    running: Vec<Child>,
}

struct Database {
    server: String,
    name: String,
}

impl Database {
    async fn execute(&self, statement: &str) {
        use mysql_async::prelude::Queryable;
        let pool = mysql_async::Pool::new(self.server.as_str());
        pool.get_conn().await.unwrap().query_drop(format!("{statement} {}", self.name)).await.unwrap();
        pool.disconnect().await.unwrap();
    }
}

/// A server and what it wrote when it started.
pub(crate) struct Server {
    pub(crate) url: String,
    /// The key that the first start shows.
    pub(crate) key: Option<String>,
    /// What it wrote to standard output.
    pub(crate) lines: Vec<String>,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("aiod_program_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder, database: None, running: Vec::new() }
    }

    /// The same folder, for other servers.
    pub(crate) fn beside(&self) -> Self {
        Self { folder: self.folder.clone(), database: None, running: Vec::new() }
    }

    /// With a catalogue on the server that tests are given; in the folder without one. [`Home::close`] removes it.
    pub(crate) async fn on_server() -> Self {
        let mut home = Self::new();
        if let Ok(server) = std::env::var(SERVER) {
            let name = home.folder.file_name().unwrap().to_str().unwrap().to_owned();
            let database = Database { server: server.trim_end_matches('/').to_owned(), name };
            database.execute("CREATE DATABASE").await;
            home.database = Some(database);
        }
        home
    }

    pub(crate) async fn close(self) {
        if let Some(database) = &self.database {
            database.execute("DROP DATABASE").await;
        }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aiod-api"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AIOD_")) {
            command.env_remove(name);
        }
        if let Some(Database { server, name }) = &self.database {
            command.env("AIOD_DATABASE_URL", format!("{server}/{name}"));
        }
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end: exit code, standard output, standard error.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    /// Starts the server on a free port, and waits until it is ready.
    pub(crate) async fn serve(&mut self, more: &[&str]) -> Server {
        self.serve_by(self.command(&[]), more).await
    }

    /// The same with so many file descriptors.
    pub(crate) async fn serve_with_descriptors(&mut self, more: &[&str], descriptors: u32) -> Server {
        let limited = format!("ulimit -n {descriptors} && exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &limited, env!("CARGO_BIN_EXE_aiod-api")]).current_dir(&self.folder).stdin(Stdio::null());
        self.serve_by(command, more).await
    }

    /// What the servers of this folder have logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join(LOG)).unwrap()
    }

    /// How many files and connections the server has open that was started last.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.running.last().unwrap().id())).unwrap().count()
    }

    /// The processor time that the server which was started last has used.
    pub(crate) fn processor_time(&self) -> Duration {
        let id = self.running.last().unwrap().id();
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        // User and system time, in hundredths of a second.
        Duration::from_millis(10 * fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum::<u64>())
    }

    async fn serve_by(&mut self, mut command: Command, more: &[&str]) -> Server {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.join(LOG)).unwrap();
        command.args([&["--listen", listen.as_str()], more].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        self.running.push(child);
        let url = format!("http://{listen}");
        let begin = Instant::now();
        while reqwest::get(format!("{url}/counts")).await.is_err() {
            assert!(begin.elapsed() < Duration::from_secs(60), "the server does not get ready");
            assert!(self.running.last_mut().unwrap().try_wait().unwrap().is_none(), "the server ended");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        // What it wrote before it was ready is in the pipe; reading on would wait for its end.
        let lines = first_lines(stdout);
        let key = lines.iter().find(|line| line.contains("API key, shown only now")).and_then(|line| line.split_whitespace().last());
        Server { url, key: key.map(str::to_owned), lines }
    }

    /// Sends a signal to the server that was started last, and waits for its end.
    pub(crate) fn signal(&mut self, signal: &str) -> Option<i32> {
        self.send(signal);
        self.wait()
    }

    /// Waits for the end of the server that was started last.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.running.pop().unwrap().wait().unwrap().code()
    }

    /// Sends a signal to the server that was started last.
    pub(crate) fn send(&self, signal: &str) {
        let id = self.running.last().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Whether the server that was started last still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.running.last_mut().unwrap().try_wait().unwrap().is_none()
    }
}

/// What a server has written by now.
fn first_lines(stdout: impl Read + Send + 'static) -> Vec<String> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    std::iter::from_fn(|| receiver.recv_timeout(Duration::from_millis(500)).ok()).collect()
}

impl Drop for Home {
    fn drop(&mut self) {
        for child in &mut self.running {
            drop(child.kill());
            drop(child.wait());
        }
        if !std::thread::panicking() {
            drop(std::fs::remove_dir_all(&self.folder));
        }
    }
}
