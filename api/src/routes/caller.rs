//! Who sent a request, from its `Authorization` header.

use std::sync::Arc;

use poem::http::header::AUTHORIZATION;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::App;
use crate::catalogue::Error;
use crate::identity::Caller;

/// The name of the scheme in the OpenAPI document.
pub(crate) const SCHEME: &str = "ApiKey";

/// Who is asking. Extracting never fails for want of a right: a bad key counts as none, and the rules say where one is needed.
pub(crate) struct Auth(pub(crate) Caller);

impl<'a> ApiExtractor<'a> for Auth {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let description =
            Some("An API key of the catalogue, as `Authorization: Bearer <key>`. Administrators make keys with `aiod-api keys create`.");
        let scheme = MetaSecurityScheme {
            ty: "http",
            description,
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(SCHEME, scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<Self::ParamType>) -> Result<Self> {
        let Some(credentials) = request.header(AUTHORIZATION).and_then(bearer) else { return Ok(Self(Caller::Anonymous)) };
        let Some(app) = request.data::<Arc<App>>() else {
            return Err(Error::Internal("the application is not part of the request".to_owned()).into());
        };
        let caller = app.identity.caller(credentials).await.map_err(Error::from)?;
        Ok(Self(caller))
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
