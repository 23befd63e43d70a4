//! What must not be shown: keys, and what platforms put into URLs.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use aiod_schema::platform::is_harmless;
use reqwest::header::AUTHORIZATION;
use reqwest::{Request, Url};

/// What stands for a masked value.
pub(super) const MASK: &str = "***";

/// A text that no message, log or debug output shows, such as an API key.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the header that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("a key is one or more visible ASCII characters")]
pub struct NotAKey;

impl Secret {
    /// Makes sure that the text can stand in a header.
    ///
    /// # Errors
    /// When it is empty or has other characters than visible ASCII.
    pub fn check(&self) -> Result<(), NotAKey> {
        let fits = !self.0.is_empty() && self.0.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(()) } else { Err(NotAKey) }
    }
}

/// Never fails, since a command line's complaint about a value repeats the value: [`Secret::check`] tells later.
impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        // Keys that come from a file usually end in a line break.
        Ok(Self(text.trim().to_owned()))
    }
}

/// A URL without user, password, query and fragment.
pub fn bare(url: &Url) -> Url {
    let mut bare = url.clone();
    bare.set_query(None);
    bare.set_fragment(None);
    // These fail only for URLs without a host, which have neither.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare
}

/// A URL as it may stand in messages and logs: no user, no password, no fragment, harmless query values only.
pub fn shown(url: &Url) -> String {
    let mut text = bare(url).to_string();
    for (index, (name, value)) in url.query_pairs().enumerate() {
        let value = if is_harmless(&name) { value.as_ref() } else { MASK };
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(&name);
        text.push('=');
        text.push_str(value);
    }
    text
}

/// The secrets of a request, for masking them in what is answered.
pub(super) fn hidden(request: &Request) -> Vec<String> {
    let url = request.url();
    let mut hidden: Vec<String> = url.query_pairs().filter(|(name, _)| !is_harmless(&name)).map(|(_, value)| value.into_owned()).collect();
    hidden.extend(url.password().map(str::to_owned));
    let token = request.headers().get(AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer "));
    hidden.extend(token.map(str::to_owned));
    // Replacing every "1" would make answers unreadable and hide nothing.
    hidden.retain(|secret| secret.len() >= 4);
    hidden
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn shown_urls_hold_no_secrets() {
        let url = Url::parse("https://user:pa55word@host.example/get?apiToken=abcd1234&limit=10&q=x#frag").unwrap();
        assert_eq!(shown(&url), "https://host.example/get?apiToken=***&limit=10&q=***");
        let secret: Secret = "abcd1234\n".parse().unwrap();
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(secret.check(), Ok(()));
        for bad in ["", " ", "two words", "schlüssel"] {
            assert_eq!(bad.parse::<Secret>().unwrap().check(), Err(NotAKey), "{bad}");
        }
    }
}
