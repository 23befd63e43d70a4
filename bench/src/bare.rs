//! The bare server: the same framework, pool and database as the catalogue, one SELECT by primary key, and no logic at all. What
//! it answers in a second is what the catalogue could answer if everything of ours cost nothing.
#![allow(clippy::disallowed_methods, reason = "the bare server has tables of its own, which are no part of the store")]

use aiod_api::store::Db;
use clap::Args;
use poem::http::StatusCode;
use poem::listener::TcpListener;
use poem::web::{Data, Path, Query};
use poem::{EndpointExt, Response, Route, Server, get, handler};
use serde::Deserialize;
use sqlx::AssertSqlSafe;

use crate::database::execute;
use crate::error::{Context, Result};

/// What is served, and where.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The database that holds the tables `bare` and `bare_seq`.
    #[arg(long, value_name = "URL")]
    database_url: String,
    /// Where to listen, `HOST:PORT`.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8001")]
    listen: String,
}

/// As many connections as the catalogue has unless it is configured otherwise.
const CONNECTIONS: u32 = 16;

/// Serves until the process ends.
pub(crate) async fn serve(options: &Options) -> Result<()> {
    let db = Db::open(&options.database_url, CONNECTIONS).await?;
    let app = Route::new().at("/datasets", get(page)).at("/datasets/:identifier", get(one)).data(db);
    Server::new(TcpListener::bind(&options.listen)).run(app).await.context("serving")
}

/// Answers a stored body.
macro_rules! select {
    ($db:expr, $text:literal, $fetch:ident $(, $argument:expr)*) => {
        match $db {
            Db::MySql { read, .. } => sqlx::query_scalar::<_, String>($text)$(.bind($argument))*.$fetch(read.pool()).await,
            Db::Sqlite { read, .. } => sqlx::query_scalar::<_, String>($text)$(.bind($argument))*.$fetch(read.pool()).await,
        }
    };
}

#[handler]
async fn one(Path(identifier): Path<String>, Data(db): Data<&Db>) -> Response {
    match select!(db, "SELECT body FROM bare WHERE identifier = ?", fetch_one, identifier) {
        Ok(body) => json(body),
        Err(_) => StatusCode::NOT_FOUND.into(),
    }
}

#[derive(Deserialize)]
struct Page {
    limit: i64,
}

#[handler]
async fn page(Query(Page { limit }): Query<Page>, Data(db): Data<&Db>) -> Response {
    match select!(db, "SELECT body FROM bare_seq WHERE id > ? ORDER BY id LIMIT ?", fetch_all, 0_i64, limit) {
        Ok(bodies) => json(format!("[{}]", bodies.join(","))),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into(),
    }
}

fn json(body: String) -> Response {
    Response::builder().content_type("application/json").body(body)
}

/// Makes the tables and fills them: bodies with their identifiers, in the order in which pages list them.
pub(crate) async fn fill(db: &Db, bodies: &[(String, String)]) -> Result<()> {
    let (identifier, text) = match db {
        Db::MySql { .. } => ("VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin", "MEDIUMTEXT"),
        Db::Sqlite { .. } => ("TEXT", "TEXT"),
    };
    let identifier = format!("identifier {identifier} NOT NULL");
    execute(db, &format!("CREATE TABLE bare_seq (id INTEGER NOT NULL PRIMARY KEY, {identifier}, body {text} NOT NULL)"), &[]).await?;
    execute(db, &format!("CREATE TABLE bare ({identifier} PRIMARY KEY, body {text} NOT NULL)"), &[]).await?;
    for chunk in (1_i64..).zip(bodies).collect::<Vec<_>>().chunks(100) {
        let text = format!("INSERT INTO bare_seq (id, identifier, body) VALUES {}", vec!["(?, ?, ?)"; chunk.len()].join(", "));
        macro_rules! insert {
            ($pool:expr) => {{
                let mut query = sqlx::query(AssertSqlSafe(text));
                for (number, (identifier, body)) in chunk {
                    query = query.bind(*number).bind(identifier).bind(body);
                }
                query.execute($pool).await?;
            }};
        }
        match db {
            Db::MySql { write, .. } => insert!(write),
            Db::Sqlite { write, .. } => insert!(write),
        }
    }
    execute(db, "INSERT INTO bare (identifier, body) SELECT identifier, body FROM bare_seq", &[]).await.map(drop)
}
