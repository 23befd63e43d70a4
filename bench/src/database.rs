//! A database of one's own for each run, and what is done to it directly.
#![allow(clippy::disallowed_methods, reason = "what is done to the database directly is no part of the store")]

use std::path::{Path, PathBuf};

use aiod_api::store::Db;
use sqlx::{AssertSqlSafe, Connection, MySqlConnection};

use crate::error::{Context, Error, Result};

/// A fresh database; [`Fresh::remove`] takes it away again.
#[derive(Debug)]
pub(crate) struct Fresh {
    /// What opens it.
    pub(crate) url: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    File(PathBuf),
    MySql { server: String, name: String },
}

impl Fresh {
    /// A database of this name: on a server (`mysql://…`), or a file in a folder.
    pub(crate) async fn create(server: Option<&str>, folder: &Path, name: &str) -> Result<Self> {
        let Some(server) = server else {
            let file = folder.join(format!("{name}.db"));
            return Ok(Self { url: format!("sqlite://{}", file.display()), place: Place::File(file) });
        };
        if !server.starts_with("mysql://") {
            return Err(Error::other("--database-url: mysql://USER:PASSWORD@HOST:PORT is expected; leave it out for SQLite"));
        }
        let server = server.trim_end_matches('/').to_owned();
        let name = format!("aiod_bench_{name}_{}", std::process::id());
        statement(&server, format!("CREATE DATABASE {name}")).await?;
        Ok(Self { url: format!("{server}/{name}"), place: Place::MySql { server, name } })
    }

    /// Takes the database away.
    pub(crate) async fn remove(self) -> Result<()> {
        match self.place {
            Place::MySql { server, name } => statement(&server, format!("DROP DATABASE IF EXISTS {name}")).await,
            Place::File(file) => std::fs::remove_file(&file).context(format!("removing {}", file.display())),
        }
    }

    /// Which kind of database it is, for people.
    pub(crate) fn kind(&self) -> &'static str {
        if matches!(self.place, Place::File(_)) { "SQLite" } else { "MySQL" }
    }
}

async fn statement(server: &str, text: String) -> Result<()> {
    let mut connection = MySqlConnection::connect(server).await?;
    sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// Runs a writing statement whose arguments are numbers.
pub(crate) async fn execute(db: &Db, text: &str, numbers: &[i64]) -> Result<u64> {
    macro_rules! run {
        ($pool:expr) => {{
            let mut query = sqlx::query(AssertSqlSafe(text.to_owned()));
            for number in numbers {
                query = query.bind(*number);
            }
            query.execute($pool).await?.rows_affected()
        }};
    }
    Ok(match db {
        Db::MySql { write, .. } => run!(write),
        Db::Sqlite { write, .. } => run!(write),
    })
}

/// The one number that a statement yields.
pub(crate) async fn number(db: &Db, text: &'static str) -> Result<i64> {
    Ok(match db {
        Db::MySql { read, .. } => sqlx::query_scalar(text).fetch_one(read.pool()).await?,
        Db::Sqlite { read, .. } => sqlx::query_scalar(text).fetch_one(read.pool()).await?,
    })
}

/// How many resources there are, of every type.
pub(crate) async fn resources(db: &Db) -> Result<i64> {
    number(db, "SELECT COUNT(*) FROM asset").await
}

/// How many datasets are published.
async fn datasets(db: &Db) -> Result<i64> {
    number(db, "SELECT COUNT(*) FROM asset WHERE resource_type = 'dataset' AND status = 'published' AND alive = 1").await
}

const COPY_ASSETS: &str = "INSERT INTO asset (id, identifier, resource_type, platform, platform_resource_identifier, platform_key, name, \
    status, alive, revision, date_created, date_modified, modified_by, content_hash, links, document) \
    SELECT id + ?, 'data_' || SUBSTR('0000000' || ?, -8) || SUBSTR(identifier, 14), resource_type, platform, \
    'copy' || ? || '.' || platform_resource_identifier, 'copy' || ? || '.' || platform_key, name, status, alive, revision, \
    date_created + ?, date_modified + ?, modified_by, content_hash, links, \
    REPLACE(document, '\"' || platform_resource_identifier || '\"', '\"copy' || ? || '.' || platform_resource_identifier || '\"') \
    FROM asset WHERE resource_type = 'dataset' AND status = 'published' AND alive = 1 AND id <= ?";
const COPY_LINKS: &str = "INSERT INTO link (from_id, field, to_id, position) SELECT l.from_id + ?, l.field, l.to_id, l.position \
    FROM link l JOIN asset a ON a.id = l.from_id \
    WHERE a.resource_type = 'dataset' AND a.status = 'published' AND a.alive = 1 AND a.id <= ?";

const COPY_TERMS: &str = "INSERT INTO asset_term (asset_id, term_id) SELECT u.asset_id + ?, u.term_id \
    FROM asset_term u JOIN asset a ON a.id = u.asset_id \
    WHERE a.resource_type = 'dataset' AND a.status = 'published' AND a.alive = 1 AND a.id <= ?";
const COPY_PERMISSIONS: &str = "INSERT INTO permission (asset_id, account_id, kind) SELECT p.asset_id + ?, p.account_id, p.kind \
    FROM permission p JOIN asset a ON a.id = p.asset_id \
    WHERE a.resource_type = 'dataset' AND a.status = 'published' AND a.alive = 1 AND a.id <= ?";

/// Copies the published datasets with their links, terms and permissions, under new identifiers, until there are `rows` of them: straight in
/// the database. Counts that are kept do not follow.
pub(crate) async fn multiply(db: &Db, rows: i64) -> Result<()> {
    let originals = datasets(db).await?;
    let last = number(db, "SELECT MAX(id) FROM asset").await?;
    let copies = (rows - originals).max(0) / originals.max(1);
    for copy in 1..=copies {
        let step = last * copy;
        execute(db, COPY_ASSETS, &[step, copy, copy, copy, step, step, copy, last]).await?;
        for copied in [COPY_LINKS, COPY_TERMS, COPY_PERMISSIONS] {
            execute(db, copied, &[step, last]).await?;
        }
    }
    Ok(())
}
