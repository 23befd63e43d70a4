//! What happens when the identity provider changes its keys, fails or hangs; introspection.

use std::time::{Duration, Instant};

use poem::http::StatusCode;
use serde_json::json;

use super::Stage;
use crate::harness::TestApp;
use crate::provider::{FakeProvider, Key, SECRET, seconds};

#[tokio::test]
async fn new_keys_are_taken_and_old_ones_given_up() {
    let stage = Stage::new().await;
    let old = stage.token("ada");
    stage.register(&old).await.ok();
    let second = Key::ec("second");
    stage.provider.publish(&[&stage.key, &second]);
    let new = second.sign(&stage.provider.claims("ada", &[], json!({})));
    stage.register(&new).await.ok();
    stage.register(&old).await.ok();
    stage.provider.publish(&[&second]);
    stage.register(&old).await.ok();
    // What the server does every few minutes.
    stage.app.app.identity.refresh().await.unwrap();
    assert_eq!(stage.refuses(old).await, "the token is signed by an unknown key.");
    stage.register(&new).await.ok();
    stage.close().await;
}

#[tokio::test]
async fn unknown_keys_do_not_make_us_hammer_the_provider() {
    let stage = Stage::new().await;
    let claims = stage.provider.claims("ada", &[], json!({}));
    for number in 0..30 {
        let token = Key::ec(&format!("unknown {number}")).sign(&claims);
        assert_eq!(stage.refuses(token).await, "the token is signed by an unknown key.");
    }
    assert!(stage.provider.asked("/certs") < 10, "{} times", stage.provider.asked("/certs"));
    stage.register(&stage.token("ada")).await.ok();
    stage.close().await;
}

#[tokio::test]
async fn who_comes_at_once_leads_to_one_question() {
    let stage = Stage::new().await;
    let tokens: Vec<String> = (0..20).map(|n| stage.token(&format!("user {n}"))).collect();
    let answers = futures_util::future::join_all(tokens.iter().map(|token| stage.register(token))).await;
    answers.iter().for_each(|answer| drop(answer.ok()));
    assert_eq!(stage.provider.asked("/certs"), 1);
    stage.close().await;
}

#[tokio::test]
async fn a_provider_that_is_down_at_first_is_found_later() {
    let mut stage = Stage::new().await;
    let token = stage.token("ada");
    stage.provider.down().await;
    assert!(stage.app.app.identity.refresh().await.is_err());
    stage.cannot_tell(&token).await;
    stage.provider.up().await;
    stage.register(&token).await.ok();
    stage.close().await;
}

#[tokio::test]
async fn known_keys_go_on_while_the_provider_is_down() {
    let mut stage = Stage::new().await;
    stage.register(&stage.token("ada")).await.ok();
    stage.provider.down().await;
    assert!(stage.app.app.identity.refresh().await.is_err());
    stage.register(&stage.token("ada")).await.ok();
    stage.register(&stage.token("somebody new")).await.ok();
    // What can be refused without asking is.
    stage.refuses(stage.token_with("ada", json!({"exp": seconds() - 60}))).await;
    let second = Key::ec("second");
    let unknown = second.sign(&stage.provider.claims("ada", &[], json!({})));
    stage.cannot_tell(&unknown).await;
    stage.provider.publish(&[&second]);
    stage.provider.up().await;
    stage.register(&unknown).await.ok();
    stage.close().await;
}

#[tokio::test]
async fn a_draft_is_neither_shown_nor_denied_while_the_provider_is_down() {
    let mut stage = Stage::new().await;
    let id = stage.register(&stage.token("ada")).await.identifier();
    stage.provider.down().await;
    let unknown = Key::ec("second").sign(&stage.provider.claims("ada", &[], json!({})));
    stage.app.get(&format!("/datasets/{id}")).key(&unknown).send().await.refused(503);
    stage.close().await;
}

#[tokio::test]
async fn a_provider_that_fails_counts_as_down() {
    let stage = Stage::new().await;
    stage.provider.fail_with(Some(StatusCode::INTERNAL_SERVER_ERROR));
    stage.cannot_tell(&stage.token("ada")).await;
    stage.provider.fail_with(None);
    stage.register(&stage.token("ada")).await.ok();
    stage.close().await;
}

#[tokio::test]
async fn a_provider_that_hangs_is_left_alone_for_a_while() {
    let stage = Stage::new().await;
    stage.provider.hang(true);
    let token = stage.token("ada");
    stage.register(&token).await.refused(503);
    let begin = Instant::now();
    stage.cannot_tell(&token).await;
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    stage.close().await;
}

#[tokio::test]
async fn introspection_notices_that_a_session_has_ended() {
    let stage = Stage::introspecting(0).await;
    let token = stage.token("ada");
    stage.register(&token).await.ok();
    stage.provider.end_session(&token);
    assert_eq!(stage.refuses(token).await, "the session of the token has ended.");
    stage.register(&stage.token_with("ada", json!({"sid": "another"}))).await.ok();
    stage.close().await;
}

#[tokio::test]
async fn answers_of_introspection_are_used_for_some_seconds() {
    let stage = Stage::introspecting(600).await;
    let token = stage.token("ada");
    for _ in 0..5 {
        stage.register(&token).await.ok();
    }
    assert_eq!(stage.provider.asked("/introspect"), 1);
    stage.close().await;
}

#[tokio::test]
async fn introspection_that_fails_is_no_consent() {
    let mut stage = Stage::introspecting(0).await;
    let token = stage.token("ada");
    stage.register(&token).await.ok();
    stage.provider.fail_with(Some(StatusCode::UNAUTHORIZED));
    stage.cannot_tell(&token).await;
    stage.provider.fail_with(None);
    stage.register(&token).await.ok();
    stage.provider.down().await;
    stage.cannot_tell(&token).await;
    stage.close().await;
}

#[tokio::test]
async fn keycloak_is_reached_by_another_address_than_its_public_one() {
    let key = Key::ec("first");
    let provider = FakeProvider::start(&[&key]).await;
    let public = "https://login.example.org/auth";
    provider.pretend(public);
    let configure = |config: &mut aiod_api::config::Config| {
        config.keycloak.issuer = format!("{public}/realms/aiod").into();
        config.keycloak.internal_url = format!("{}/", provider.base()).into();
        config.keycloak.client_secret = SECRET.into();
        config.keycloak.introspection = true;
    };
    let app = TestApp::with(configure).await;
    let stage = Stage { key, provider, app };
    stage.register(&stage.token_with("ada", json!({"iss": "https://login.example.org/auth/realms/aiod"}))).await.ok();
    stage.refuses(stage.token_with("ada", json!({"iss": format!("{}/realms/aiod", stage.provider.base())}))).await;
    stage.close().await;
}
