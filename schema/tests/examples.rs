//! The example data that a catalogue can be filled with: valid, in official terms, and linked among themselves.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use std::collections::{HashMap, HashSet};

use aiod_schema::identifier::platform_identifier_fault;
use aiod_schema::validate::normalise;
use aiod_schema::vocabulary::{self, Term};
use aiod_schema::{Input, Kind, Object, ResourceType, resource_types};
use serde_json::Value;

/// The bodies of a type, from `api/examples/<path>.json`.
fn bodies(resource: &ResourceType) -> Vec<Value> {
    let path = format!("../api/examples/{}.json", resource.path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Every example in normal form, with the name that links know it by.
fn examples() -> Vec<(String, Input)> {
    let mut all = Vec::new();
    for resource in resource_types() {
        for body in bodies(resource) {
            let input = normalise(resource, &body).unwrap_or_else(|faults| {
                let faults: Vec<String> = faults.iter().map(|f| format!("{}: {}", f.path(), f.message)).collect();
                panic!("{}: {faults:?}", resource.path)
            });
            let identifier = input.platform_resource_identifier.clone().unwrap();
            all.push((format!("example:{}:{identifier}", resource.name), input));
        }
    }
    all
}

#[test]
fn every_type_has_one_to_three_examples_on_the_example_platform() {
    for resource in resource_types() {
        assert!((1..=3).contains(&bodies(resource).len()), "{resource:?}");
    }
    let mut names = HashSet::new();
    for (name, input) in examples() {
        assert_eq!(input.platform.as_deref(), Some("example"), "{name}");
        assert_eq!(platform_identifier_fault("example", input.platform_resource_identifier.as_deref().unwrap()), None, "{name}");
        assert!(names.insert(name.to_lowercase()), "{name} stands twice");
    }
}

/// Fields that would be ignored, which in an example can only be a mistake.
fn ignored_fields(object: &Object, body: &Value) -> Vec<String> {
    let mut ignored = Vec::new();
    for (name, value) in body.as_object().unwrap() {
        match object.field(name) {
            Some(field) if !field.read_only => {
                if let Kind::Object(nested) = field.kind {
                    let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                    ignored.extend(values.iter().flat_map(|v| ignored_fields(nested(), v)));
                }
            }
            _ => ignored.push(format!("{}.{name}", object.title)),
        }
    }
    ignored
}

#[test]
fn every_field_of_an_example_counts() {
    for resource in resource_types() {
        for body in bodies(resource) {
            assert_eq!(ignored_fields(resource.object, &body), [""; 0]);
        }
    }
}

fn flat(terms: &[Term]) -> Vec<&Term> {
    terms.iter().flat_map(|t| std::iter::once(t).chain(flat(&t.subterms))).collect()
}

#[test]
fn every_taxonomy_term_is_official() {
    let taxonomies = vocabulary::defaults();
    let official: HashSet<(&str, &str)> =
        taxonomies.iter().flat_map(|t| flat(&t.terms).into_iter().map(|term| (t.vocabulary.name, term.name.as_str()))).collect();
    for (name, input) in examples() {
        for used in input.terms.iter().filter(|t| t.vocabulary.is_taxonomy()) {
            for term in &used.terms {
                assert!(official.contains(&(used.vocabulary.name, term.as_str())), "{name}: '{term}' in {}", used.field.name);
            }
        }
    }
}

#[test]
fn every_link_has_a_target_of_the_right_type() {
    let examples = examples();
    let types: HashMap<&str, &ResourceType> = examples.iter().map(|(name, input)| (name.as_str(), input.resource)).collect();
    let mut linked = HashSet::new();
    for (name, input) in &examples {
        for link in &input.links {
            let Kind::Link(targets) = link.field.kind else { panic!("{} is no link", link.field.name) };
            for identifier in &link.identifiers {
                let found = types.get(identifier.as_str()).unwrap_or_else(|| panic!("{name}: {identifier} does not exist"));
                assert!(targets.iter().any(|t| found.is_a(t)), "{name}: {} cannot be {identifier}", link.field.name);
                assert!(identifier != name, "{name} refers to itself");
                linked.extend([name.clone(), identifier.clone()]);
            }
        }
    }
    let alone: Vec<_> = types.keys().filter(|name| !linked.contains(**name)).collect();
    assert!(alone.is_empty(), "nothing is linked with {alone:?}");
}
