//! Who sent a request, from its `Authorization` header.

use poem::http::header::AUTHORIZATION;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::app::App;
use crate::catalogue::Error;
use crate::identity::Caller;

/// The name of the scheme of tokens, as clients of the existing service know it.
pub(crate) const OPEN_ID_CONNECT: &str = "OpenIdConnect";
/// The name of the scheme of API keys.
const API_KEY: &str = "ApiKey";
/// Every scheme; one of them is enough.
pub(crate) const SCHEMES: [&str; 2] = [OPEN_ID_CONNECT, API_KEY];
/// Where the login is described, as long as no configuration says it: the address of the existing service's development set-up.
const DEFAULT_DISCOVERY_URL: &str = "http://localhost/aiod-auth/realms/aiod/.well-known/openid-configuration";

/// Who is asking. Extracting never fails for want of a right: a bad key counts as none, and the rules say where one is needed.
pub(crate) struct Auth(pub(crate) Caller);

impl<'a> ApiExtractor<'a> for Auth {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = |ty, description| MetaSecurityScheme {
            ty,
            description: Some(description),
            name: None,
            key_in: None,
            scheme: None,
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        };
        let of_tokens = "An access token of Keycloak, as `Authorization: Bearer <token>`, where the catalogue is set up for it.";
        let tokens = MetaSecurityScheme { openid_connect_url: Some(DEFAULT_DISCOVERY_URL), ..scheme("openIdConnect", of_tokens) };
        let of_keys =
            "An API key of the catalogue, as `Authorization: Bearer <key>`. Administrators make keys with `aiod-api keys create`.";
        let keys = MetaSecurityScheme { scheme: Some("bearer"), ..scheme("http", of_keys) };
        registry.create_security_scheme(OPEN_ID_CONNECT, tokens);
        registry.create_security_scheme(API_KEY, keys);
    }

    fn security_schemes() -> Vec<&'static str> {
        SCHEMES.to_vec()
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<Self::ParamType>) -> Result<Self> {
        let caller = request.data::<Caller>().cloned();
        Ok(Self(caller.ok_or_else(|| Error::Internal("nobody has found out who sent the request".to_owned()))?))
    }
}

/// Finds out who sent a request. This is done once, before anything else; [`Auth`] hands it on.
///
/// # Errors
/// When the database fails.
pub(crate) async fn identify(app: &App, request: &Request) -> Result<Caller, Error> {
    match request.header(AUTHORIZATION).and_then(bearer) {
        Some(credentials) => Ok(app.identity.caller(credentials).await?),
        None => Ok(Caller::Anonymous),
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
