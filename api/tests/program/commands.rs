//! Commands that run and end.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::Home;

#[test]
fn the_configuration_in_force_is_shown_without_secrets() {
    let home = Home::new();
    std::fs::write(home.folder.join("aiod.toml"), "[database]\nurl = \"mysql://aiod:s3cret@db.example:3306/aiod\"\n").unwrap();
    let (code, out, _) = home.run(&["--config", "aiod.toml", "--listen", "127.0.0.1:9000", "config"]);
    assert_eq!(code, 0);
    assert!(out.contains("listen = \"127.0.0.1:9000\"") && out.contains("mysql://aiod:***@db.example:3306/aiod"), "{out}");
    let (code, _, error) = home.run(&["--set", "limits.body_byte=5", "config"]);
    assert_eq!(code, 2);
    assert!(error.contains("'limits.body_byte' is not a configuration key; did you mean 'limits.body_bytes'?"), "{error}");
    let (code, _, error) = home.run(&["--config", "missing.toml", "config"]);
    assert_eq!((code, error.contains("missing.toml")), (2, true));
    let (code, _, error) = home.run(&["--database-url", "postgres://x", "migrate", "status"]);
    assert_eq!((code, error.contains("is not a database URL")), (1, true), "{error}");
    let (code, _, error) = home.run(&["--database-url", "mysql://root@127.0.0.1:1", "migrate", "status"]);
    assert_eq!((code, error.contains("names no database")), (1, true), "{error}");
    let (code, _, error) = home.run(&["--database-url", "mysql://root@127.0.0.1:1/aiod", "migrate", "status"]);
    assert_eq!((code, error.contains("127.0.0.1:1 cannot be reached") && error.contains("refused")), (1, true), "{error}");
    let (code, _, error) = home.run(&["import", "missing.ndjson"]);
    assert_eq!((code, error.contains("missing.ndjson")), (1, true), "{error}");
}

#[test]
fn the_document_of_each_version_is_printed() {
    let home = Home::new();
    for (version, path) in [("latest", "/datasets"), ("v3", "/v3/datasets"), ("v2", "/v2/datasets")] {
        let (code, out, _) = home.run(&["openapi", "--version", version]);
        let document: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, document["paths"][path].is_object()), (0, true));
    }
    assert!(!home.folder.join("data").exists(), "printing needs no database");
}

#[test]
fn migrations_go_up_and_down() {
    let home = Home::new();
    assert!(home.run(&["migrate", "status"]).1.contains("0001 missing"));
    assert!(home.run(&["migrate", "up"]).1.contains("0001 applied"));
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/sqlite");
    let names = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let numbers: BTreeSet<u32> = names.map(|name| name.split('_').next().unwrap().parse().unwrap()).collect();
    for number in numbers.into_iter().rev() {
        assert!(home.run(&["migrate", "down"]).1.contains(&format!("migration {number} was taken back")));
        let status = home.run(&["migrate", "status"]).1;
        assert!(status.contains(&format!("{number:04} missing")) && status.contains("0001 applied") == (number > 1), "{status}");
    }
    assert!(home.run(&["migrate", "down"]).1.contains("no migration is applied"));
    assert!(home.run(&["migrate", "up"]).1.contains("0003 applied"));
    let (code, _, error) =
        home.run(&["--set", "database.migrate=false", "--database-url", "sqlite://other.db", "--listen", "127.0.0.1:0", "serve"]);
    assert_eq!((code, error.contains("migrate up")), (1, true), "{error}");
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let home = Home::new();
    let (code, key, _) = home.run(&["keys", "create", "--name", "openml", "--role", "platform_openml", "--days", "30"]);
    let key = key.trim();
    assert_eq!((code, key.starts_with("aiod_"), key.len()), (0, true, 45));
    let listed = home.run(&["keys", "list"]).1;
    assert!(
        listed.contains("openml") && listed.contains("platform_openml") && listed.contains("valid until") && !listed.contains(key),
        "{listed}"
    );
    assert_eq!(home.run(&["keys", "revoke", "1"]).0, 0);
    assert!(home.run(&["keys", "list"]).1.contains("revoked"));
    assert_eq!(home.run(&["keys", "revoke", "1"]).0, 2);
    assert_eq!(home.run(&["keys", "create", "--name", "x", "--days", "0"]).0, 2);
}

#[test]
fn keys_of_nobody_or_with_unknown_roles_are_refused() {
    let home = Home::new();
    for name in ["", "  "] {
        let (code, _, error) = home.run(&["keys", "create", "--name", name]);
        assert_eq!((code, error.contains("--name must not be empty")), (2, true), "{error}");
    }
    let (code, _, error) = home.run(&["keys", "create", "--name", "a", "--role", "admin"]);
    assert_eq!((code, error.contains("'admin' is not a role; roles are admin_aiod_resources, ")), (2, true), "{error}");
    assert_eq!(home.run(&["keys", "list"]).1, "", "none was made");
}

#[test]
fn names_of_keys_do_not_reach_the_terminal_raw() {
    let home = Home::new();
    assert_eq!(home.run(&["keys", "create", "--name", "a\u{1b}[31m\nb", "--role", "platform_\u{7}"]).0, 0);
    let listed = home.run(&["keys", "list"]).1;
    assert!(listed.contains("a\\u{1b}[31m\\nb") && !listed.contains(['\u{1b}', '\u{7}']), "{listed:?}");
    assert_eq!(listed.lines().count(), 1);
}

#[test]
fn a_password_in_a_wrong_option_is_not_repeated() {
    let home = Home::new();
    for arguments in
        [["--set", "mysql://aiod:s3cret@db/aiod"], ["--database-url", "aiod:s3cret@db/aiod"], ["--set", "url=mysql://aiod:s3cret@db"]]
    {
        let (code, out, error) = home.run(&[&arguments[..], &["config"]].concat());
        assert_eq!((code, error.contains("s3cret"), out.contains("s3cret")), (2, false, false), "{error}");
    }
}

#[test]
fn a_taxonomy_file_is_loaded_and_says_what_it_did() {
    let home = Home::new();
    let file = r#"{"aiod_taxonomies": [{"taxonomy_name": "Turnover", "elements": [{"id": "1", "label": {"value": "Low"}, "elements": []}]},
        {"taxonomy_name": "Colours", "elements": []}]}"#;
    std::fs::write(home.folder.join("terms.json"), file).unwrap();
    let (code, out, _) = home.run(&["taxonomy", "load", "terms.json"]);
    assert_eq!(code, 0);
    assert!(out.contains("turnover: 1 added") && out.contains("Colours: left out"), "{out}");
    assert!(
        home.run(&["taxonomy", "load", "terms.json"])
            .1
            .contains("turnover: 0 added, 0 renamed, 0 moved, 0 redefined, 0 made unofficial, 1 unchanged")
    );
    std::fs::write(home.folder.join("bad.json"), "{}").unwrap();
    let (code, _, error) = home.run(&["taxonomy", "load", "bad.json"]);
    assert_eq!((code, error.contains("bad.json: not a taxonomy file")), (2, true), "{error}");
    assert_eq!(home.run(&["taxonomy", "load", "none.json"]).0, 1);
}
