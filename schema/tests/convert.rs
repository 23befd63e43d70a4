//! Documents in other formats are valid by the schemas that are declared for them, whatever they are made from.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod common;

use std::collections::{BTreeSet, HashSet};

use aiod_schema::convert::{AIOD, DCAT_AP, SCHEMA_ORG, dcat_ap, formats, json_schemas, schema_org};
use aiod_schema::{by_name, resource_types};
use common::{any_json, read_dataset, reference, schema_fault};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn schemas() -> Value {
    Value::Object(json_schemas().into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect::<Map<_, _>>())
}

/// What is wrong with the documents of a dataset, by the schemas of `components.schemas`.
fn fault(schemas: &Value, dataset: &Value) -> Option<String> {
    [SCHEMA_ORG, DCAT_AP].into_iter().find_map(|format| {
        let document: Value = serde_json::from_str(&format.write(dataset)).unwrap();
        let name = format.schema.unwrap();
        assert!(document.get("@context").is_some(), "{document}");
        schema_fault(schemas, &schemas[name], &document, name)
    })
}

/// A dataset with everything that the formats can tell.
fn full() -> Value {
    json!({
        "identifier": "data_1", "platform": "example", "platform_resource_identifier": "weather", "name": "Weather of a city",
        "aiod_entry": {"editor": [], "status": "published", "date_modified": "2024-03-01T08:00:00", "date_created": "2024-01-01T08:00:00"},
        "date_published": "2023-12-24T00:00:00", "same_as": "https://example.com/weather", "version": "2", "is_accessible_for_free": true,
        "description": {"plain": "Hourly measurements.", "html": "<p>Hourly measurements.</p>"},
        "alternate_name": ["City weather"], "keyword": ["rain", "wind"], "citation": ["pub_1", "pub_2"],
        "relevant_link": ["https://example.com/blog"], "license": "CC-BY-4.0", "issn": "12345679",
        "measurement_technique": "rain gauge", "temporal_coverage": "2020/2022", "size": {"unit": "rows", "value": 8760},
        "spatial_coverage": {"geo": {"latitude": 50.85, "longitude": 4.35}},
        "contact": ["con_1", "con_2"], "creator": ["con_1", "con_3"], "funder": ["con_2"],
        "contacts": [
            {"identifier": "con_1", "name": "Ada Jansen", "person": "prsn_1", "email": ["******"]},
            {"identifier": "con_2", "name": "Weather office", "organisation": "org_1", "email": ["office@example.com"]},
            {"identifier": "con_3", "name": "******", "email": ["******"]},
        ],
        "distribution": [
            {"name": "hourly.csv", "content_url": "https://example.com/hourly.csv", "content_size_kb": 12, "encoding_format": "text/csv",
             "checksum": "abc", "checksum_algorithm": "sha256", "description": "All hours."},
            {"name": "on request", "checksum": "def"},
            {"content_url": "https://example.com/hourly.csv"},
        ],
    })
}

#[test]
fn datasets_convert_and_other_types_do_not() {
    let names = |type_name: &str| formats(by_name(type_name).unwrap()).map(|f| f.name).collect::<Vec<_>>();
    assert_eq!(names("dataset"), ["aiod", "schema.org", "dcat-ap"]);
    for resource in resource_types().iter().filter(|t| t.name != "dataset") {
        assert_eq!(names(resource.name), ["aiod"], "{resource:?}");
    }
    assert_eq!(AIOD.write(&full()), full().to_string());
    assert_eq!((SCHEMA_ORG.write(&full()), DCAT_AP.write(&full())), (schema_org(&full()).to_string(), dcat_ap(&full()).to_string()));
}

#[test]
fn dcat_ap_tells_all_it_can() {
    let expected = json!({
        "@context": {"dcat": "http://www.w3.org/ns/dcat", "dct": "http://purl.org/dc/terms/", "vcard": "https://www.w3.org/2006/vcard/ns#"},
        "@graph": [
            {
                "@id": "data_1", "@type": "dcat:Dataset", "dct:description": "Hourly measurements.", "dct:title": "Weather of a city",
                "dcat:contactPoint": [{"@id": "con_1"}, {"@id": "con_2"}],
                "dcat:distribution": [
                    {"@id": "https://example.com/hourly.csv"}, {"@id": "data_1#distribution-1"}, {"@id": "data_1#distribution-2"},
                ],
                "dcat:keyword": ["rain", "wind"], "dcat:creator": [{"@id": "con_1"}, {"@id": "con_3"}],
                "foaf:page": ["https://example.com/blog"], "dcat:landingPage": ["https://example.com/weather"],
                "dct:issued": {"@type": "xsd:dateTime", "@value": "2023-12-24T00:00:00"},
                "dct:modified": {"@type": "xsd:dateTime", "@value": "2024-03-01T08:00:00"}, "owl:versionInfo": "2",
            },
            {"@id": "data_1#checksum-0", "@type": "spdx:Checksum", "algorithm": "sha256", "checksumValue": "abc"},
            {
                "@id": "https://example.com/hourly.csv", "@type": "dcat:Distribution", "dcat:accessURL": "https://example.com/hourly.csv",
                "dcat:byteSize": 12000, "spdx:checksum": {"@id": "data_1#checksum-0"}, "dct:description": "All hours.",
                "dcat:downloadURL": "https://example.com/hourly.csv", "dct:format": "text/csv", "dct:license": "CC-BY-4.0",
                "dct:title": "hourly.csv",
            },
            {"@id": "data_1#distribution-1", "@type": "dcat:Distribution", "dct:license": "CC-BY-4.0", "dct:title": "on request"},
            {
                "@id": "data_1#distribution-2", "@type": "dcat:Distribution", "dcat:accessURL": "https://example.com/hourly.csv",
                "dcat:downloadURL": "https://example.com/hourly.csv", "dct:license": "CC-BY-4.0",
            },
            {"@id": "con_1", "@type": "vcard:Individual", "vcard:fn": "Ada Jansen"},
            {"@id": "con_2", "@type": "vcard:Organisation", "vcard:fn": "Weather office"},
            {"@id": "data_1#spatial", "@type": "dct:Location", "dcat:centroid": "POINT(4.35 50.85)"},
            {
                "@id": "data_1#temporal", "@type": "dct:PeriodOfTime",
                "dcat:startDate": {"@type": "xsd:dateTime", "@value": "2020-01-01T00:00:00"},
                "dcat:endDate": {"@type": "xsd:dateTime", "@value": "2022-12-31T23:59:59"},
            },
        ],
    });
    assert_eq!(dcat_ap(&full()), expected);
}

#[test]
fn schema_org_tells_all_it_can() {
    let expected = json!({
        "@context": {"@vocab": "http://schema.org/"}, "@type": "Dataset", "name": "Weather of a city",
        "description": "Hourly measurements.", "identifier": "data_1", "alternateName": "City weather", "citation": ["pub_1", "pub_2"],
        "creator": {"@type": "Person", "name": "Ada Jansen"}, "dateModified": "2024-03-01T08:00:00",
        "datePublished": "2023-12-24T00:00:00", "isAccessibleForFree": true, "keywords": ["rain", "wind"],
        "sameAs": "https://example.com/weather", "version": "2",
        "distribution": [
            {"@type": "DataDownload", "name": "hourly.csv", "contentUrl": "https://example.com/hourly.csv", "contentSize": "12 kB",
             "encodingFormat": "text/csv"},
            {"@type": "DataDownload", "contentUrl": "https://example.com/hourly.csv"},
        ],
        "funder": {"@type": "Organization", "name": "Weather office"}, "issn": "12345679", "license": "CC-BY-4.0",
        "measurementTechnique": "rain gauge", "size": "8760 rows", "temporalCoverage": "2020/2022",
    });
    assert_eq!(schema_org(&full()), expected);
}

#[test]
fn few_fields_are_enough() {
    let dataset = json!({"identifier": "data_1", "name": "Bare", "is_accessible_for_free": false, "distribution": [{"name": "a"}]});
    assert_eq!(
        schema_org(&dataset),
        json!({"@context": {"@vocab": "http://schema.org/"}, "@type": "Dataset", "name": "Bare", "identifier": "data_1"})
    );
    let node = &dcat_ap(&dataset)["@graph"][0];
    assert_eq!((&node["@type"], &node["dct:title"], &node["dcat:keyword"]), (&json!("dcat:Dataset"), &json!("Bare"), &json!([])));
    assert_eq!(fault(&schemas(), &dataset), None);
}

#[test]
fn masked_addresses_and_names_do_not_get_out() {
    for document in [dcat_ap(&full()), schema_org(&full())] {
        let text = document.to_string();
        assert!(!text.contains("***") && !text.contains("office@"), "{text}");
    }
}

#[test]
fn documents_fit_the_schemas_that_clients_know() {
    assert_eq!(fault(&schemas(), &full()), None);
    let Some(text) = reference("openapi-latest.json") else { return };
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(fault(&document["components"]["schemas"], &full()), None);
}

#[test]
fn schemas_keep_what_the_reference_promises() {
    let (schemas, mut names) = (schemas(), HashSet::new());
    assert!(json_schemas().iter().all(|(name, _)| names.insert(*name)));
    let Some(text) = reference("openapi-latest.json") else { return };
    let document: Value = serde_json::from_str(&text).unwrap();
    let set = |schema: &Value, key: &str| -> BTreeSet<String> {
        match &schema[key] {
            Value::Object(members) => members.keys().cloned().collect(),
            names => names.as_array().into_iter().flatten().map(|n| n.as_str().unwrap().to_owned()).collect(),
        }
    };
    for (name, ours) in schemas.as_object().unwrap() {
        let theirs = &document["components"]["schemas"][name];
        assert!(theirs.is_object(), "{name}");
        assert_eq!(set(ours, "properties"), set(theirs, "properties"), "{name}");
        assert_eq!(set(ours, "required"), set(theirs, "required"), "{name}");
        assert_eq!(ours["additionalProperties"], theirs["additionalProperties"], "{name}");
        for (property, theirs) in theirs["properties"].as_object().unwrap() {
            let ours = &ours["properties"][property];
            assert!(theirs["type"].is_null() || ours["type"] == theirs["type"], "{name} {property}");
            assert!(theirs["const"].is_null() || theirs["type"].is_null() || ours["enum"] == json!([theirs["const"]]), "{name} {property}");
        }
    }
}

#[test]
fn schemas_are_of_openapi_3_0() {
    fn check(value: &Value) {
        if let Value::Object(members) = value {
            assert!(!members.contains_key("const") && !members.get("type").is_some_and(Value::is_array), "{value}");
        }
        match value {
            Value::Object(members) => members.values().for_each(check),
            Value::Array(items) => items.iter().for_each(check),
            _ => {}
        }
    }
    check(&schemas());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_dataset_gives_valid_documents(dataset in read_dataset()) {
        prop_assert_eq!(fault(&schemas(), &dataset), None);
        let graph = dcat_ap(&dataset)["@graph"].as_array().unwrap().clone();
        let ids: HashSet<String> = graph.iter().map(|node| node["@id"].as_str().unwrap().to_owned()).collect();
        prop_assert_eq!(ids.len(), graph.len(), "an id stands twice");
    }

    #[test]
    fn any_json_gives_valid_documents(json in any_json()) {
        prop_assert_eq!(fault(&schemas(), &json), None);
    }
}
