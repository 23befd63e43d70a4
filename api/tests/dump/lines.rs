//! The lines of an export, and the tables and columns that they name.

use std::collections::BTreeMap;

use aiod_api::store::Db;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};
use sqlx::Row;

use crate::support::*;

/// A column of the real database.
struct Column {
    name: String,
    value: Value,
    nullable: bool,
}

/// The columns of all tables of an SQLite database, each with a value that it takes.
async fn columns(place: &Place) -> BTreeMap<String, Vec<Column>> {
    let pool = sqlx::SqlitePool::connect(&place.url).await.unwrap();
    let sql = "SELECT t.name, c.name, c.type, c.\"notnull\" OR c.pk FROM sqlite_master t, pragma_table_info(t.name) c \
               WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";
    let mut tables: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    for row in sqlx::query(sql).fetch_all(&pool).await.unwrap() {
        let (table, name, kind): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let value = match kind.as_str() {
            kind if kind.contains("INT") => json!(1),
            "BLOB" => json!(BASE64.encode(b"1")),
            _ if ["document", "roles"].contains(&name.as_str()) => json!({}),
            _ => json!("t"),
        };
        tables.entry(table).or_default().push(Column { name, value, nullable: row.get::<i64, _>(3) == 0 });
    }
    pool.close().await;
    tables
}

/// A row of each table with these of its columns.
fn rows(tables: &BTreeMap<String, Vec<Column>>, keep: impl Fn(&str, &Column) -> bool) -> Vec<Value> {
    let row = |table: &str, columns: &[Column]| {
        let kept = columns.iter().filter(|column| keep(table, column)).map(|column| (column.name.clone(), column.value.clone()));
        json!({ table: kept.collect::<Map<_, _>>() })
    };
    TABLES.iter().map(|table| row(table, &tables[*table])).collect()
}

/// What belongs to a database, and not to the catalogue in it.
const NOT_EXPORTED: [&str; 7] =
    ["_sqlx_migrations", "lease", "outbox", "asset_change", "change_position", "catalogue_identity", "search_failure"];

#[tokio::test]
async fn every_table_and_column_of_the_database_is_exported() {
    let place = Place::sqlite().await;
    place.db().await.close().await;
    let tables = columns(&place).await;
    let mut known: Vec<&str> = TABLES.iter().copied().chain(NOT_EXPORTED).collect();
    known.sort_unstable();
    assert!(tables.keys().map(String::as_str).eq(known), "a table is neither exported nor known as one that is not");
    for rows in [rows(&tables, |_, _| true), rows(&tables, |_, column| !column.nullable)] {
        for place in Place::all().await {
            let db = place.db().await;
            import(&db, &place, &export_with(&rows)).await.unwrap();
            let text = rows_of(&db, &place).await;
            let back = text.lines().take(rows.len()).map(|line| serde_json::from_str::<Value>(line).unwrap());
            assert!(back.eq(rows.iter().cloned()), "{text}");
            db.close().await;
            place.remove().await;
        }
    }
    if let Some(server) = Place::mysql().await {
        server.db().await.close().await;
        let columns = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()";
        let mut there = query(&server.url, columns).await;
        there.sort();
        let mut here: Vec<_> = tables.iter().flat_map(|(t, columns)| columns.iter().map(|c| (t.clone(), c.name.clone()))).collect();
        here.sort();
        assert_eq!(there, here, "MySQL has other columns than SQLite");
        server.remove().await;
    }
    let db = place.db().await;
    for (table, column) in
        tables.iter().filter(|(table, _)| TABLES.contains(&table.as_str())).flat_map(|(t, c)| c.iter().map(move |c| (t, c)))
    {
        let without = rows(&tables, |t, c| t != table || c.name != column.name);
        if !column.nullable {
            let fault = refused(&db, &place, &export_with(&without)).await.to_string();
            assert!(fault.contains(&format!("a row of table {table} needs column '{}'", column.name)), "{fault}");
        }
    }
    db.close().await;
    place.remove().await;
}

/// Imports one row; what is wrong with its line.
async fn fault(db: &Db, place: &Place, line: &str) -> String {
    let text = format!("{}\n{line}\n", header());
    let message = refused(db, place, &text).await.to_string();
    message.strip_prefix("line 2: ").and_then(|m| m.strip_suffix("; nothing was imported")).unwrap_or(&message).to_owned()
}

#[tokio::test]
async fn faults_of_lines_are_named() {
    let place = Place::sqlite().await;
    let db = place.db().await;
    for (line, expected) in [
        (r#"{"accounts":{}}"#, "'accounts' is not a table of the catalogue"),
        (r#"{"account":{"idd":1}}"#, "table account has no column 'idd'"),
        (r#"{"account":{"id":"1"}}"#, "column 'id' needs a whole number of 64 bits"),
        (r#"{"account":{"id":1,"subject":"s"}}"#, "a row of table account needs column 'name'"),
        (r#"{"platform":{"id":1,"name":"a"},"x":{}}"#, "an object whose one key is a table's name is expected"),
        (r#"{}"#, "an object whose one key is a table's name is expected"),
    ] {
        assert_eq!(fault(&db, &place, line).await, expected);
    }
    for (line, expected) in [
        (r#"{"platform":{"id":1,"name":"a"},"x":1}"#, "invalid type: integer `1`, expected a map"),
        (r#"{"account":{"id":9223372036854775808}}"#, "column 'id' needs a whole number of 64 bits"),
        (r#"{"image":{"asset_id":1,"name":"","id":1,"media_type":"","bytes":"?"}}"#, "column 'bytes' is not base 64"),
        (r#"{"account":{"id":1"#, "EOF while parsing"),
        (r#"{"platform":{"id":1,"name":"a"}} x"#, "trailing characters"),
    ] {
        let fault = fault(&db, &place, line).await;
        assert!(fault.starts_with(expected), "{fault}");
    }
    for line in ["", "[]", "1", "\u{feff}{}"] {
        fault(&db, &place, line).await;
    }
    db.close().await;
    place.remove().await;
}

#[tokio::test]
async fn columns_are_read_whatever_their_order() {
    let place = Place::sqlite().await;
    let db = place.db().await;
    let line = r#" {"platform": {"name":"\u00e9\n", "id":7}} "#;
    import(&db, &place, &format!("{}\n{line}\n{}\n", header(), json!({"end": {"platform": 1}}))).await.unwrap();
    assert!(rows_of(&db, &place).await.starts_with("{\"platform\":{\"id\":7,\"name\":\"é\\n\"}}\n"));
    db.close().await;
    place.remove().await;
}

/// Imports an API key with these roles; its roles in the next export.
async fn roles(json: &str) -> String {
    let place = Place::sqlite().await;
    let db = place.db().await;
    let account = r#"{"account":{"id":1,"subject":"","name":""}}"#;
    let key = format!(r#"{{"api_key":{{"id":1,"account_id":1,"hash":"","hint":"","roles":{json},"date_created":1}}}}"#);
    let text = format!("{}\n{account}\n{key}\n{}\n", header(), json!({"end": {"account": 1, "api_key": 1}}));
    import(&db, &place, &text).await.unwrap();
    let rows = rows_of(&db, &place).await;
    db.close().await;
    place.remove().await;
    let (_, rest) = rows.split_once("\"roles\":").unwrap();
    rest.split_once(",\"date_created\"").unwrap().0.to_owned()
}

#[tokio::test]
async fn json_comes_back_byte_for_byte() {
    for json in ["{}", r#"{"b": 1.0e5 ,"a":"\u00e9\ud800","a":[]}"#, "[]", r#"["x"]"#, r#"{"a": [1.0, "é\ud800"]}"#] {
        assert_eq!(roles(json).await, json);
    }
}

#[tokio::test]
async fn json_that_would_not_come_back_as_it_is_becomes_a_string() {
    for text in ["{\n}", " {}", "{} ", "{\r}", "1", "\"a\"", "null", "", "{}x{}", "{'a':1}"] {
        let string = serde_json::to_string(text).unwrap();
        assert_eq!(roles(&string).await, string);
    }
    assert_eq!(roles("1.50").await, "\"1.50\"");
}
