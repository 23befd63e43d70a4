//! The configuration: its documentation, and its secrets.

use std::collections::BTreeMap;

use aiod_api::config::Config;
use proptest::prelude::*;
use toml::Value;

const DOCUMENT: &str = include_str!("../../../docs/configuration.md");

/// The rows of the documentation: each key with its default.
fn documented() -> Vec<(String, String)> {
    let rows = DOCUMENT.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>());
    cells.map(|cells| (cells[0].trim_matches('`').to_owned(), cells[3].trim_matches('`').to_owned())).collect()
}

/// A default as the documentation writes it.
fn written(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(written).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    if text.is_empty() { "empty".to_owned() } else { text }
}

#[test]
fn every_key_has_one_row_in_the_documentation_with_its_default() {
    let rows = documented();
    let documented: BTreeMap<_, _> = rows.iter().cloned().collect();
    assert_eq!(documented.len(), rows.len(), "no key has two rows");
    let keys = Config::default().entries().unwrap();
    let existing: BTreeMap<_, _> = keys.iter().map(|(key, value)| (key.clone(), written(value))).collect();
    assert_eq!(documented, existing);
}

#[test]
fn the_examples_of_the_documentation_are_right() {
    let (_, example) = DOCUMENT.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let file = std::env::temp_dir().join(format!("aiod_documented_{}.toml", std::process::id()));
    std::fs::write(&file, example).unwrap();
    let config = Config::load(Some(&file), [], &[]).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(config.cors.origins, ["https://portal.example.org"]);

    let (_, example) = DOCUMENT.split_once("```sh\nAIOD_LISTEN").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let variables = format!("AIOD_LISTEN{example}");
    let variables = variables.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = Config::load(None, variables, &[]).unwrap();
    assert!(config.keycloak.is_on() && !config.to_toml().unwrap().contains("PASSWORD"));
}

/// Where people put passwords into URLs, rightly and wrongly.
const PLACES: &[&str] = &[
    "mysql://aiod:PASSWORD@db:3306/aiod",
    "mysql://:PASSWORD@db/aiod",
    "mysql://aiod:PASSWORD@db",
    "mysql://aiod:PASSWORD",
    "mysql:aiod:PASSWORD@db/aiod",
    "aiod:PASSWORD@db:3306/aiod",
    "mysql://aiod@db/aiod?password=PASSWORD",
    "mysql://aiod@db/aiod?ssl-mode=REQUIRED&password=PASSWORD",
    "sqlite://data/catalogue.db?key=PASSWORD",
    "https://aiod:PASSWORD@login.example.org/realms/aiod",
    "https://login.example.org/realms/aiod?password=PASSWORD",
    "https://login.example.org/realms/aiod#PASSWORD",
    "login.example.org/realms/aiod?PASSWORD",
    "aiod:PASSWORD@login.example.org/realms/aiod",
    "//aiod:PASSWORD@login.example.org/realms/aiod",
];

/// The keys that hold URLs, and others that somebody may take for such.
const KEYS: &[&str] = &["database.url", "keycloak.issuer", "keycloak.internal_url", "cors.origins", "mysql://aiod:PASSWORD@db/aiod?ssl"];

/// All that the program may print about these settings.
fn printed(settings: &[(String, String)]) -> String {
    match Config::load(None, [], settings) {
        Ok(config) => format!("{}\n{config:?}", config.to_toml().unwrap()),
        Err(error) => format!("{error}\n{error:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_password_is_printed(password in "Zq[ -~äß]{0,12}x", place in proptest::sample::select(PLACES), key in proptest::sample::select(KEYS)) {
        let (key, url) = (key.replace("PASSWORD", &password), place.replace("PASSWORD", &password));
        prop_assert!(!printed(&[(key.clone(), url.clone())]).contains(&password), "{}={}: {}", key, url, printed(&[(key.clone(), url.clone())]));
    }

    #[test]
    fn no_client_secret_is_printed(secret in "Zq[ -~äß]{0,12}x") {
        let settings = [("keycloak.client_secret".to_owned(), secret.clone())];
        prop_assert!(Config::load(None, [], &settings).is_ok());
        prop_assert!(!printed(&settings).contains(&secret));
    }
}

#[test]
fn a_secret_of_another_type_is_not_printed_either() {
    let file = std::env::temp_dir().join(format!("aiod_secret_{}.toml", std::process::id()));
    for text in ["[keycloak]\nclient_secret = 1234567\n", "[database]\nurl = [\"1234567\"]\n", "[cors]\norigins = [1234567]\n"] {
        std::fs::write(&file, text).unwrap();
        let error = Config::load(Some(&file), [], &[]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("1234567"), "{error}");
    }
    std::fs::remove_file(&file).unwrap();
}
