//! Where a caller sees this server: what the addresses in answers begin with.

use std::sync::Arc;

use poem::Request;
use poem::http::header;
use poem::http::uri::Authority;

use crate::app::App;

/// What a proxy of ours says of the request that it got.
const FORWARDED_HEADERS: [&str; 3] = [FORWARDED_PREFIX, FORWARDED_HOST, FORWARDED_PROTO];
const FORWARDED_PREFIX: &str = "X-Forwarded-Prefix";
const FORWARDED_HOST: &str = "X-Forwarded-Host";
const FORWARDED_PROTO: &str = "X-Forwarded-Proto";

/// The headers of requests on which the addresses in answers depend; `None` when there are none, because no proxy stands before the server.
pub(super) fn varying_headers(app: &App) -> Option<String> {
    app.config.limits.behind_proxy.then(|| FORWARDED_HEADERS.join(", "))
}

/// A header that counts only when our own proxy wrote it.
fn forwarded<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    let app = request.data::<Arc<App>>()?;
    request.header(name).filter(|_| app.config.limits.behind_proxy)
}

/// The path below which the caller sees this server's root: the prefix that a proxy of ours says, or nothing.
pub(super) fn forwarded_prefix(request: &Request) -> String {
    let given = forwarded(request, FORWARDED_PREFIX).unwrap_or_default().trim_end_matches('/');
    let is_path =
        given.starts_with('/') && !given.starts_with("//") && given.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.~".contains(&b));
    if is_path { given.to_owned() } else { String::new() }
}

/// What the links of answers begin with: the configured address, or the path of the server's root.
pub(super) fn link_base(request: &Request) -> String {
    public_url(request).unwrap_or_else(|| forwarded_prefix(request))
}

/// The address of the server's root, without a slash at its end: the configured one, or the one to which the request was sent.
pub(super) fn base(request: &Request) -> String {
    public_url(request).unwrap_or_else(|| format!("{}://{}{}", scheme(request), host(request), forwarded_prefix(request)))
}

fn public_url(request: &Request) -> Option<String> {
    let url = &request.data::<Arc<App>>()?.config.public_url;
    (!url.is_empty()).then(|| url.expose().to_owned())
}

fn scheme(request: &Request) -> &'static str {
    if forwarded(request, FORWARDED_PROTO).is_some_and(|proto| proto.eq_ignore_ascii_case("https")) { "https" } else { "http" }
}

/// The host as the caller named it. Whoever names none, or nothing that can be one, gets the address that the server listens on.
fn host(request: &Request) -> String {
    let named = forwarded(request, FORWARDED_HOST)
        .or_else(|| request.header(header::HOST))
        .or_else(|| request.uri().authority().map(Authority::as_str));
    let is_host = |host: &&str| !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]_".contains(&b));
    let listen = || request.data::<Arc<App>>().map_or("localhost", |app| app.config.listen.as_str());
    named.filter(is_host).unwrap_or_else(listen).to_owned()
}
