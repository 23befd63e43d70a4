//! Reading load, by wrk.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use crate::error::{Context, Error, Result};
use crate::process::output;

/// What a load came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Load {
    /// Requests, or records, a second.
    pub(crate) rate: f64,
    /// The time that half of the requests took at most.
    pub(crate) p50: Duration,
    /// The time that 99 % of the requests took at most.
    pub(crate) p99: Duration,
}

impl Load {
    /// The faster of two.
    pub(crate) fn better(self, other: Self) -> Self {
        if other.rate > self.rate { other } else { self }
    }
}

/// What an attack came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attack {
    /// Answers a second.
    pub(crate) answered: f64,
    /// Refusals a second.
    pub(crate) refused: f64,
}

/// Runs wrk.
#[derive(Debug)]
pub(crate) struct Wrk {
    folder: PathBuf,
    connections: usize,
    seconds: u64,
}

#[derive(Deserialize)]
struct Summary {
    requests: f64,
    micros: f64,
    errors: u64,
    refused: u64,
    p50: u64,
    p99: u64,
}

impl Wrk {
    /// With so many connections, for so long each time; the folder is for its files.
    pub(crate) fn new(folder: &Path, connections: usize, seconds: u64) -> Result<Self> {
        if Command::new("wrk").arg("--version").output().is_err() {
            return Err(Error::other("wrk is not installed: it makes the load of reading (Debian package `wrk`)"));
        }
        let script = folder.join("requests.lua");
        std::fs::write(&script, include_str!("requests.lua")).context(format!("writing {}", script.display()))?;
        Ok(Self { folder: folder.to_owned(), connections, seconds })
    }

    /// Asks a server for these paths, at random.
    pub(crate) fn load(&self, server: &str, paths: &[String]) -> Result<Load> {
        self.load_as(server, paths, None)
    }

    /// The same with a key or a token.
    pub(crate) fn load_as(&self, server: &str, paths: &[String], bearer: Option<&str>) -> Result<Load> {
        let header = bearer.map(|bearer| format!("Authorization: Bearer {bearer}"));
        let arguments = [format!("-c{}", self.connections), format!("-d{}s", self.seconds)];
        let summary = self.run(server, "paths.txt", paths, &arguments, header)?;
        if summary.errors > 0 {
            return Err(Error::other(format!("{} of {} requests failed, such as {:?}", summary.errors, summary.requests, paths.first())));
        }
        let rate = summary.requests / (summary.micros / 1_000_000.0);
        Ok(Load { rate, p50: Duration::from_micros(summary.p50), p99: Duration::from_micros(summary.p99) })
    }

    /// Asks for one path over many connections. Refusals are no errors.
    pub(crate) fn attack(&self, server: &str, path: &str, connections: usize, seconds: u64) -> Result<Attack> {
        let arguments = [format!("-c{connections}"), format!("-d{seconds}s")];
        let summary = self.run(server, "attack.txt", &[path.to_owned()], &arguments, None)?;
        let seconds = summary.micros / 1_000_000.0;
        let refused = f64::from(u32::try_from(summary.refused).unwrap_or(u32::MAX));
        Ok(Attack { answered: (summary.requests - refused) / seconds, refused: refused / seconds })
    }

    fn run(&self, server: &str, file: &str, paths: &[String], arguments: &[String], header: Option<String>) -> Result<Summary> {
        let file = self.folder.join(file);
        std::fs::write(&file, paths.join("\n")).context(format!("writing {}", file.display()))?;
        let mut command = Command::new("wrk");
        command.args(["-t1", "--timeout", "10s"]).args(arguments).arg("-s").arg(self.folder.join("requests.lua"));
        if let Some(header) = header {
            command.args(["-H", &header]);
        }
        command.args([server, "--"]).arg(&file);
        let printed = output(&mut command)?;
        let line = printed.lines().find(|line| line.starts_with('{')).ok_or_else(|| Error::other(format!("wrk said: {printed}")))?;
        Ok(serde_json::from_str(line)?)
    }
}
