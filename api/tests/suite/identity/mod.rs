//! Tokens of an identity provider, beside API keys.

mod provider;
mod tokens;
mod users;

use poem::http::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Answer, TestApp};
use crate::provider::{FakeProvider, Key, SECRET};

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
        let configure = |config: &mut aiod_api::config::Config| {
            provider.configure(config);
            config.limits.behind_proxy = true;
        };
        let app = TestApp::with(configure).await;
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
