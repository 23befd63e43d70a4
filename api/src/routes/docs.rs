//! The interface's documentation: Swagger UI, ReDoc and the document itself, for each version, without internet, and behind a
//! proxy that adds a prefix.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use poem::endpoint::make_sync;
use poem::http::{HeaderValue, Uri, header};
use poem::{Endpoint, EndpointExt, Request, Response, Route, get};
use poem_openapi::OpenApiService;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::Version;
use super::address::forwarded_prefix;
use super::caller::OPEN_ID_CONNECT;
use super::document::{document, set_issuer};
use super::etag::EntityTag;
use crate::app::App;
use crate::config::Keycloak;

/// Stands in the pages where the document goes.
const MARK: &str = "\"AIOD-DOCUMENT\"";

/// Stands in the page of Swagger UI where the settings of the login go.
const LOGIN_MARK: &str = "\"AIOD-LOGIN\"";

/// Where Keycloak sends the browser back to, below the page of Swagger UI.
const REDIRECT_PAGE: &str = "oauth2-redirect.html";
/// What Swagger UI asks for of whoever logs in.
const SCOPES: &str = "openid profile roles";

/// What the page of Swagger UI does, instead of the library's script, which knows no login and takes a `#` for part of the path.
const SWAGGER_SCRIPT: &str = r##"<script>
    const here = window.location.origin + window.location.pathname.replace(/\/+$/, "");
    const login = "AIOD-LOGIN";
    const ui = SwaggerUIBundle({
        dom_id: "#ui",
        spec: "AIOD-DOCUMENT",
        // Folded, with a field to search in, in the order of the document, without the list of all schemas.
        docExpansion: "none",
        filter: true,
        defaultModelsExpandDepth: -1,
        displayRequestDuration: true,
        deepLinking: true,
        oauth2RedirectUrl: here + "/oauth2-redirect.html",
    });
    if (login) {
        ui.initOAuth(login);
    }
</script>

</body>
</html>
"##;

/// What browsers and caches may do with a page: use it for some minutes, then ask whether it is still the same.
const CACHING: &str = "public, max-age=300";
const HTML: &str = "text/html; charset=utf-8";
/// So many prefixes of proxies have their pages kept.
const MAX_PREFIXES: usize = 8;

struct Pages {
    document: Value,
    swagger: String,
    redoc: String,
}

impl Pages {
    fn of(version: Version) -> Self {
        // The library's pages with an empty document; ours goes where it stood.
        let empty = OpenApiService::new((), "AIOD-DOCUMENT", "");
        let page = |html: String| {
            let at = empty.spec();
            html.replace(&at, MARK)
                // A font from elsewhere would make the page call home.
                .replace(
                    "<link href=\"https://fonts.googleapis.com/css?family=Montserrat:300,400,700|Roboto:300,400,700\" rel=\"stylesheet\">",
                    "",
                )
        };
        let mut swagger = empty.swagger_ui_html();
        swagger.truncate(swagger.rfind("<script>").unwrap_or(swagger.len()));
        swagger.push_str(SWAGGER_SCRIPT);
        // The server does not start with an interface that cannot be described.
        Self { document: document(version).unwrap_or_default(), swagger, redoc: page(empty.redoc_html()) }
    }

    /// The document for a caller who sees the server below a prefix.
    fn document_below(&self, prefix: &str, keycloak: &Keycloak) -> Value {
        let mut value = self.document.clone();
        let url = if prefix.is_empty() { "/" } else { prefix };
        if let Some(map) = value.as_object_mut() {
            map.insert("servers".to_owned(), json!([{ "url": url }]));
        }
        set_issuer(&mut value, keycloak);
        value
    }

    /// The page of Swagger UI, with a login when there is one.
    fn swagger_below(&self, prefix: &str, keycloak: &Keycloak) -> String {
        let mut document = self.document_below(prefix, keycloak);
        let mut login = Value::Null;
        if let Some(Value::Object(schemes)) = document.pointer_mut("/components/securitySchemes") {
            if keycloak.is_on() {
                login = json!({"clientId": keycloak.swagger_client_id, "scopes": SCOPES, "usePkceWithAuthorizationCodeGrant": true});
                // Of the provider's own list of flows, Swagger UI would show each with a form: there are ten.
                schemes.insert(OPEN_ID_CONNECT.to_owned(), authorization_code(keycloak.issuer.expose()));
            } else {
                // A button that leads nowhere.
                schemes.remove(OPEN_ID_CONNECT);
            }
        }
        self.swagger.replace(LOGIN_MARK, &in_script(&login)).replace(MARK, &in_script(&document))
    }

    fn redoc_below(&self, prefix: &str, keycloak: &Keycloak) -> String {
        self.redoc.replace(MARK, &in_script(&self.document_below(prefix, keycloak)))
    }
}

/// The one way by which people log in at the page, as a security scheme.
fn authorization_code(issuer: &str) -> Value {
    let scopes: serde_json::Map<String, Value> = SCOPES.split(' ').map(|scope| (scope.to_owned(), "".into())).collect();
    let at = |end: &str| format!("{issuer}/protocol/openid-connect/{end}");
    json!({"type": "oauth2", "flows": {"authorizationCode": {"authorizationUrl": at("auth"), "tokenUrl": at("token"), "scopes": scopes}}})
}

/// A value as it may stand in a page's script, which a `</` in a text must not end.
fn in_script(value: &Value) -> String {
    value.to_string().replace("</", "<\\/")
}

fn pages(version: Version) -> &'static Pages {
    static LATEST: LazyLock<Pages> = LazyLock::new(|| Pages::of(Version::Latest));
    static V3: LazyLock<Pages> = LazyLock::new(|| Pages::of(Version::V3));
    static V2: LazyLock<Pages> = LazyLock::new(|| Pages::of(Version::V2));
    match version {
        Version::Latest => &LATEST,
        Version::V3 => &V3,
        Version::V2 => &V2,
    }
}

/// Makes the text of a page for a caller who sees the server below a prefix.
type Maker = fn(&Pages, &str, &Keycloak) -> String;

/// A page in one version, and what it was for each prefix that was asked for.
struct Page {
    app: Arc<App>,
    version: Version,
    media_type: &'static str,
    make: Maker,
    made: Mutex<HashMap<String, Made>>,
}

/// A page as it is sent.
#[derive(Clone)]
struct Made {
    /// Shared by all who are reading it.
    body: Bytes,
    tag: EntityTag,
    policy: Option<HeaderValue>,
}

impl Page {
    fn new(app: &Arc<App>, version: Version, media_type: &'static str, make: Maker) -> Self {
        Self { app: Arc::clone(app), version, media_type, make, made: Mutex::default() }
    }

    fn answer(&self, request: &Request) -> Response {
        let Made { body, tag, policy } = self.made(&forwarded_prefix(request));
        let mut response = Response::builder().content_type(self.media_type).extension(tag).body(body);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHING));
        response.headers_mut().extend(policy.map(|policy| (header::CONTENT_SECURITY_POLICY, policy)));
        response
    }

    /// The page below a prefix; it is made once for each.
    fn made(&self, prefix: &str) -> Made {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = made.get(prefix) {
            return page.clone();
        }
        // A proxy of ours has one prefix, or few.
        if made.len() >= MAX_PREFIXES {
            made.clear();
        }
        let keycloak = &self.app.config.keycloak;
        let body = (self.make)(pages(self.version), prefix, keycloak);
        let policy = (self.media_type == HTML).then(|| policy(&body, keycloak)).flatten();
        let page = Made { tag: EntityTag::of(&body), policy, body: body.into() };
        made.insert(prefix.to_owned(), page.clone());
        page
    }
}

/// What a page may do: run its own scripts, by their hashes, and talk to this server and to the login. Nothing comes from elsewhere.
fn policy(page: &str, keycloak: &Keycloak) -> Option<HeaderValue> {
    let scripts: Vec<String> = scripts(page).map(|script| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script)))).collect();
    let login = Url::parse(keycloak.issuer.expose()).map(|issuer| issuer.origin().ascii_serialization()).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src {}; style-src 'unsafe-inline'; img-src 'self' data: blob:; font-src data:; worker-src blob:; \
         connect-src 'self' {login}; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
        scripts.join(" ")
    );
    HeaderValue::from_str(&policy).ok()
}

/// The texts of a page's scripts. They hold no `</script>`, as that would end them in a browser, too.
fn scripts(page: &str) -> impl Iterator<Item = &str> {
    let mut rest = page;
    std::iter::from_fn(move || {
        let (_, tag) = rest.split_once("<script")?;
        let (_, begin) = tag.split_once('>')?;
        let (script, after) = begin.split_once("</script>")?;
        rest = after;
        Some(script)
    })
}

/// Adds the pages of every version that is served.
pub(super) fn add(route: Route, app: &Arc<App>) -> Route {
    let served = Version::ALL.into_iter().filter(|version| version.is_served(&app.config.versions));
    served.fold(route, |route, version| {
        let page = |media_type, make: Maker| {
            let page = Page::new(app, version, media_type, make);
            get(make_sync(move |request: Request| page.answer(&request)))
        };
        let json = |pages: &Pages, prefix: &str, keycloak: &Keycloak| pages.document_below(prefix, keycloak).to_string();
        let prefix = version.prefix();
        route
            .at(format!("{prefix}/openapi.json"), page("application/json", json))
            .at(format!("{prefix}/docs"), page(HTML, Pages::swagger_below))
            .at(format!("{prefix}/docs/{REDIRECT_PAGE}"), get(redirect_page(app)))
            .at(format!("{prefix}/redoc"), page(HTML, Pages::redoc_below))
    })
}

/// The page by which Swagger UI learns how the login went: the library's.
fn redirect_page(app: &Arc<App>) -> impl Endpoint + use<> {
    static LIBRARY: LazyLock<OpenApiService<(), ()>> = LazyLock::new(|| OpenApiService::new((), "", ""));
    let app = Arc::clone(app);
    let page = LIBRARY.swagger_ui().before(|mut request: Request| async move {
        *request.uri_mut() = Uri::from_static("/oauth-receiver.html");
        Ok(request)
    });
    page.map_to_response().and_then(move |mut response: Response| {
        let app = Arc::clone(&app);
        async move {
            let body = response.take_body().into_string().await?;
            response.headers_mut().extend(policy(&body, &app.config.keycloak).map(|policy| (header::CONTENT_SECURITY_POLICY, policy)));
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHING));
            response.set_body(body);
            Ok(response)
        }
    })
}
