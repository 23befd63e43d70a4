//! Exports and imports, between SQLite files and, with `AIOD_TEST_DATABASE_URL=mysql://…` (a server, without a database), MySQL or
//! MariaDB.
#![allow(clippy::disallowed_methods, reason = "settings and statements of the tests' own")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed, which is what it is for")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
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
use aiod_api::store::lease::Attempt;
use aiod_api::store::{Db, StoreError};
use aiod_schema::{ResourceType, by_name};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use serde_json::{Value, json};

/// The server on which tests make databases of their own.
const SERVER: &str = "AIOD_TEST_DATABASE_URL";

const TABLES: [&str; 15] = [
    "account",
    "api_key",
    "platform",
    "term",
    "submission",
    "submission_asset",
    "review",
    "bookmark",
    "asset",
    "link",
    "asset_term",
    "permission",
    "asset_revision",
    "image",
    "asset_reads",
];

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A database of a test's own, and a folder.
struct Place {
    url: String,
    folder: PathBuf,
    /// The server and the name, unless it is an SQLite file.
    on_server: Option<(String, String)>,
}

impl Place {
    fn named(server: Option<String>) -> (Self, String) {
        let name = format!("aiod_dump_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&folder).unwrap();
        let url =
            server.as_ref().map_or_else(|| format!("sqlite://{}/catalogue.db", folder.display()), |server| format!("{server}/{name}"));
        (Self { url, folder, on_server: server.map(|server| (server, name.clone())) }, name)
    }

    async fn sqlite() -> Self {
        Self::named(None).0
    }

    async fn mysql() -> Option<Self> {
        let server = std::env::var(SERVER).ok()?.trim_end_matches('/').to_owned();
        let (place, name) = Self::named(Some(server.clone()));
        query(&server, &format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")).await;
        Some(place)
    }

    /// One of each kind.
    async fn all() -> Vec<Self> {
        [Some(Self::sqlite().await), Self::mysql().await].into_iter().flatten().collect()
    }

    /// Opens it, with nothing but what migrations put there.
    async fn db(&self) -> Db {
        let db = Db::open(&self.url, 4).await.unwrap();
        db.migrate_up().await.unwrap();
        db
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    async fn remove(self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
        if let Some((server, name)) = &self.on_server {
            query(server, &format!("DROP DATABASE {name}")).await;
        }
    }
}

/// Runs a statement of the tests' own on a server; the first two columns of what it answers.
async fn query(url: &str, statement: &str) -> Vec<(String, String)> {
    use mysql_async::prelude::Queryable;
    let mut connection = mysql_async::Conn::from_url(url).await.unwrap();
    let rows: Vec<mysql_async::Row> = connection.query(statement).await.unwrap();
    connection.disconnect().await.unwrap();
    rows.into_iter().map(|row| (row.get(0).unwrap(), row.get(1).unwrap_or_default())).collect()
}

/// The lines of an export after the first, which holds the time.
async fn rows_of(db: &Db, place: &Place) -> String {
    let file = place.file("rows.ndjson");
    dump::export(db, &file).await.unwrap();
    assert!(!place.file("rows.ndjson.partial").exists());
    let text = std::fs::read_to_string(&file).unwrap();
    text.split_once('\n').unwrap().1.to_owned()
}

/// The first line of an export.
/// The newest migration.
const MIGRATION: i64 = 3;

fn header() -> String {
    json!({"format": "aiod-catalogue", "version": 1, "migration": MIGRATION}).to_string()
}

/// An export with these rows.
fn export_with(rows: &[Value]) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut text = header() + "\n";
    for row in rows {
        *counts.entry(row.as_object().unwrap().keys().next().unwrap()).or_default() += 1;
        text += &format!("{row}\n");
    }
    text + &format!("{}\n", json!({ "end": counts }))
}

/// A row of a resource.
fn asset(id: i64, document: &Value) -> Value {
    json!({"asset": {"id": id, "identifier": format!("data_{id}"), "resource_type": "dataset", "platform": "example",
        "platform_key": format!("{id}"), "status": "published", "alive": 1, "revision": 1, "date_created": id, "date_modified": id,
        "content_hash": "", "date_revised": 0, "links": "", "document": document}})
}

async fn import(db: &Db, place: &Place, text: &str) -> Result<dump::DumpReport, StoreError> {
    let file = place.file("import.ndjson");
    std::fs::write(&file, text).unwrap();
    dump::import(db, &place.url, &file).await
}

/// Imports what must be refused; why it was.
async fn refused(db: &Db, place: &Place, text: &str) -> DumpError {
    match import(db, place, text).await {
        Err(StoreError::Dump(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// The tables of a MySQL database, as the statements that make them.
async fn tables(place: &Place) -> Vec<String> {
    let mut out = Vec::new();
    for (name, _) in query(&place.url, "SHOW TABLES").await {
        let create = query(&place.url, &format!("SHOW CREATE TABLE `{name}`")).await.remove(0).1;
        let without_counter = |line: &str| match line.split_once(" AUTO_INCREMENT=") {
            Some((before, after)) => format!("{before}{}", after.trim_start_matches(|c: char| c.is_ascii_digit())),
            None => line.to_owned(),
        };
        out.push(create.lines().map(without_counter).collect::<Vec<_>>().join("\n"));
    }
    out
}

fn dataset() -> &'static ResourceType {
    by_name("dataset").unwrap()
}

/// An administrator.
async fn administrator(db: &Db) -> Caller {
    let account = db.account("local:test", "test").await.unwrap();
    let roles = BTreeSet::from([Config::default().roles.administrator]);
    Caller::User(Arc::new(User { account, name: "test".to_owned(), subject: "local:test".to_owned(), roles }))
}

/// An embedded catalogue with the examples, and with past revisions, an image, a deleted resource and a draft.
async fn full_catalogue(place: &Place) -> (Catalogue, String) {
    let mut config = Config::default();
    config.database.url.clone_from(&place.url);
    let catalogue = server::open(config).await.unwrap().app.catalogue.clone();
    let caller = administrator(&catalogue.db).await;
    catalogue.load_examples().await.unwrap();
    let organisation = by_name("organisation").unwrap();
    let body = json!({"name": "With an image ☃", "description": {"plain": "tab\tnewline\nbackslash\\ \u{1f600}"}});
    let id = catalogue.register(&caller, organisation, &body).await.unwrap();
    let image = Upload { name: "a ☃.png".to_owned(), claimed_type: None, bytes: b"\x89PNG\r\n\x1a\n\0\t\\N\xff".to_vec() };
    catalogue.put_image(&caller, organisation, &id, image, Mode::Add, &Expected::Any).await.unwrap();
    let deleted = catalogue.register(&caller, dataset(), &json!({"name": "Deleted", "keyword": ["gone"]})).await.unwrap();
    catalogue.delete(&caller, dataset(), &deleted, &Expected::Any).await.unwrap();
    let draft = catalogue.register(&caller, dataset(), &json!({"name": "Draft"})).await.unwrap();
    let submission =
        catalogue.submit(&caller, SubmissionCreate { asset_identifiers: vec![draft.clone()], comment: "☃".to_owned() }).await.unwrap();
    catalogue.retract(&caller, &submission.to_string()).await.unwrap();
    catalogue.add_bookmark(&caller, &draft).await.unwrap();
    catalogue.count_read(&catalogue.read_on_platform(&caller, dataset(), "example", "river-sensors").await.unwrap());
    catalogue.flush_reads().await.unwrap();
    (catalogue, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_comes_back_as_it_was() {
    let source = Place::sqlite().await;
    let (catalogue, organisation) = full_catalogue(&source).await;
    let rows = rows_of(&catalogue.db, &source).await;
    for table in TABLES {
        assert!(rows.contains(&format!("\n{{\"{table}\":{{")) || rows.starts_with(&format!("{{\"{table}\":{{")), "no row of {table}");
    }
    let read = |catalogue: Catalogue| async move {
        let caller = administrator(&catalogue.db).await;
        catalogue.read(&caller, by_name("organisation").unwrap(), &organisation).await.unwrap().body
    };
    let before = read.clone()(catalogue.clone()).await;
    for place in Place::all().await {
        let db = place.db().await;
        let structure = if place.on_server.is_some() { tables(&place).await } else { Vec::new() };
        let report = dump::import(&db, &place.url, &source.file("rows.ndjson")).await.unwrap();
        assert_eq!(report.tables.iter().map(|(_, n)| n).sum::<u64>(), rows.lines().count() as u64 - 1);
        assert!(rows_of(&db, &place).await == rows, "{} is not what was exported", place.url);
        if place.on_server.is_some() {
            assert_eq!(tables(&place).await, structure);
        }
        db.insert_platform("after").await.unwrap();
        let (after, _) = db.platform_by_name("after").await.unwrap().unwrap();
        assert!(db.platforms(0, 1_000).await.unwrap().iter().all(|(id, _)| *id <= after), "row ids do not continue");
        let restored = Catalogue::new(db.clone(), &Config::default());
        assert_eq!(read.clone()(restored.clone()).await, before);
        let caller = administrator(&db).await;
        let new = restored.register(&caller, dataset(), &json!({"name": "After", "keyword": ["new"]})).await.unwrap();
        restored.read(&caller, dataset(), &new).await.unwrap();
        db.close().await;
        place.remove().await;
    }
    catalogue.db.close().await;
    source.remove().await;
}

/// Any text that is worth trying.
fn any_text() -> impl Strategy<Value = String> {
    let special =
        prop::sample::select(vec!["\t", "\n", "\r", "\\", "\\N", "\0", "'", "\"", "%", "\u{1a}", "☃", "😀", "\u{feff}", " ", ","]);
    vec(prop_oneof![special.prop_map(str::to_owned), any::<char>().prop_map(|c| c.to_string())], 0..40).prop_map(|parts| parts.concat())
}

/// Rows of all kinds of columns, in the order in which an export has them.
fn any_rows() -> impl Strategy<Value = Vec<Value>> {
    let terms = btree_set(0..=i64::MAX / 2, 0..12).prop_flat_map(|ids| {
        let columns = (any_text(), any_text(), any::<i32>(), proptest::option::of(any::<i64>()), proptest::option::of(any_text()));
        (Just(ids), vec(columns, 12)).prop_map(|(ids, columns)| {
            let term = |(id, (name, definition, position, parent, scheme))| {
                let mut row =
                    json!({"id": id, "vocabulary": "v", "folded": format!("{id}"), "name": name, "definition": definition, "official": 0});
                let parent: Option<i64> = parent;
                let scheme: Option<String> = scheme;
                for (column, value) in [
                    ("parent_id", parent.map(Value::from)),
                    ("position", Some(Value::from(position))),
                    ("scheme_id", scheme.map(Value::from)),
                ] {
                    row.as_object_mut().unwrap().extend(value.map(|value| (column.to_owned(), value)));
                }
                json!({ "term": row })
            };
            ids.into_iter().zip(columns).map(term).collect::<Vec<_>>()
        })
    });
    let assets = vec((any_text(), any::<bool>()), 0..8).prop_map(|texts| {
        let document = |(text, pretty): (String, bool)| {
            let document = json!({"name": text, "list": [1, 2.5, null, true, {}], "aiod_entry": {}});
            // One that does not fit in a line comes back nevertheless.
            if pretty { Value::from(serde_json::to_string_pretty(&document).unwrap()) } else { document }
        };
        (1..).zip(texts).map(|(id, text)| asset(id, &document(text))).collect::<Vec<_>>()
    });
    let images = vec(vec(any::<u8>(), 0..60), 0..6).prop_map(|images| {
        use base64::Engine;
        let encode = |bytes| base64::engine::general_purpose::STANDARD.encode(bytes);
        let image = |(name, bytes): (u32, Vec<u8>)| json!({"image": {"asset_id": 1, "name": format!("{name}"), "media_type": "image/png", "bytes": encode(bytes)}});
        (0..).zip(images).map(image).collect::<Vec<_>>()
    });
    (terms, assets, images).prop_map(|(terms, assets, images)| [terms, assets, images].concat())
}

#[test]
fn any_values_come_back_as_they_were() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let mut runner = TestRunner::new(Cases { cases, failure_persistence: None, max_shrink_iters: 64, ..Cases::default() });
    let round_trip = |rows: Vec<Value>| {
        runtime.block_on(async {
            for place in Place::all().await {
                let db = place.db().await;
                import(&db, &place, &export_with(&rows)).await.map_err(|error| TestCaseError::fail(format!("{}: {error}", place.url)))?;
                let text = rows_of(&db, &place).await;
                let back: Vec<&str> = text.lines().collect();
                let sent: Vec<String> = rows.iter().map(Value::to_string).collect();
                prop_assert_eq!(&back[..back.len() - 1], &sent[..], "{}", place.url);
                db.close().await;
                place.remove().await;
            }
            Ok(())
        })
    };
    runner.run(&any_rows(), round_trip).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_cut_short_is_refused() {
    let rows = [
        json!({"platform": {"id": 3, "name": "p"}}),
        asset(1, &json!({"aiod_entry": {}})),
        json!({"link": {"from_id": 1, "field": "f", "to_id": 1, "position": 0}}),
    ];
    let whole = export_with(&rows);
    for place in Place::all().await {
        let db = place.db().await;
        let empty = rows_of(&db, &place).await;
        let last = whole.trim_end().rfind('\n').unwrap();
        for cut in [header().len() + 1, header().len() + 9, last, last + 1, last + 8, whole.len() - 3] {
            let error = refused(&db, &place, &whole[..cut]).await;
            assert!(matches!(error, DumpError::Truncated(_)), "cut at {cut}: {error}");
        }
        let error = refused(&db, &place, &whole[..header().len() / 2]).await;
        assert!(matches!(error, DumpError::NotAnExport(_)), "{error}");
        let without_a_link = whole.replace(&format!("{}\n", rows[2]), "");
        let error = refused(&db, &place, &without_a_link).await.to_string();
        assert_eq!(error, "the export's last line says that table link has 1 rows, but the file has 0; nothing was imported");
        assert_eq!(rows_of(&db, &place).await, empty);
        // The newline at the very end does not matter.
        import(&db, &place, whole.trim_end()).await.unwrap();
        db.close().await;
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_line_is_named_and_nothing_imported() {
    let rows = [asset(1, &json!({"aiod_entry": {}})), json!({"permission": {"asset_id": 1, "account_id": 1, "kind": "read"}})];
    let whole = export_with(&rows);
    for place in Place::all().await {
        let db = place.db().await;
        let empty = rows_of(&db, &place).await;
        for (right, wrong, message) in [
            ("\"kind\":\"read\"", "\"kind\":7", "line 3: invalid type: integer `7`, expected a text in column 'kind'"),
            ("\"permission\":{", "\"permissions\":{", "line 3: 'permissions' is not a table of the catalogue"),
            ("\"kind\":\"read\"", "\"sort\":\"read\"", "line 3: table permission has no column 'sort'"),
            ("\"document\":{", "\"document\":{{", "line 2: key must be a string"),
            ("\"aiod-catalogue\"", "\"other\"", "this is no export of a catalogue: line 1: the format is 'other', not 'aiod-catalogue'"),
        ] {
            assert!(whole.contains(right));
            let error = refused(&db, &place, &whole.replacen(right, wrong, 1)).await.to_string();
            assert!(error.starts_with(message), "{error}");
        }
        let error = refused(&db, &place, &whole.replace("\"version\":1", "\"version\":2")).await;
        assert!(matches!(error, DumpError::Version(2)), "{error}");
        let error = refused(&db, &place, &whole.replace(&format!("\"migration\":{MIGRATION}"), "\"migration\":99")).await;
        assert!(matches!(error, DumpError::Migration { file: 99, catalogue: MIGRATION, .. }), "{error}");
        let error = refused(&db, &place, &format!("{whole}{{}}\n")).await;
        assert!(matches!(error, DumpError::Line { line: 5, .. }), "{error}");
        assert_eq!(rows_of(&db, &place).await, empty);
        db.close().await;
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_database_refuses_are_named() {
    let row = |id: i64| asset(id, &json!({"aiod_entry": {}}));
    let twice = export_with(&[row(1), row(2), row(2)]);
    let mut same = row(3);
    same["asset"]["identifier"] = json!("data_1");
    let same = export_with(&[row(1), row(2), same]);
    let mut wide = row(3);
    wide["asset"]["platform"] = json!("p".repeat(65));
    let wide = export_with(&[row(1), row(2), wide]);
    for place in Place::all().await {
        let db = place.db().await;
        let empty = rows_of(&db, &place).await;
        match refused(&db, &place, &twice).await {
            DumpError::Refused { table: "asset", first: 2, last: 4, message } => assert!(!message.contains("import_"), "{message}"),
            other => panic!("{other}"),
        }
        let error = refused(&db, &place, &same).await;
        assert!(matches!(error, DumpError::Refused { table: "asset", .. } | DumpError::Inconsistent { table: "asset", .. }), "{error}");
        if place.on_server.is_some() {
            let error = refused(&db, &place, &wide).await.to_string();
            assert!(error.contains("lines 2 to 4") && error.contains("'platform' at row 3"), "{error}");
        }
        assert_eq!(rows_of(&db, &place).await, empty);
        db.close().await;
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_nobody_are_refused() {
    let key = |account: i64| json!({"api_key": {"id": account, "account_id": account, "hash": format!("{account}"), "hint": "", "roles": [], "date_created": 1}});
    let account = |id: i64| json!({"account": {"id": id, "subject": format!("{id}"), "name": ""}});
    // Keys before their accounts: only the whole file counts.
    let rows: Vec<Value> = (1..200).map(key).chain((1..200).map(account)).collect();
    for place in Place::all().await {
        let db = place.db().await;
        let empty = rows_of(&db, &place).await;
        let error = import(&db, &place, &export_with(&rows[..rows.len() - 1])).await.unwrap_err().to_string();
        assert!(error.to_lowercase().contains("foreign key"), "{error}");
        assert_eq!(rows_of(&db, &place).await, empty);
        import(&db, &place, &export_with(&rows)).await.unwrap();
        assert_eq!(db.api_keys().await.unwrap().len(), 199);
        db.close().await;
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_that_is_not_empty_stays_as_it_is() {
    for place in Place::all().await {
        let db = place.db().await;
        db.account("local:somebody", "Somebody").await.unwrap();
        let before = rows_of(&db, &place).await;
        let error = refused(&db, &place, &export_with(&[])).await;
        assert!(matches!(error, DumpError::NotEmpty("account")), "{error}");
        assert_eq!(rows_of(&db, &place).await, before);
        db.close().await;
        place.remove().await;
    }
}

/// Starts the program on an import whose file comes little by little.
fn start_import(place: &Place) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aiod-api"));
    command.args(["--database-url", &place.url, "import", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends rows, enough for the program to be in the middle of its work when all are written; the end is missing.
fn send_half(child: &mut Child) -> u64 {
    const TERMS: u64 = 2_000;
    let mut input = BufWriter::new(child.stdin.as_mut().unwrap());
    writeln!(input, "{}", header()).unwrap();
    let definition = "d".repeat(10_000);
    for id in 1..=TERMS {
        let row = json!({"term": {"id": id, "vocabulary": "v", "folded": id.to_string(), "name": "", "definition": definition, "official": 0, "position": 0}});
        writeln!(input, "{row}").unwrap();
    }
    input.flush().unwrap();
    TERMS
}

/// What the program says when it ends.
fn message(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    format!("{} {}", output.status.code().unwrap_or(-1), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_import_leaves_nothing_to_be_seen_and_can_be_repeated() {
    for place in Place::all().await {
        let db = place.db().await;
        let empty = rows_of(&db, &place).await;
        let mut child = start_import(&place);
        send_half(&mut child);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(rows_of(&db, &place).await, empty);
        let whole = export_with(&[asset(7, &json!({"aiod_entry": {}}))]);
        if place.on_server.is_some() {
            assert!(query(&place.url, "SHOW TABLES LIKE 'import%'").await.len() == TABLES.len());
            // The server cannot know at once that the first one is gone.
            let error = refused(&db, &place, &whole).await;
            assert!(matches!(error, DumpError::Running(20)), "{error}");
            query(&place.url, "UPDATE lease SET date_expires = 1 WHERE name = 'import'").await;
        }
        import(&db, &place, &whole).await.unwrap();
        assert!(rows_of(&db, &place).await.contains("\"data_7\""));
        if place.on_server.is_some() {
            assert_eq!(tables(&place).await.len(), TABLES.len() + 3, "with migrations, outbox and leases");
        }
        db.close().await;
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_during_an_import_stays_and_the_import_fails() {
    let Some(place) = Place::mysql().await else { return };
    let db = place.db().await;
    let structure = tables(&place).await;
    let mut child = start_import(&place);
    let terms = send_half(&mut child);
    db.account("local:somebody", "Somebody").await.unwrap();
    let before = rows_of(&db, &place).await;
    writeln!(child.stdin.as_mut().unwrap(), "{}", json!({"end": {"term": terms}})).unwrap();
    drop(child.stdin.take());
    let said = message(child);
    assert!(
        said.starts_with("1 ") && said.contains("was written to while it was imported into (table account): nothing was imported"),
        "{said}"
    );
    assert_eq!(rows_of(&db, &place).await, before);
    assert_eq!(tables(&place).await, structure);
    db.close().await;
    place.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_import_left_that_was_killed_at_its_very_end_is_removed() {
    let Some(place) = Place::mysql().await else { return };
    let db = place.db().await;
    let structure = tables(&place).await;
    for statement in [
        "CREATE TABLE replaced_account LIKE account",
        "CREATE TABLE replaced_asset LIKE asset",
        "CREATE TABLE replaced_api_key LIKE api_key",
        "ALTER TABLE api_key DROP FOREIGN KEY api_key_account",
        "ALTER TABLE api_key ADD CONSTRAINT import_api_key_account FOREIGN KEY (account_id) REFERENCES account (id)",
    ] {
        query(&place.url, statement).await;
    }
    db.account("local:somebody", "Somebody").await.unwrap();
    let error = refused(&db, &place, &export_with(&[])).await;
    assert!(matches!(error, DumpError::NotEmpty("account")), "{error}");
    assert_eq!(tables(&place).await, structure);
    db.close().await;
    place.remove().await;
}

/// Checks that an export is of one moment: everything that it refers to is in it.
fn check_moment(text: &str) -> usize {
    let mut of: HashMap<String, Vec<Value>> = HashMap::new();
    for line in text.lines() {
        let Value::Object(row) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
        let (table, columns) = row.into_iter().next().unwrap();
        of.entry(table).or_default().push(columns);
    }
    let rows = |table: &str| of.get(table).map(Vec::as_slice).unwrap_or_default();
    let number = |row: &Value, column: &str| row[column].as_i64().unwrap();
    let assets: HashMap<i64, i64> = rows("asset").iter().map(|r| (number(r, "id"), number(r, "revision"))).collect();
    let terms: BTreeSet<i64> = rows("term").iter().map(|r| number(r, "id")).collect();
    let links: BTreeSet<(i64, i64)> = rows("link").iter().map(|r| (number(r, "from_id"), number(r, "to_id"))).collect();
    assert!(links.iter().all(|(from, to)| assets.contains_key(from) && links.contains(&(*to, *from))), "links have two ends");
    assert!(rows("asset_term").iter().all(|r| assets.contains_key(&number(r, "asset_id")) && terms.contains(&number(r, "term_id"))));
    assert_eq!(rows("asset_term").len(), assets.len());
    assert_eq!(rows("permission").len(), assets.len());
    let mut past: HashMap<i64, i64> = HashMap::new();
    for row in rows("asset_revision") {
        *past.entry(number(row, "asset_id")).or_default() += 1;
    }
    assert!(assets.iter().all(|(id, revision)| past.get(id).copied().unwrap_or(0) == revision - 1), "every past revision is there");
    assets.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_of_one_moment_while_others_write() {
    for place in Place::all().await {
        let db = place.db().await;
        let caller = administrator(&db).await;
        let catalogue = Catalogue::new(db.clone(), &Config::default());
        let writer = tokio::spawn(async move {
            let mut last: Option<String> = None;
            for n in 0..120 {
                let body = json!({"name": "n", "keyword": [format!("k{n}")], "has_part": last.iter().collect::<Vec<_>>()});
                last = Some(catalogue.register(&caller, dataset(), &body).await.unwrap());
            }
        });
        let mut exports = 0;
        while !writer.is_finished() || exports == 0 {
            check_moment(&rows_of(&db, &place).await);
            exports += 1;
        }
        writer.await.unwrap();
        assert_eq!(check_moment(&rows_of(&db, &place).await), 120);
        db.close().await;
        place.remove().await;
    }
}

/// Reads from a pipe only after others have written: the export has begun, and does not know of it.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_export_does_not_hear_of_what_is_written_after_its_beginning() {
    let filler: Vec<Value> = (1..=3_000).map(|id| asset(id, &json!({"name": "x".repeat(2_000), "aiod_entry": {}}))).collect();
    for place in Place::all().await {
        let db = place.db().await;
        import(&db, &place, &export_with(&filler)).await.unwrap();
        let before = rows_of(&db, &place).await;
        let pipe = place.file("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let exporter = {
            let (db, pipe) = (db.clone(), pipe.clone());
            tokio::spawn(async move { dump::export(&db, &pipe).await })
        };
        let mut file = tokio::task::spawn_blocking(move || {
            let mut file = std::fs::File::open(pipe).unwrap();
            let mut byte = [0];
            file.read_exact(&mut byte).unwrap();
            file
        })
        .await
        .unwrap();
        db.insert_platform("late").await.unwrap();
        db.account("local:late", "Late").await.unwrap();
        let text = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            text
        })
        .await
        .unwrap();
        exporter.await.unwrap().unwrap();
        assert!(text.split_once('\n').unwrap().1 == before, "{}", place.url);
        db.close().await;
        place.remove().await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn an_export_is_its_owners_alone_and_replaces_a_file_only_when_it_is_whole() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::sqlite().await;
    let db = place.db().await;
    let file = place.file("export.ndjson");
    std::fs::write(&file, "old").unwrap();
    dump::export(&db, &file).await.unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    db.migrate_down().await.unwrap();
    let whole = std::fs::read(&file).unwrap();
    let error = dump::export(&db, &file).await.unwrap_err().to_string();
    assert_eq!(error, "the database lacks 1 migration(s): run `aiod-api migrate up` first");
    assert_eq!(std::fs::read(&file).unwrap(), whole);
    dump::export(&db, Path::new("/nowhere/at/all")).await.unwrap_err();
    db.close().await;
    place.remove().await;
}

#[tokio::test]
async fn a_pause_in_the_lease_is_no_import() {
    let Some(place) = Place::mysql().await else { return };
    let db = place.db().await;
    let Attempt::Taken(another) = db.take_lease("import").await.unwrap() else { panic!("a free lease") };
    let error = refused(&db, &place, &export_with(&[])).await;
    assert!(matches!(error, DumpError::Running(_)), "{error}");
    another.release().await;
    import(&db, &place, &export_with(&[])).await.unwrap();
    db.close().await;
    place.remove().await;
}
