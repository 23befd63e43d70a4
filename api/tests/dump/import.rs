//! Imports: what comes back, and what is refused.

use aiod_api::catalogue::Catalogue;
use aiod_api::config::Config;
use aiod_api::store::dump::{self, DumpError};
use aiod_schema::by_name;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use serde_json::{Value, json};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_comes_back_as_it_was() {
    let source = Place::sqlite().await;
    let (catalogue, organisation) = full_catalogue(&source).await;
    let rows = rows_of(&catalogue.db, &source).await;
    for table in TABLES {
        assert!(rows.contains(&format!("\n{{\"{table}\":{{")) || rows.starts_with(&format!("{{\"{table}\":{{")), "no row of {table}");
    }
    let read = |catalogue: Catalogue| async move {
        let caller = administrator(&catalogue.db).await;
        catalogue.read(&caller, by_name("organisation").unwrap(), &organisation).await.unwrap().body
    };
    let before = read.clone()(catalogue.clone()).await;
    for place in Place::all().await {
        let db = place.db().await;
        let structure = if place.on_server.is_some() { tables(&place).await } else { Vec::new() };
        let report = dump::import(&db, &place.url, &source.file("rows.ndjson")).await.unwrap();
        assert_eq!(report.tables.iter().map(|(_, n)| n).sum::<u64>(), rows.lines().count() as u64 - 1);
        assert!(rows_of(&db, &place).await == rows, "{} is not what was exported", place.url);
        if place.on_server.is_some() {
            assert_eq!(tables(&place).await, structure);
        }
        db.insert_platform("after").await.unwrap();
        let (after, _) = db.platform_by_name("after").await.unwrap().unwrap();
        assert!(db.platforms(0, 1_000).await.unwrap().iter().all(|(id, _)| *id <= after), "row ids do not continue");
        let restored = Catalogue::new(db.clone(), &Config::default());
        assert_eq!(read.clone()(restored.clone()).await, before);
        let caller = administrator(&db).await;
        let new = restored.register(&caller, dataset(), &json!({"name": "After", "keyword": ["new"]})).await.unwrap();
        restored.read(&caller, dataset(), &new).await.unwrap();
        db.close().await;
        place.remove().await;
    }
    catalogue.db.close().await;
    source.remove().await;
}

/// Any text that is worth trying.
fn any_text() -> impl Strategy<Value = String> {
    let special =
        prop::sample::select(vec!["\t", "\n", "\r", "\\", "\\N", "\0", "'", "\"", "%", "\u{1a}", "☃", "😀", "\u{feff}", " ", ","]);
    vec(prop_oneof![special.prop_map(str::to_owned), any::<char>().prop_map(|c| c.to_string())], 0..40).prop_map(|parts| parts.concat())
}

/// Rows of all kinds of columns, in the order in which an export has them.
fn any_rows() -> impl Strategy<Value = Vec<Value>> {
    let terms = btree_set(0..=i64::MAX / 2, 0..12).prop_flat_map(|ids| {
        let columns = (any_text(), any_text(), any::<i32>(), proptest::option::of(any::<i64>()), proptest::option::of(any_text()));
        (Just(ids), vec(columns, 12)).prop_map(|(ids, columns)| {
            let term = |(id, (name, definition, position, parent, scheme))| {
                let mut row =
                    json!({"id": id, "vocabulary": "v", "folded": format!("{id}"), "name": name, "definition": definition, "official": 0});
                let parent: Option<i64> = parent;
                let scheme: Option<String> = scheme;
                for (column, value) in [
                    ("parent_id", parent.map(Value::from)),
                    ("position", Some(Value::from(position))),
                    ("scheme_id", scheme.map(Value::from)),
                    ("in_use", Some(Value::from(0))),
                ] {
                    row.as_object_mut().unwrap().extend(value.map(|value| (column.to_owned(), value)));
                }
                json!({ "term": row })
            };
            ids.into_iter().zip(columns).map(term).collect::<Vec<_>>()
        })
    });
    let assets = vec((any_text(), any::<bool>()), 0..8).prop_map(|texts| {
        let document = |(text, pretty): (String, bool)| {
            let document = json!({"name": text, "list": [1, 2.5, null, true, {}], "aiod_entry": {}});
            // One that does not fit in a line comes back nevertheless.
            if pretty { Value::from(serde_json::to_string_pretty(&document).unwrap()) } else { document }
        };
        (1..).zip(texts).map(|(id, text)| asset(id, &document(text))).collect::<Vec<_>>()
    });
    let images = vec(vec(any::<u8>(), 0..60), 0..6).prop_map(|images| {
        use base64::Engine;
        let encode = |bytes| base64::engine::general_purpose::STANDARD.encode(bytes);
        let image = |(name, bytes): (u32, Vec<u8>)| json!({"image": {"asset_id": 1, "name": format!("{name}"), "id": name + 1, "media_type": "image/png", "bytes": encode(bytes)}});
        (0..).zip(images).map(image).collect::<Vec<_>>()
    });
    (terms, assets, images).prop_map(|(terms, assets, images)| [terms, assets, images].concat())
}

#[test]
fn any_values_come_back_as_they_were() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let mut runner = TestRunner::new(Cases { cases, failure_persistence: None, max_shrink_iters: 64, ..Cases::default() });
    let round_trip = |rows: Vec<Value>| {
        runtime.block_on(async {
            for place in Place::all().await {
                let db = place.db().await;
                import(&db, &place, &export_with(&rows)).await.map_err(|error| TestCaseError::fail(format!("{}: {error}", place.url)))?;
                let text = rows_of(&db, &place).await;
                let back: Vec<&str> = text.lines().collect();
                let sent: Vec<String> = rows.iter().map(Value::to_string).collect();
                prop_assert_eq!(&back[..back.len() - 1], &sent[..], "{}", place.url);
                db.close().await;
                place.remove().await;
            }
            Ok(())
        })
    };
    runner.run(&any_rows(), round_trip).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_cut_short_is_refused() {
    let rows = [
        json!({"platform": {"id": 3, "name": "p"}}),
        asset(1, &json!({"aiod_entry": {}})),
        json!({"link": {"from_id": 1, "field": "f", "to_id": 1, "position": 0}}),
    ];
    let whole = export_with(&rows);
    for place in Place::all().await {
        let db = place.db().await;
        let empty = rows_of(&db, &place).await;
        let last = whole.trim_end().rfind('\n').unwrap();
        for cut in [header().len() + 1, header().len() + 9, last, last + 1, last + 8, whole.len() - 3] {
            let error = refused(&db, &place, &whole[..cut]).await;
            assert!(matches!(error, DumpError::Truncated(_)), "cut at {cut}: {error}");
        }
        let error = refused(&db, &place, &whole[..header().len() / 2]).await;
        assert!(matches!(error, DumpError::NotAnExport(_)), "{error}");
        let without_a_link = whole.replace(&format!("{}\n", rows[2]), "");
        let error = refused(&db, &place, &without_a_link).await.to_string();
        assert_eq!(error, "the export's last line says that table link has 1 rows, but the file has 0; nothing was imported");
        assert_eq!(rows_of(&db, &place).await, empty);
        // The newline at the very end does not matter.
        import(&db, &place, whole.trim_end()).await.unwrap();
        db.close().await;
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_line_is_named_and_nothing_imported() {
    let rows =
        [asset(1, &json!({"aiod_entry": {}})), json!({"permission": {"asset_id": 1, "account_id": 1, "kind": "read", "date_modified": 1}})];
    let whole = export_with(&rows);
    for place in Place::all().await {
        let db = place.db().await;
        let empty = rows_of(&db, &place).await;
        for (right, wrong, message) in [
            ("\"kind\":\"read\"", "\"kind\":7", "line 3: column 'kind' needs a text"),
            ("\"permission\":{", "\"permissions\":{", "line 3: 'permissions' is not a table of the catalogue"),
            ("\"kind\":\"read\"", "\"sort\":\"read\"", "line 3: table permission has no column 'sort'"),
            ("\"document\":{", "\"document\":{{", "line 2: key must be a string"),
            ("\"aiod-catalogue\"", "\"other\"", "this is no export of a catalogue: line 1: the format is 'other', not 'aiod-catalogue'"),
        ] {
            assert!(whole.contains(right));
            let error = refused(&db, &place, &whole.replacen(right, wrong, 1)).await.to_string();
            assert!(error.starts_with(message), "{error}");
        }
        let error = refused(&db, &place, &whole.replace("\"version\":1", "\"version\":2")).await;
        assert!(matches!(error, DumpError::Version(2)), "{error}");
        let error = refused(&db, &place, &whole.replace(&format!("\"migration\":{}", migration()), "\"migration\":99")).await;
        assert!(matches!(error, DumpError::Migration { file: 99, catalogue, .. } if catalogue == migration()), "{error}");
        let error = refused(&db, &place, &format!("{whole}{{}}\n")).await;
        assert!(matches!(error, DumpError::Line { line: 5, .. }), "{error}");
        assert_eq!(rows_of(&db, &place).await, empty);
        db.close().await;
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_database_refuses_are_named() {
    let row = |id: i64| asset(id, &json!({"aiod_entry": {}}));
    let twice = export_with(&[row(1), row(2), row(2)]);
    let mut same = row(3);
    same["asset"]["identifier"] = json!("data_1");
    let same = export_with(&[row(1), row(2), same]);
    let mut wide = row(3);
    wide["asset"]["platform"] = json!("p".repeat(65));
    let wide = export_with(&[row(1), row(2), wide]);
    for place in Place::all().await {
        let db = place.db().await;
        let empty = rows_of(&db, &place).await;
        match refused(&db, &place, &twice).await {
            DumpError::Refused { table: "asset", first: 2, last: 4, message } => assert!(!message.contains("import_"), "{message}"),
            other => panic!("{other}"),
        }
        let error = refused(&db, &place, &same).await;
        assert!(matches!(error, DumpError::Refused { table: "asset", .. } | DumpError::Inconsistent { table: "asset", .. }), "{error}");
        if place.on_server.is_some() {
            let error = refused(&db, &place, &wide).await.to_string();
            assert!(error.contains("lines 2 to 4") && error.contains("'platform' at row 3"), "{error}");
        }
        assert_eq!(rows_of(&db, &place).await, empty);
        db.close().await;
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_nobody_are_refused() {
    let key = |account: i64| json!({"api_key": {"id": account, "account_id": account, "hash": format!("{account}"), "hint": "", "roles": [], "date_created": 1}});
    let account = |id: i64| json!({"account": {"id": id, "subject": format!("{id}"), "name": ""}});
    // Keys before their accounts: only the whole file counts.
    let rows: Vec<Value> = (1..200).map(key).chain((1..200).map(account)).collect();
    for place in Place::all().await {
        let db = place.db().await;
        let empty = rows_of(&db, &place).await;
        let error = import(&db, &place, &export_with(&rows[..rows.len() - 1])).await.unwrap_err().to_string();
        assert!(error.to_lowercase().contains("foreign key"), "{error}");
        assert_eq!(rows_of(&db, &place).await, empty);
        import(&db, &place, &export_with(&rows)).await.unwrap();
        assert_eq!(db.api_keys().await.unwrap().len(), 199);
        db.close().await;
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_that_is_not_empty_stays_as_it_is() {
    for place in Place::all().await {
        let db = place.db().await;
        db.account("local:somebody", "Somebody").await.unwrap();
        let before = rows_of(&db, &place).await;
        let error = refused(&db, &place, &export_with(&[])).await;
        assert!(matches!(error, DumpError::NotEmpty("account")), "{error}");
        assert_eq!(rows_of(&db, &place).await, before);
        db.close().await;
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_and_foreign_keys_of_all_kinds_survive() {
    let Some(place) = Place::mysql().await else { return };
    let db = place.db().await;
    for statement in [
        "CREATE INDEX term_prefix ON term (definition(20), vocabulary DESC)",
        "CREATE FULLTEXT INDEX term_words ON term (definition)",
        "CREATE UNIQUE INDEX account_names ON account (id, subject)",
        "ALTER TABLE submission DROP FOREIGN KEY submission_account",
        "ALTER TABLE submission ADD CONSTRAINT submission_account FOREIGN KEY (account_id) REFERENCES account (id) ON DELETE CASCADE ON UPDATE RESTRICT",
        "ALTER TABLE bookmark ADD CONSTRAINT bookmark_of FOREIGN KEY (asset_id) REFERENCES asset (id) ON UPDATE CASCADE",
        "ALTER TABLE permission ADD CONSTRAINT permission_bookmark FOREIGN KEY (account_id, asset_id) REFERENCES bookmark (account_id, asset_id) ON DELETE NO ACTION",
    ] {
        query(&place.url, statement).await;
    }
    let structure = tables(&place).await;
    import(&db, &place, &export_with(&[asset(1, &json!({"aiod_entry": {}}))])).await.unwrap();
    assert_eq!(tables(&place).await, structure);
    db.close().await;
    place.remove().await;
}
