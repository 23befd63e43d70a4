//! Documents in other formats are valid by the schemas that are declared for them, whatever they are made from.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod common;

use std::collections::{BTreeSet, HashSet};

use aiod_schema::convert::{AIOD, DCAT_AP, Known, Names, SCHEMA_ORG, dcat_ap, formats, json_schemas, schema_org};
use aiod_schema::{by_name, resource_types};
use common::{any_json, read_dataset, reference, schema_fault};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn schemas() -> Value {
    Value::Object(json_schemas().into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect::<Map<_, _>>())
}

const BASE: &str = "https://catalogue.example.org";

/// The names of what the full dataset is linked to.
fn names() -> Names {
    let mut names = Names::default();
    let known =
        [("con_1", "Ada's desk"), ("con_2", "Weather office"), ("prsn_1", "Ada Jansen"), ("org_1", "Weather Ltd"), ("pub_1", "On rain")];
    for (identifier, name) in known {
        names.add(identifier.to_owned(), name.to_owned());
    }
    names.add_owner("con_1".to_owned(), "prsn_1".to_owned());
    names.add_owner("con_2".to_owned(), "org_1".to_owned());
    names
}

/// The documents of a dataset: schema.org, DCAT-AP, and DCAT-AP as `/v2` has it.
fn documents(dataset: &Value) -> [(&'static str, Value); 3] {
    let (names, format) = (names(), [(SCHEMA_ORG, false), (DCAT_AP, false), (DCAT_AP, true)]);
    format.map(|(format, is_v2)| {
        let text = format.write(dataset, &Known { base: BASE, names: &names, is_v2 });
        (format.schema.unwrap(), serde_json::from_str(&text).unwrap())
    })
}

fn document(dataset: &Value, index: usize) -> Value {
    documents(dataset)[index].1.clone()
}

/// What is wrong with the documents of a dataset, by the schemas of `components.schemas`.
fn fault(schemas: &Value, dataset: &Value) -> Option<String> {
    faults_of(schemas, &documents(dataset))
}

fn faults_of(schemas: &Value, documents: &[(&'static str, Value)]) -> Option<String> {
    documents.iter().find_map(|(name, document)| {
        assert!(document.get("@context").is_some(), "{document}");
        schema_fault(schemas, &schemas[name], document, name)
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
    let offered = |type_name: &str| formats(by_name(type_name).unwrap()).map(|f| f.name).collect::<Vec<_>>();
    assert_eq!(offered("dataset"), ["aiod", "schema.org", "dcat-ap"]);
    for resource in resource_types().iter().filter(|t| t.name != "dataset") {
        assert_eq!(offered(resource.name), ["aiod"], "{resource:?}");
    }
    let known = Known { base: BASE, names: &names(), is_v2: false };
    assert_eq!(AIOD.write(&full(), &known), full().to_string());
    let written = (schema_org(&full(), &known).to_string(), dcat_ap(&full(), &known).to_string());
    assert_eq!((SCHEMA_ORG.write(&full(), &known), DCAT_AP.write(&full(), &known)), written);
}

#[test]
fn dcat_ap_of_v2_is_letter_for_letter_what_its_clients_know() {
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
    assert_eq!(documents(&full())[2].1.to_string(), expected.to_string());
}

#[test]
fn dcat_ap_tells_all_it_can() {
    let id = |part: &str| format!("{BASE}/datasets/data_1{part}");
    let mut full = full();
    full["distribution"][0]["checksum"] = json!("00ff");
    full["spatial_coverage"]["address"] = json!({"locality": "Brussels", "country": "Belgium"});
    let expected = json!([
        {
            "@id": id(""), "@type": "dcat:Dataset", "dct:identifier": "data_1", "dct:description": "Hourly measurements.",
            "dct:title": "Weather of a city",
            "dcat:contactPoint": [{"@id": format!("{BASE}/contacts/con_1")}, {"@id": format!("{BASE}/contacts/con_2")}],
            "dcat:distribution": [{"@id": id("#distribution-0")}, {"@id": id("#distribution-1")}, {"@id": id("#distribution-2")}],
            "dcat:keyword": ["rain", "wind"], "dct:publisher": {"@id": id("#publisher")},
            "dct:creator": [{"@id": format!("{BASE}/persons/prsn_1")}], "foaf:page": ["https://example.com/blog"],
            "dcat:landingPage": ["https://example.com/weather"],
            "dct:issued": {"@type": "xsd:dateTime", "@value": "2023-12-24T00:00:00"},
            "dct:modified": {"@type": "xsd:dateTime", "@value": "2024-03-01T08:00:00"},
            "dct:spatial": {"@id": id("#spatial")}, "dct:temporal": {"@id": id("#temporal")}, "owl:versionInfo": "2",
        },
        {"@id": "https://spdx.org/licenses/CC-BY-4.0", "@type": "dct:LicenseDocument", "dct:title": "CC-BY-4.0"},
        {
            "@id": id("#checksum-0"), "@type": "spdx:Checksum", "algorithm": "http://spdx.org/rdf/terms#checksumAlgorithm_sha256",
            "checksumValue": "00ff",
        },
        {
            "@id": id("#distribution-0"), "@type": "dcat:Distribution", "dcat:accessURL": "https://example.com/hourly.csv",
            "dcat:byteSize": 12000, "spdx:checksum": {"@id": id("#checksum-0")}, "dct:description": "All hours.",
            "dcat:downloadURL": "https://example.com/hourly.csv", "dct:format": "text/csv",
            "dcat:mediaType": "https://www.iana.org/assignments/media-types/text/csv",
            "dct:license": "https://spdx.org/licenses/CC-BY-4.0", "dct:title": "hourly.csv",
        },
        {
            "@id": id("#distribution-1"), "@type": "dcat:Distribution", "dcat:accessURL": "https://example.com/weather",
            "dct:license": "https://spdx.org/licenses/CC-BY-4.0", "dct:title": "on request",
        },
        {
            "@id": id("#distribution-2"), "@type": "dcat:Distribution", "dcat:accessURL": "https://example.com/hourly.csv",
            "dcat:downloadURL": "https://example.com/hourly.csv", "dct:license": "https://spdx.org/licenses/CC-BY-4.0",
        },
        {"@id": format!("{BASE}/contacts/con_1"), "@type": "vcard:Individual", "vcard:fn": "Ada's desk"},
        {"@id": format!("{BASE}/contacts/con_2"), "@type": "vcard:Organization", "vcard:fn": "Weather office"},
        {"@id": id("#publisher"), "@type": "foaf:Agent", "foaf:name": "example"},
        {"@id": format!("{BASE}/persons/prsn_1"), "@type": "foaf:Person", "foaf:name": "Ada Jansen"},
        {"@id": id("#spatial"), "@type": "dct:Location", "dcat:centroid": "POINT(4.35 50.85)", "skos:prefLabel": "Brussels, Belgium"},
        {
            "@id": id("#temporal"), "@type": "dct:PeriodOfTime",
            "dcat:startDate": {"@type": "xsd:dateTime", "@value": "2020-01-01T00:00:00"},
            "dcat:endDate": {"@type": "xsd:dateTime", "@value": "2022-12-31T23:59:59"},
        },
    ]);
    let document = document(&full, 1);
    assert_eq!(document["@graph"], expected);
    let context = &document["@context"];
    assert_eq!((&context["dcat"], &context["vcard"]), (&json!("http://www.w3.org/ns/dcat#"), &json!("http://www.w3.org/2006/vcard/ns#")));
    assert_eq!(context["dct:license"], json!({"@type": "@id"}));
}

#[test]
fn an_organisation_that_made_a_dataset_publishes_it() {
    let dataset = json!({"identifier": "data_1", "name": "Rain", "platform": "example", "creator": ["con_1", "con_2"]});
    let node = &document(&dataset, 1)["@graph"][0];
    assert_eq!(node["dct:publisher"], json!({"@id": format!("{BASE}/organisations/org_1")}));
}

#[test]
fn what_rdf_cannot_say_is_left_out_of_dcat_ap() {
    let file =
        |url: &str| json!({"content_url": url, "checksum": "not hexadecimal", "checksum_algorithm": "md5", "encoding_format": "CSV"});
    let dataset = json!({
        "identifier": "data_1", "name": "Rain", "license": "ask us", "same_as": "a page", "relevant_link": ["javascript:alert(1)"],
        "distribution": [file("files/rain.csv"), file("https://example.com/a b"), file("s3://rain/all")],
    });
    let graph = document(&dataset, 1)["@graph"].clone();
    let address = format!("{BASE}/datasets/data_1");
    let nodes = graph.as_array().unwrap();
    let files: Vec<&Value> = nodes.iter().filter(|node| node["@type"] == "dcat:Distribution").collect();
    let urls: Vec<&Value> = files.iter().map(|file| &file["dcat:accessURL"]).collect();
    assert_eq!(urls, [&json!(address), &json!(address), &json!("s3://rain/all")]);
    assert!(
        files.iter().all(|file| file["dct:format"] == "CSV" && file.get("dcat:mediaType").is_none() && file.get("spdx:checksum").is_none())
    );
    assert_eq!(files[0]["dct:license"], json!(format!("{address}#license")));
    assert!(nodes.iter().any(|node| node["@id"] == format!("{address}#license") && node["dct:title"] == "ask us"));
    assert_eq!((&nodes[0]["foaf:page"], &nodes[0]["dcat:landingPage"]), (&json!([]), &json!([])));
}

#[test]
fn schema_org_tells_all_it_can() {
    let expected = json!({
        "@context": {"@vocab": "http://schema.org/"}, "@type": "Dataset", "name": "Weather of a city",
        "description": "Hourly measurements.", "identifier": "data_1", "alternateName": "City weather", "citation": "On rain",
        "creator": {"@type": "Person", "name": "Ada Jansen"}, "dateModified": "2024-03-01T08:00:00",
        "datePublished": "2023-12-24T00:00:00", "isAccessibleForFree": true, "keywords": ["rain", "wind"],
        "sameAs": "https://example.com/weather", "version": "2", "url": "https://catalogue.example.org/datasets/data_1",
        "distribution": [
            {"@type": "DataDownload", "name": "hourly.csv", "contentUrl": "https://example.com/hourly.csv", "contentSize": "12 kB",
             "encodingFormat": "text/csv"},
            {"@type": "DataDownload", "contentUrl": "https://example.com/hourly.csv"},
        ],
        "funder": {"@type": "Organization", "name": "Weather Ltd"}, "issn": "12345679", "license": "CC-BY-4.0",
        "measurementTechnique": "rain gauge", "size": "8760 rows", "temporalCoverage": "2020/2022",
    });
    assert_eq!(document(&full(), 0), expected);
}

#[test]
fn few_fields_are_enough() {
    let dataset = json!({"identifier": "data_1", "name": "Bare", "is_accessible_for_free": false, "distribution": [{"name": "a"}]});
    let expected = json!({
        "@context": {"@vocab": "http://schema.org/"}, "@type": "Dataset", "name": "Bare", "identifier": "data_1", "isAccessibleForFree": false,
        "url": "https://catalogue.example.org/datasets/data_1",
    });
    assert_eq!(document(&dataset, 0), expected);
    assert_eq!(document(&json!({"identifier": "data_1"}), 0)["isAccessibleForFree"], json!(true));
    let node = &document(&dataset, 1)["@graph"][0];
    assert_eq!((&node["@type"], &node["dct:title"], &node["dcat:keyword"]), (&json!("dcat:Dataset"), &json!("Bare"), &json!([])));
    assert_eq!(fault(&schemas(), &dataset), None);
}

#[test]
fn masked_addresses_and_names_do_not_get_out() {
    for (_, document) in documents(&full()) {
        let text = document.to_string();
        assert!(!text.contains("***") && !text.contains("office@"), "{text}");
    }
}

#[test]
fn documents_fit_the_schemas_that_clients_know() {
    assert_eq!(fault(&schemas(), &full()), None);
    let Some(text) = reference("openapi-latest.json") else { return };
    let document: Value = serde_json::from_str(&text).unwrap();
    // Of the documents without a version, the existing schemas know neither all nodes nor the right prefixes.
    let known: Vec<_> = documents(&full()).into_iter().enumerate().filter(|(index, _)| *index != 1).map(|(_, document)| document).collect();
    assert_eq!(faults_of(&document["components"]["schemas"], &known), None);
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
        if !theirs.is_object() {
            assert!(["FoafAgent", "DctLicenseDocument"].contains(&name.as_str()), "{name}");
            continue;
        }
        assert!(set(ours, "properties").is_superset(&set(theirs, "properties")), "{name}");
        assert_eq!(set(ours, "required"), set(theirs, "required"), "{name}");
        assert_eq!(ours["additionalProperties"], theirs["additionalProperties"], "{name}");
        for (property, theirs) in theirs["properties"].as_object().unwrap() {
            let ours = &ours["properties"][property];
            assert!(theirs["type"].is_null() || ours["type"] == theirs["type"], "{name} {property}");
            let is_among = |constant: &Value| ours["enum"].as_array().is_none_or(|values| values.contains(constant));
            assert!(theirs["const"].is_null() || theirs["type"].is_null() || is_among(&theirs["const"]), "{name} {property}");
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
        for (_, document) in documents(&dataset).into_iter().skip(1) {
            let graph = document["@graph"].as_array().unwrap().clone();
            let ids: HashSet<String> = graph.iter().map(|node| node["@id"].as_str().unwrap().to_owned()).collect();
            prop_assert_eq!(ids.len(), graph.len(), "an id stands twice");
        }
    }

    #[test]
    fn any_json_gives_valid_documents(json in any_json()) {
        prop_assert_eq!(fault(&schemas(), &json), None);
    }
}
