//! What the operator reads when the server has started: where to look, and how to go on.

use std::io::Write;

use secrecy::ExposeSecret;

use super::{Opened, ServerError};
use crate::config::Config;

/// Writes the lines to standard output. The key in them belongs to the operator, not into the log.
pub(super) async fn print(url: &str, opened: &Opened) -> Result<(), ServerError> {
    let app = &opened.app;
    let has_keys = !app.catalogue.db.api_keys().await?.is_empty();
    let key = opened.administrator_key.as_ref().map(ExposeSecret::expose_secret);
    // Nobody may be reading: that is no reason not to serve.
    drop(std::io::stdout().write_all(text(url, &app.config, key, has_keys).as_bytes()));
    Ok(())
}

fn text(url: &str, config: &Config, new_key: Option<&str>, has_keys: bool) -> String {
    let place = format!("Open {url}/docs to see and try what the catalogue offers. Its data are in {}.\n", config.database.url);
    let key = new_key.map(|key| format!("The administrator's API key, shown only now: {key}\n")).unwrap_or_default();
    format!("{place}{key}{}\n", how_to_log_in(url, config, has_keys))
}

fn how_to_log_in(url: &str, config: &Config, has_keys: bool) -> String {
    let role = &config.roles.administrator;
    match (config.keycloak.is_on(), config.api_keys.enabled) {
        (true, _) => "To write, log in with Keycloak: at /docs by \"Authorize\"; programs send `Authorization: Bearer TOKEN`.".to_owned(),
        (false, false) => "Nobody can log in: switch on api_keys.enabled, or set keycloak.issuer.".to_owned(),
        (false, true) if !has_keys => {
            format!(
                "To write, make the first key, and send it as `Authorization: Bearer KEY`: `aiod-api keys create --name admin --role {role}`."
            )
        }
        (false, true) => format!(
            "To write, give a key to \"Authorize\" at {url}/docs, or send `Authorization: Bearer KEY`; `aiod-api keys create --name NAME` makes more."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://127.0.0.1:8000";

    #[test]
    fn the_first_start_says_in_three_lines_where_to_look_and_how_to_go_on() {
        let text = text(URL, &Config::default(), Some("aiod_k"), true);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].contains("http://127.0.0.1:8000/docs") && lines[0].contains("sqlite://data/catalogue.db"), "{text}");
        assert!(lines[1].ends_with("API key, shown only now: aiod_k"), "{text}");
        assert!(lines[2].contains("Authorization: Bearer KEY") && lines[2].contains("keys create"), "{text}");
    }

    #[test]
    fn later_starts_show_no_key_and_say_what_is_right_for_them() {
        let mut config = Config::default();
        assert_eq!(text(URL, &config, None, true).lines().count(), 2);
        config.database.url = "mysql://aiod:s3cret@db/aiod".into();
        let without_keys = text(URL, &config, None, false);
        assert!(without_keys.contains("make the first key") && !without_keys.contains("s3cret"), "{without_keys}");
        config.api_keys.enabled = false;
        assert!(text(URL, &config, None, false).contains("Nobody can log in"));
        config.keycloak.issuer = "https://login.example.org/realms/aiod".into();
        assert!(text(URL, &config, None, false).contains("log in with Keycloak"));
    }
}
