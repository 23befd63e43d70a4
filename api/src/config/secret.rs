//! Values that must not be printed. Their types mask them, in `aiod-api config`, in `Debug` and in messages.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// What stands in place of a secret.
const MASK: &str = "***";

/// Writes `***` for a secret; nothing for an empty one, so that one sees that none is set.
pub(super) fn serialize_masked<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if secret.expose_secret().is_empty() { "" } else { MASK })
}

/// A URL that may hold a password. It is printed with `***` wherever a password may stand.
#[derive(Clone, Default, Deserialize)]
#[serde(from = "String")]
pub struct SecretUrl(SecretString);

impl SecretUrl {
    /// The whole URL, its password included: for those who connect, not for messages.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether no URL is set.
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }
}

impl From<String> for SecretUrl {
    fn from(url: String) -> Self {
        Self(url.into())
    }
}

impl From<&str> for SecretUrl {
    fn from(url: &str) -> Self {
        Self(url.into())
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask(self.expose()))
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", mask(self.expose()))
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Masks a URL: the password before the host, and the values after `?` or `#`. People mistype URLs, so this does not need a valid one: it
/// would rather hide too much than show a password.
pub(super) fn mask(url: &str) -> String {
    let (scheme, rest) = split_scheme(url);
    if let Some((user, host)) = rest.rsplit_once('@') {
        return format!("{scheme}{}@{}", mask_user(user), mask_query(host));
    }
    match user_without_host(scheme, rest) {
        Some(user) => format!("{scheme}{user}:{MASK}"),
        None => format!("{scheme}{}", mask_query(rest)),
    }
}

/// What is before the host or the file, `mysql://` say, and the rest. The scheme is empty where there is none.
fn split_scheme(url: &str) -> (&str, &str) {
    let length = match url.split_once(':') {
        Some((name, rest)) if name_length(name) == name.len() && rest.starts_with("//") => name.len() + "://".len(),
        Some(("sqlite", _)) => "sqlite:".len(),
        _ => 0,
    };
    url.split_at(length)
}

/// `aiod:secret` as `aiod:***`. A name alone stays.
fn mask_user(user: &str) -> String {
    let (name, rest) = user.split_at(name_length(user));
    match rest.chars().next() {
        None => name.to_owned(),
        Some(':') => format!("{name}:{MASK}"),
        Some(_) => format!("{name}{MASK}"),
    }
}

/// The user of a URL that ends with a password, because its host was forgotten: what follows the colon is no port.
fn user_without_host<'a>(scheme: &str, rest: &'a str) -> Option<&'a str> {
    // A path of SQLite has no host. The colons of an IPv6 address stand in brackets.
    if scheme.starts_with("sqlite:") || rest.starts_with('[') {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, port) = authority.split_once(':')?;
    port.parse::<u16>().is_err().then_some(user)
}

/// `host/path?key=secret` as `host/path?key=***`.
fn mask_query(text: &str) -> String {
    let Some(start) = text.find(['?', '#']) else { return text.to_owned() };
    let (shown, query) = text.split_at(start + 1);
    let (name, rest) = query.split_at(name_length(query));
    if rest.starts_with('=') { format!("{shown}{name}={MASK}") } else { format!("{shown}{MASK}") }
}

/// How many bytes at the beginning can belong to a name: letters, digits and a few signs.
fn name_length(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_secret_stays_readable() {
        for url in [
            "sqlite://data/catalogue.db",
            "sqlite:///var/lib/aiod/catalogue.db",
            "sqlite:data/catalogue.db",
            "sqlite::memory:",
            "mysql://root@127.0.0.1:3306/aiod",
            "https://login.example.org:8443/auth/realms/aiod",
            "http://[::1]:8080",
            "keycloak:8080",
            "login.example.org",
            "",
        ] {
            assert_eq!(mask(url), url);
        }
    }

    #[test]
    fn passwords_are_masked_wherever_they_stand() {
        for (url, masked) in [
            ("mysql://aiod:s3cret@db:3306/aiod", "mysql://aiod:***@db:3306/aiod"),
            ("mysql://aiod:s3/c?r#e@t@db:3306/aiod", "mysql://aiod:***@db:3306/aiod"),
            ("mysql://:s3cret@db/aiod", "mysql://:***@db/aiod"),
            ("mysql://aiod%3As3cret@db/aiod", "mysql://aiod***@db/aiod"),
            ("aiod:s3cret@db:3306/aiod", "aiod:***@db:3306/aiod"),
            ("mysql:aiod:s3cret@db/aiod", "mysql:***@db/aiod"),
            ("mysql://aiod:s3cret", "mysql://aiod:***"),
            ("mysql://aiod@db/aiod?password=s3cret&ssl-mode=REQUIRED", "mysql://aiod@db/aiod?password=***"),
            ("sqlite://data/catalogue.db?key=s3cret", "sqlite://data/catalogue.db?key=***"),
            ("https://login.example.org/realms/aiod#s3cret", "https://login.example.org/realms/aiod#***"),
            ("https://login.example.org/realms/aiod?s3cret", "https://login.example.org/realms/aiod?***"),
        ] {
            assert_eq!(mask(url), masked);
        }
    }
}
