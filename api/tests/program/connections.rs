//! Connections that stall, and connections that are too many: others are served meanwhile, and the stalled ones end.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Home, Server};

/// So many connections stall in each test.
const STALLED: usize = 1_000;

/// Others are answered within this time, by a program that is not optimised, on a machine that runs other tests as well.
const PROMPT: Duration = Duration::from_secs(5);
/// So many answers of 200 kB are asked for by each reader who stalls: one alone finds room in the buffers of the two ends.
const ANSWERS: usize = 50;

/// Tests with very many connections take turns: two of them at once would hold each other up.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The server with short limits, and room for all that stall.
async fn impatient(home: &mut Home, more: &[&str]) -> Server {
    let short = ["connections.header_seconds=2", "connections.body_seconds=2", "connections.answer_seconds=2"];
    let other = ["connections.most_by_address=0", "examples.load=false"];
    let settings = short.iter().chain(&other).chain(more).flat_map(|setting| ["--set", setting]);
    home.serve(&settings.collect::<Vec<_>>()).await
}

async fn connect(server: &Server) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    // What is sent to somebody who does not read soon finds no room any more.
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(server.url.trim_start_matches("http://").parse().unwrap()).await.unwrap()
}

/// Opens so many connections that send this and nothing more.
async fn stall(server: &Server, count: usize, text: &str) -> Vec<TcpStream> {
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = connect(server).await;
        stream.write_all(text.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    streams
}

/// Others are served while these connections are there.
async fn others_are_served(server: &Server) {
    let client = reqwest::Client::new();
    for _ in 0..20 {
        let begin = Instant::now();
        let answer = client.get(format!("{}/counts/datasets", server.url)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(begin.elapsed() < PROMPT, "{:?}", begin.elapsed());
    }
}

/// Every connection is closed by the server, with these words at most.
async fn are_dropped(streams: Vec<TcpStream>, status: &str) {
    let begin = Instant::now();
    for mut stream in streams {
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
        // A reset ends a connection as well.
        let _closed = read.unwrap_or_else(|_| panic!("a stalled connection is still open after {:?}", begin.elapsed()));
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with(status), "{answer}");
    }
}

#[tokio::test]
async fn heads_that_stall_hold_nobody_up_and_end() {
    let _alone = ALONE.lock().await;
    let mut home = Home::new();
    let server = impatient(&mut home, &[]).await;
    let mut stalled = stall(&server, STALLED / 2, "").await;
    stalled.extend(stall(&server, STALLED / 2, "GET /counts HTTP/1.1\r\nHost: x\r\nX-Slow").await);
    others_are_served(&server).await;
    are_dropped(stalled, "HTTP/1.1 408").await;
    others_are_served(&server).await;
}

#[tokio::test]
async fn bodies_that_stall_hold_nobody_up_and_are_answered_with_408() {
    let _alone = ALONE.lock().await;
    let mut home = Home::new();
    let server = impatient(&mut home, &[]).await;
    let head = "POST /datasets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"name\"";
    let stalled = stall(&server, STALLED, head).await;
    others_are_served(&server).await;
    are_dropped(stalled, "HTTP/1.1 408").await;
}

#[tokio::test]
async fn a_body_that_trickles_is_cut_off() {
    let mut home = Home::new();
    let server = impatient(&mut home, &[]).await;
    let mut stream = connect(&server).await;
    let head = "POST /datasets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let begin = Instant::now();
    // Each byte comes long before the limit; all of them take longer than a body may.
    while stream.write_all(b" ").await.is_ok() && begin.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn readers_that_stall_hold_nobody_up_and_are_cut_off() {
    let _alone = ALONE.lock().await;
    let mut home = Home::new();
    // All of the answers may wait for their readers at once.
    let server = impatient(&mut home, &["reads.answer_bytes=1073741824", "connections.answer_seconds=5"]).await;
    let notes: Vec<_> = (0..25).map(|_| json!({"value": "x".repeat(8_000)})).collect();
    let client = reqwest::Client::new();
    let made = client.post(format!("{}/datasets", server.url)).bearer_auth(server.key.as_ref().unwrap());
    let made: serde_json::Value = made.json(&json!({"name": "large", "note": notes})).send().await.unwrap().json().await.unwrap();
    let path = format!("/datasets/{}", made["identifier"].as_str().unwrap());
    let key = server.key.as_ref().unwrap();
    let requests = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n").repeat(ANSWERS);
    let before = home.descriptors();
    let stalled = stall(&server, STALLED, &requests).await;
    assert!(home.descriptors() >= before + STALLED / 2, "they are there");
    others_are_served(&server).await;
    let begin = Instant::now();
    while home.descriptors() >= before + STALLED / 2 {
        assert!(begin.elapsed() < Duration::from_secs(60), "readers that stall keep their connections");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drop(stalled);
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_no_more() {
    let mut home = Home::new();
    let settings = ["--set", "connections.most_by_address=5", "--set", "examples.load=false"];
    let server = home.serve(&settings).await;
    // The connection by which the test saw that the server is ready may still be there.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let held = stall(&server, 5, "GET /counts/datasets HTTP/1.1\r\n").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut refused = connect(&server).await;
    let read = refused.read(&mut [0; 16]).await;
    assert!(matches!(read, Ok(0) | Err(_)), "one more is closed at once: {read:?}");
    drop(held);
    tokio::time::sleep(Duration::from_millis(300)).await;
    others_are_served(&server).await;
}

#[tokio::test]
async fn connections_beyond_the_most_wait_for_their_turn() {
    let mut home = Home::new();
    let server = impatient(&mut home, &["connections.most=20"]).await;
    let held = stall(&server, 20, "GET").await;
    let begin = Instant::now();
    assert_eq!(reqwest::get(format!("{}/counts/datasets", server.url)).await.unwrap().status(), 200);
    assert!(begin.elapsed() < Duration::from_secs(10), "the stalled ones made room: {:?}", begin.elapsed());
    drop(held);
}

#[tokio::test]
async fn a_listener_without_descriptors_is_waited_out() {
    let mut home = Home::new();
    let server = home.serve_with_descriptors(&["--set", "examples.load=false", "--set", "connections.most_by_address=0"], 90).await;
    let held = stall(&server, 200, "GET").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = home.processor_time();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let used = home.processor_time() - before;
    assert!(used < Duration::from_millis(400), "{used:?} of processor time while nothing can be accepted");
    drop(held);
    tokio::time::sleep(Duration::from_secs(1)).await;
    others_are_served(&server).await;
    let log = home.log();
    assert_eq!(log.matches("no connection can be accepted").count(), 1, "{log}");
}

#[tokio::test]
async fn http_2_without_tls_is_not_spoken() {
    let mut home = Home::new();
    let server = home.serve(&["--set", "examples.load=false"]).await;
    let mut stream = connect(&server).await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 "), "{}", String::from_utf8_lossy(&answer));
    others_are_served(&server).await;
}
