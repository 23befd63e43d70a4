//! Databases, exports and callers of the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aiod_api::catalogue::Catalogue;
use aiod_api::catalogue::image::{Mode, Upload};
use aiod_api::catalogue::shapes::SubmissionCreate;
use aiod_api::catalogue::write::Expected;
use aiod_api::config::Config;
use aiod_api::identity::{Caller, User};
use aiod_api::server;
use aiod_api::store::dump::{self, DumpError};
use aiod_api::store::{Db, StoreError};
use aiod_schema::{ResourceType, by_name};
use serde_json::{Value, json};

/// The server on which tests make databases of their own.
const SERVER: &str = "AIOD_TEST_DATABASE_URL";

pub(crate) const TABLES: [&str; 19] = [
    "account",
    "api_key",
    "platform",
    "term",
    "resource_count",
    "resource_count_change",
    "term_check",
    "submission",
    "submission_asset",
    "review",
    "bookmark",
    "asset",
    "link",
    "asset_term",
    "permission",
    "asset_revision",
    "asset_author",
    "image",
    "asset_reads",
];

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A database of a test's own, and a folder.
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) folder: PathBuf,
    /// The server and the name, unless it is an SQLite file.
    pub(crate) on_server: Option<(String, String)>,
}

impl Place {
    pub(crate) fn named(server: Option<String>) -> (Self, String) {
        let name = format!("aiod_dump_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&folder).unwrap();
        let url =
            server.as_ref().map_or_else(|| format!("sqlite://{}/catalogue.db", folder.display()), |server| format!("{server}/{name}"));
        (Self { url, folder, on_server: server.map(|server| (server, name.clone())) }, name)
    }

    pub(crate) async fn sqlite() -> Self {
        Self::named(None).0
    }

    pub(crate) async fn mysql() -> Option<Self> {
        let server = std::env::var(SERVER).ok()?.trim_end_matches('/').to_owned();
        let (place, name) = Self::named(Some(server.clone()));
        query(&server, &format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")).await;
        Some(place)
    }

    /// One of each kind.
    pub(crate) async fn all() -> Vec<Self> {
        [Some(Self::sqlite().await), Self::mysql().await].into_iter().flatten().collect()
    }

    /// Opens it, with nothing but what migrations put there.
    pub(crate) async fn db(&self) -> Db {
        let db = Db::open(&self.url, 4).await.unwrap();
        db.migrate_up().await.unwrap();
        db
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) async fn remove(self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
        if let Some((server, name)) = &self.on_server {
            query(server, &format!("DROP DATABASE {name}")).await;
        }
    }
}

/// Runs a statement of the tests' own on a server; the first two columns of what it answers.
pub(crate) async fn query(url: &str, statement: &str) -> Vec<(String, String)> {
    use mysql_async::prelude::Queryable;
    let mut connection = mysql_async::Conn::from_url(url).await.unwrap();
    let rows: Vec<mysql_async::Row> = connection.query(statement).await.unwrap();
    connection.disconnect().await.unwrap();
    rows.into_iter().map(|row| (row.get(0).unwrap(), row.get(1).unwrap_or_default())).collect()
}

/// The lines of an export after the first, which holds the time.
pub(crate) async fn rows_of(db: &Db, place: &Place) -> String {
    let file = place.file("rows.ndjson");
    dump::export(db, &file).await.unwrap();
    assert!(!place.file("rows.ndjson.partial").exists());
    let text = std::fs::read_to_string(&file).unwrap();
    text.split_once('\n').unwrap().1.to_owned()
}

/// The newest migration.
pub(crate) fn migration() -> i64 {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/sqlite");
    let names = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    names.map(|name| name.split('_').next().unwrap().parse().unwrap()).max().unwrap()
}

/// The first line of an export.
pub(crate) fn header() -> String {
    json!({"format": "aiod-catalogue", "version": 1, "migration": migration()}).to_string()
}

/// An export with these rows.
pub(crate) fn export_with(rows: &[Value]) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut text = header() + "\n";
    for row in rows {
        *counts.entry(row.as_object().unwrap().keys().next().unwrap()).or_default() += 1;
        text += &format!("{row}\n");
    }
    text + &format!("{}\n", json!({ "end": counts }))
}

/// A row of a resource.
pub(crate) fn asset(id: i64, document: &Value) -> Value {
    json!({"asset": {"id": id, "identifier": format!("data_{id}"), "resource_type": "dataset", "platform": "example",
        "platform_key": format!("{id}"), "status": "published", "alive": 1, "revision": 1, "date_created": id, "date_modified": id,
        "content_hash": "", "date_revised": 0, "is_linked": 0, "links": "", "document": document}})
}

pub(crate) async fn import(db: &Db, place: &Place, text: &str) -> Result<dump::DumpReport, StoreError> {
    let file = place.file("import.ndjson");
    std::fs::write(&file, text).unwrap();
    dump::import(db, &place.url, &file).await
}

/// Imports what must be refused; why it was.
pub(crate) async fn refused(db: &Db, place: &Place, text: &str) -> DumpError {
    match import(db, place, text).await {
        Err(StoreError::Dump(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// The tables of a MySQL database, as the statements that make them.
pub(crate) async fn tables(place: &Place) -> Vec<String> {
    let mut out = Vec::new();
    for (name, _) in query(&place.url, "SHOW TABLES").await {
        let create = query(&place.url, &format!("SHOW CREATE TABLE `{name}`")).await.remove(0).1;
        let without_counter = |line: &str| match line.split_once(" AUTO_INCREMENT=") {
            Some((before, after)) => format!("{before}{}", after.trim_start_matches(|c: char| c.is_ascii_digit())),
            None => line.to_owned(),
        };
        // Indexes that are made anew come last; their order means nothing.
        let mut lines: Vec<String> = create.lines().map(|line| without_counter(line.trim_end_matches(','))).collect();
        lines.sort();
        out.push(lines.join("\n"));
    }
    out
}

pub(crate) fn dataset() -> &'static ResourceType {
    by_name("dataset").unwrap()
}

/// An administrator.
pub(crate) async fn administrator(db: &Db) -> Caller {
    let account = db.account("local:test", "test").await.unwrap();
    let roles = BTreeSet::from([Config::default().roles.administrator]);
    Caller::User(Arc::new(User { account, name: "test".to_owned(), subject: "local:test".to_owned(), roles }))
}

/// An embedded catalogue with the examples, and with past revisions, an image, a deleted resource and a draft.
pub(crate) async fn full_catalogue(place: &Place) -> (Catalogue, String) {
    let mut config = Config::default();
    config.database.url = place.url.as_str().into();
    let catalogue = server::open(config).await.unwrap().app.catalogue.clone();
    let caller = administrator(&catalogue.db).await;
    catalogue.load_examples().await.unwrap();
    catalogue.fold_counts().await.unwrap();
    let organisation = by_name("organisation").unwrap();
    let body = json!({"name": "With an image ☃", "description": {"plain": "tab\tnewline\nbackslash\\ \u{1f600}"}});
    let id = catalogue.register(&caller, organisation, &body).await.unwrap();
    let image = Upload { name: "a ☃.png".to_owned(), claimed_type: None, bytes: b"\x89PNG\r\n\x1a\n\0\t\\N\xff".to_vec() };
    catalogue.put_image(&caller, organisation, &id, image, Mode::Add, &Expected::Any).await.unwrap();
    let deleted = catalogue.register(&caller, dataset(), &json!({"name": "Deleted", "keyword": ["gone"]})).await.unwrap();
    catalogue.delete(&caller, dataset(), &deleted, &Expected::Any).await.unwrap();
    // These changes of counts are not added up.
    let news = by_name("news").unwrap();
    let released = catalogue.read_on_platform(&caller, news, "example", "sensor-data-released").await.unwrap();
    let released: Value = serde_json::from_str(&released.body).unwrap();
    catalogue.delete(&caller, news, released["identifier"].as_str().unwrap(), &Expected::Any).await.unwrap();
    let sensors = catalogue.read_on_platform(&caller, dataset(), "example", "river-sensors").await.unwrap();
    let identifier = serde_json::from_str::<Value>(&sensors.body).unwrap()["identifier"].as_str().unwrap().to_owned();
    let keyword = json!({"name": "River sensors", "keyword": ["not added up"]});
    catalogue.replace(&caller, dataset(), &identifier, &keyword, &Expected::Any).await.unwrap();
    let draft = catalogue.register(&caller, dataset(), &json!({"name": "Draft"})).await.unwrap();
    let submission =
        catalogue.submit(&caller, SubmissionCreate { asset_identifiers: vec![draft.clone()], comment: "☃".to_owned() }).await.unwrap();
    catalogue.retract(&caller, &submission.to_string()).await.unwrap();
    catalogue.add_bookmark(&caller, &draft).await.unwrap();
    catalogue.count_read(&catalogue.read_on_platform(&caller, dataset(), "example", "river-sensors").await.unwrap());
    catalogue.flush_reads().await.unwrap();
    (catalogue, id)
}
