//! Small JSON objects and parameters, read into the structs that declare them: all faults at once.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::model::{Kind, Model};
use crate::validate::{Fault, Step, checked_object};

/// Reads a JSON object.
///
/// # Errors
/// All faults of the object, each with its place below `body`.
pub fn from_json<T: Model + DeserializeOwned>(body: &Value) -> Result<T, Vec<Fault>> {
    typed::<T>("body", body)
}

/// Reads parameters, which are texts. `texts` gives those of a name. They are the items of a list; of others, the first one counts.
///
/// # Errors
/// All faults of the parameters, each with its place below `place`, such as `query`.
pub fn from_texts<'t, T: Model + DeserializeOwned>(place: &'static str, texts: impl Fn(&str) -> Vec<&'t str>) -> Result<T, Vec<Fault>> {
    let fields = T::object().fields.iter();
    let given = fields.filter_map(|field| {
        let mut values = texts(field.name).into_iter().map(|text| value_of(field.kind, text)).peekable();
        values.peek()?;
        let value = if field.list { Some(values.collect()) } else { values.next() };
        Some((field.name.to_owned(), value?))
    });
    typed::<T>(place, &Value::Object(given.collect::<Map<_, _>>()))
}

fn typed<T: Model + DeserializeOwned>(place: &'static str, value: &Value) -> Result<T, Vec<Fault>> {
    let checked = checked_object(T::object(), place, value)?;
    // What the table lets pass has the struct's types: a failure here is a declaration that contradicts itself.
    serde_json::from_value(checked).map_err(|error| vec![Fault::value([Step::from(place)], error.to_string())])
}

/// What a parameter's text stands for. A text that does not fit stays a text, in which the check finds the fault.
pub fn value_of(kind: Kind, text: &str) -> Value {
    let value = match kind {
        Kind::Integer => text.parse::<i64>().ok().map(Value::from),
        Kind::Number => text.parse::<f64>().ok().map(Value::from),
        Kind::Boolean => truth(text).map(Value::from),
        _ => None,
    };
    value.unwrap_or_else(|| text.into())
}

/// The ways of writing a truth value that clients use.
fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" | "t" => Some(true),
        "false" | "0" | "no" | "off" | "f" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize, crate::Model)]
    struct Form {
        /// A list of names.
        #[field(required, min = 1, min_items = 1, max_items = 2)]
        names: Vec<String>,
        /// A number.
        #[field(least = 0, most = 10, default = 3)]
        number: i64,
        /// A truth value.
        #[field(default = false)]
        flag: bool,
        /// A choice.
        #[field(default = "draft")]
        status: Option<crate::Status>,
    }

    fn faults(body: &Value) -> Vec<(String, &'static str)> {
        from_json::<Form>(body).unwrap_err().into_iter().map(|fault| (fault.path(), fault.code)).collect()
    }

    #[test]
    fn what_is_absent_has_its_default() {
        let form = from_json::<Form>(&json!({"names": ["a"], "number": null})).unwrap();
        assert_eq!(form, Form { names: vec!["a".to_owned()], number: 3, flag: false, status: None });
    }

    #[test]
    fn all_faults_are_named() {
        let all = faults(&json!({"names": ["", 1, "c"], "number": 11, "flag": "true", "status": "gone"}));
        let expected = [
            ("body.names", "value_error.list.max_items"),
            ("body.number", "value_error.number.not_le"),
            ("body.flag", "type_error.bool"),
            ("body.status", "type_error.enum"),
        ];
        assert_eq!(all, expected.map(|(path, code)| (path.to_owned(), code)));
        assert_eq!(faults(&json!({"names": ["", 1]})).len(), 2);
        assert_eq!(faults(&json!({"names": []})), [("body.names".to_owned(), "value_error.list.min_items")]);
        assert_eq!(faults(&json!({})), [("body.names".to_owned(), "value_error.missing")]);
        assert_eq!(faults(&json!([])), [("body".to_owned(), "type_error.dict")]);
    }

    #[test]
    fn parameters_are_texts() {
        #[derive(Debug, PartialEq, Deserialize, crate::Model)]
        struct Query {
            /// A number.
            #[field(least = 0, default = 10)]
            limit: i64,
            /// A truth value.
            #[field(default = false)]
            all: bool,
        }
        let query = |text: &'static str| {
            from_texts::<Query>("query", move |name| if name == "limit" || text != "-1" { vec![text] } else { vec![] })
        };
        assert_eq!(query("1").unwrap(), Query { limit: 1, all: true });
        assert_eq!(query("-1").unwrap_err()[0].message, "ensure this value is greater than or equal to 0");
        for text in ["", "x", "1.5", "99999999999999999999"] {
            let faults = query(text).unwrap_err();
            assert_eq!(faults[0].path(), "query.limit", "{text}");
        }
        for (text, value) in [("Yes", true), ("T", true), ("ON", true), ("no", false), ("F", false), ("0", false)] {
            assert_eq!(truth(text), Some(value), "{text}");
        }
    }
}
