//! Imports that are killed or disturbed.

use std::io::{BufWriter, Write};
use std::process::{Child, Command, Stdio};

use aiod_api::store::dump::DumpError;
use aiod_api::store::lease::Attempt;
use serde_json::json;

use crate::support::*;

/// Starts the program on an import whose file comes little by little.
fn start_import(place: &Place) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aiod-api"));
    command.args(["--database-url", &place.url, "import", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends rows, enough for the program to be in the middle of its work when all are written; the end is missing.
fn send_half(child: &mut Child) -> u64 {
    const TERMS: u64 = 2_000;
    let mut input = BufWriter::new(child.stdin.as_mut().unwrap());
    writeln!(input, "{}", header()).unwrap();
    let definition = "d".repeat(10_000);
    for id in 1..=TERMS {
        let row = json!({"term": {"id": id, "vocabulary": "v", "folded": id.to_string(), "name": "", "definition": definition, "official": 0, "position": 0,
            "in_use": 0}});
        writeln!(input, "{row}").unwrap();
    }
    input.flush().unwrap();
    TERMS
}

/// What the program says when it ends.
fn message(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    format!("{} {}", output.status.code().unwrap_or(-1), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_import_leaves_nothing_to_be_seen_and_can_be_repeated() {
    for place in Place::all().await {
        let db = place.db().await;
        let empty = rows_of(&db, &place).await;
        let mut child = start_import(&place);
        send_half(&mut child);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(rows_of(&db, &place).await, empty);
        let whole = export_with(&[asset(7, &json!({"aiod_entry": {}}))]);
        if place.on_server.is_some() {
            assert!(query(&place.url, "SHOW TABLES LIKE 'import%'").await.len() == TABLES.len());
            // The server cannot know at once that the first one is gone.
            let error = refused(&db, &place, &whole).await;
            assert!(matches!(error, DumpError::Running(20)), "{error}");
            query(&place.url, "UPDATE lease SET date_expires = 1 WHERE name = 'import'").await;
        }
        import(&db, &place, &whole).await.unwrap();
        assert!(rows_of(&db, &place).await.contains("\"data_7\""));
        if place.on_server.is_some() {
            assert_eq!(tables(&place).await.len(), TABLES.len() + 7, "with migrations, leases, changes and what search keeps");
        }
        db.close().await;
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_during_an_import_stays_and_the_import_fails() {
    let Some(place) = Place::mysql().await else { return };
    let db = place.db().await;
    let structure = tables(&place).await;
    let mut child = start_import(&place);
    let terms = send_half(&mut child);
    db.account("local:somebody", "Somebody").await.unwrap();
    let before = rows_of(&db, &place).await;
    writeln!(child.stdin.as_mut().unwrap(), "{}", json!({"end": {"term": terms}})).unwrap();
    drop(child.stdin.take());
    let said = message(child);
    assert!(
        said.starts_with("1 ") && said.contains("was written to while it was imported into (table account): nothing was imported"),
        "{said}"
    );
    assert_eq!(rows_of(&db, &place).await, before);
    assert_eq!(tables(&place).await, structure);
    db.close().await;
    place.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_import_left_that_was_killed_at_its_very_end_is_removed() {
    let Some(place) = Place::mysql().await else { return };
    let db = place.db().await;
    let structure = tables(&place).await;
    for statement in [
        "CREATE TABLE replaced_account LIKE account",
        "CREATE TABLE replaced_asset LIKE asset",
        "CREATE TABLE replaced_api_key LIKE api_key",
        "ALTER TABLE api_key DROP FOREIGN KEY api_key_account",
        "ALTER TABLE api_key ADD CONSTRAINT import_api_key_account FOREIGN KEY (account_id) REFERENCES account (id)",
    ] {
        query(&place.url, statement).await;
    }
    db.account("local:somebody", "Somebody").await.unwrap();
    let error = refused(&db, &place, &export_with(&[])).await;
    assert!(matches!(error, DumpError::NotEmpty("account")), "{error}");
    assert_eq!(tables(&place).await, structure);
    db.close().await;
    place.remove().await;
}

#[tokio::test]
async fn a_pause_in_the_lease_is_no_import() {
    let Some(place) = Place::mysql().await else { return };
    let db = place.db().await;
    let Attempt::Taken(another) = db.take_lease("import").await.unwrap() else { panic!("a free lease") };
    let error = refused(&db, &place, &export_with(&[])).await;
    assert!(matches!(error, DumpError::Running(_)), "{error}");
    another.release().await;
    import(&db, &place, &export_with(&[])).await.unwrap();
    db.close().await;
    place.remove().await;
}
