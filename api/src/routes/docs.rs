//! The interface's documentation: Swagger UI, ReDoc and the document itself, for each version, without internet, and behind a
//! proxy that adds a prefix.

use std::sync::{Arc, LazyLock};

use poem::endpoint::make_sync;
use poem::http::Uri;
use poem::{EndpointExt, Request, Response, Route, get};
use poem_openapi::OpenApiService;

use serde_json::{Value, json};

use super::Version;
use super::caller::OPEN_ID_CONNECT;
use super::document::{document, set_issuer};
use super::extract::forwarded_prefix;
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

/// Adds the pages of every version that is served.
pub(super) fn add(route: Route, app: &Arc<App>) -> Route {
    let served = Version::ALL.into_iter().filter(|version| version.is_served(&app.config.versions));
    served.fold(route, |route, version| {
        let html = |page: fn(&Pages, &str, &Keycloak) -> String| {
            let app = Arc::clone(app);
            make_sync(move |request: Request| {
                let body = page(pages(version), &forwarded_prefix(&request), &app.config.keycloak);
                Response::builder().content_type("text/html; charset=utf-8").body(body)
            })
        };
        let of_json = Arc::clone(app);
        let json = make_sync(move |request: Request| {
            let document = pages(version).document_below(&forwarded_prefix(&request), &of_json.config.keycloak);
            Response::builder().content_type("application/json").body(document.to_string())
        });
        let prefix = version.prefix();
        route
            .at(format!("{prefix}/openapi.json"), get(json))
            .at(format!("{prefix}/docs"), get(html(Pages::swagger_below)))
            .at(format!("{prefix}/docs/{REDIRECT_PAGE}"), get(redirect_page()))
            .at(format!("{prefix}/redoc"), get(html(Pages::redoc_below)))
    })
}

/// The page by which Swagger UI learns how the login went: the library's.
fn redirect_page() -> impl poem::Endpoint {
    static LIBRARY: LazyLock<OpenApiService<(), ()>> = LazyLock::new(|| OpenApiService::new((), "", ""));
    LIBRARY.swagger_ui().before(|mut request: Request| async move {
        *request.uri_mut() = Uri::from_static("/oauth-receiver.html");
        Ok(request)
    })
}
