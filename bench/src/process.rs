//! Servers as processes: started, waited for, weighed, ended.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Context, Error, Result};

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server that runs; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it answers, without a slash at the end.
    pub(crate) url: String,
    /// How long it took from its start to its first answer.
    pub(crate) ready: Duration,
}

/// What a process holds in memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) now: u64,
    /// At most, since it began.
    pub(crate) peak: u64,
}

impl Server {
    /// Starts a program, which gets `--listen` with a free port, and waits until `path` is answered well.
    pub(crate) async fn start(mut command: Command, path: &str, log: &Path) -> Result<Self> {
        let address = free_address()?;
        let log = std::fs::File::create(log).context(format!("creating {}", log.display()))?;
        command.args(["--listen", &address]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let begin = Instant::now();
        let child = command.spawn().context(format!("starting {}", command.get_program().display()))?;
        let mut server = Self { child, url: format!("http://{address}"), ready: Duration::ZERO };
        let client = reqwest::Client::new();
        while client.get(format!("{}{path}", server.url)).send().await.and_then(reqwest::Response::error_for_status).is_err() {
            if let Some(status) = server.child.try_wait().context("waiting for a server")? {
                return Err(Error::other(format!("{} ended at once: {status}", command.get_program().display())));
            }
            if begin.elapsed() > PATIENCE {
                return Err(Error::other(format!("{} does not answer", command.get_program().display())));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        server.ready = begin.elapsed();
        Ok(server)
    }

    /// What it holds in memory, as the kernel says.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path).context(format!("reading {path}"))?;
        let kilobytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).unwrap_or_default()
        };
        Ok(Memory { now: kilobytes("VmRSS") * 1024, peak: kilobytes("VmHWM") * 1024 })
    }

    /// Ends it as an operator does, with SIGTERM; how long that took.
    pub(crate) async fn stop(mut self) -> Result<Duration> {
        let begin = Instant::now();
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().context("kill")?;
        while begin.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().context("waiting for a server")? {
                // A server that does not catch the signal is ended by it, which is as well.
                return match status.code() {
                    Some(0) | None => Ok(begin.elapsed()),
                    Some(code) => Err(Error::other(format!("the server ended with code {code} after SIGTERM"))),
                };
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Err(Error::other("the server does not end after SIGTERM"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn free_address() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").context("looking for a free port")?;
    Ok(listener.local_addr().context("looking for a free port")?.to_string())
}

/// The server's program: the one that is named, or else the one beside this program, built when cargo runs this.
#[allow(clippy::disallowed_methods, reason = "cargo says by its variable alone that it runs this")]
pub(crate) fn server_program(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let own = std::env::current_exe().context("looking for this program")?;
    let program = own.with_file_name("aiod-api");
    if let Some(cargo) = std::env::var_os("CARGO") {
        build_server(Command::new(cargo), profile_of(&own))?;
    }
    if !program.exists() {
        return Err(Error::other(format!("{} does not exist: build it or name it with --server", program.display())));
    }
    Ok(program)
}

/// The profile that cargo built a program with: the name of the program's folder, but for the development profile.
fn profile_of(program: &Path) -> &str {
    let folder = program.parent().and_then(Path::file_name).and_then(std::ffi::OsStr::to_str);
    folder.filter(|name| *name != "debug").unwrap_or("dev")
}

fn build_server(mut cargo: Command, profile: &str) -> Result<()> {
    crate::note(&format!("building aiod-api with the profile {profile}"));
    let status = cargo.args(["build", "--quiet", "--profile", profile, "-p", "aiod-api"]).status().context("cargo build")?;
    if status.success() { Ok(()) } else { Err(Error::other("aiod-api cannot be built")) }
}

/// Runs a command to its end; what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.output().context(format!("starting {program}"))?;
    if !output.status.success() {
        return Err(Error::other(format!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_built_as_this_program_was() {
        for (program, profile) in
            [("target/production/aiod-bench", "production"), ("target/release/x", "release"), ("target/debug/x", "dev")]
        {
            assert_eq!(profile_of(Path::new(program)), profile);
        }
    }
}
