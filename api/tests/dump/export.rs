//! Exports: the moment that they show, and the file.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::path::Path;
use std::process::Command;

use aiod_api::catalogue::Catalogue;
use aiod_api::config::Config;
use aiod_api::store::dump;
use serde_json::{Value, json};

use crate::support::*;

/// Checks that an export is of one moment: everything that it refers to is in it.
fn check_moment(text: &str) -> usize {
    let mut of: HashMap<String, Vec<Value>> = HashMap::new();
    for line in text.lines() {
        let Value::Object(row) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
        let (table, columns) = row.into_iter().next().unwrap();
        of.entry(table).or_default().push(columns);
    }
    let rows = |table: &str| of.get(table).map(Vec::as_slice).unwrap_or_default();
    let number = |row: &Value, column: &str| row[column].as_i64().unwrap();
    let assets: HashMap<i64, i64> = rows("asset").iter().map(|r| (number(r, "id"), number(r, "revision"))).collect();
    let terms: BTreeSet<i64> = rows("term").iter().map(|r| number(r, "id")).collect();
    let links: BTreeSet<(i64, i64)> = rows("link").iter().map(|r| (number(r, "from_id"), number(r, "to_id"))).collect();
    assert!(links.iter().all(|(from, to)| assets.contains_key(from) && links.contains(&(*to, *from))), "links have two ends");
    assert!(rows("asset_term").iter().all(|r| assets.contains_key(&number(r, "asset_id")) && terms.contains(&number(r, "term_id"))));
    assert_eq!(rows("asset_term").len(), assets.len());
    assert_eq!(rows("permission").len(), assets.len());
    let mut past: HashMap<i64, i64> = HashMap::new();
    for row in rows("asset_revision") {
        *past.entry(number(row, "asset_id")).or_default() += 1;
    }
    assert!(assets.iter().all(|(id, revision)| past.get(id).copied().unwrap_or(0) == revision - 1), "every past revision is there");
    assets.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_of_one_moment_while_others_write() {
    for place in Place::all().await {
        let db = place.db().await;
        let caller = administrator(&db).await;
        let catalogue = Catalogue::new(db.clone(), &Config::default());
        let writer = tokio::spawn(async move {
            let mut last: Option<String> = None;
            for n in 0..120 {
                let body = json!({"name": "n", "keyword": [format!("k{n}")], "has_part": last.iter().collect::<Vec<_>>()});
                last = Some(catalogue.register(&caller, dataset(), &body).await.unwrap());
            }
        });
        let mut exports = 0;
        while !writer.is_finished() || exports == 0 {
            check_moment(&rows_of(&db, &place).await);
            exports += 1;
        }
        writer.await.unwrap();
        assert_eq!(check_moment(&rows_of(&db, &place).await), 120);
        db.close().await;
        place.remove().await;
    }
}

/// Reads from a pipe only after others have written: the export has begun, and does not know of it.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_export_does_not_hear_of_what_is_written_after_its_beginning() {
    let filler: Vec<Value> = (1..=3_000).map(|id| asset(id, &json!({"name": "x".repeat(2_000), "aiod_entry": {}}))).collect();
    for place in Place::all().await {
        let db = place.db().await;
        import(&db, &place, &export_with(&filler)).await.unwrap();
        let before = rows_of(&db, &place).await;
        let pipe = place.file("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let exporter = {
            let (db, pipe) = (db.clone(), pipe.clone());
            tokio::spawn(async move { dump::export(&db, &pipe).await })
        };
        let mut file = tokio::task::spawn_blocking(move || {
            let mut file = std::fs::File::open(pipe).unwrap();
            let mut byte = [0];
            file.read_exact(&mut byte).unwrap();
            file
        })
        .await
        .unwrap();
        db.insert_platform("late").await.unwrap();
        db.account("local:late", "Late").await.unwrap();
        let text = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            text
        })
        .await
        .unwrap();
        exporter.await.unwrap().unwrap();
        assert!(text.split_once('\n').unwrap().1 == before, "{}", place.url);
        db.close().await;
        place.remove().await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn an_export_is_its_owners_alone_and_replaces_a_file_only_when_it_is_whole() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::sqlite().await;
    let db = place.db().await;
    let file = place.file("export.ndjson");
    std::fs::write(&file, "old").unwrap();
    dump::export(&db, &file).await.unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    db.migrate_down().await.unwrap();
    let whole = std::fs::read(&file).unwrap();
    let error = dump::export(&db, &file).await.unwrap_err().to_string();
    assert_eq!(error, "the database lacks 1 migration(s): run `aiod-api migrate up` first");
    assert_eq!(std::fs::read(&file).unwrap(), whole);
    dump::export(&db, Path::new("/nowhere/at/all")).await.unwrap_err();
    db.close().await;
    place.remove().await;
}
