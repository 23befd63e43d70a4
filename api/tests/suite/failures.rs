//! What fails between the beginning and the end of a write leaves nothing half-written, and connections that work.

use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;

use aiod_api::store::Db;
use poem::http::Method;
use serde_json::{Value, json};
use sqlx::SqlitePool;

use crate::harness::{Answer, TestApp, TestRequest};

/// A file system in memory that is soon full.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Makes one, where the tests may mount it.
    #[allow(clippy::print_stderr, reason = "says that a test is left out")]
    fn new() -> Option<Self> {
        let folder = std::env::temp_dir().join(format!("aiod_small_disk_{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let disk = Self(folder);
        let is_mounted = disk.mount("size=3m");
        if !is_mounted {
            eprintln!("no file system can be mounted here: the test of a full disk is left out");
        }
        is_mounted.then_some(disk)
    }

    fn mount(&self, options: &str) -> bool {
        run(Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&self.0))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run(Command::new("umount").arg(&self.0));
        std::fs::remove_dir(&self.0).unwrap();
    }
}

fn run(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn writer(app: &TestApp) -> Option<&SqlitePool> {
    match &app.app.catalogue.db {
        Db::Sqlite { write, .. } => Some(write),
        Db::MySql { .. } => None,
    }
}

async fn register(app: &TestApp, key: &str, kilobytes: usize) -> Answer {
    // What is random fills the disk, however it is stored.
    let text: String = (0..kilobytes * 1_000).map(|_| char::from(b'a' + rand::random::<u8>() % 26)).collect();
    app.post("/datasets", &json!({"name": "d", "description": {"plain": text}})).key(key).send().await
}

/// Registers resources until there is no room for another one; their identifiers.
async fn fill(app: &TestApp, key: &str) -> Vec<String> {
    let mut registered = Vec::new();
    for _ in 0..500 {
        let answer = register(app, key, 60).await;
        if answer.status.as_u16() != 200 {
            let detail = answer.refused(507);
            assert!(detail.contains("disk of the catalogue is full"), "{detail}");
            return registered;
        }
        registered.push(answer.identifier());
    }
    panic!("the disk is not full");
}

/// Checks that every resource that was acknowledged is there, and that the file is whole.
async fn check_registered(app: &TestApp, key: &str, registered: &[String]) {
    for identifier in registered {
        app.get(&format!("/datasets/{identifier}")).key(key).send().await.ok();
    }
    assert_eq!(app.rows::<(String,)>("PRAGMA integrity_check").await, [("ok".to_owned(),)]);
}

#[tokio::test]
async fn a_full_disk_refuses_writes_until_there_is_room() {
    let Some(disk) = SmallDisk::new() else { return };
    let app = TestApp::in_folder(disk.0.join("catalogue")).await;
    let key = app.key("ada", &[]).await;
    let mut registered = fill(&app, &key).await;
    assert!(!registered.is_empty());
    for _ in 0..5 {
        register(&app, &key, 60).await.refused(507);
        let patch = json!({"description": {"plain": "x".repeat(60_000)}});
        let path = format!("/datasets/{}", registered[0]);
        assert!(matches!(app.request(Method::PATCH, &path).json(&patch).key(&key).send().await.status.as_u16(), 200 | 507));
        app.get("/datasets?limit=1").send().await.ok();
    }
    check_registered(&app, &key, &registered).await;
    assert!(disk.mount("remount,size=64m"));
    for _ in 0..5 {
        registered.push(register(&app, &key, 60).await.identifier());
    }
    check_registered(&app, &key, &registered).await;
    app.close().await;
}

#[tokio::test]
async fn a_database_that_may_not_grow_refuses_writes_until_it_may() {
    let app = TestApp::new().await;
    let Some(pool) = writer(&app) else { return app.close().await };
    let key = app.key("ada", &[]).await;
    for _ in 0..3 {
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(pool).await.unwrap();
        let limit = format!("PRAGMA max_page_count = {}", pages + 40);
        sqlx::query(sqlx::AssertSqlSafe(limit)).execute(pool).await.unwrap();
        let registered = fill(&app, &key).await;
        check_registered(&app, &key, &registered).await;
        // The connection that failed is another one now, without the limit.
        for _ in 0..5 {
            register(&app, &key, 60).await.ok();
        }
    }
    app.close().await;
}

/// How many rows the tables have that a write of a resource is about.
async fn rows(app: &TestApp) -> [i64; 6] {
    let statement = "SELECT (SELECT COUNT(*) FROM asset), (SELECT COUNT(*) FROM link), (SELECT COUNT(*) FROM asset_term), \
        (SELECT COUNT(*) FROM permission), (SELECT COUNT(*) FROM asset_revision), (SELECT COUNT(*) FROM outbox)";
    let (a, b, c, d, e, f) = app.rows::<(i64, i64, i64, i64, i64, i64)>(statement).await[0];
    [a, b, c, d, e, f]
}

/// A catalogue in which somebody writes.
struct Scene {
    app: TestApp,
    key: String,
    whole: String,
    contact: String,
    existing: String,
}

impl Scene {
    async fn new() -> Self {
        let app = TestApp::new().await;
        let key = app.key("example connector", &["platform_example"]).await;
        let whole = app.publish("datasets", "whole", json!({})).await;
        let contact = app.publish("contacts", "c", json!({})).await;
        let existing = app.publish("datasets", "existing", json!({"is_part_of": [whole], "keyword": ["old"]})).await;
        Self { app, key, whole, contact, existing }
    }

    /// Registers a resource, with this number in what belongs to it.
    fn registering(&self, n: usize) -> TestRequest {
        let own = format!("new {n}");
        let body = json!({"platform": "example", "platform_resource_identifier": own, "name": own, "keyword": [own],
            "is_part_of": [self.whole], "creator": [self.contact]});
        self.app.post("/datasets", &body).key(&self.key)
    }

    /// Replaces a resource: its links and terms are others than before.
    fn replacing(&self, n: usize) -> TestRequest {
        let (field, other) = if n.is_multiple_of(2) { ("has_part", "is_part_of") } else { ("is_part_of", "has_part") };
        let body = json!({"name": format!("existing {n}"), "keyword": [format!("word {n}")], field: [self.whole], other: [],
            "creator": if n.is_multiple_of(2) { json!([self.contact]) } else { json!([]) }});
        self.app.put(&format!("/datasets/{}", self.existing), &body).key(&self.key)
    }

    /// Replaces what a resource says; its links stay.
    fn renaming(&self, n: usize) -> TestRequest {
        let body = json!({"name": format!("renamed {n}"), "creator": [self.contact]});
        self.app.put(&format!("/datasets/{}", self.existing), &body).key(&self.key)
    }

    /// A write that must work, whatever happened before it.
    async fn write_well(&self, n: usize) {
        let path = format!("/contacts/{}", self.contact);
        self.app.request(Method::PATCH, &path).json(&json!({"name": format!("c {n}")})).key(&self.key).send().await.ok();
    }

    /// Checks that a write that failed left no row behind, and that the next one works.
    async fn check_untouched(&self, before: [i64; 6], n: usize) {
        assert_eq!(rows(&self.app).await, before, "failure {n} left something");
        self.write_well(n).await;
        let read: Value = self.app.get(&format!("/contacts/{}", self.contact)).key(&self.key).send().await.ok();
        assert_eq!(read["name"], format!("c {n}"));
    }
}

/// Has SQLite interrupt what the writing connection does after so many of its instructions, once.
async fn interrupt_after(pool: &SqlitePool, instructions: i64) -> Arc<AtomicI64> {
    let left = Arc::new(AtomicI64::new(instructions));
    let count = Arc::clone(&left);
    let mut connection = pool.acquire().await.unwrap();
    let mut handle = connection.lock_handle().await.unwrap();
    handle.set_progress_handler(1, move || count.fetch_sub(1, Ordering::Relaxed) != 0);
    drop(handle);
    left
}

/// Interrupts a write everywhere, until it comes through.
async fn interrupt_everywhere(scene: &Scene, pool: &SqlitePool, write: impl Fn(usize) -> TestRequest) {
    const MANY: i64 = 1 << 40;
    let left = interrupt_after(pool, MANY).await;
    write(0).send().await.ok();
    let instructions = MANY - left.load(Ordering::Relaxed);
    assert!(instructions > 500, "{instructions}");
    // Every statement has more instructions than the step.
    let mut failures = 0;
    for (n, at) in (1..).zip((0..instructions).step_by(7)) {
        let before = rows(&scene.app).await;
        let left = interrupt_after(pool, at).await;
        let answer = write(n).send().await;
        let is_interrupted = answer.status.as_u16() != 200;
        left.store(MANY, Ordering::Relaxed);
        if is_interrupted {
            failures += 1;
            scene.check_untouched(before, n).await;
        }
    }
    assert!(failures > 50, "{failures} failures");
}

#[tokio::test]
async fn a_write_that_fails_anywhere_leaves_nothing_and_the_next_one_works() {
    let scene = Scene::new().await;
    if let Some(pool) = writer(&scene.app) {
        interrupt_everywhere(&scene, pool, |n| scene.registering(n)).await;
        interrupt_everywhere(&scene, pool, |n| scene.replacing(n)).await;
    }
    scene.app.close().await;
}

/// Gives up a request after so many polls; its answer, if it was there before.
async fn give_up_after(polls: usize, request: TestRequest) -> Option<Answer> {
    let mut future = pin!(request.send());
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

#[tokio::test]
async fn a_request_that_is_given_up_anywhere_leaves_all_or_nothing_and_the_next_one_works() {
    let scene = Scene::new().await;
    scene.renaming(0).send().await.ok();
    for write in [Scene::registering, Scene::renaming] {
        let difference = |before: [i64; 6], after: [i64; 6]| [0, 1, 2, 3, 4, 5].map(|n| after[n] - before[n]);
        let before = rows(&scene.app).await;
        scene.write_well(0).await;
        let without = difference(before, rows(&scene.app).await);
        let before = rows(&scene.app).await;
        write(&scene, 1_000).send().await.ok();
        scene.write_well(1).await;
        let with = difference(before, rows(&scene.app).await);
        let mut number = 1_000;
        // How many polls a request takes depends on how fast the database answers.
        for polls in (1..=20).cycle().take(100) {
            let before = rows(&scene.app).await;
            number += 1;
            let answer = give_up_after(polls, write(&scene, number)).await;
            scene.write_well(number).await;
            let found = difference(before, rows(&scene.app).await);
            match answer {
                Some(answer) => drop(answer.ok()),
                // The commit may have been on its way.
                None => assert!(found == with || found == without, "after {polls} polls: {found:?}, neither {without:?} nor {with:?}"),
            }
        }
    }
    scene.app.close().await;
}

#[tokio::test]
async fn mysql_says_when_its_disk_is_full_and_when_it_takes_no_writes() {
    let app = TestApp::new().await;
    let Db::MySql { write, .. } = &app.app.catalogue.db else { return app.close().await };
    let key = app.key("ada", &[]).await;
    for (number, status) in [(1021, 507), (1114, 507), (1290, 503), (1836, 503)] {
        let fail = format!("CREATE TRIGGER fails BEFORE INSERT ON outbox FOR EACH ROW SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {number}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(fail)).execute(write).await.unwrap();
        let answer = register(&app, &key, 1).await;
        answer.refused(status);
        assert_eq!(answer.header("retry-after").is_some(), status == 503);
        sqlx::raw_sql("DROP TRIGGER fails").execute(write).await.unwrap();
        register(&app, &key, 1).await.ok();
    }
    app.close().await;
}
