//! `aiod-api keys`: making, listing and revoking API keys.

use std::collections::BTreeSet;

use chrono::DateTime;
use clap::Subcommand;

use super::{CliError, say};
use crate::catalogue::role;
use crate::config::Roles;
use crate::identity::api_key;
use crate::store::api_key::ApiKeyRow;
use crate::store::{DAY, Db, now};

#[derive(Subcommand)]
pub(super) enum KeysStep {
    /// Make a key and show it, for the only time.
    Create {
        /// Whose key it is; keys of one name belong to one user.
        #[arg(long)]
        name: String,
        /// A role of the key, such as `platform_openml` or `admin_aiod_resources`; may be repeated.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// For how many days it is valid; for ever when left out.
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: Option<u32>,
    },
    /// List keys, never the secrets themselves.
    List,
    /// Revoke a key, at once.
    Revoke {
        /// Its number, as `keys list` shows it.
        id: i64,
    },
}

pub(super) async fn run(db: &Db, roles: &Roles, step: KeysStep) -> Result<(), CliError> {
    match step {
        KeysStep::Create { name, roles: wanted, days } => create(db, roles, &name, wanted, days).await,
        KeysStep::List => list(db).await,
        KeysStep::Revoke { id } => revoke(db, id).await,
    }
}

async fn create(db: &Db, roles: &Roles, name: &str, wanted: Vec<String>, days: Option<u32>) -> Result<(), CliError> {
    let name = name.trim();
    if name.is_empty() {
        return Err(CliError::Usage("--name must not be empty: it says whose key it is".to_owned()));
    }
    if let Some(unknown) = wanted.iter().find(|wanted| !role::exists(wanted, roles)) {
        let known = role::forms(roles).join(", ");
        return Err(CliError::Usage(format!("'{}' is not a role; roles are {known}", printable(unknown))));
    }
    let expires = days.map(|days| now() + i64::from(days) * DAY);
    say(api_key::create(db, name, &BTreeSet::from_iter(wanted), expires).await?)
}

async fn list(db: &Db) -> Result<(), CliError> {
    for key in db.api_keys().await? {
        say(format_args!("{}\t{}…\t{}\t{}\t{}", key.id, key.hint, printable(&key.name), printable(&key.roles), state(&key)))?;
    }
    Ok(())
}

async fn revoke(db: &Db, id: i64) -> Result<(), CliError> {
    if !db.revoke_api_key(id).await? {
        return Err(CliError::Usage(format!("there is no key {id} that is in force; `keys list` shows them")));
    }
    say(format_args!("key {id} is revoked"))
}

fn state(key: &ApiKeyRow) -> String {
    match (key.date_revoked, key.date_expires) {
        (Some(_), _) => "revoked".to_owned(),
        (None, Some(end)) if end <= now() => "expired".to_owned(),
        (None, Some(end)) => {
            format!("valid until {}", DateTime::from_timestamp_micros(end).unwrap_or_default().format("%Y-%m-%d %H:%M UTC"))
        }
        (None, None) => "valid".to_owned(),
    }
}

/// The text with escapes for what would move the cursor, colour the terminal or look like another text: names come from outside.
fn printable(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ';
    text.chars().map(|c| if is_plain(c) { c.to_string() } else { c.escape_debug().to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn names_are_listed_without_control_characters() {
        assert_eq!(printable("Jürgen \"J.\" 山田"), "Jürgen \"J.\" 山田");
        assert_eq!(printable("a\u{1b}[31m\nb\u{202e}"), "a\\u{1b}[31m\\nb\\u{202e}");
    }
}
