//! The catalogue that is measured: its program over a database.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crate::database::Fresh;
use crate::error::{Context, Result};
use crate::generate::{Generator, PLATFORM};
use crate::process::{Server, output};
use crate::writes::Writer;

/// The catalogue's program, with the database that it works on.
#[derive(Clone, Debug)]
pub(crate) struct Catalogue {
    /// The program.
    pub(crate) program: PathBuf,
    /// The database.
    pub(crate) database_url: String,
    /// Configuration: names of variables and their values.
    pub(crate) variables: Vec<(&'static str, String)>,
}

/// Measures on a database and in a folder of its own, which are removed afterwards.
pub(crate) async fn on_fresh<T>(
    name: &str,
    program: PathBuf,
    database_url: Option<&str>,
    measure: impl AsyncFnOnce(&Catalogue, &Path) -> Result<T>,
) -> Result<T> {
    let folder = std::env::temp_dir().join(format!("aiod-bench-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).context(format!("creating {}", folder.display()))?;
    let database = Fresh::create(database_url, &folder, name).await?;
    let catalogue = Catalogue { program, database_url: database.url.clone(), variables: Vec::new() };
    let outcome = measure(&catalogue, &folder).await;
    database.remove().await?;
    std::fs::remove_dir_all(&folder).context(format!("removing {}", folder.display()))?;
    outcome
}

impl Catalogue {
    /// A command of the program.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).args(["--database-url", &self.database_url]).env("AIOD_EXAMPLES_LOAD", "false");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The server; its log goes into the folder.
    pub(crate) async fn start(&self, folder: &Path) -> Result<Server> {
        Server::start(self.command(&["serve"]), "/platforms?limit=1", &folder.join("server.log")).await
    }

    /// Has it search by Elasticsearch, with indexes of this name, or by an embedded index in this folder.
    pub(crate) fn search_by(&mut self, elasticsearch_url: Option<&str>, folder: &Path, name: &str) {
        match elasticsearch_url {
            Some(url) => {
                self.variables.push(("AIOD_SEARCH_ELASTICSEARCH_URL", url.to_owned()));
                self.variables.push(("AIOD_SEARCH_INDEX", format!("aiod-bench-{name}-{}", std::process::id())));
            }
            None => self.variables.push(("AIOD_SEARCH_FOLDER", folder.join("search").display().to_string())),
        }
    }

    /// A new key of someone with these roles.
    pub(crate) fn key(&self, name: &str, roles: &[&str]) -> Result<String> {
        let mut command = self.command(&["keys", "create", "--name", name]);
        for role in roles {
            command.args(["--role", role]);
        }
        output(&mut command)
    }

    /// Registers all datasets of a generator; the key that did it.
    pub(crate) async fn fill(&self, server: &Server, generator: &Generator) -> Result<String> {
        let key = self.key("bench", &["admin_aiod_resources", &format!("platform_{PLATFORM}")])?;
        let writer = Writer { url: format!("{}/platforms/{PLATFORM}/datasets/batch", server.url), key: key.clone() };
        let requests = generator.requests();
        writer.load(2, Arc::new(move |n| requests.get(n).cloned()), |_| Ok(1)).await?;
        Ok(key)
    }
}
