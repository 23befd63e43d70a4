//! Bodies in normal form: what is refused, where and why; what is taken, and that nothing makes the check fail.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod common;

use std::collections::HashSet;

use aiod_schema::identifier::platform_identifier_fault;
use aiod_schema::validate::{DATE_TIME, MAX_ITEMS, normalise, normalise_keeping, parse_date_time};
use aiod_schema::vocabulary::{self, MAX_TERM, Term, VOCABULARIES};
use aiod_schema::{Fault, Input, ResourceType, by_name, resource_types};
use common::{any_json, odd_body, valid_body};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn check(type_name: &str, body: &Value) -> Result<Input, Vec<Fault>> {
    normalise(by_name(type_name).unwrap(), body)
}

/// The faults of a body as `place code`.
fn faults(type_name: &str, body: &Value) -> Vec<String> {
    match check(type_name, body) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(|f| format!("{} {}", f.path(), f.code)).collect(),
    }
}

/// A dataset with one more field.
fn dataset_with(field: &str, value: Value) -> Value {
    let mut body = json!({"name": "A dataset"});
    body[field] = value;
    body
}

fn terms(input: &Input, field: &str) -> Vec<String> {
    input.terms.iter().filter(|t| t.field.name == field).flat_map(|t| t.terms.clone()).collect()
}

#[test]
fn link_fields_that_are_kept_are_not_checked_but_seen_by_rules() {
    let parts: Vec<String> = (0..=MAX_ITEMS).map(|n| format!("data_{n}")).collect();
    let body = json!({"name": "A dataset", "has_part": parts, "citation": ["pub_1"], "keyword": ["a"]});
    let is_kept = |name: &'static str| move |field: &aiod_schema::Field| field.name == name;
    let input = normalise_keeping(by_name("dataset").unwrap(), &body, is_kept("has_part")).unwrap();
    let names = |uses: &[aiod_schema::validate::LinkUse]| uses.iter().map(|u| u.field.name).collect::<Vec<_>>();
    assert_eq!((names(&input.links), names(&input.kept)), (vec!["citation"], vec!["has_part"]));
    assert_eq!(input.kept[0].identifiers, parts);
    // Only links are not checked: everything else is, whatever is asked.
    assert_eq!(normalise_keeping(by_name("dataset").unwrap(), &json!({}), |_| true).unwrap_err().len(), 1);
    let both = json!({"person": "per_1", "organisation": "org_1"});
    let faults = normalise_keeping(by_name("contact").unwrap(), &both, is_kept("organisation")).unwrap_err();
    assert_eq!(faults[0].path(), "body.organisation");
}

#[test]
fn terms_of_fields_that_are_kept_are_marked() {
    let body = json!({"name": "A contact", "location": [{"address": {"country": "Atlantis"}}], "email": ["a@example.org"]});
    let input = normalise_keeping(by_name("contact").unwrap(), &body, |field| field.name == "location").unwrap();
    let kept: Vec<(&str, bool)> = input.terms.iter().map(|used| (used.field.name, used.kept)).collect();
    assert_eq!(kept, [("email", false), ("country", true)]);
}

#[test]
fn all_faults_are_told_at_once() {
    let body = json!({
        "date_published": "yesterday",
        "is_accessible_for_free": "yes",
        "issn": "1234-5678",
        "keyword": ["fine", 7, " "],
        "distribution": [{"name": "fine"}, {"content_size_kb": 1.5, "content_url": ["a"]}, "file"],
        "license": ["MIT"],
        "size": {"value": 9_223_372_036_854_775_808_u64},
        "spatial_coverage": {"geo": {"latitude": "north"}},
        "citation": "pub_1",
        "note": [{}],
    });
    let mut found = faults("dataset", &body);
    found.sort();
    let expected = [
        "body.citation type_error.list",
        "body.date_published value_error.datetime",
        "body.distribution[1].content_size_kb type_error.integer",
        "body.distribution[1].content_url type_error.str",
        "body.distribution[2] type_error.dict",
        "body.is_accessible_for_free type_error.bool",
        "body.issn value_error.any_str.max_length",
        "body.keyword[1] type_error.str",
        "body.keyword[2] value_error.any_str.min_length",
        "body.license type_error.str",
        "body.name value_error.missing",
        "body.note[0].value value_error.missing",
        "body.size.value type_error.integer",
        "body.spatial_coverage.geo.latitude type_error.float",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_body_is_an_object() {
    for body in [json!(null), json!([]), json!("text"), json!(1)] {
        assert_eq!(faults("dataset", &body), ["body type_error.dict"]);
    }
}

#[test]
fn lengths_count_characters() {
    let fits = [("name", 256), ("version", 256), ("temporal_coverage", 64), ("same_as", 256)];
    for (field, max) in fits {
        assert_eq!(faults("dataset", &dataset_with(field, json!("ä".repeat(max)))), [""; 0], "{field}");
        let fault = format!("body.{field} value_error.any_str.max_length");
        assert_eq!(faults("dataset", &dataset_with(field, json!("ä".repeat(max + 1)))), [fault]);
    }
    assert_eq!(faults("dataset", &dataset_with("issn", json!("1234567"))), ["body.issn value_error.any_str.min_length"]);
    assert_eq!(faults("dataset", &dataset_with("issn", json!("12345678"))), [""; 0]);
    assert_eq!(faults("dataset", &dataset_with("description", json!({"plain": "x".repeat(65_535)}))), [""; 0]);
    let fault = "body.description.plain value_error.any_str.max_length";
    assert_eq!(faults("dataset", &dataset_with("description", json!({"plain": "x".repeat(65_536)}))), [fault]);
}

#[test]
fn terms_have_the_limit_of_their_vocabulary_in_normal_form() {
    let too_long = |field: &str| vec![format!("body.{field}[0] value_error.any_str.max_length")];
    assert_eq!(faults("dataset", &dataset_with("keyword", json!([format!(" {} ", "k".repeat(256))]))), [""; 0]);
    assert_eq!(faults("dataset", &dataset_with("keyword", json!(["k".repeat(257)]))), too_long("keyword"));
    assert_eq!(faults("dataset", &dataset_with("relevant_link", json!(["l".repeat(1800)]))), [""; 0]);
    assert_eq!(faults("dataset", &dataset_with("relevant_link", json!(["l".repeat(1801)]))), too_long("relevant_link"));
    // A capital I with a dot becomes two characters in lower case.
    assert_eq!(faults("dataset", &dataset_with("keyword", json!(["İ".repeat(128)]))), [""; 0]);
    assert_eq!(faults("dataset", &dataset_with("keyword", json!(["İ".repeat(129)]))), too_long("keyword"));
    assert_eq!(faults("dataset", &dataset_with("research_area", json!(["İ".repeat(129)]))), too_long("research_area"));
}

#[test]
fn ten_thousand_keywords_are_too_many() {
    let keywords = |n: usize| json!((0..n).map(|i| format!("keyword {i}")).collect::<Vec<_>>());
    assert_eq!(faults("dataset", &dataset_with("keyword", keywords(10_000))), ["body.keyword value_error.list.max_items"]);
    assert_eq!(faults("dataset", &dataset_with("keyword", keywords(MAX_ITEMS))), [""; 0]);
    assert_eq!(
        faults("dataset", &dataset_with("distribution", json!(vec![json!({}); 10_000]))),
        ["body.distribution value_error.list.max_items"]
    );
}

#[test]
fn date_times_become_utc_in_whole_seconds() {
    let expected = [
        ("2022-01-01T15:15:00.000", "2022-01-01T15:15:00"),
        ("2022-01-01T15:15:00", "2022-01-01T15:15:00"),
        ("2022-01-01 15:15", "2022-01-01T15:15:00"),
        ("2022-01-01T15:15:00Z", "2022-01-01T15:15:00"),
        ("2022-01-01t15:15:00z", "2022-01-01T15:15:00"),
        ("2022-01-01T15:15Z", "2022-01-01T15:15:00"),
        ("2022-01-01T00:15:00+02:00", "2021-12-31T22:15:00"),
        ("2022-01-01T00:15+02:00", "2021-12-31T22:15:00"),
        ("2022-01-01T23:15:00.999999-0130", "2022-01-02T00:45:00"),
        ("2022-01-01T23:15:00-01", "2022-01-02T00:15:00"),
        // A leap second would be one that most clients and databases cannot read.
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59"),
    ];
    for (text, normal) in expected {
        let input = check("dataset", &dataset_with("date_published", json!(text))).unwrap();
        assert_eq!(input.values["date_published"], normal, "{text}");
    }
}

#[test]
fn what_is_no_date_time_is_refused() {
    let wrong = [
        json!("2022-01-01"),
        json!("2022-02-30T00:00:00"),
        json!("2022-01-01T25:00:00"),
        json!("2022-01-01T00:00:00+25:00"),
        json!("12022-01-01T00:00:00"),
        json!("-2022-01-01T00:00:00"),
        json!("+022-01-01T00:00:00"),
        json!("0000-06-01T00:00:00"),
        json!("0001-01-01T00:00:00+01:00"),
        json!("9999-12-31T23:59:59-01:00"),
        json!("2022-01-01T00:00:00 and more"),
        json!("now"),
        json!(""),
        json!(1_641_045_600),
    ];
    for value in wrong {
        let found = faults("dataset", &dataset_with("date_published", value.clone()));
        assert_eq!(found, ["body.date_published value_error.datetime"], "{value}");
    }
}

#[test]
fn dates_have_no_time() {
    let organisation = |date: &str| json!({"name": "An organisation", "date_founded": date});
    assert_eq!(check("organisation", &organisation("1999-12-31")).unwrap().values["date_founded"], "1999-12-31");
    for date in ["1999-12-31T00:00:00", "1999-02-29", "99-12-31", "-999-12-31", "+999-12-31", "12345-12-1", "0000-12-31", " 999-12-31", ""]
    {
        assert_eq!(faults("organisation", &organisation(date)), ["body.date_founded value_error.date"], "{date}");
    }
}

#[test]
fn unknown_and_read_only_fields_are_ignored_at_the_top() {
    let body = json!({"name": "A dataset", "colour": "red", "identifier": 7, "contacts": "nobody", "ai_asset_identifier": []});
    let input = check("dataset", &body).unwrap();
    assert_eq!(input.values.keys().collect::<Vec<_>>(), ["name"]);
    assert!(check("dataset", &dataset_with("distribution", json!([{"colour": "red"}]))).is_ok());
}

#[test]
fn the_entry_takes_no_unknown_fields() {
    let fault = ["body.aiod_entry.colour value_error.extra"];
    assert_eq!(faults("dataset", &dataset_with("aiod_entry", json!({"editor": [], "colour": "red"}))), fault);
    let read = json!({"editor": ["user"], "status": "published", "date_created": "2022-01-01T00:00:00", "date_modified": null});
    let input = check("dataset", &dataset_with("aiod_entry", read)).unwrap();
    assert_eq!(input.editors, ["user"]);
    assert!(!input.values.contains_key("aiod_entry"));
}

#[test]
fn nul_characters_are_refused_everywhere() {
    assert_eq!(faults("dataset", &json!({"name": "a\0b"})), ["body.name value_error.nul"]);
    assert_eq!(faults("dataset", &dataset_with("keyword", json!(["a\0b"]))), ["body.keyword[0] value_error.nul"]);
    assert_eq!(faults("dataset", &dataset_with("platform", json!("a\0b"))), ["body.platform value_error.nul"]);
    assert_eq!(faults("dataset", &dataset_with("citation", json!(["a\0b"]))), ["body.citation[0] value_error.identifier"]);
    let nested = json!({"address": {"street": "a\0b"}});
    assert_eq!(faults("dataset", &dataset_with("spatial_coverage", nested)), ["body.spatial_coverage.address.street value_error.nul"]);
    assert_eq!(faults("dataset", &dataset_with("aiod_entry", json!({"editor": ["a\0"]}))), ["body.aiod_entry.editor[0] value_error.nul"]);
}

#[test]
fn nested_values_are_kept() {
    let place = json!({"address": {"country": "Belgium", "locality": null}, "geo": {"latitude": 50, "elevation_millimeters": 13_000.0}});
    let input = check("dataset", &dataset_with("spatial_coverage", place)).unwrap();
    let expected = json!({"address": {"country": "Belgium"}, "geo": {"latitude": 50, "elevation_millimeters": 13_000}});
    assert_eq!(input.values["spatial_coverage"], expected);
}

#[test]
fn platforms_within_distributions_are_told_with_their_place() {
    let body = dataset_with("distribution", json!([{}, {"platform": "zenodo", "platform_resource_identifier": "zenodo.org:1"}]));
    let input = check("dataset", &body).unwrap();
    assert_eq!(input.platforms.len(), 1);
    let (place, platform) = &input.platforms[0];
    assert_eq!((Fault::new(place.clone(), "", "").path().as_str(), platform.as_str()), ("body.distribution[1].platform", "zenodo"));
}

#[test]
fn masks_stand_for_what_is_stored() {
    let stored = json!({"name": "Ada L.", "given_name": "Ada", "surname": "Lovelace", "languages": ["eng"]});
    let mut input = check("person", &json!({"name": "******", "surname": "******", "same_as": "******"})).unwrap();
    let masked: Vec<&str> = input.masked.iter().map(|field| field.name).collect();
    assert_eq!(masked, ["name", "surname"]);
    assert!(input.values.keys().eq(["same_as"]));
    assert_eq!(input.mask_faults().iter().map(Fault::path).collect::<Vec<_>>(), ["body.name"]);
    input.restore(stored.as_object().unwrap());
    assert_eq!(json!(input.values), json!({"name": "Ada L.", "same_as": "******", "surname": "Lovelace"}));
    assert!(input.values.keys().eq(["name", "same_as", "surname"]), "in the order of the model");
    assert!(input.masked.is_empty() && input.mask_faults().is_empty());

    let mut input = check("contact", &json!({"name": "x", "email": ["B@x.example", "******", "a@x.example"]})).unwrap();
    assert_eq!(terms(&input, "email"), ["b@x.example", "a@x.example"]);
    input.restore(json!({"email": ["a@x.example", "c@x.example"]}).as_object().unwrap());
    assert_eq!(terms(&input, "email"), ["a@x.example", "c@x.example", "b@x.example"]);
    // What was never there stays absent.
    let mut input = check("contact", &json!({"name": "x", "email": ["******"]})).unwrap();
    input.restore(json!({}).as_object().unwrap());
    assert!(input.terms.is_empty());
}

#[test]
fn a_file_in_the_body_is_a_fault_of_its_own_kind() {
    let found = check("organisation", &json!({"name": "x", "media": [{"binary_blob": "aGk="}]})).unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].kind, aiod_schema::validate::FaultKind::Blob);
    assert_eq!(found[0].path(), "body.media[0].binary_blob");
}

#[test]
fn a_contact_has_one_owner() {
    let both = json!({"person": "prsn_1", "organisation": "org_1"});
    assert_eq!(faults("contact", &both), ["body.organisation value_error"]);
    for one in [json!({"person": "prsn_1"}), json!({"organisation": "org_1", "person": null}), json!({})] {
        assert_eq!(faults("contact", &one), [""; 0]);
    }
}

#[test]
fn terms_are_trimmed_folded_and_not_repeated() {
    let body = json!({
        "name": "x",
        "keyword": [" Rain", "rain", "WIND "],
        "alternate_name": ["Weather", "weather"],
        "research_area": ["Computer Vision", "computer vision"],
        "license": " MIT ",
        "citation": ["pub_1", "pub_1"],
    });
    let input = check("dataset", &body).unwrap();
    assert_eq!(terms(&input, "keyword"), ["rain", "wind"]);
    assert_eq!(terms(&input, "alternate_name"), ["Weather", "weather"]);
    assert_eq!(terms(&input, "research_area"), ["Computer Vision"]);
    assert_eq!(terms(&input, "license"), ["MIT"]);
    assert_eq!(input.links[0].identifiers, ["pub_1"]);
}

/// The body that says what the normal form says.
fn body_of(input: &Input) -> Value {
    let mut body = input.values.clone();
    let mut put = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    if let Some(platform) = &input.platform {
        put("platform", json!(platform));
    }
    if let Some(identifier) = &input.platform_resource_identifier {
        put("platform_resource_identifier", json!(identifier));
    }
    put("aiod_entry", json!({"editor": input.editors}));
    let one_or_list = |list: bool, texts: &[String]| if list { json!(texts) } else { json!(texts.first()) };
    for terms in &input.terms {
        put(terms.field.name, one_or_list(terms.field.list, &terms.terms));
    }
    for links in &input.links {
        put(links.field.name, one_or_list(links.field.list, &links.identifiers));
    }
    Value::Object(body)
}

fn any_resource() -> impl Strategy<Value = &'static ResourceType> {
    prop::sample::select(resource_types().iter().collect::<Vec<_>>())
}

/// A taxonomy file whose terms and ids often meet, in a form that may be wrong.
fn taxonomy_file() -> impl Strategy<Value = Value> {
    let element = ("[a-c]{0,2}", "[ a-cA-Cß]{0,3}", any_json())
        .prop_map(|(id, name, definition)| json!({"id": id, "label": {"value": name}, "definition": definition.as_str()}));
    let tree = element.prop_recursive(3, 12, 4, |inner| {
        (inner.clone(), prop::collection::vec(inner, 0..4)).prop_map(|(mut parent, children)| {
            parent["elements"] = Value::from(children);
            parent
        })
    });
    let names: Vec<&str> = VOCABULARIES.iter().filter_map(|v| v.scheme).chain(["Robot type"]).collect();
    (prop::sample::select(names), prop::collection::vec(tree, 0..4))
        .prop_map(|(name, elements)| json!({"aiod_taxonomies": [{"taxonomy_name": name, "elements": elements}]}))
}

fn flat(terms: &[Term]) -> Vec<&Term> {
    terms.iter().flat_map(|t| std::iter::once(t).chain(flat(&t.subterms))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_json_makes_the_check_fail(json in any_json()) {
        for resource in resource_types() {
            drop(normalise(resource, &json));
        }
    }

    #[test]
    fn odd_bodies_are_refused_with_places_that_exist(
        (resource, body) in any_resource().prop_flat_map(|r| odd_body(r).prop_map(move |body| (r, body))),
    ) {
        if let Err(faults) = normalise(resource, &body) {
            prop_assert!(!faults.is_empty());
            for fault in faults {
                prop_assert!(fault.path().starts_with("body") && !fault.message.is_empty(), "{:?}", fault);
            }
        }
    }

    #[test]
    fn the_normal_form_is_its_own_normal_form(
        (resource, body) in any_resource().prop_flat_map(|r| valid_body(r).prop_map(move |body| (r, body))),
    ) {
        let first = normalise(resource, &body).map_err(|faults| TestCaseError::fail(format!("{faults:?}")))?;
        let again = normalise(resource, &body_of(&first)).map_err(|faults| TestCaseError::fail(format!("{faults:?}")))?;
        prop_assert_eq!(body_of(&first), body_of(&again));
        prop_assert_eq!(first.platforms, again.platforms);
    }

    #[test]
    fn no_text_makes_reading_a_date_time_fail(text in any::<String>(), likely in "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{0,12}[-+Zz0-9:]{0,6}") {
        for text in [text, likely] {
            if let Some(time) = parse_date_time(&text) {
                let normal = time.format(DATE_TIME).to_string();
                prop_assert_eq!(normal.len(), 19, "{} from {}", normal, text);
                prop_assert_eq!(parse_date_time(&normal), Some(time));
            }
        }
    }

    #[test]
    fn date_times_in_every_zone_are_read(text in common::date_time()) {
        prop_assert!(parse_date_time(&text).is_some(), "{}", text);
    }

    #[test]
    fn no_text_makes_checking_an_identifier_fail(text in any::<String>(), likely in "[a-zA-Z0-9/._:-]{0,100}") {
        for platform in ["huggingface", "openml", "zenodo", "example"] {
            for identifier in [&text, &likely] {
                let fault = platform_identifier_fault(platform, identifier);
                prop_assert_eq!(&fault, &platform_identifier_fault(platform, identifier));
                let usable = !identifier.is_empty() && identifier.trim() == identifier && !identifier.chars().any(char::is_control);
                prop_assert!(usable || fault.is_some(), "{:?} on {}", identifier, platform);
            }
        }
    }

    #[test]
    fn no_text_makes_reading_a_taxonomy_file_fail(text in any::<String>(), json in any_json()) {
        drop(vocabulary::parse(&text));
        drop(vocabulary::parse(&json.to_string()));
        let schemes = json!({"aiod_taxonomies": [{"taxonomy_name": "Turnover", "elements": json}]});
        drop(vocabulary::parse(&schemes.to_string()));
    }

    #[test]
    fn taxonomy_files_yield_every_term_once(file in taxonomy_file()) {
        if let Ok(file) = vocabulary::parse(&file.to_string()) {
            for taxonomy in &file.taxonomies {
                let (mut ids, mut keys) = (HashSet::new(), HashSet::new());
                for term in flat(&taxonomy.terms) {
                    prop_assert!(ids.insert(&term.id) && keys.insert(taxonomy.vocabulary.key(&term.name)), "{} twice", term.name);
                    prop_assert!(!term.name.is_empty() && term.name.chars().count() <= MAX_TERM);
                }
            }
        }
    }
}

#[test]
fn a_term_that_stands_twice_counts_once_and_keeps_its_subterms() {
    let element = |id: &str, name: &str, elements: Value| json!({"id": id, "label": {"value": name}, "elements": elements});
    let file = |elements: Value| json!({"aiod_taxonomies": [{"taxonomy_name": "Country", "elements": elements}]}).to_string();
    let parsed = vocabulary::parse(&file(json!([
        element("1", "Unknown", json!([])),
        element("2", " unknown ", json!([element("3", "Belgium", json!([]))])),
    ])))
    .unwrap();
    assert_eq!(flat(&parsed.taxonomies[0].terms).iter().map(|t| t.id.as_str()).collect::<Vec<_>>(), ["1", "3"]);
    assert_eq!(parsed.repeated, ["2"]);
    let same_id = file(json!([element("1", "Belgium", json!([])), element("1", "France", json!([]))]));
    assert!(vocabulary::parse(&same_id).unwrap_err().to_string().contains("id stands twice"));
    let unknown = json!({"aiod_taxonomies": [{"taxonomy_name": "Robot type", "elements": []}]}).to_string();
    assert_eq!(vocabulary::parse(&unknown).unwrap().unknown_schemes, ["Robot type"]);
    let nested: Value = Map::from_iter([("aiod_taxonomies".to_owned(), json!("none"))]).into();
    assert!(vocabulary::parse(&nested.to_string()).is_err());
    assert!(vocabulary::parse(&file(json!([element("1", &"İ".repeat(129), json!([]))]))).is_err());
    assert!(vocabulary::parse(&file(json!([element("1", " ", json!([]))]))).is_err());
}
