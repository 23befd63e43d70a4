//! What must not be shown: keys, and what platforms put into URLs. No library knows which parameters of a URL are harmless.

use std::convert::Infallible;

use aiod_schema::platform::is_harmless;
use reqwest::header::AUTHORIZATION;
use reqwest::{Request, Url};
use secrecy::{ExposeSecret, SecretString};

/// What stands for a masked value.
pub(super) const MASK: &str = "***";

/// Why a text is no key.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("a key is one or more visible ASCII characters")]
pub struct NotAKey;

/// Takes a key as an option or a file has it: the latter usually ends in a line break. Never fails, since a command line's complaint
/// about a value repeats the value: [`check_key`] finds later what is wrong.
///
/// # Errors
/// Never.
pub fn read_key(text: &str) -> Result<SecretString, Infallible> {
    Ok(text.trim().into())
}

/// Makes sure that the key can stand in a header.
///
/// # Errors
/// When it is empty or has other characters than visible ASCII.
pub fn check_key(key: &SecretString) -> Result<(), NotAKey> {
    let text = key.expose_secret();
    let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if fits { Ok(()) } else { Err(NotAKey) }
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
    let mut hidden: Vec<String> = url.query_pairs().filter(|(name, _)| !is_harmless(name)).map(|(_, value)| value.into_owned()).collect();
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
        let secret = read_key("abcd1234\n").unwrap();
        assert_eq!((secret.expose_secret(), format!("{secret:?}").contains("abcd")), ("abcd1234", false));
        assert_eq!(check_key(&secret), Ok(()));
        for bad in ["", " ", "two words", "schlüssel"] {
            assert_eq!(check_key(&read_key(bad).unwrap()), Err(NotAKey), "{bad}");
        }
    }
}
