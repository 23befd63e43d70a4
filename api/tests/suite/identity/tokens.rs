//! Which tokens are taken, and which are refused.

use std::time::{Duration, Instant};

use poem::http::StatusCode;
use serde_json::{Value, json};

use super::Stage;
use crate::harness::TestApp;
use crate::provider::{FakeProvider, Key, seconds};

#[tokio::test]
async fn a_token_makes_its_holder_a_user() {
    let stage = Stage::new().await;
    let id = stage.register(&stage.token("ada")).await.identifier();
    // Another token of the same user, who has another name by now.
    let later = stage.token_with("ada", json!({"iat": seconds() + 1, "preferred_username": "ada.l"}));
    let path = format!("/datasets/{id}");
    assert_eq!(stage.app.get(&path).key(&later).send().await.ok()["aiod_entry"]["status"], "draft");
    stage.app.get(&path).key(&stage.token("eve")).send().await.refused(403);
    stage.app.get(&path).send().await.refused(401);
    stage.app.delete(&path).key(&later).send().await.ok();
    stage.close().await;
}

#[tokio::test]
async fn rsa_keys_sign_as_well() {
    let stage = Stage::of(Key::rsa("rsa")).await;
    stage.register(&stage.token("ada")).await.ok();
    stage.close().await;
}

#[tokio::test]
async fn a_service_account_registers_for_its_platform() {
    let stage = Stage::new().await;
    let claims = json!({"azp": "connector-example", "aud": ["aiod-api", "account"], "preferred_username": "service-account-connector-example",
        "clientHost": "127.0.0.1", "client_id": "connector-example", "email": null, "given_name": null});
    let token = stage.key.sign(&stage.provider.claims("connector", &["platform_example"], claims));
    let body = json!({"platform": "example", "platform_resource_identifier": "1", "name": "x"});
    let id = stage.app.post("/datasets", &body).key(&token).send().await.identifier();
    assert_eq!(stage.app.get(&format!("/datasets/{id}")).send().await.ok()["platform"], "example");
    stage.register(&token).await.refused(403);
    stage.close().await;
}

#[tokio::test]
async fn an_administrator_s_role_comes_with_the_token() {
    let stage = Stage::new().await;
    let administrator = stage.key.sign(&stage.provider.claims("root", &["admin_aiod_resources"], json!({})));
    stage.app.post("/platforms", &json!({"name": "new"})).key(&administrator).send().await.ok();
    stage.app.post("/platforms", &json!({"name": "newer"})).key(&stage.token("ada")).send().await.refused(403);
    stage.close().await;
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let stage = Stage::new().await;
    // Clocks may differ by half a minute.
    stage.register(&stage.token_with("ada", json!({"exp": seconds() - 10}))).await.ok();
    assert_eq!(stage.refuses(stage.token_with("ada", json!({"exp": seconds() - 31}))).await, "the token has expired.");
    stage.close().await;
}

#[tokio::test]
async fn a_token_that_was_accepted_expires() {
    let key = Key::ec("first");
    let provider = FakeProvider::start(&[&key]).await;
    let configure = |config: &mut aiod_api::config::Config| {
        provider.configure(config);
        config.keycloak.leeway_seconds = 0;
    };
    let app = TestApp::with(configure).await;
    let stage = Stage { key, provider, app };
    let token = stage.token_with("ada", json!({"exp": seconds() + 2}));
    stage.register(&token).await.ok();
    let end = Instant::now() + Duration::from_secs(5);
    while stage.register(&token).await.status == StatusCode::OK {
        assert!(Instant::now() < end, "the token goes on");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(stage.refuses(token).await, "the token has expired.");
    stage.close().await;
}

#[tokio::test]
async fn a_token_of_the_future_is_refused() {
    let stage = Stage::new().await;
    stage.register(&stage.token_with("ada", json!({"nbf": seconds() + 10}))).await.ok();
    assert_eq!(stage.refuses(stage.token_with("ada", json!({"nbf": seconds() + 60}))).await, "the token is not valid yet.");
    stage.close().await;
}

#[tokio::test]
async fn a_token_without_a_signature_is_refused() {
    let stage = Stage::new().await;
    let claims = stage.provider.claims("ada", &["admin_aiod_resources"], json!({}));
    let detail = stage.refuses(Key::none("first").sign(&claims)).await;
    assert_eq!(detail, "the token is not signed by a public-key algorithm.");
    // A good token without its signature.
    let good = stage.key.sign(&claims);
    let (message, _) = good.rsplit_once('.').unwrap();
    assert_eq!(stage.refuses(format!("{message}.")).await, "the token's signature is wrong.");
    stage.close().await;
}

#[tokio::test]
async fn a_token_by_another_key_of_the_same_name_is_refused() {
    let stage = Stage::new().await;
    let claims = stage.provider.claims("ada", &[], json!({}));
    assert_eq!(stage.refuses(Key::ec("first").sign(&claims)).await, "the token's signature is wrong.");
    assert_eq!(stage.refuses(Key::rsa("first").sign(&claims)).await, "the token's signature is wrong.");
    stage.close().await;
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let stage = Stage::of(Key::rsa("rsa")).await;
    let claims = stage.provider.claims("ada", &["admin_aiod_resources"], json!({}));
    let public = stage.key.public();
    for secret in [public.to_string(), public["n"].as_str().unwrap().to_owned()] {
        let token = Key::shared("rsa", secret.as_bytes()).sign(&claims);
        assert_eq!(stage.refuses(token).await, "the token is not signed by a public-key algorithm.");
    }
    stage.close().await;
}

#[tokio::test]
async fn a_key_signs_by_its_own_algorithm_alone() {
    let stage = Stage::of(Key::rsa("rsa")).await;
    let claims = stage.provider.claims("ada", &[], json!({}));
    // The published key is for RS256.
    for algorithm in ["PS256", "RS512", "ES256", "EdDSA"] {
        let token = stage.key.sign_with(&json!({"alg": algorithm, "typ": "JWT", "kid": "rsa"}), &claims);
        assert_eq!(stage.refuses(token).await, "the token's signature is wrong.", "{algorithm}");
    }
    stage.close().await;
}

#[tokio::test]
async fn a_changed_token_is_refused() {
    let stage = Stage::new().await;
    let good = stage.token("ada");
    let forged = stage.key.sign(&stage.provider.claims("ada", &["admin_aiod_resources"], json!({})));
    let parts: Vec<&str> = good.split('.').collect();
    let payload = forged.split('.').nth(1).unwrap();
    assert_eq!(stage.refuses(format!("{}.{payload}.{}", parts[0], parts[2])).await, "the token's signature is wrong.");
    stage.close().await;
}

#[tokio::test]
async fn a_token_of_another_issuer_is_refused() {
    let stage = Stage::new().await;
    for issuer in
        ["https://evil.example/realms/aiod".to_owned(), format!("{}/", stage.provider.issuer()), stage.provider.base() + "/realms/b"]
    {
        assert_eq!(stage.refuses(stage.token_with("ada", json!({"iss": issuer}))).await, "the token is from another issuer.");
    }
    assert_eq!(stage.provider.asked("/certs"), 0, "whoever else signed it, the provider is not asked");
    stage.close().await;
}

#[tokio::test]
async fn tokens_of_clients_that_are_not_listed_are_refused() {
    let stage = Stage::new().await;
    let other = json!({"azp": "somebody", "aud": ["account", "aiod-sdk"]});
    let detail = stage.refuses(stage.token_with("ada", other.clone())).await;
    assert_eq!(detail, "the token was issued to a client that is not accepted here.");
    stage.refuses(stage.token_with("ada", json!({"azp": null, "aud": null}))).await;
    for accepted in [
        json!({"azp": "aiod-api-swagger"}),
        json!({"azp": "aiod-api", "aud": null}),
        json!({"azp": "somebody", "aud": "aiod-api"}),
        json!({"azp": null, "aud": ["account", "aiod-api"]}),
    ] {
        stage.register(&stage.token_with("ada", accepted)).await.ok();
    }
    let any = |config: &mut aiod_api::config::Config| {
        stage.provider.configure(config);
        config.keycloak.accepted_clients = vec!["*".to_owned()];
    };
    let app = TestApp::with(any).await;
    app.post("/datasets", &json!({"name": "x"})).key(&stage.token_with("ada", other)).send().await.ok();
    app.close().await;
    stage.close().await;
}

#[tokio::test]
async fn only_access_tokens_are_taken() {
    let stage = Stage::new().await;
    for kind in [json!("ID"), json!("Refresh"), json!("Offline"), json!("Logout"), json!("bearer"), Value::Null] {
        let detail = stage.refuses(stage.token_with("ada", json!({"typ": kind, "aud": "aiod-api"}))).await;
        assert_eq!(detail, "the token is not an access token.");
    }
    let claims = stage.provider.claims("ada", &[], json!({}));
    let with = |member: &str, value: Value| {
        let mut header = json!({"alg": "ES256", "typ": "JWT", "kid": "first"});
        header[member] = value;
        stage.key.sign_with(&header, &claims)
    };
    stage.register(&with("typ", json!("at+jwt"))).await.ok();
    for (member, value) in [("typ", json!("logout+jwt")), ("crit", json!(["b64"])), ("cty", json!("JWT"))] {
        assert_eq!(stage.refuses(with(member, value)).await, "the token is not an access token.", "{member}");
    }
    stage.close().await;
}

#[tokio::test]
async fn a_token_says_whose_it_is() {
    let stage = Stage::new().await;
    for subject in [Value::Null, json!(""), json!("x".repeat(256)), json!("local:administrator")] {
        assert_eq!(stage.refuses(stage.token_with("ada", json!({"sub": subject}))).await, "the token does not say whose it is (`sub`).");
    }
    stage.register(&stage.token_with("ada", json!({"preferred_username": null, "realm_access": null}))).await.ok();
    stage.close().await;
}

#[tokio::test]
async fn noise_is_no_token() {
    let stage = Stage::new().await;
    let good = stage.token("ada");
    for cut in (1..good.len()).step_by(97) {
        stage.refuses(good[..cut].to_owned()).await;
    }
    let malformed = "it is not a token of the identity provider.";
    let noise: String = std::iter::repeat_with(|| char::from(rand::random_range(b'!'..=b'~'))).take(10_000).collect();
    for text in ["x", "..", "a.b.c", "e30.e30.", "W10.W10.W10", &format!("{good}.x"), &noise, &".".repeat(5_000)] {
        assert_eq!(stage.refuses(text.to_owned()).await, malformed);
    }
    assert_eq!(stage.refuses(noise.repeat(2)).await, "the token is too long.");
    stage.close().await;
}
