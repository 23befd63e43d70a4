//! The polite HTTP client against a fake server.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use aiod_connectors::http::{HttpError, HttpOptions, Polite, Retry};
use reqwest::Url;
use wiremock::matchers::{header_regex, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

async fn server(response: ResponseTemplate) -> (MockServer, Url) {
    let server = MockServer::start().await;
    Mock::given(path("/thing")).respond_with(response).mount(&server).await;
    let url = Url::parse(&server.uri()).unwrap().join("/thing?apiToken=s3cr3t-token").unwrap();
    (server, url)
}

fn quick() -> HttpOptions {
    HttpOptions { retry: Retry { first_delay: Duration::from_millis(2), ..Retry::default() }, ..HttpOptions::default() }
}

#[tokio::test]
async fn it_says_who_it_is() {
    let server = MockServer::start().await;
    Mock::given(header_regex("user-agent", "^aiod-connectors/[0-9.]+ ")).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    let answer = Polite::new(quick()).unwrap().get(Url::parse(&server.uri()).unwrap()).await.unwrap();
    assert_eq!(answer.status, 204);
}

#[tokio::test]
async fn passing_failures_are_tried_a_few_times_and_others_once() {
    for (status, tries) in [(500, 5), (502, 5), (503, 5), (429, 5), (408, 5), (501, 1), (404, 1), (412, 1)] {
        let (server, url) = server(ResponseTemplate::new(status)).await;
        let answer = Polite::new(quick()).unwrap().get(url).await;
        assert_eq!(answer.is_err(), tries > 1, "{status}");
        assert_eq!(server.received_requests().await.unwrap().len(), tries, "{status}");
    }
}

#[tokio::test]
async fn being_asked_to_wait_for_no_time_is_no_reason_to_hurry() {
    for wait in ["0", "Sun, 06 Nov 1994 08:49:37 GMT"] {
        let (server, url) = server(ResponseTemplate::new(503).insert_header("Retry-After", wait)).await;
        let retry = Retry { tries: 2, first_delay: Duration::from_millis(400), ..Retry::default() };
        let started = Instant::now();
        assert!(Polite::new(HttpOptions { retry, ..quick() }).unwrap().get(url).await.is_err());
        assert_eq!(server.received_requests().await.unwrap().len(), 2);
        assert!(started.elapsed() >= Duration::from_millis(200), "{wait}: {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn bodies_are_read_up_to_a_limit() {
    let (_server, url) = server(ResponseTemplate::new(200).set_body_bytes(vec![b' '; 2_000])).await;
    let error = Polite::new(HttpOptions { max_body: 1_999, ..quick() }).unwrap().get(url.clone()).await.unwrap_err();
    assert!(matches!(error, HttpError::TooLarge { limit: 1_999, .. }), "{error}");
    assert!(Polite::new(HttpOptions { max_body: 2_000, ..quick() }).unwrap().get(url).await.is_ok());
}

#[tokio::test]
async fn a_server_that_hangs_is_left_after_the_timeout() {
    let (_server, url) = server(ResponseTemplate::new(200).set_delay(Duration::from_secs(30))).await;
    let client = Polite::new(HttpOptions { timeout: Duration::from_millis(50), ..quick() }).unwrap().with_tries(2);
    let started = Instant::now();
    let error = client.get(url).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable { tries: 2, .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn errors_show_no_secrets_of_the_url() {
    let (server, url) = server(ResponseTemplate::new(503).set_body_string("try /thing?apiToken=s3cr3t-token later")).await;
    let client = Polite::new(quick()).unwrap();
    let error = client.get(url.clone()).await.unwrap_err();
    assert!(error.to_string().contains("apiToken=***: ") || error.to_string().contains("apiToken=*** "), "{error}");
    drop(server);
    let mut gone = url;
    gone.set_host(Some("no-such-host.invalid")).unwrap();
    let unreachable = client.with_tries(1).get(gone).await.unwrap_err();
    for text in [error.to_string(), format!("{error:?}"), unreachable.to_string(), format!("{unreachable:?}")] {
        assert!(!text.contains("s3cr3t"), "{text}");
    }
}

#[tokio::test]
async fn requests_keep_their_distance() {
    let (_server, url) = server(ResponseTemplate::new(200)).await;
    let client = Polite::new(HttpOptions { requests_per_minute: NonZeroU32::new(600), ..quick() }).unwrap();
    let started = Instant::now();
    let (one, two, three) = tokio::join!(client.get(url.clone()), client.get(url.clone()), client.get(url));
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert!(started.elapsed() >= Duration::from_millis(200), "{:?}", started.elapsed());
}

#[tokio::test]
async fn one_answer_that_asks_to_wait_holds_everyone_back() {
    let (server, url) = server(ResponseTemplate::new(200)).await;
    let wait = ResponseTemplate::new(429).insert_header("Retry-After", "1");
    Mock::given(path("/limited")).respond_with(wait).up_to_n_times(1).mount(&server).await;
    Mock::given(path("/limited")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let client = Polite::new(quick()).unwrap();
    let started = Instant::now();
    let limited = tokio::spawn({
        let (client, url) = (client.clone(), url.join("/limited").unwrap());
        async move { client.get(url).await }
    });
    while server.received_requests().await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(client.get(url).await.is_ok());
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert!(limited.await.unwrap().is_ok());
}
