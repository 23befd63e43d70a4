//! The server: first start, stop, kill.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::Home;

async fn get(url: &str) -> Value {
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn the_first_start_brings_examples_and_an_administrator() {
    let mut home = Home::new();
    let server = home.serve(&[]).await;
    let counts = get(&format!("{}/counts", server.url)).await;
    assert!(
        counts.as_object().unwrap().values().all(|c| c["example"].as_i64().is_some_and(|n| n > 0)),
        "an example of every type: {counts}"
    );
    let openml = get(&format!("{}/platforms/openml/datasets?limit=100", server.url)).await;
    let names: HashSet<&str> = openml.as_array().unwrap().iter().map(|d| d["name"].as_str().unwrap()).collect();
    assert!(
        names.len() == 12 && names.contains("iris") && names.contains("mnist_784"),
        "what the connector made of OpenML's answers: {names:?}"
    );
    let iris = get(&format!("{}/platforms/openml/datasets/61", server.url)).await;
    let creator = get(&format!("{}/contacts/{}", server.url, iris["creator"][0].as_str().unwrap())).await;
    assert_eq!((&iris["same_as"], &creator["name"]), (&json!("https://www.openml.org/d/61"), &json!("R.A. Fisher")));
    assert_eq!(server.lines.len(), 3, "{:?}", server.lines);
    assert!(
        server.lines[0].contains(&format!("{}/docs", server.url)) && server.lines[0].contains("data/catalogue.db"),
        "{:?}",
        server.lines
    );
    let key = server.key.unwrap();
    let client = reqwest::Client::new();
    let made = client.post(format!("{}/datasets", server.url)).bearer_auth(&key).json(&json!({"name": "Mine"})).send().await.unwrap();
    assert_eq!(made.status(), 200);
    assert_eq!(home.signal("-TERM"), Some(0), "a server that is told to stop ends well");

    let again = home.serve(&[]).await;
    assert_eq!(again.key, None, "the key is shown once");
    assert!(again.lines.len() == 2 && !again.lines.concat().contains(&key), "{:?}", again.lines);
    assert_eq!(get(&format!("{}/counts", again.url)).await, counts);
    assert_eq!(home.signal("-INT"), Some(0));
}

#[tokio::test]
async fn requests_under_way_are_finished_unless_ctrl_c_comes_again() {
    let mut home = Home::new();
    let server = home.serve(&["--set", "examples.load=false"]).await;
    let slow = SlowRequest::begin(&server).await;
    home.send("-INT");
    wait_until_closed(&server).await;
    assert!(home.runs());
    assert!(slow.finish().await.starts_with("HTTP/1.1 200"));
    assert_eq!(home.wait(), Some(0));
}

#[tokio::test]
async fn a_second_ctrl_c_ends_the_server_at_once() {
    let mut home = Home::new();
    let server = home.serve(&["--set", "examples.load=false"]).await;
    let _slow = SlowRequest::begin(&server).await;
    let begin = std::time::Instant::now();
    for signal in ["-TERM", "-TERM"] {
        home.send(signal);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(home.runs(), "supervisors may repeat SIGTERM");
    }
    assert_eq!(home.signal("-INT"), Some(1));
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

/// A request whose body is on its way.
struct SlowRequest(tokio::net::TcpStream);

impl SlowRequest {
    const BODY: &str = r#"{"name": "Slow"}"#;

    /// Returns when the server waits for the body: that is when it says that one may go on.
    async fn begin(server: &crate::support::Server) -> Self {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        const GO_ON: &str = "HTTP/1.1 100 Continue\r\n\r\n";
        let host = server.url.trim_start_matches("http://");
        let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
        let (key, length) = (server.key.as_ref().unwrap(), Self::BODY.len());
        let head = format!(
            "POST /datasets HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; GO_ON.len()];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, GO_ON.as_bytes());
        stream.write_all(&Self::BODY.as_bytes()[..5]).await.unwrap();
        Self(stream)
    }

    async fn finish(mut self) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        self.0.write_all(&Self::BODY.as_bytes()[5..]).await.unwrap();
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

#[tokio::test]
async fn what_the_last_requests_read_is_counted() {
    let mut home = Home::new();
    let server = home.serve(&["--set", "examples.load=false"]).await;
    let dataset = publish(&server).await;
    let request = BegunRequest::begin(&server, &format!("GET /datasets/{dataset} HTTP/1.1\r\n")).await;
    home.send("-TERM");
    wait_until_closed(&server).await;
    assert!(request.finish().await.starts_with("HTTP/1.1 200"));
    assert_eq!(home.wait(), Some(0));

    let again = home.serve(&[]).await;
    let most_read = get(&format!("{}/stats/top/datasets", again.url)).await;
    assert_eq!(most_read, json!([{"asset_id": dataset, "hits": 1}]));
}

#[tokio::test]
async fn a_second_ctrl_c_ends_jobs_at_once() {
    use sqlx::Connection;
    let mut home = Home::new();
    let server = home.serve(&["--set", "examples.load=false"]).await;
    let dataset = publish(&server).await;
    let file = home.folder.join("data/catalogue.db");
    let mut lock = sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    // Until this transaction ends, the counts of reads cannot be written.
    sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
    get(&format!("{}/datasets/{dataset}", server.url)).await;
    home.send("-TERM");
    wait_until_closed(&server).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(home.runs(), "the job waits for the lock");
    let begin = std::time::Instant::now();
    assert_eq!(home.signal("-INT"), Some(1));
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

/// Registers a published dataset; its identifier.
async fn publish(server: &crate::support::Server) -> String {
    let record = json!({"resource": {"platform_resource_identifier": "1", "name": "Read"}});
    let url = format!("{}/platforms/example/datasets/batch", server.url);
    let request = reqwest::Client::new().post(url).bearer_auth(server.key.as_ref().unwrap()).json(&json!({"records": [record]}));
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    answer["results"][0]["identifier"].as_str().unwrap().to_owned()
}

/// The server has got the signal to stop when it accepts nobody any longer.
async fn wait_until_closed(server: &crate::support::Server) {
    while tokio::net::TcpStream::connect(server.url.trim_start_matches("http://")).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A request of which the server has the first line.
struct BegunRequest(tokio::net::TcpStream);

impl BegunRequest {
    async fn begin(server: &crate::support::Server, first_line: &str) -> Self {
        use tokio::io::AsyncWriteExt;
        let mut stream = tokio::net::TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
        stream.write_all(first_line.as_bytes()).await.unwrap();
        // Nothing tells when the server has read it.
        tokio::time::sleep(Duration::from_millis(300)).await;
        Self(stream)
    }

    async fn finish(mut self) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        self.0.write_all(b"Host: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

#[tokio::test]
async fn a_port_in_use_is_told() {
    let mut home = Home::new();
    let server = home.serve(&["--set", "examples.load=false"]).await;
    let listen = server.url.trim_start_matches("http://").to_owned();
    let (code, _, error) = home.run(&["--listen", &listen]);
    assert_eq!((code, error.contains(&format!("cannot listen on {listen}"))), (1, true), "{error}");
}

/// A batch whose records all carry its number.
fn batch(number: usize) -> Value {
    let record = |i: usize| {
        json!({"resource": {"platform_resource_identifier": format!("{number}-{i}"), "name": format!("{number}"), "keyword": [format!("batch {number}"), "all"],
               "note": [{"value": "n".repeat(200)}]},
               "related": {"creator": [{"contact": {"name": format!("creator {number}")}}]}})
    };
    json!({"records": (0..20).map(record).collect::<Vec<_>>()})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_nothing_and_leaves_nothing_half_written() {
    let mut home = Home::on_server().await;
    let quiet = ["--set", "examples.load=false"];
    home.serve(&quiet).await;
    home.signal("-TERM");
    let (code, key, error) = home.run(&["keys", "create", "--name", "root", "--role", "admin_aiod_resources"]);
    assert_eq!(code, 0, "{error}");
    let key = key.trim().to_owned();
    let mut total = 0;
    for round in 0..3 {
        let server = home.serve(&quiet).await;
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let (url, key, acknowledged) = (server.url.clone(), key.clone(), Arc::clone(&acknowledged));
                tokio::spawn(async move {
                    let client = reqwest::Client::new();
                    for n in 0..1000 {
                        let number = round * 10_000 + writer * 1_000 + n;
                        let request = client.post(format!("{url}/platforms/example/datasets/batch")).bearer_auth(&key).json(&batch(number));
                        match request.send().await {
                            Ok(answer) if answer.status() == 200 => acknowledged.lock().unwrap().push(number),
                            _ => return,
                        }
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(700 + 200 * round as u64)).await;
        home.signal("-KILL");
        for writer in writers {
            writer.await.unwrap();
        }
        let server = home.serve(&quiet).await;
        let acknowledged = acknowledged.lock().unwrap().clone();
        assert!(!acknowledged.is_empty(), "the test must write something");
        let count = check_whole(&server.url, &acknowledged).await;
        assert!(count >= total + 20 * acknowledged.len());
        total = count;
        assert_eq!(home.signal("-TERM"), Some(0));
    }
    home.close().await;
}

/// Every record is whole, every acknowledged batch is there, and no batch is there in part; how many records there are.
async fn check_whole(url: &str, acknowledged: &[usize]) -> usize {
    let mut batches: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    let mut creators = HashSet::new();
    let mut next = Some(format!("{url}/datasets?limit=1000&cursor="));
    let mut count = 0;
    while let Some(page) = next {
        let answer = reqwest::get(page).await.unwrap();
        next = answer
            .headers()
            .get("link")
            .map(|l| format!("{url}{}", l.to_str().unwrap().trim_start_matches('<').split('>').next().unwrap()));
        for record in answer.json::<Vec<Value>>().await.unwrap() {
            let name = record["name"].as_str().unwrap().to_owned();
            assert_eq!(record["keyword"], json!([format!("batch {name}"), "all"]));
            assert_eq!(record["creator"].as_array().unwrap().len(), 1, "{record}");
            creators.insert(record["creator"][0].as_str().unwrap().to_owned());
            *batches.entry(name).or_default() += 1;
            count += 1;
        }
    }
    assert!(batches.values().all(|n| *n == 20), "{batches:?}");
    assert!(acknowledged.iter().all(|n| batches.contains_key(&n.to_string())), "what was acknowledged is there");
    assert_eq!(creators.len(), batches.len());
    assert_eq!(get(&format!("{url}/counts/contacts")).await, json!(batches.len()));
    count
}

#[tokio::test]
async fn the_server_starts_and_reads_while_keycloak_is_down() {
    use base64::Engine;
    let part = |value: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    // A port on which nothing listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let issuer = format!("http://127.0.0.1:{port}/realms/aiod");
    let claims = json!({"iss": issuer, "sub": "1", "typ": "Bearer", "azp": "aiod-sdk", "exp": aiod_api::store::now() / 1_000_000 + 300});
    let token = format!("{}.{}.AAAA", part(&json!({"alg": "RS256", "kid": "1"})), part(&claims));
    let mut home = Home::new();
    let server = home.serve(&["--set", "examples.load=false", "--set", &format!("keycloak.issuer={issuer}")]).await;
    let client = reqwest::Client::new();
    let read = client.get(format!("{}/datasets", server.url)).bearer_auth(&token).send().await.unwrap();
    assert_eq!(read.status(), 200);
    let url = format!("{}/datasets", server.url);
    let write = |key: &str| client.post(&url).bearer_auth(key).json(&json!({"name": "x"})).send();
    let refused = write(&token).await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers().contains_key("Retry-After")), (503, true));
    assert_eq!(write(&server.key.unwrap()).await.unwrap().status(), 200);
    assert_eq!(home.signal("-TERM"), Some(0));
}
