//! A row of an export, written to a line of JSON and read from one.

use std::collections::HashMap;

use base64::engine::{Engine as _, general_purpose::STANDARD as BASE64};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Column, End, Kind, TABLES, Table};
use crate::store::sql::Arg;

/// The values of a row, in the order of the table's columns. NULL is [`NULL`].
pub(in crate::store) type Row = Vec<Arg>;

/// NULL in any column.
pub(super) const NULL: Arg = Arg::Int(None);

/// A row as the JSON of its line.
pub(super) fn line(table: &'static Table, row: &Row) -> impl Serialize {
    HashMap::from([(table.name, Columns(table, row))])
}

/// The columns of a row by name, but for those that are NULL.
struct Columns<'r>(&'static Table, &'r Row);

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = self.0.columns.iter().zip(self.1).filter(|(_, value)| **value != NULL);
        serializer.collect_map(columns.map(|(column, value)| (column.name, Cell(column.kind, value))))
    }
}

/// A value of a column.
struct Cell<'r>(Kind, &'r Arg);

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.1 {
            Arg::Int(value) => value.serialize(serializer),
            Arg::Bytes(bytes) => serializer.serialize_str(&BASE64.encode(bytes)),
            Arg::Text(text) => match text.as_deref().and_then(json_of_a_line).filter(|_| self.0 == Kind::Json) {
                Some(json) => json.serialize(serializer),
                None => text.serialize(serializer),
            },
        }
    }
}

/// The JSON that a text is, if a reader of the line gets it back byte for byte. All JSON of ours is so; other texts become strings.
fn json_of_a_line(text: &str) -> Option<&RawValue> {
    let is_whole = text.starts_with(['{', '[']) && text.ends_with(['}', ']']) && !text.contains(['\n', '\r']);
    serde_json::from_str(text).ok().filter(|_| is_whole)
}

/// What a line says.
pub(super) enum Line {
    /// A row of the table at this place in [`TABLES`].
    Row(usize, Row),
    End(End),
}

/// Reads a line; what is wrong with it, if anything is.
pub(super) fn parse(line: &[u8]) -> Result<Line, String> {
    let tables: HashMap<&str, HashMap<&str, &RawValue>> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let mut tables = tables.into_iter();
    let (Some((name, columns)), None) = (tables.next(), tables.next()) else {
        return Err("an object whose one key is a table's name is expected".to_owned());
    };
    if name == "end" {
        return serde_json::from_slice(line).map(Line::End).map_err(|error| error.to_string());
    }
    let place = TABLES.iter().position(|table| table.name == name);
    let place = place.ok_or_else(|| format!("'{name}' is not a table of the catalogue"))?;
    row(&TABLES[place], &columns).map(|row| Line::Row(place, row))
}

fn row(table: &Table, columns: &HashMap<&str, &RawValue>) -> Result<Row, String> {
    if let Some(name) = columns.keys().find(|name| table.columns.iter().all(|c| c.name != **name)) {
        return Err(format!("table {} has no column '{name}'", table.name));
    }
    let values = table.columns.iter().map(|column| match value(column, columns.get(column.name).map_or("null", |raw| raw.get()))? {
        NULL if !column.nullable => Err(format!("a row of table {} needs column '{}'", table.name, column.name)),
        value => Ok(value),
    });
    values.collect()
}

fn value(column: &Column, json: &str) -> Result<Arg, String> {
    let refused = |expected: &str| format!("column '{}' needs {expected}", column.name);
    match column.kind {
        _ if json == "null" => return Ok(NULL),
        // JSON stands for itself; a string, for what it says.
        Kind::Json if !json.starts_with('"') => return Ok(json.into()),
        Kind::Int => return serde_json::from_str::<i64>(json).map(Arg::from).map_err(|_| refused("a whole number of 64 bits")),
        Kind::Text | Kind::Json | Kind::Bytes => {}
    }
    let text: String = serde_json::from_str(json).map_err(|_| refused("a text"))?;
    if column.kind != Kind::Bytes {
        return Ok(text.into());
    }
    BASE64.decode(text).map(Arg::from).map_err(|error| format!("column '{}' is not base 64: {error}", column.name))
}
