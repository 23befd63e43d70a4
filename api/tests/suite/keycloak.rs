//! Tokens of a real Keycloak, when `AIOD_TEST_KEYCLOAK_URL` tells where one with the realm of the project is.

use aiod_api::config::Config;
use serde_json::{Value, json};

use crate::harness::TestApp;

/// Where Keycloak is, without the realm.
const SERVER: &str = "AIOD_TEST_KEYCLOAK_URL";
/// The secret of the catalogue's client in that realm.
const SECRET: &str = "aiod-api-development-secret";

struct Keycloak {
    url: String,
    http: reqwest::Client,
}

impl Keycloak {
    /// Nothing where there is none, which the test then says.
    fn here() -> Option<Self> {
        match std::env::var(SERVER) {
            Ok(url) => Some(Self { url: url.trim_end_matches('/').to_owned(), http: reqwest::Client::new() }),
            Err(_) => {
                println!("skipped: {SERVER} is not set");
                None
            }
        }
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> reqwest::Response {
        let url = format!("{}/realms/aiod/protocol/openid-connect/{path}", self.url);
        let answer = self.http.post(url).form(form).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {} {}", answer.status(), answer.text().await.unwrap());
        answer
    }

    async fn tokens(&self, form: &[(&str, &str)]) -> Value {
        self.post("token", form).await.json().await.unwrap()
    }

    /// What the client of Python programs gets for a user.
    async fn login(&self, name: &str) -> Value {
        let form =
            [("grant_type", "password"), ("client_id", "aiod-sdk"), ("username", name), ("password", "password"), ("scope", "openid")];
        self.tokens(&form).await
    }

    async fn service_account(&self, client: &str) -> String {
        let secret = format!("{client}-development-secret");
        let form = [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", &secret)];
        access(&self.tokens(&form).await)
    }

    async fn app(&self, configure: impl FnOnce(&mut Config)) -> TestApp {
        let discovery = aiod_api::identity::discovery_url(&format!("{}/realms/aiod", self.url));
        let described: Value = self.http.get(discovery).send().await.unwrap().json().await.unwrap();
        let configure = |config: &mut Config| {
            // It may have another address for the public.
            config.keycloak.issuer = described["issuer"].as_str().unwrap().into();
            config.keycloak.internal_url = self.url.as_str().into();
            config.keycloak.client_secret = SECRET.into();
            configure(config);
        };
        TestApp::with(configure).await
    }
}

fn access(tokens: &Value) -> String {
    tokens["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_user_of_keycloak_registers() {
    let Some(keycloak) = Keycloak::here() else { return };
    let app = keycloak.app(|_| {}).await;
    let tokens = keycloak.login("user").await;
    let id = app.post("/datasets", &json!({"name": "x"})).key(&access(&tokens)).send().await.identifier();
    let again = access(&keycloak.login("user").await);
    app.get(&format!("/datasets/{id}")).key(&again).send().await.ok();
    app.get(&format!("/datasets/{id}")).key(&access(&keycloak.login("reviewer").await)).send().await.refused(403);
    let who = app.get("/authorization_test").key(&again).send().await.ok();
    assert_eq!(who["name"], "user");
    // Neither of the other tokens of the login is for us.
    for other in ["id_token", "refresh_token"] {
        app.post("/datasets", &json!({"name": "x"})).key(tokens[other].as_str().unwrap()).send().await.refused(401);
    }
    app.close().await;
}

#[tokio::test]
async fn the_administrator_of_keycloak_is_ours() {
    let Some(keycloak) = Keycloak::here() else { return };
    let app = keycloak.app(|_| {}).await;
    let (administrator, user) = (access(&keycloak.login("admin").await), access(&keycloak.login("user").await));
    app.post("/platforms", &json!({"name": "new"})).key(&user).send().await.refused(403);
    app.post("/platforms", &json!({"name": "new"})).key(&administrator).send().await.ok();
    app.close().await;
}

#[tokio::test]
async fn a_connector_of_keycloak_registers_for_its_platform() {
    let Some(keycloak) = Keycloak::here() else { return };
    let app = keycloak.app(|_| {}).await;
    let token = keycloak.service_account("connector-openml").await;
    let record = |platform: &str| json!({"platform": platform, "platform_resource_identifier": "1", "name": "x"});
    app.post("/datasets", &record("openml")).key(&token).send().await.ok();
    app.post("/datasets", &record("zenodo")).key(&token).send().await.refused(403);
    app.post("/datasets", &json!({"name": "x"})).key(&token).send().await.refused(403);
    app.close().await;
}

#[tokio::test]
async fn a_logout_is_noticed_by_introspection() {
    let Some(keycloak) = Keycloak::here() else { return };
    let configure = |config: &mut Config| {
        config.keycloak.introspection = true;
        config.keycloak.introspection_seconds = 0;
    };
    let app = keycloak.app(configure).await;
    let tokens = keycloak.login("user").await;
    let register = || app.post("/datasets", &json!({"name": "x"})).key(tokens["access_token"].as_str().unwrap()).send();
    register().await.ok();
    let logout = [("client_id", "aiod-sdk"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    keycloak.post("logout", &logout).await;
    assert!(register().await.refused(401).ends_with("the session of the token has ended."));
    let service = keycloak.service_account("connector-openml").await;
    app.get("/authorization_test").key(&service).send().await.ok();
    app.close().await;
}

#[tokio::test]
async fn users_of_keycloak_are_found() {
    let Some(keycloak) = Keycloak::here() else { return };
    let app = keycloak.app(|_| {}).await;
    let identity = &app.app.identity;
    let user = identity.find_user("reviewer").await.unwrap().unwrap();
    assert_eq!(user.name, "reviewer");
    assert_eq!(identity.find_user("nobody of this name").await.unwrap(), None);
    assert_eq!(identity.find_user("00000000-0000-4000-8000-000000000000").await.unwrap(), None);
    let who = access(&keycloak.login("admin").await);
    app.get("/authorization_test").key(&who).send().await.ok();
    assert_eq!(identity.find_user("admin").await.unwrap().unwrap().name, "admin");
    app.close().await;
}
