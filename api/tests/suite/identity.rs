//! Tokens of an identity provider, beside API keys.

use std::time::{Duration, Instant};

use poem::http::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Answer, TestApp};
use crate::provider::{FakeProvider, Key, SECRET, seconds};

/// A provider with one key, and a catalogue that takes its tokens.
struct Stage {
    key: Key,
    provider: FakeProvider,
    app: TestApp,
}

impl Stage {
    async fn new() -> Self {
        Self::of(Key::ec("first")).await
    }

    async fn of(key: Key) -> Self {
        let provider = FakeProvider::start(&[&key]).await;
        let app = TestApp::with(|config| provider.configure(config)).await;
        Self { key, provider, app }
    }

    async fn introspecting(seconds: u32) -> Self {
        let key = Key::ec("first");
        let provider = FakeProvider::start(&[&key]).await;
        let configure = |config: &mut aiod_api::config::Config| {
            provider.configure(config);
            config.keycloak.client_secret = SECRET.into();
            config.keycloak.introspection = true;
            config.keycloak.introspection_seconds = seconds;
        };
        let app = TestApp::with(configure).await;
        Self { key, provider, app }
    }

    /// A token of this user.
    fn token(&self, name: &str) -> String {
        self.token_with(name, json!({}))
    }

    /// A token with some claims changed; `null` removes one.
    fn token_with(&self, name: &str, changed: Value) -> String {
        self.key.sign(&self.provider.claims(name, &[], changed))
    }

    /// Registers something, which needs a user.
    async fn register(&self, token: &str) -> Answer {
        self.app.post("/datasets", &json!({"name": "x"})).key(token).send().await
    }

    /// A token that is not accepted where a user is needed, and counts as none where not; what the caller is told.
    #[track_caller]
    fn refuses(&self, token: String) -> impl Future<Output = String> + '_ {
        let place = std::panic::Location::caller();
        async move {
            let answer = self.register(&token).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{place}: {}", answer.text());
            assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer"));
            let detail = answer.refused(401);
            assert!(token.len() < 10 || !detail.contains(&token), "a token is not echoed");
            self.app.get("/datasets").key(&token).send().await.ok();
            let beginning = "This endpoint requires authorization. You need to be logged in. Your credentials are not accepted: ";
            detail.strip_prefix(beginning).unwrap_or_else(|| panic!("{place}: {detail}")).to_owned()
        }
    }

    /// A token that cannot be checked: 503 where a user is needed, no token where not.
    async fn cannot_tell(&self, token: &str) {
        let answer = self.register(token).await;
        answer.refused(503);
        assert_eq!(answer.header("Retry-After"), Some("5"));
        self.app.get("/datasets").key(token).send().await.ok();
    }

    async fn close(mut self) {
        self.provider.down().await;
        self.app.close().await;
    }
}

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

#[tokio::test]
async fn api_keys_work_beside_tokens() {
    let stage = Stage::new().await;
    let key = stage.app.key("machine", &[]).await;
    stage.register(&key).await.ok();
    assert_eq!(stage.refuses("aiod_nonsense".to_owned()).await, "the API key is unknown, expired or revoked.");
    stage.register(&stage.token("ada")).await.ok();
    stage.close().await;
}

#[tokio::test]
async fn api_keys_can_be_switched_off() {
    let app = TestApp::with(|config| config.api_keys.enabled = false).await;
    let key = app.key("machine", &["admin_aiod_resources"]).await;
    let detail = app.post("/datasets", &json!({"name": "x"})).key(&key).send().await.refused(401);
    assert!(detail.ends_with("this catalogue takes no API keys."), "{detail}");
    app.get("/datasets").key(&key).send().await.ok();
    app.close().await;
}

#[tokio::test]
async fn without_keycloak_no_token_is_taken() {
    let stage = Stage::new().await;
    let app = TestApp::new().await;
    let detail = app.post("/datasets", &json!({"name": "x"})).key(&stage.token("ada")).send().await.refused(401);
    assert!(detail.ends_with("this catalogue takes no tokens of an identity provider."), "{detail}");
    app.close().await;
    stage.close().await;
}

#[tokio::test]
async fn users_are_found_by_subject_and_by_name() {
    const SUBJECT: &str = "6f1b8a0e-3d9c-4a51-9a5d-0b6f0e1c2d3e";
    let mut stage = Stage::introspecting(600).await;
    let identity = stage.app.app.identity.clone();
    // Of the catalogue's own: for a subject nobody is asked, and a name is another's only if the provider has it.
    stage.app.key("machine", &[]).await;
    let machine = identity.find_user("local:machine").await.unwrap().unwrap();
    assert_eq!(stage.provider.asked("/users"), 0);
    assert_eq!(identity.find_user("machine").await.unwrap().unwrap(), machine);
    stage.app.key("ada lovelace", &[]).await;
    stage.provider.add_user("0c4f1c9e-1111-4a51-9a5d-0b6f0e1c2d3e", "ada lovelace");
    let ada = identity.find_user("ada lovelace").await.unwrap().unwrap();
    assert_ne!(identity.find_user("local:ada lovelace").await.unwrap().unwrap().account, ada.account);
    // Of the provider, who have never been here.
    stage.provider.add_user(SUBJECT, "grace");
    let grace = identity.find_user("grace").await.unwrap().unwrap();
    assert_eq!(identity.find_user(SUBJECT).await.unwrap().unwrap(), grace);
    assert_eq!(grace.name, "grace");
    assert_eq!(identity.find_user("nobody & nothing?").await.unwrap(), None);
    assert_eq!(identity.find_user("6f1b8a0e-3d9c-4a51-9a5d-000000000000").await.unwrap(), None);
    assert_eq!(stage.provider.asked("/token"), 1, "our own token is kept");
    // The account is that of the user's tokens.
    let token = stage.token_with("grace", json!({"sub": SUBJECT}));
    let id = stage.register(&token).await.identifier();
    let row = stage.app.app.catalogue.db.account(SUBJECT, "grace").await.unwrap();
    assert_eq!(row, grace.account, "{id}");
    stage.provider.down().await;
    let error = aiod_api::catalogue::Error::from(identity.find_user("somebody").await.unwrap_err());
    assert!(matches!(error, aiod_api::catalogue::Error::Unavailable(_)), "{error}");
    assert_eq!(identity.find_user(SUBJECT).await.unwrap().unwrap(), grace);
    // Of a person and a key of one name, the person is meant.
    stage.provider.up().await;
    stage.app.key("grace", &[]).await;
    assert_eq!(identity.find_user("grace").await.unwrap().unwrap(), grace);
    stage.close().await;
}

#[tokio::test]
async fn a_permission_may_be_for_somebody_who_was_never_here() {
    let mut stage = Stage::introspecting(600).await;
    stage.provider.add_user("6f1b8a0e-3d9c-4a51-9a5d-0b6f0e1c2d3e", "grace");
    let owner = stage.token("ada");
    let id = stage.register(&owner).await.identifier();
    let share = |user: &str| {
        let wish = json!({"asset_identifier": id, "user": user, "permission_type": "read"});
        stage.app.post("/assets/permissions", &wish).key(&owner).send()
    };
    share("grace").await.ok();
    share("nobody").await.refused(404);
    let grace = stage.token_with("grace", json!({"sub": "6f1b8a0e-3d9c-4a51-9a5d-0b6f0e1c2d3e"}));
    stage.app.get(&format!("/datasets/{id}")).key(&grace).send().await.ok();
    stage.provider.down().await;
    share("nobody").await.refused(503);
    stage.close().await;
}

#[tokio::test]
async fn without_a_secret_only_known_users_are_found() {
    let stage = Stage::new().await;
    stage.provider.add_user("6f1b8a0e-3d9c-4a51-9a5d-0b6f0e1c2d3e", "grace");
    assert_eq!(stage.app.app.identity.find_user("grace").await.unwrap(), None);
    stage.register(&stage.token("ada")).await.ok();
    assert_eq!(stage.app.app.identity.find_user("subject of ada").await.unwrap().unwrap().name, "ada");
    stage.close().await;
}

#[tokio::test]
async fn a_caller_is_told_who_the_catalogue_takes_them_for() {
    let stage = Stage::new().await;
    let token = stage.key.sign(&stage.provider.claims("ada", &["platform_example"], json!({})));
    let who = stage.app.get("/authorization_test").key(&token).send().await.ok();
    assert_eq!(who["name"], "ada");
    assert!(who["roles"].as_array().unwrap().contains(&json!("platform_example")), "{who}");
    stage.app.get("/v2/authorization_test").send().await.refused(401);
    stage.app.get("/authorization_test").key("x").send().await.refused(401);
    stage.close().await;
}

#[tokio::test]
async fn the_documentation_leads_to_the_login() {
    let stage = Stage::new().await;
    let discovery = format!("{}/.well-known/openid-configuration", stage.provider.issuer());
    for version in ["", "/v2"] {
        let document = stage.app.get(&format!("{version}/openapi.json")).send().await.ok();
        let scheme = &document["components"]["securitySchemes"]["OpenIdConnect"];
        assert_eq!((&scheme["type"], &scheme["openIdConnectUrl"]), (&json!("openIdConnect"), &json!(discovery)));
        assert_eq!(document["paths"][format!("{version}/datasets")]["post"]["security"], json!([{"OpenIdConnect": []}, {"ApiKey": []}]));
        assert_eq!(document["paths"][format!("{version}/datasets")]["get"]["security"], json!([{}, {"OpenIdConnect": []}, {"ApiKey": []}]));
        let page = stage.app.get(&format!("{version}/docs")).header("X-Forwarded-Prefix", "/below").send().await.text();
        let settings = r#"{"clientId":"aiod-api-swagger","scopes":"openid profile roles","usePkceWithAuthorizationCodeGrant":true}"#;
        let login = format!("{}/protocol/openid-connect/auth", stage.provider.issuer());
        for part in [&format!("const login = {settings};"), &login, r#""servers":[{"url":"/below"}]"#] {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("AIOD-"), "nothing is left to be put in");
        let back = stage.app.get(&format!("{version}/docs/oauth2-redirect.html")).send().await;
        assert!(back.text().contains("swaggerUIRedirectOauth2"), "{}", back.text());
        assert_eq!(back.header("Content-Type"), Some("text/html; charset=utf-8"));
    }
    stage.close().await;
}

#[tokio::test]
async fn the_documentation_offers_no_login_where_there_is_none() {
    let app = TestApp::new().await;
    let page = app.get("/docs").send().await.text();
    assert!(page.contains("const login = null;") && !page.contains("\"openIdConnectUrl\":\""));
    let document = app.get("/openapi.json").send().await.ok();
    assert_eq!(document["components"]["securitySchemes"]["OpenIdConnect"]["type"], "openIdConnect");
    app.close().await;
}
