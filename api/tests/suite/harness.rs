//! The assembled application over a database of its own, and requests against it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aiod_api::app::App;
use aiod_api::catalogue::Catalogue;
use aiod_api::config::Config;
use aiod_api::identity::api_key;
use aiod_api::jobs;
use aiod_api::routes::endpoint;
use aiod_api::store::Db;
use aiod_schema::vocabulary::{self, Taxonomy};
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderMap, Method, StatusCode};
use poem::{Body, Endpoint, Request};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The server on which each test makes a database of its own; without it, each test has an SQLite file.
const SERVER: &str = "AIOD_TEST_DATABASE_URL";

/// The Elasticsearch in which each test makes an index of its own; without it, each test has an embedded one.
const ELASTICSEARCH: &str = "AIOD_TEST_ELASTICSEARCH_URL";

/// Where Elasticsearch is, if there is one.
pub(crate) fn elasticsearch() -> Option<String> {
    std::env::var(ELASTICSEARCH).ok().map(|url| url.trim_end_matches('/').to_owned())
}

static COUNT: AtomicU32 = AtomicU32::new(0);

enum Home {
    Folder(PathBuf),
    Server {
        url: String,
        name: String,
    },
    /// That of another application, which removes it.
    Beside,
}

impl Home {
    /// A name that no other test has.
    fn name(&self) -> String {
        match self {
            Self::Folder(folder) => folder.file_name().unwrap().to_string_lossy().to_lowercase(),
            Self::Server { name, .. } => name.clone(),
            Self::Beside => unreachable!("it is named after the other one"),
        }
    }

    /// Where the database is.
    fn url(&self) -> String {
        match self {
            Self::Folder(folder) => format!("sqlite://{}/catalogue.db", folder.display()),
            Self::Server { url, name } => format!("{url}/{name}"),
            Self::Beside => unreachable!("it is that of the other one"),
        }
    }
}

/// The application over a fresh database; both are gone when the test ends well, and stay for a look when it fails.
pub(crate) struct TestApp {
    pub(crate) app: Arc<App>,
    pub(crate) endpoint: Arc<BoxEndpoint<'static>>,
    home: Home,
    /// What runs in the background, and what ends it.
    jobs: Option<(TaskTracker, CancellationToken)>,
}

/// Taxonomies without the long ones: tests make many catalogues.
pub(crate) fn small_taxonomies() -> Vec<Taxonomy> {
    vocabulary::defaults()
        .into_iter()
        .map(|mut taxonomy| {
            if taxonomy.terms.len() > 100 {
                let kept = ["eng", "fra", "deu", "MIT", "Apache-2.0", "CC-BY-4.0", "Belgium"];
                taxonomy.terms.retain(|t| kept.contains(&t.name.as_str()));
            }
            taxonomy
        })
        .collect()
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With a configuration of its own.
    pub(crate) async fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let name = format!("aiod_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let home = match std::env::var(SERVER) {
            Ok(server) => {
                let server = server.trim_end_matches('/').to_owned();
                admin(&server, &format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")).await;
                Home::Server { url: server, name }
            }
            Err(_) => {
                let folder = std::env::temp_dir().join(name);
                std::fs::create_dir_all(&folder).unwrap();
                Home::Folder(folder)
            }
        };
        let url = home.url();
        Self::over(home, &url, configure).await
    }

    async fn over(home: Home, url: &str, configure: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.database.url = url.into();
        if let Home::Server { name, .. } = &home {
            config.search.folder = std::env::temp_dir().join(name);
        }
        if let Some(url) = elasticsearch() {
            config.search.elasticsearch_url = url.as_str().into();
            config.search.index = home.name();
        }
        configure(&mut config);
        let db = Db::open(url, 6).await.unwrap();
        db.migrate_up().await.unwrap();
        let catalogue = Catalogue::new(db, &config);
        catalogue.load_taxonomies(&small_taxonomies()).await.unwrap();
        Self::assembled(catalogue, config, home)
    }

    fn assembled(catalogue: Catalogue, config: Config, home: Home) -> Self {
        let app = Arc::new(App::new(catalogue, config).unwrap());
        let endpoint = Arc::new(endpoint(Arc::clone(&app)).unwrap());
        Self { app, endpoint, home, jobs: None }
    }

    /// Another process over the same database, with what runs in the background.
    pub(crate) async fn beside(&self) -> Self {
        let config = self.app.config.clone();
        let db = Db::open(config.database.url.expose(), 6).await.unwrap();
        let mut app = Self::assembled(Catalogue::new(db, &config), config, Home::Beside);
        app.start_jobs();
        app
    }

    /// With what runs in the background: what is written can soon be found.
    pub(crate) async fn searching() -> Self {
        Self::searching_with(|_| {}).await
    }

    /// The same with a configuration of its own.
    pub(crate) async fn searching_with(configure: impl FnOnce(&mut Config)) -> Self {
        let mut app = Self::with(configure).await;
        app.start_jobs();
        app
    }

    /// Starts what runs in the background.
    pub(crate) fn start_jobs(&mut self) {
        let stop = CancellationToken::new();
        self.jobs = Some((jobs::start(&self.app, &stop).unwrap(), stop));
    }

    /// Ends what runs in the background.
    pub(crate) async fn stop_jobs(&mut self) {
        if let Some((jobs, stop)) = self.jobs.take() {
            stop.cancel();
            jobs.wait().await;
        }
    }

    /// Asks Elasticsearch itself; what it answers, whatever the status.
    pub(crate) async fn elastic(&self, method: Method, path: &str, body: Value) -> Value {
        let url = format!("{}{path}", elasticsearch().unwrap());
        let request = reqwest::Client::new().request(method, url);
        let request = if body.is_null() { request } else { request.json(&body) };
        request.send().await.unwrap().json().await.unwrap()
    }

    /// The names of its indexes in Elasticsearch.
    pub(crate) async fn indexes(&self) -> Vec<String> {
        let found = self.elastic(Method::GET, &format!("/{}-*/_alias", self.app.config.search.index), Value::Null).await;
        found.as_object().unwrap().keys().cloned().collect()
    }

    /// Removes its indexes in Elasticsearch.
    pub(crate) async fn remove_indexes(&self) {
        for index in self.indexes().await {
            let answer = self.elastic(Method::DELETE, &format!("/{index}"), Value::Null).await;
            assert_eq!(answer["acknowledged"], true, "{answer}");
        }
    }

    /// The folder of its embedded index.
    pub(crate) fn search_folder(&self) -> PathBuf {
        match &self.home {
            Home::Folder(folder) => folder.join("search"),
            home => std::env::temp_dir().join(home.name()),
        }
    }

    /// The same as it is after a restart, with what runs in the background.
    pub(crate) async fn restarted(mut self) -> Self {
        self.stop_jobs().await;
        self.app.catalogue.db.close().await;
        let url = self.home.url();
        let Self { app, endpoint, home, .. } = self;
        drop((app, endpoint));
        let mut app = Self::over(home, &url, |_| {}).await;
        app.start_jobs();
        app
    }

    /// Waits until what is written can be found.
    pub(crate) async fn indexed(&self) {
        assert!(self.app.catalogue.search.await_changes(Duration::from_secs(20)).await, "{:?}", self.app.catalogue.search.status());
    }

    /// Over an SQLite file in this folder.
    pub(crate) async fn in_folder(folder: PathBuf) -> Self {
        let home = Home::Folder(folder);
        let url = home.url();
        Self::over(home, &url, |_| {}).await
    }

    /// A key of the user of this name with these roles.
    pub(crate) async fn key(&self, name: &str, roles: &[&str]) -> String {
        let roles: BTreeSet<String> = roles.iter().map(|r| (*r).to_owned()).collect();
        api_key::create(&self.app.catalogue.db, name, &roles, None).await.unwrap()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> TestRequest {
        let builder = Request::builder().method(method).uri_str(path);
        TestRequest { endpoint: Arc::clone(&self.endpoint), builder, body: Body::empty() }
    }

    pub(crate) fn get(&self, path: &str) -> TestRequest {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> TestRequest {
        self.request(Method::POST, path).json(body)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> TestRequest {
        self.request(Method::PUT, path).json(body)
    }

    pub(crate) fn delete(&self, path: &str) -> TestRequest {
        self.request(Method::DELETE, path)
    }

    /// Registers a published resource as the connector of `example`; its identifier.
    pub(crate) async fn publish(&self, path: &str, own: &str, more: Value) -> String {
        let key = self.key("example connector", &["platform_example"]).await;
        let mut body = json!({"platform": "example", "platform_resource_identifier": own, "name": own});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post(&format!("/{path}"), &body).key(&key).send().await.identifier()
    }

    /// Registers a draft as this user; its identifier.
    pub(crate) async fn draft(&self, path: &str, key: &str, body: Value) -> String {
        self.post(&format!("/{path}"), &body).key(key).send().await.identifier()
    }

    /// Sends records of the platform `example`; the answer.
    pub(crate) async fn batch(&self, path: &str, records: Vec<Value>) -> Value {
        let key = self.key("example connector", &["platform_example"]).await;
        let body = json!({ "records": records });
        self.post(&format!("/platforms/example/{path}/batch"), &body).key(&key).send().await.ok()
    }

    /// The rows that a statement of the tests' own finds.
    pub(crate) async fn rows<T>(&self, statement: &'static str) -> Vec<T>
    where
        T: for<'r> sqlx::FromRow<'r, sqlx::mysql::MySqlRow> + for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow> + Send + Unpin,
    {
        match &self.app.catalogue.db {
            Db::MySql { write, .. } => sqlx::query_as(statement).fetch_all(write).await.unwrap(),
            Db::Sqlite { write, .. } => sqlx::query_as(statement).fetch_all(write).await.unwrap(),
        }
    }

    /// Ends every connection to the database from the server's side, as a restart of it does; `false` where there is no server.
    pub(crate) async fn lose_connections(&self) -> bool {
        use mysql_async::prelude::Queryable;
        let Home::Server { url, name } = &self.home else { return false };
        let pool = mysql_async::Pool::new(url.as_str());
        let mut connection = pool.get_conn().await.unwrap();
        let ids: Vec<u64> = connection.exec("SELECT id FROM information_schema.processlist WHERE db = ?", (name,)).await.unwrap();
        assert!(!ids.is_empty());
        for id in ids {
            connection.query_drop(format!("KILL CONNECTION {id}")).await.unwrap();
        }
        drop(connection);
        pool.disconnect().await.unwrap();
        true
    }

    /// Runs a statement of the tests' own.
    pub(crate) async fn execute(&self, statement: &'static str) {
        match &self.app.catalogue.db {
            Db::MySql { write, .. } => drop(sqlx::query(statement).execute(write).await.unwrap()),
            Db::Sqlite { write, .. } => drop(sqlx::query(statement).execute(write).await.unwrap()),
        }
    }

    /// Counts that are kept and differ from what a scan counts, and terms of which `in_use` says something wrong, with the difference.
    pub(crate) async fn wrong_counts(&self) -> Vec<(String, i64)> {
        self.rows(
            "SELECT what, CAST(SUM(n) AS SIGNED) FROM (\
             SELECT resource_type || '/' || COALESCE(platform, '') AS what, 1 AS n FROM asset WHERE status = 'published' AND alive = 1 \
             UNION ALL SELECT resource_type || '/' || platform, -total FROM resource_count \
             UNION ALL SELECT resource_type || '/' || platform, -amount FROM resource_count_change \
             UNION ALL SELECT vocabulary || ':' || name, CASE WHEN EXISTS (SELECT 1 FROM asset_term u JOIN asset a ON a.id = u.asset_id \
             WHERE u.term_id = term.id AND a.status = 'published' AND a.alive = 1) THEN 1 ELSE 0 END - in_use FROM term \
             WHERE id NOT IN (SELECT term_id FROM term_check)) counted \
             GROUP BY what HAVING SUM(n) <> 0",
        )
        .await
    }

    /// Ends the test: the counts that are kept must be right, and nothing may be left of its database.
    pub(crate) async fn close(mut self) {
        self.stop_jobs().await;
        assert_eq!(self.wrong_counts().await, []);
        self.app.catalogue.db.close().await;
        if elasticsearch().is_some() && !matches!(self.home, Home::Beside) {
            self.remove_indexes().await;
        }
        match &self.home {
            Home::Beside => {}
            Home::Folder(folder) => std::fs::remove_dir_all(folder).unwrap(),
            Home::Server { url, name } => {
                admin(url, &format!("DROP DATABASE {name}")).await;
                let _ = std::fs::remove_dir_all(std::env::temp_dir().join(name));
            }
        }
    }
}

/// Runs a statement of the tests' own on the server.
async fn admin(server: &str, statement: &str) {
    use mysql_async::prelude::Queryable;
    let pool = mysql_async::Pool::new(server);
    let mut connection = pool.get_conn().await.unwrap();
    connection.query_drop(statement).await.unwrap();
    drop(connection);
    pool.disconnect().await.unwrap();
}

pub(crate) struct TestRequest {
    endpoint: Arc<BoxEndpoint<'static>>,
    builder: poem::RequestBuilder,
    body: Body,
}

impl TestRequest {
    pub(crate) fn key(self, key: &str) -> Self {
        self.header("Authorization", &format!("Bearer {key}"))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.bytes(body.to_string().into_bytes()).header("Content-Type", "application/json")
    }

    /// A form with one file.
    pub(crate) fn file(self, media_type: &str, bytes: &[u8]) -> Self {
        let head =
            format!("--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"logo.bin\"\r\nContent-Type: {media_type}\r\n\r\n");
        let form = [head.as_bytes(), bytes, b"\r\n--XX--\r\n"].concat();
        self.header("Content-Type", "multipart/form-data; boundary=XX").bytes(form)
    }

    pub(crate) fn bytes(mut self, body: Vec<u8>) -> Self {
        self.body = Body::from_vec(body);
        self
    }

    pub(crate) async fn send(self) -> Answer {
        let response = self.endpoint.get_response(self.builder.body(self.body)).await;
        let (parts, body) = response.into_parts();
        Answer { status: parts.status, headers: parts.headers, body: body.into_bytes().await.unwrap().to_vec() }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// The body of an answer that must be 200.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        self.json()
    }

    #[track_caller]
    pub(crate) fn identifier(&self) -> String {
        self.ok()["identifier"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Checks the status; the detail of the error.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        let body = self.json();
        assert!(body["reference"].as_str().is_some_and(|r| r.len() == 16), "an error has a reference: {body}");
        match &body["detail"] {
            Value::String(detail) => detail.clone(),
            other => other.to_string(),
        }
    }

    /// Checks that it is 422; where the faults are.
    #[track_caller]
    pub(crate) fn faults(&self) -> Vec<String> {
        assert_eq!(self.status.as_u16(), 422, "{}", self.text());
        let path = |fault: &Value| {
            let steps = fault["loc"].as_array().unwrap().iter().map(|s| s.as_str().map_or_else(|| s.to_string(), str::to_owned));
            steps.collect::<Vec<_>>().join(".")
        };
        self.json()["detail"].as_array().unwrap().iter().map(path).collect()
    }
}
