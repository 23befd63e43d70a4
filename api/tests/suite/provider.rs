//! An identity provider of the tests' own: it speaks as much of Keycloak as the catalogue listens to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use aiod_api::config::Config;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{CoreHmacKey, CoreJwsSigningAlgorithm, CoreRsaPrivateSigningKey};
use openidconnect::{JsonWebKeyId, PrivateSigningKey};
use p256::ecdsa::signature::Signer as _;
use poem::http::{StatusCode, header};
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{Endpoint, Request, Response};
use rsa::pkcs1::EncodeRsaPrivateKey;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The client's secret, as the provider knows it.
pub(crate) const SECRET: &str = "catalogue-secret";
/// The token that the provider hands out to the catalogue itself.
const OWN_TOKEN: &str = "the-catalogue-s-own-token";
/// Where the realm's documents are.
const REALM: &str = "/auth/realms/aiod";

/// What signs tokens.
#[derive(Clone)]
enum Secret {
    Ec(Box<p256::ecdsa::SigningKey>),
    Rsa(Arc<rsa::RsaPrivateKey>),
    /// A text that both sides know.
    Shared(Vec<u8>),
    /// No signature.
    Nothing,
}

/// A key of the provider, or of somebody who would like to be one.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) id: String,
    secret: Secret,
}

impl Key {
    /// A key of its own on the curve P-256.
    pub(crate) fn ec(id: &str) -> Self {
        let key = p256::ecdsa::SigningKey::from_slice(&rand::random::<[u8; 32]>()).unwrap();
        Self { id: id.to_owned(), secret: Secret::Ec(Box::new(key)) }
    }

    /// An RSA key: all are the same one, as making one takes long.
    pub(crate) fn rsa(id: &str) -> Self {
        static KEY: LazyLock<Arc<rsa::RsaPrivateKey>> =
            LazyLock::new(|| Arc::new(rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap()));
        Self { id: id.to_owned(), secret: Secret::Rsa(Arc::clone(&KEY)) }
    }

    /// What signs by HS256 with a secret that is anything but that.
    pub(crate) fn shared(id: &str, text: &[u8]) -> Self {
        Self { id: id.to_owned(), secret: Secret::Shared(text.to_vec()) }
    }

    /// What does not sign at all.
    pub(crate) fn none(id: &str) -> Self {
        Self { id: id.to_owned(), secret: Secret::Nothing }
    }

    fn algorithm(&self) -> &'static str {
        match &self.secret {
            Secret::Ec(_) => "ES256",
            Secret::Rsa(_) => "RS256",
            Secret::Shared(_) => "HS256",
            Secret::Nothing => "none",
        }
    }

    fn rsa_key(&self, key: &rsa::RsaPrivateKey) -> CoreRsaPrivateSigningKey {
        let pem = key.to_pkcs1_pem(rsa::pkcs8::LineEnding::LF).unwrap();
        CoreRsaPrivateSigningKey::from_pem(&pem, Some(JsonWebKeyId::new(self.id.clone()))).unwrap()
    }

    /// The public part, as the provider publishes it.
    pub(crate) fn public(&self) -> Value {
        let mut jwk = match &self.secret {
            Secret::Ec(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let coordinate = |bytes: Option<&[u8]>| URL_SAFE_NO_PAD.encode(bytes.unwrap());
                json!({"kty": "EC", "crv": "P-256", "x": coordinate(point.x().map(|x| x.as_slice())),
                    "y": coordinate(point.y().map(|y| y.as_slice()))})
            }
            Secret::Rsa(key) => serde_json::to_value(self.rsa_key(key).as_verification_key()).unwrap(),
            Secret::Shared(_) | Secret::Nothing => json!({}),
        };
        jwk["kid"] = json!(self.id);
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.algorithm());
        jwk
    }

    /// A token with these claims.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&json!({"alg": self.algorithm(), "typ": "JWT", "kid": self.id}), claims)
    }

    /// A token with this header.
    pub(crate) fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = match &self.secret {
            Secret::Ec(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message.as_bytes());
                signature.to_bytes().to_vec()
            }
            Secret::Rsa(key) => self.rsa_key(key).sign(&CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256, message.as_bytes()).unwrap(),
            Secret::Shared(text) => CoreHmacKey::new(text.clone()).sign(&CoreJwsSigningAlgorithm::HmacSha256, message.as_bytes()).unwrap(),
            Secret::Nothing => Vec::new(),
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Seconds since 1970.
pub(crate) fn seconds() -> i64 {
    aiod_api::store::now() / 1_000_000
}

#[derive(Default)]
struct State {
    keys: Vec<Value>,
    users: Vec<Value>,
    /// Tokens whose session has ended.
    ended: BTreeSet<String>,
    /// How often each path was asked for.
    asked: BTreeMap<String, usize>,
    /// What it answers instead of what it knows.
    failure: Option<StatusCode>,
    /// Whether it takes questions and never answers.
    hangs: bool,
    /// What it says its public address is.
    public: Option<String>,
}

/// The provider.
pub(crate) struct FakeProvider {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    server: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl FakeProvider {
    /// One that answers, and publishes these keys.
    pub(crate) async fn start(keys: &[&Key]) -> Self {
        let mut provider = Self { address: SocketAddr::from(([127, 0, 0, 1], 0)), state: Arc::default(), server: None };
        provider.publish(keys);
        provider.up().await;
        provider
    }

    /// Publishes these keys and no others.
    pub(crate) fn publish(&self, keys: &[&Key]) {
        self.state.lock().unwrap().keys = keys.iter().map(|key| key.public()).collect();
    }

    pub(crate) fn add_user(&self, id: &str, name: &str) {
        self.state.lock().unwrap().users.push(json!({"id": id, "username": name, "enabled": true}));
    }

    /// Ends the session of a token.
    pub(crate) fn end_session(&self, token: &str) {
        self.state.lock().unwrap().ended.insert(token.to_owned());
    }

    pub(crate) fn fail_with(&self, status: Option<StatusCode>) {
        self.state.lock().unwrap().failure = status;
    }

    /// Says that it is reached by another address, up to the part before `/realms/`.
    pub(crate) fn pretend(&self, public: &str) {
        self.state.lock().unwrap().public = Some(public.to_owned());
    }

    pub(crate) fn hang(&self, hangs: bool) {
        self.state.lock().unwrap().hangs = hangs;
    }

    /// How often what ends so was asked for.
    pub(crate) fn asked(&self, end: &str) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|(path, _)| path.ends_with(end)).map(|(_, count)| count).sum()
    }

    /// Begins to answer, where it answered before.
    pub(crate) async fn up(&mut self) {
        let acceptor = TcpListener::bind(self.address).into_acceptor().await.unwrap();
        self.address = *acceptor.local_addr()[0].as_socket_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let service = Service { base: format!("http://{}", self.address), state: Arc::clone(&self.state) };
        let server = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            let served = poem::Server::new_with_acceptor(acceptor).run_with_graceful_shutdown(service, stopped, Some(Duration::ZERO)).await;
            served.unwrap();
        });
        self.server = Some((stop, server));
    }

    /// Ends: connections are refused.
    pub(crate) async fn down(&mut self) {
        if let Some((stop, server)) = self.server.take() {
            drop(stop);
            server.await.unwrap();
        }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}/auth", self.address)
    }

    pub(crate) fn issuer(&self) -> String {
        format!("http://{}{REALM}", self.address)
    }

    /// Makes a catalogue take this provider's tokens.
    pub(crate) fn configure(&self, config: &mut Config) {
        config.keycloak.issuer = self.issuer().into();
    }

    /// The claims of a user's token, as Keycloak makes them, with some changed.
    pub(crate) fn claims(&self, name: &str, roles: &[&str], changed: Value) -> Value {
        let now = seconds();
        let roles: Vec<&str> = roles.iter().copied().chain(["offline_access", "uma_authorization", "default-roles-aiod"]).collect();
        let mut claims = json!({
            "exp": now + 300, "iat": now, "jti": "onrtro:1a3b", "iss": self.issuer(), "aud": "account", "sub": format!("subject of {name}"),
            "typ": "Bearer", "azp": "aiod-sdk", "sid": "5a1c", "acr": "1", "allowed-origins": ["/*"], "realm_access": {"roles": roles},
            "resource_access": {"account": {"roles": ["manage-account", "view-profile"]}}, "scope": "openid profile email",
            "email_verified": true, "name": "A B", "preferred_username": name, "given_name": "A", "family_name": "B", "email": "a@b.example",
        });
        for (member, value) in changed.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(member)),
                value => claims[member] = value.clone(),
            }
        }
        claims
    }
}

struct Service {
    base: String,
    state: Arc<Mutex<State>>,
}

impl Service {
    fn answer(&self, path: &str, request: &Request, form: &BTreeMap<String, String>) -> Response {
        let state = self.state.lock().unwrap();
        let authorization = request.header(header::AUTHORIZATION).unwrap_or_default();
        let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("aiod-api:{SECRET}")));
        let protocol = format!("{REALM}/protocol/openid-connect");
        if let Some(status) = state.failure {
            return status.into();
        }
        if path == format!("{REALM}/.well-known/openid-configuration") {
            let issuer = match &state.public {
                Some(public) => format!("{public}/realms/aiod"),
                None => format!("{}{REALM}", self.base),
            };
            let at = |end: &str| format!("{issuer}/protocol/openid-connect{end}");
            return json_answer(&json!({"issuer": issuer, "authorization_endpoint": at("/auth"),
                "token_endpoint": at("/token"), "introspection_endpoint": at("/token/introspect"), "jwks_uri": at("/certs"),
                "response_types_supported": ["code"], "subject_types_supported": ["public", "pairwise"],
                "id_token_signing_alg_values_supported": ["RS256", "ES256"]}));
        }
        if path == format!("{protocol}/certs") {
            return json_answer(&json!({"keys": state.keys}));
        }
        if path == format!("{protocol}/token/introspect") && authorization == basic {
            return json_answer(&json!({"active": !state.ended.contains(&form["token"])}));
        }
        if path == format!("{protocol}/token") && authorization == basic && form["grant_type"] == "client_credentials" {
            return json_answer(&json!({"access_token": OWN_TOKEN, "token_type": "Bearer", "expires_in": 300}));
        }
        let users = path.strip_prefix("/auth/admin/realms/aiod/users").filter(|_| authorization == format!("Bearer {OWN_TOKEN}"));
        match users {
            Some("") => {
                let query: BTreeMap<String, String> = request.params().unwrap();
                let found: Vec<&Value> = state.users.iter().filter(|user| user["username"] == query["username"].to_lowercase()).collect();
                json_answer(&json!(found))
            }
            Some(id) => match state.users.iter().find(|user| user["id"] == id[1..]) {
                Some(user) => json_answer(user),
                None => StatusCode::NOT_FOUND.into(),
            },
            None => StatusCode::UNAUTHORIZED.into(),
        }
    }
}

impl Endpoint for Service {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let path = request.uri().path().to_owned();
        let body = request.take_body().into_string().await.unwrap();
        let form = openidconnect::url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let hangs = {
            let mut state = self.state.lock().unwrap();
            *state.asked.entry(path.clone()).or_default() += 1;
            state.hangs
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        Ok(self.answer(&path, &request, &form))
    }
}

fn json_answer(value: &Value) -> Response {
    Response::builder().content_type("application/json").body(value.to_string())
}
