//! An index in Elasticsearch that somebody removes or blocks, and an Elasticsearch that does not answer as it should.
//!
//! With `AIOD_TEST_ELASTICSEARCH_URL` only. What all engines have in common is tested in `search.rs`.

use std::time::{Duration, Instant};

use poem::http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::harness::{TestApp, elasticsearch};

/// Whether there is an Elasticsearch; says so where there is none.
fn is_skipped() -> bool {
    if elasticsearch().is_none() {
        println!("skipped: AIOD_TEST_ELASTICSEARCH_URL is not set");
    }
    elasticsearch().is_none()
}

async fn hits(app: &TestApp, query: &str) -> Option<i64> {
    let answer = app.get(&format!("/search?q={query}")).send().await;
    answer.status.is_success().then(|| answer.json()["total_hits"].as_i64().unwrap())
}

/// Waits until a search finds so many.
async fn until_found(app: &TestApp, query: &str, expected: i64) {
    for _ in 0..200 {
        if hits(app, query).await == Some(expected) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{query}: {:?}, {:?}", hits(app, query).await, app.app.catalogue.search.status());
}

/// What goes wrong between the catalogue and Elasticsearch.
#[derive(Clone, Debug, PartialEq)]
enum Fault {
    Nothing,
    /// Bulks are answered with this status.
    Status(u16),
    /// Bulks of more bytes than this are refused.
    TooLarge(usize),
    /// Nothing is answered to any request.
    Silence,
    /// Answers to bulks end in the middle.
    Cut,
    /// Bulks are taken, and their answers are lost.
    Lost,
    /// Documents with this word get a field that nobody knows.
    Unknown(&'static str),
}

/// What stands between the catalogue and Elasticsearch.
struct Between {
    url: String,
    fault: watch::Sender<Fault>,
}

impl Between {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fault = watch::Sender::new(Fault::Nothing);
        let seen = fault.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, seen.subscribe()));
            }
        });
        Self { url, fault }
    }

    async fn app(&self) -> TestApp {
        TestApp::searching_with(|config| config.search.elasticsearch_url = self.url.as_str().into()).await
    }
}

/// Answers one request.
async fn serve(mut stream: TcpStream, mut fault: watch::Receiver<Fault>) -> Option<()> {
    let mut request = Vec::new();
    let head = loop {
        if let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        (stream.read_buf(&mut request).await.ok()? > 0).then_some(())?;
    };
    let text = String::from_utf8_lossy(&request[..head]).into_owned();
    let length = text.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:").map(|n| n.trim().parse().unwrap()));
    let length: usize = length.unwrap_or_default();
    while request.len() < head + length {
        (stream.read_buf(&mut request).await.ok()? > 0).then_some(())?;
    }
    let mut body = String::from_utf8(request.split_off(head)).unwrap();
    let mut words = text.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    let now = fault.borrow_and_update().clone();
    let is_bulk = path.contains("/_bulk");
    let refusal = match &now {
        Fault::Silence => {
            let _ = fault.changed().await;
            return None;
        }
        Fault::Status(status) if is_bulk => Some(*status),
        Fault::TooLarge(most) if is_bulk && body.len() > *most => Some(413),
        Fault::Unknown(word) => {
            body = body
                .lines()
                .map(|line| if line.contains(word) { line.replace("\"sort_name\":", "\"nobody_knows\":") } else { line.to_owned() } + "\n")
                .collect();
            None
        }
        _ => None,
    };
    let (status, mut answer) = match refusal {
        Some(status) => (status, "out of order".to_owned()),
        None => {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let request = reqwest::Client::new().request(method, format!("{}{path}", elasticsearch().unwrap()));
            let answer = request.header("Content-Type", "application/json").body(body).send().await.ok()?;
            (answer.status().as_u16(), answer.text().await.ok()?)
        }
    };
    if now == Fault::Lost && is_bulk {
        return None;
    }
    let head = format!(
        "HTTP/1.1 {status} Some\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        answer.len()
    );
    if now == Fault::Cut && is_bulk {
        answer.truncate(answer.len() / 2);
    }
    stream.write_all(&[head.as_bytes(), answer.as_bytes()].concat()).await.ok()?;
    stream.shutdown().await.ok()
}

#[tokio::test]
async fn an_index_that_is_removed_is_made_anew() {
    if is_skipped() {
        return;
    }
    let app = TestApp::searching().await;
    app.publish("datasets", "quokka", json!({"name": "Quokka pictures"})).await;
    app.indexed().await;
    assert_eq!(hits(&app, "quokka").await, Some(1));
    let old = app.indexes().await;
    app.remove_indexes().await;
    assert_eq!(hits(&app, "quokka").await, None, "there is none");
    until_found(&app, "quokka", 1).await;
    let new = app.indexes().await;
    assert!(new.len() == 1 && new != old, "{old:?} {new:?}");
    let remove = json!({"actions": [{"remove": {"index": new[0], "alias": app.app.config.search.index}}]});
    app.elastic(Method::POST, "/_aliases", remove).await;
    until_found(&app, "quokka", 1).await;
    app.remove_indexes().await;
    app.publish("datasets", "wombat", json!({"name": "Wombat pictures"})).await;
    app.indexed().await;
    assert_eq!((hits(&app, "wombat").await, hits(&app, "pictures").await), (Some(1), Some(2)));
    assert_eq!(app.indexes().await.len(), 1, "old ones are gone");
    app.close().await;
}

#[tokio::test]
async fn nothing_is_lost_when_writing_fails() {
    if is_skipped() {
        return;
    }
    let between = Between::start().await;
    let app = between.app().await;
    until_found(&app, "pictures", 0).await;
    let faults = [Fault::Status(429), Fault::Status(500), Fault::Status(503), Fault::Cut, Fault::Lost, Fault::TooLarge(6_000)];
    for (round, fault) in faults.into_iter().enumerate() {
        between.fault.send_replace(fault.clone());
        let before = hits(&app, "pictures").await.unwrap();
        let record = |i: usize| json!({"resource": {"platform": "example", "platform_resource_identifier": format!("{round}-{i}"), "name": format!("Pictures {i}")}});
        app.batch("datasets", (0..20).map(record).collect()).await;
        if matches!(fault, Fault::TooLarge(_)) {
            app.indexed().await;
        } else {
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            assert!(hits(&app, "pictures").await >= Some(before), "{fault:?}: what was found is still found");
            between.fault.send_replace(Fault::Nothing);
            app.indexed().await;
        }
        assert_eq!(hits(&app, "pictures").await, Some(before + 20), "{fault:?}");
    }
    let admin = app.key("root", &["admin_aiod_resources"]).await;
    assert_eq!(app.get("/search/failures").key(&admin).send().await.ok(), json!([]));
    app.close().await;
}

#[tokio::test]
async fn a_silent_elasticsearch_holds_up_searches_only_and_for_two_seconds() {
    if is_skipped() {
        return;
    }
    let between = Between::start().await;
    let app = between.app().await;
    let quokka = app.publish("datasets", "quokka", json!({"name": "Quokka pictures"})).await;
    app.indexed().await;
    between.fault.send_replace(Fault::Silence);
    for path in ["/search?q=quokka", "/search/datasets?search_query=quokka", "/search/suggest?q=quo", "/search?q=quoka&cursor="] {
        let begin = Instant::now();
        let answer = app.get(path).send().await;
        assert_eq!((answer.status.as_u16(), answer.header("Retry-After").is_some()), (503, true), "{path}: {}", answer.text());
        assert!(answer.text().contains("search engine does not answer"), "{}", answer.text());
        assert!(begin.elapsed() < Duration::from_millis(2_500), "{path}: {:?}", begin.elapsed());
    }
    let begin = Instant::now();
    app.get(&format!("/datasets/{quokka}")).send().await.ok();
    app.get("/datasets?limit=5").send().await.ok();
    app.publish("datasets", "wombat", json!({"name": "Wombat pictures"})).await;
    assert!(begin.elapsed() < Duration::from_secs(2), "everything else works: {:?}", begin.elapsed());
    between.fault.send_replace(Fault::Nothing);
    app.indexed().await;
    assert_eq!(hits(&app, "pictures").await, Some(2));
    app.close().await;
}

#[tokio::test]
async fn a_resource_that_is_refused_is_set_aside_alone() {
    if is_skipped() {
        return;
    }
    let between = Between::start().await;
    let app = between.app().await;
    app.indexed().await;
    between.fault.send_replace(Fault::Unknown("zebra"));
    let record =
        |own: &str| json!({"resource": {"platform": "example", "platform_resource_identifier": own, "name": format!("{own} pictures")}});
    app.batch("datasets", ["wombat", "zebra", "quokka"].map(record).to_vec()).await;
    app.indexed().await;
    assert_eq!((hits(&app, "pictures").await, hits(&app, "zebra").await), (Some(2), Some(0)));
    let admin = app.key("root", &["admin_aiod_resources"]).await;
    let failures = app.get("/search/failures").key(&admin).send().await.ok();
    assert_eq!(failures.as_array().unwrap().len(), 1, "{failures}");
    assert!(failures[0]["reason"].as_str().unwrap().contains("nobody_knows"), "{failures}");
    let zebra = failures[0]["identifier"].as_str().unwrap();
    between.fault.send_replace(Fault::Nothing);
    app.put(&format!("/datasets/{zebra}?wait=index"), &json!({"name": "Zebra and other pictures"})).key(&admin).send().await.ok();
    assert_eq!((hits(&app, "pictures").await, hits(&app, "zebra").await), (Some(3), Some(1)));
    assert_eq!(app.get("/search/failures").key(&admin).send().await.ok(), json!([]));
    app.close().await;
}

#[tokio::test]
async fn an_index_that_is_blocked_is_followed_again_once_it_is_not() {
    if is_skipped() {
        return;
    }
    let app = TestApp::searching().await;
    app.publish("datasets", "quokka", json!({"name": "Quokka pictures"})).await;
    app.indexed().await;
    let block = async |blocked: Value| {
        let settings = json!({"index.blocks.read_only_allow_delete": blocked});
        let index = app.indexes().await.pop().unwrap();
        let answer = app.elastic(Method::PUT, &format!("/{index}/_settings"), settings).await;
        assert_eq!(answer["acknowledged"], true, "{answer}");
    };
    block(json!(true)).await;
    app.publish("datasets", "wombat", json!({"name": "Wombat pictures"})).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(hits(&app, "pictures").await, Some(1));
    let failure = app.app.catalogue.search.status().failure.unwrap_or_default();
    assert!(failure.contains("blocked"), "{failure}");
    block(Value::Null).await;
    app.indexed().await;
    assert_eq!(hits(&app, "pictures").await, Some(2));
    let admin = app.key("root", &["admin_aiod_resources"]).await;
    assert_eq!(app.get("/search/failures").key(&admin).send().await.ok(), json!([]));
    app.close().await;
}

#[tokio::test]
async fn one_process_keeps_the_index_and_another_takes_over() {
    if is_skipped() {
        return;
    }
    let mut one = TestApp::searching().await;
    one.indexed().await;
    let mut two = one.beside().await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let states = |apps: [&TestApp; 2]| apps.map(|app| app.app.catalogue.search.status().state.as_str());
    assert_eq!(states([&one, &two]), ["following", "elsewhere"]);
    two.publish("datasets", "quokka", json!({"name": "Quokka pictures"})).await;
    two.indexed().await;
    assert_eq!((hits(&one, "quokka").await, hits(&two, "quokka").await), (Some(1), Some(1)));
    one.stop_jobs().await;
    two.publish("datasets", "wombat", json!({"name": "Wombat pictures"})).await;
    two.indexed().await;
    assert_eq!((hits(&one, "pictures").await, hits(&two, "pictures").await), (Some(2), Some(2)));
    one.start_jobs();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(states([&one, &two]), ["elsewhere", "following"]);
    one.publish("datasets", "numbat", json!({"name": "Numbat pictures"})).await;
    one.indexed().await;
    assert_eq!(hits(&one, "pictures").await, Some(3));
    two.stop_jobs().await;
    two.app.catalogue.db.close().await;
    one.close().await;
}
