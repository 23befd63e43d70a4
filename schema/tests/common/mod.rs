//! What several tests need: arbitrary JSON, arbitrary bodies of a type, and a check of JSON against schemas.
#![allow(dead_code, reason = "each test uses its part of this")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use std::path::Path;

use aiod_schema::{Field, Kind, Object, ResourceType, Role};
use proptest::prelude::*;
use proptest::string::string_regex;
use serde_json::{Map, Value, json};

/// A file of the facts that existing clients rely on; they stand beside the workspace, and a test passes where they are absent.
pub(crate) fn reference(file: &str) -> Option<String> {
    let path = Path::new("../../shared/reference").join(file);
    let text = std::fs::read_to_string(path).ok();
    if text.is_none() {
        println!("skipped: there is no reference file {file}");
    }
    text
}

/// Any JSON, with names that the model knows among its members' names.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        any_text(),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any_name(), inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_name() -> impl Strategy<Value = String> {
    let known = ["plain", "value", "editor", "geo", "latitude", "address", "content_url", "identifier", "name", "date_modified"];
    prop_oneof![prop::sample::select(known.to_vec()).prop_map(str::to_owned), any::<String>()]
}

/// Texts that come close to what fields expect.
fn any_text() -> impl Strategy<Value = Value> {
    let texts = [
        "2020-02-30",
        "2020-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "0000-01-01T00:00:00+23:59",
        "2016-12-31T23:59:60",
        "\0",
        "",
        " ",
        "******",
    ];
    prop_oneof![prop::sample::select(texts.to_vec()).prop_map(Value::from), "[-0-9:/. TZ+]{0,40}".prop_map(Value::from)]
}

/// A body that the type's table allows, with and without optional fields, `null`s and fields that are to be ignored.
pub(crate) fn valid_body(resource: &'static ResourceType) -> BoxedStrategy<Value> {
    let one_owner = |mut body: Value| {
        let body_of_contact = body["person"].is_string() && body["organisation"].is_string();
        if body_of_contact && let Some(body) = body.as_object_mut() {
            body.remove("person");
        }
        body
    };
    (valid_object(resource.object), any_json())
        .prop_map(move |(mut body, ignored)| {
            body["a field that nobody knows"] = ignored;
            one_owner(body)
        })
        .boxed()
}

/// A valid body in which some fields hold any JSON instead.
pub(crate) fn odd_body(resource: &'static ResourceType) -> BoxedStrategy<Value> {
    let names: Vec<&str> = resource.object.fields.iter().map(|f| f.name).collect();
    (valid_body(resource), prop::collection::vec((prop::sample::select(names), any_json()), 0..4))
        .prop_map(|(mut body, odd)| {
            for (name, value) in odd {
                body[name] = value;
            }
            body
        })
        .boxed()
}

fn valid_object(object: &'static Object) -> BoxedStrategy<Value> {
    let members: Vec<_> = object.fields.iter().map(member).collect();
    members.prop_map(move |members| paired(object, members.into_iter().flatten().collect())).boxed()
}

/// A platform and its identifier stand together, or neither does.
fn paired(object: &'static Object, mut body: Map<String, Value>) -> Value {
    let platform = object.fields.iter().find(|field| matches!(field.kind, Kind::Platform));
    if let (Some(platform), Some(own)) = (platform, object.field_with(Role::PlatformIdentifier)) {
        if body.get(platform.name).is_some_and(Value::is_string) && body.get(own.name).is_some_and(Value::is_string) {
            body.insert(own.name.to_owned(), json!("zenodo.org:1"));
        } else {
            body.remove(platform.name);
            body.remove(own.name);
        }
    }
    Value::Object(body)
}

/// A field, or its absence.
fn member(field: &'static Field) -> BoxedStrategy<Option<(String, Value)>> {
    let name = field.name.to_owned();
    let values = valid_values(field);
    if field.required {
        return values.prop_map(move |v| Some((name.clone(), v))).boxed();
    }
    prop_oneof![2 => Just(None), 1 => Just(Some(Value::Null)), 6 => values.prop_map(Some)]
        .prop_map(move |v| v.map(|v| (name.clone(), v)))
        .boxed()
}

fn valid_values(field: &'static Field) -> BoxedStrategy<Value> {
    if field.read_only {
        return any_json().boxed();
    }
    if matches!(field.kind, Kind::Blob) {
        return Just(Value::Null).boxed();
    }
    let value = valid_value(field);
    if field.list { prop::collection::vec(value, 0..4).prop_map(Value::from).boxed() } else { value }
}

fn valid_value(field: &'static Field) -> BoxedStrategy<Value> {
    match field.kind {
        Kind::Text => {
            let min = field.min_length.unwrap_or(0);
            let max = field.max_length.unwrap_or(usize::MAX).min(min + 12);
            string_regex(&format!("\\PC{{{min},{max}}}")).unwrap().prop_map(Value::from).boxed()
        }
        Kind::Platform => "[a-z][a-z0-9_]{0,12}".prop_map(Value::from).boxed(),
        Kind::Link(_) => "[a-z]{3,4}_[A-Za-z0-9]{2}".prop_map(Value::from).boxed(),
        Kind::Term(_) => "\\PC{0,6}[A-Za-zÄÖß]{1,6} {0,2}".prop_map(Value::from).boxed(),
        Kind::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Kind::Integer => prop_oneof![any::<i64>().prop_map(Value::from), any::<i32>().prop_map(|n| Value::from(f64::from(n)))].boxed(),
        Kind::Number if field.digits.is_some() => (-9_999..=9_999_i32).prop_map(|n| Value::from(f64::from(n) / 100.0)).boxed(),
        Kind::Number => prop_oneof![any::<f64>().prop_filter_map("finite", finite), any::<i32>().prop_map(Value::from)].boxed(),
        Kind::Date => date().prop_map(Value::from).boxed(),
        Kind::DateTime => date_time().prop_map(Value::from).boxed(),
        Kind::Object(object) => valid_object(object()),
        Kind::Choice(choice) => prop::sample::select(choice.names).prop_map(Value::from).boxed(),
        Kind::Blob | Kind::Map(_) | Kind::AnyOf(_) | Kind::Resource(_) => Just(Value::Null).boxed(),
    }
}

fn finite(number: f64) -> Option<Value> {
    number.is_finite().then(|| Value::from(number))
}

fn date() -> impl Strategy<Value = String> {
    (0u16..=9999, 1u8..=12, 1u8..=28).prop_map(|(y, m, d)| format!("{y:04}-{m:02}-{d:02}"))
}

/// Date-times that are the same year in every zone.
pub(crate) fn date_time() -> impl Strategy<Value = String> {
    let zone = prop_oneof![Just(String::new()), Just("Z".to_owned()), "[+-](0[0-9]|1[0-4]):[0-5][0-9]"];
    let fraction = prop_oneof![Just(String::new()), "\\.[0-9]{1,9}"];
    let date = (1u16..=9998, 1u8..=12, 1u8..=28).prop_map(|(y, m, d)| format!("{y:04}-{m:02}-{d:02}"));
    (date, "[T ]", 0u8..24, 0u8..60, 0u8..60, fraction, zone)
        .prop_map(|(date, sep, h, m, s, fraction, zone)| format!("{date}{sep}{h:02}:{m:02}:{s:02}{fraction}{zone}"))
}

/// A dataset as it is read: a body, what the catalogue adds, and contacts in full.
pub(crate) fn read_dataset() -> BoxedStrategy<Value> {
    let dataset = aiod_schema::by_name("dataset").unwrap();
    let contact = aiod_schema::by_name("contact").unwrap();
    let people = prop::collection::vec(valid_object(contact.object), 0..4);
    (odd_body(dataset), people, date_time())
        .prop_map(|(mut body, mut people, time)| {
            for (i, person) in people.iter_mut().enumerate() {
                person["identifier"] = json!(format!("con_{i}"));
                person["email"] = json!(["******"]);
            }
            body["identifier"] = json!("data_1");
            body["contact"] = json!(["con_0", "con_1", "con_9"]);
            body["creator"] = json!(["con_1", "con_2"]);
            body["funder"] = json!(["org_1", "con_0"]);
            body["contacts"] = Value::from(people);
            body["aiod_entry"] = json!({"status": "published", "date_modified": time, "date_created": time});
            body
        })
        .boxed()
}

/// What is wrong with a value by a schema of OpenAPI, if anything; `schemas` is `components.schemas`.
pub(crate) fn schema_fault(schemas: &Value, schema: &Value, value: &Value, place: &str) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/components/schemas/").unwrap();
        return schema_fault(schemas, schemas.get(name).unwrap_or_else(|| panic!("no schema {name}")), value, place);
    }
    for all in schema["allOf"].as_array().into_iter().flatten() {
        if let Some(fault) = schema_fault(schemas, all, value, place) {
            return Some(fault);
        }
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let faults: Vec<String> = any.iter().filter_map(|s| schema_fault(schemas, s, value, place)).collect();
        if faults.len() == any.len() {
            return Some(faults.join(" and "));
        }
    }
    if let Some(constant) = schema.get("const")
        && constant != value
    {
        return Some(format!("{place}: {value} instead of {constant}"));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Some(format!("{place}: {value} is none of {allowed:?}"));
    }
    type_fault(schemas, schema, value, place)
}

fn type_fault(schemas: &Value, schema: &Value, value: &Value, place: &str) -> Option<String> {
    let right = match schema["type"].as_str() {
        None => true,
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some(other) => panic!("unknown type {other}"),
    };
    if !right {
        return Some(format!("{place}: {value} is no {}", schema["type"]));
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        return values.iter().enumerate().find_map(|(i, v)| schema_fault(schemas, items, v, &format!("{place}[{i}]")));
    }
    let (Some(properties), Some(members)) = (schema["properties"].as_object(), value.as_object()) else { return None };
    let missing = schema["required"].as_array().into_iter().flatten().find(|name| !members.contains_key(name.as_str().unwrap()));
    if let Some(name) = missing {
        return Some(format!("{place}: there is no {name}"));
    }
    members.iter().find_map(|(name, member)| match properties.get(name) {
        Some(schema) => schema_fault(schemas, schema, member, &format!("{place}.{name}")),
        None => Some(format!("{place}: nobody declared {name}")),
    })
}
