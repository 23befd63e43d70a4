//! One line of an export, read.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Column, Counts, END, Kind, TABLES, Table};

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) enum Cell<'a> {
    Null,
    Int(i64),
    Text(Cow<'a, str>),
    Bytes(Vec<u8>),
}

/// What a line says.
#[derive(Debug, PartialEq)]
pub(super) enum Line<'a> {
    /// A row: where its table stands in [`TABLES`], and its values in the order of the table's columns.
    Row(usize, Vec<Cell<'a>>),
    /// How many rows there are.
    End(Counts),
}

/// Reads a line; what is wrong with it, if anything is.
pub(super) fn parse(line: &str) -> Result<Line<'_>, String> {
    let mut input = serde_json::Deserializer::from_str(line);
    let parsed = input.deserialize_map(LineVisitor).and_then(|parsed| input.end().map(|()| parsed));
    parsed.map_err(|error| {
        // The line that serde_json counts is always the first.
        let message = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        match message.strip_suffix(&place) {
            Some(message) => format!("{message} (at byte {})", error.column()),
            None => message,
        }
    })
}

struct LineVisitor;

impl<'de> Visitor<'de> for LineVisitor {
    type Value = Line<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a row: an object whose one key is a table's name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line<'de>, A::Error> {
        let Some(name) = map.next_key::<&str>()? else { return Err(A::Error::custom("the object is empty: a table's name is expected")) };
        let line = match TABLES.iter().position(|t| t.name == name) {
            Some(table) => Line::Row(table, map.next_value_seed(RowSeed(&TABLES[table]))?),
            None if name == END => Line::End(map.next_value_seed(EndSeed)?),
            None => return Err(A::Error::custom(format!("'{name}' is not a table of the catalogue"))),
        };
        match map.next_key::<&str>()? {
            None => Ok(line),
            Some(other) => Err(A::Error::custom(format!("'{other}' is too much: a line holds one row"))),
        }
    }
}

/// Reads the columns of a table.
struct RowSeed(&'static Table);

impl<'de> DeserializeSeed<'de> for RowSeed {
    type Value = Vec<Cell<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Self::Value, D::Error> {
        input.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed {
    type Value = Vec<Cell<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "an object with the columns of table {}", self.0.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let columns = self.0.columns;
        let mut cells = vec![Cell::Null; columns.len()];
        let mut next = 0;
        while let Some(name) = map.next_key::<&str>()? {
            // Columns come in their order, unless somebody wrote the file by other means.
            let ahead = columns.iter().skip(next).position(|c| c.name == name).map(|i| i + next);
            let Some(index) = ahead.or_else(|| columns.iter().position(|c| c.name == name)) else {
                return Err(A::Error::custom(format!("table {} has no column '{name}'", self.0.name)));
            };
            cells[index] = map.next_value_seed(CellSeed(&columns[index]))?;
            next = index + 1;
        }
        match columns.iter().zip(&cells).find(|(column, cell)| !column.nullable && **cell == Cell::Null) {
            None => Ok(cells),
            Some((column, _)) => Err(A::Error::custom(format!("a row of table {} needs column '{}'", self.0.name, column.name))),
        }
    }
}

/// Reads the value of a column.
struct CellSeed(&'static Column);

impl<'de> DeserializeSeed<'de> for CellSeed {
    type Value = Cell<'de>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Cell<'de>, D::Error> {
        match self.0.kind {
            Kind::Json => json_cell(<&RawValue as serde::Deserialize>::deserialize(input)?.get()).map_err(D::Error::custom),
            _ => input.deserialize_any(self),
        }
    }
}

/// JSON stands for itself; a string, for what it says.
fn json_cell(raw: &str) -> serde_json::Result<Cell<'_>> {
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw).map(|text: String| Cell::Text(text.into())),
        _ if raw == "null" => Ok(Cell::Null),
        _ => Ok(Cell::Text(raw.into())),
    }
}

impl CellSeed {
    fn text<'de, E: serde::de::Error>(&self, value: Cow<'de, str>) -> Result<Cell<'de>, E> {
        match self.0.kind {
            Kind::Bytes => match BASE64.decode(value.as_bytes()) {
                Ok(bytes) => Ok(Cell::Bytes(bytes)),
                Err(error) => Err(E::custom(format!("column '{}' is not base 64: {error}", self.0.name))),
            },
            Kind::Int => Err(E::invalid_type(serde::de::Unexpected::Str(&value), self)),
            Kind::Text | Kind::Json => Ok(Cell::Text(value)),
        }
    }
}

impl<'de> Visitor<'de> for CellSeed {
    type Value = Cell<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let kind = match self.0.kind {
            Kind::Int => "a whole number of 64 bits",
            Kind::Text => "a text",
            Kind::Json => "JSON",
            Kind::Bytes => "a text in base 64",
        };
        write!(f, "{kind} in column '{}'", self.0.name)
    }

    fn visit_unit<E>(self) -> Result<Cell<'de>, E> {
        Ok(Cell::Null)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Cell<'de>, E> {
        match self.0.kind {
            Kind::Int => Ok(Cell::Int(value)),
            _ => Err(E::invalid_type(serde::de::Unexpected::Signed(value), &self)),
        }
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Cell<'de>, E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => Err(E::invalid_value(serde::de::Unexpected::Unsigned(value), &self)),
        }
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, value: &'de str) -> Result<Cell<'de>, E> {
        self.text(value.into())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Cell<'de>, E> {
        self.text(value.to_owned().into())
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Cell<'de>, E> {
        self.text(value.into())
    }
}

/// Reads how many rows of each table there are.
struct EndSeed;

impl<'de> DeserializeSeed<'de> for EndSeed {
    type Value = Counts;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Counts, D::Error> {
        input.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EndSeed {
    type Value = Counts;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object with the number of rows of each table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Counts, A::Error> {
        let mut counts = Counts::default();
        while let Some(name) = map.next_key::<&str>()? {
            match TABLES.iter().zip(&mut counts).find(|(table, _)| table.name == name) {
                Some((_, count)) => *count = map.next_value()?,
                None => return Err(A::Error::custom(format!("'{name}' is not a table of the catalogue"))),
            }
        }
        Ok(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn fault(line: &str) -> String {
        parse(line).unwrap_err()
    }

    #[test]
    fn columns_are_read_whatever_their_order() {
        let row = Line::Row(0, vec![Cell::Int(1), Cell::Text("s\n".into()), Cell::Text("é".into())]);
        assert_eq!(parse(r#"{"account":{"id":1,"subject":"s\n","name":"é"}}"#).unwrap(), row);
        assert_eq!(parse(r#" {"account": {"name":"\u00e9", "subject":"s\n", "id":1}} "#).unwrap(), row);
    }

    #[test]
    fn json_comes_byte_for_byte() {
        let line = |roles: &str| format!(r#"{{"api_key":{{"id":1,"account_id":1,"hash":"","hint":"","roles":{roles},"date_created":1}}}}"#);
        let check = |roles: &str, text: &str| match parse(&line(roles)) {
            Ok(Line::Row(1, cells)) => assert_eq!(cells[4], Cell::Text(text.into())),
            other => panic!("{other:?}"),
        };
        for json in [r#"{"b": 1.0e5 ,"a":"\u00e9\ud800","a":[]}"#, "[]", "true", "1.50"] {
            check(json, json);
        }
        check(r#""{\n}""#, "{\n}");
        assert!(fault(&line("null")).starts_with("a row of table api_key needs column 'roles'"));
    }

    #[test]
    fn faults_are_named() {
        assert_eq!(fault(r#"{"accounts":{}}"#), "'accounts' is not a table of the catalogue (at byte 11)");
        assert_eq!(fault(r#"{"account":{"idd":1}}"#), "table account has no column 'idd' (at byte 17)");
        assert_eq!(
            fault(r#"{"account":{"id":"1"}}"#),
            "invalid type: string \"1\", expected a whole number of 64 bits in column 'id' (at byte 20)"
        );
        assert_eq!(fault(r#"{"account":{"id":1,"subject":"s"}}"#), "a row of table account needs column 'name' (at byte 33)");
        assert_eq!(fault(r#"{"platform":{"id":1,"name":"a"},"x":1}"#), "'x' is too much: a line holds one row (at byte 35)");
        assert!(fault(r#"{"image":{"bytes":"?"}}"#).starts_with("column 'bytes' is not base 64"));
        assert!(fault(r#"{"account":{"id":9223372036854775808}}"#).starts_with("invalid value"));
        assert!(fault(r#"{"account":{"id":1"#).starts_with("EOF while parsing"));
        assert!(fault(r#"{"platform":{"id":1,"name":"a"}} x"#).starts_with("trailing characters"));
        for line in ["", "[]", "1", "{}", "\u{feff}{}"] {
            fault(line);
        }
    }
}
