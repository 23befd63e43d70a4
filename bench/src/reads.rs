//! What is read: bodies from the real server, for the bare one; pages and where they lead.

use reqwest::header::LINK;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Error, Result};
use crate::wrk::{Load, Wrk};

/// How many resources the server gives at once.
const PAGE: usize = 1_000;

/// The text of an answer, and the cursor to which its `Link` header leads.
pub(crate) async fn fetch(url: &str) -> Result<(String, Option<String>)> {
    let answer = reqwest::get(url).await?.error_for_status()?;
    let link = answer.headers().get(LINK).and_then(|l| l.to_str().ok()).unwrap_or_default();
    let cursor = link.split_once("cursor=").map(|(_, rest)| rest.chars().take_while(char::is_ascii_alphanumeric).collect());
    Ok((answer.text().await?, cursor))
}

#[derive(Deserialize)]
struct Identified {
    identifier: String,
}

/// Identifiers and bodies of all datasets, byte by byte as the server answers them, in the default order.
pub(crate) async fn bodies(server: &str) -> Result<Vec<(String, String)>> {
    let mut out = Vec::new();
    loop {
        let (page, _) = fetch(&format!("{server}/datasets?offset={}&limit={PAGE}", out.len())).await?;
        let page: Vec<&RawValue> = serde_json::from_str(&page)?;
        for body in &page {
            let Identified { identifier } = serde_json::from_str(body.get())?;
            out.push((identifier, body.get().to_owned()));
        }
        if page.len() < PAGE {
            return Ok(out);
        }
    }
}

/// An access token of the development realm's user.
pub(crate) async fn token(issuer: &str) -> Result<String> {
    #[derive(Deserialize)]
    struct Tokens {
        access_token: String,
    }
    let form = [("grant_type", "password"), ("client_id", "aiod-sdk"), ("username", "user"), ("password", "password")];
    let url = format!("{}/protocol/openid-connect/token", issuer.trim_end_matches('/'));
    let answer = reqwest::Client::new().post(url).form(&form).send().await?.error_for_status()?;
    let Tokens { access_token } = serde_json::from_str(&answer.text().await?)?;
    Ok(access_token)
}

/// Where a page of the ten resources that were registered first begins, newest first.
pub(crate) async fn last_page(server: &str) -> Result<String> {
    let (_, eleventh) = fetch(&format!("{server}/datasets?cursor=&direction=asc&limit=11")).await?;
    let cursor = eleventh.ok_or_else(|| Error::other("a page by cursor has no Link to the next one"))?;
    Ok(format!("/datasets?limit=10&cursor={cursor}"))
}

/// Two loads side by side, several times in turn; of each the best, which others' work on the machine disturbed least.
pub(crate) fn best_of(
    runs: usize,
    mut first: impl FnMut() -> Result<Load>,
    mut second: impl FnMut() -> Result<Load>,
) -> Result<(Load, Load)> {
    let (mut a, mut b) = (Load::default(), Load::default());
    for _ in 0..runs.max(1) {
        a = a.better(first()?);
        b = b.better(second()?);
    }
    Ok((a, b))
}

/// The same paths on two servers, in turn.
pub(crate) fn compare(wrk: &Wrk, runs: usize, servers: [&str; 2], paths: &[String]) -> Result<(Load, Load)> {
    let [real, bare] = servers;
    best_of(runs, || wrk.load(real, paths), || wrk.load(bare, paths))
}
