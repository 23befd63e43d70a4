//! The tables against the facts that existing clients rely on. They stand beside the workspace; where they are absent, each test
//! says so and passes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

mod common;

use std::collections::BTreeSet;

use aiod_schema::validate::normalise;
use aiod_schema::vocabulary::{self, VOCABULARIES, Vocabulary};
use aiod_schema::{Field, Kind, Object, by_name, resource_types};
use common::reference;
use serde_json::{Map, Value, json};

fn model() -> Option<Value> {
    reference("metadata-model.json").map(|text| serde_json::from_str(&text).unwrap())
}

/// Collects differences, so that one run shows them all.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn compare<T: PartialEq + std::fmt::Debug>(&mut self, place: &str, theirs: T, ours: T) {
        if theirs != ours {
            self.0.push(format!("{place}: reference {theirs:?}, ours {ours:?}"));
        }
    }

    fn finish(self) {
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}

/// How the reference writes the type of a field; nested objects have one name for what is taken and one for what is given.
fn type_name(field: &Field) -> String {
    let one = match field.kind {
        Kind::Text | Kind::Platform | Kind::Link(_) | Kind::Term(_) | Kind::Choice(_) => "string",
        Kind::Integer => "integer",
        Kind::Number => "number",
        Kind::Boolean => "boolean",
        Kind::Date => "string(date)",
        Kind::DateTime => "string(date-time)",
        Kind::Map(_) | Kind::AnyOf(_) | Kind::Resource(_) => "only in answers",
        Kind::Blob => "string(binary)",
        Kind::Object(object) => match object().title {
            "AIoDEntry" => "AIoDEntryCreate",
            "Contact" => "ContactRead",
            title => title,
        },
    };
    if field.list { format!("[{one}]") } else { one.to_owned() }
}

fn number(facts: &Value, name: &str) -> Option<usize> {
    facts.get(name).map(|n| usize::try_from(n.as_u64().unwrap()).unwrap())
}

fn flag(facts: &Value, name: &str) -> bool {
    facts.get(name).is_some_and(|v| v.as_bool().unwrap())
}

fn compare_field(out: &mut Differences, place: &str, facts: &Value, field: &Field) {
    out.compare(&format!("{place} type"), facts["type"].as_str().unwrap(), &type_name(field));
    // The reference knows no limit for a country's name; ours keeps a document from growing without bounds.
    let max = number(facts, "maxLength").or((place == "Address.country").then_some(256));
    if !field.read_only || max.is_some() {
        out.compare(&format!("{place} maxLength"), max, field.max_length);
    }
    out.compare(&format!("{place} minLength"), number(facts, "minLength"), field.min_length);
    // What the catalogue sets itself is required of the catalogue only.
    if !field.read_only {
        out.compare(&format!("{place} required"), flag(facts, "required"), field.required);
    }
    // The reference does not say to what an editor refers.
    if place != "AIoDEntry.editor" {
        out.compare(&format!("{place} refers_to"), targets(facts), links(field));
    }
    out.compare(&format!("{place} max_digits"), number(facts, "max_digits"), field.digits.map(|d| usize::from(d.before + d.after)));
    out.compare(&format!("{place} decimal_places"), number(facts, "decimal_places"), field.digits.map(|d| usize::from(d.after)));
    out.compare(&format!("{place} vocabulary"), facts.get("vocabulary").and_then(Value::as_str), field.vocabulary().map(|v| v.name));
    if let Some(vocabulary) = field.vocabulary() {
        out.compare(&format!("{place} vocabulary_kind"), facts["vocabulary_kind"].as_str().unwrap(), kind_name(vocabulary));
        out.compare(&format!("{place} case_sensitive"), flag(facts, "case_sensitive"), vocabulary.case_sensitive);
    }
}

fn targets(facts: &Value) -> BTreeSet<String> {
    let targets = facts.get("refers_to").and_then(Value::as_array).into_iter().flatten();
    targets
        .map(|target| match target.as_str().unwrap() {
            "any AI resource" => "ai_resource".to_owned(),
            "any AI asset" => "ai_asset".to_owned(),
            name => name.to_owned(),
        })
        .collect()
}

fn links(field: &Field) -> BTreeSet<String> {
    match field.kind {
        Kind::Link(targets) => targets.iter().map(|t| (*t).to_owned()).collect(),
        _ => BTreeSet::new(),
    }
}

fn kind_name(vocabulary: &Vocabulary) -> &'static str {
    if vocabulary.is_taxonomy() { "taxonomy" } else { "open_vocabulary" }
}

fn compare_object(out: &mut Differences, name: &str, facts: &Map<String, Value>, fields: &[&Field]) {
    let theirs: BTreeSet<&str> = facts.keys().map(String::as_str).collect();
    let ours: BTreeSet<&str> = fields.iter().map(|f| f.name).collect();
    out.compare(&format!("{name} fields"), theirs, ours);
    for field in fields {
        if let Some(facts) = facts.get(field.name) {
            compare_field(out, &format!("{name}.{}", field.name), facts, field);
        }
    }
}

#[test]
fn resource_types_are_those_of_the_reference() {
    let Some(model) = model() else { return };
    let mut out = Differences::default();
    // Platforms are no resources of ours: they have no document.
    let types: Vec<_> = model["types"].as_object().unwrap().iter().filter(|(name, _)| *name != "platform").collect();
    let theirs: BTreeSet<&str> = types.iter().map(|(name, _)| name.as_str()).collect();
    out.compare("types", theirs, resource_types().iter().map(|t| t.name).collect());
    for (name, facts) in types {
        let Some(resource) = by_name(name) else { continue };
        out.compare(&format!("{name} path"), facts["path"].as_str(), Some(resource.path));
        out.compare(&format!("{name} prefix"), facts["identifier_prefix"].as_str(), Some(resource.prefix));
        let fields: Vec<&Field> = resource.object.fields.iter().collect();
        let facts = facts["fields"].as_object().unwrap();
        compare_object(&mut out, name, facts, &fields);
        for field in fields {
            let theirs = facts.get(field.name).is_some_and(|f| flag(f, "read_only"));
            out.compare(&format!("{name}.{} read_only", field.name), theirs, field.read_only);
        }
    }
    out.finish();
}

/// The objects that stand inside resource types, by their titles.
fn embedded(object: &'static Object, found: &mut Vec<&'static Object>) {
    for field in &object.fields {
        if let Kind::Object(nested) = field.kind
            && by_name(&nested().title.to_lowercase()).is_none()
            && !found.iter().any(|o| o.title == nested().title)
        {
            found.push(nested());
            embedded(nested(), found);
        }
    }
}

#[test]
fn embedded_objects_are_those_of_the_reference() {
    let Some(model) = model() else { return };
    let mut out = Differences::default();
    let mut objects = Vec::new();
    resource_types().iter().for_each(|t| embedded(t.object, &mut objects));
    assert!(objects.len() >= 9, "{objects:?}");
    for object in objects {
        let facts = |title: &str| model["embedded"][title].as_object().unwrap_or_else(|| panic!("the reference has no {title}"));
        if object.title == "AIoDEntry" {
            let written: Vec<&Field> = object.fields.iter().filter(|f| !f.read_only).collect();
            compare_object(&mut out, object.title, facts("AIoDEntryCreate"), &written);
            let read: BTreeSet<&str> = facts("AIoDEntryRead").keys().map(String::as_str).collect();
            out.compare("AIoDEntry read", read, object.fields.iter().map(|f| f.name).collect());
        } else {
            compare_object(&mut out, object.title, facts(object.title), &object.fields.iter().collect::<Vec<_>>());
        }
    }
    out.finish();
}

#[test]
fn vocabularies_are_those_of_the_reference() {
    let Some(model) = model() else { return };
    let mut out = Differences::default();
    let facts = model["vocabularies"].as_object().unwrap();
    let listed: BTreeSet<&str> = VOCABULARIES.iter().filter(|v| v.is_listed()).map(|v| v.name).collect();
    out.compare("vocabularies", facts.keys().map(String::as_str).collect(), listed);
    for (name, facts) in facts {
        let Some(vocabulary) = vocabulary::find(name) else { continue };
        out.compare(&format!("{name} path"), facts["path"].as_str(), vocabulary.path);
        out.compare(&format!("{name} kind"), facts["kind"].as_str().unwrap(), kind_name(vocabulary));
    }
    out.finish();
}

#[test]
fn the_official_taxonomy_file_can_be_loaded() {
    let Some(text) = reference("taxonomies/taxonomies.json") else { return };
    let file = vocabulary::parse(&text).unwrap();
    assert!(!file.taxonomies.is_empty());
    for taxonomy in &file.taxonomies {
        assert!(taxonomy.vocabulary.is_taxonomy());
        assert!(!taxonomy.terms.is_empty(), "{}", taxonomy.vocabulary.name);
    }
}

#[test]
fn example_bodies_of_clients_are_taken() {
    for resource in resource_types() {
        let Some(text) = reference(&format!("examples/{}.json", resource.path)) else { continue };
        for mut body in serde_json::from_str::<Vec<Value>>(&text).unwrap() {
            // It dates from when identifiers were numbers.
            if body["member"] == json!([0]) {
                body["member"] = json!([]);
            }
            if let Err(faults) = normalise(resource, &body) {
                let faults: Vec<String> = faults.iter().map(|f| format!("{}: {}", f.path(), f.message)).collect();
                panic!("{resource:?}: {faults:?}");
            }
        }
    }
}
