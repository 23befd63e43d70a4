//! Datasets in schema.org (<https://schema.org/Dataset>), as one JSON-LD node.

use serde_json::{Value, json};

use super::known::Known;
use super::read::{Node, date_modified, description, items, text, texts, time};
use super::{constant_schema, list_schema, one_or_list_schema, schema_of, text_schema};

const VOCABULARY: &str = "http://schema.org/";

/// A dataset, as it is read over REST, in schema.org.
///
/// Creators, funders and publications stand in it by their names, where these are known. A dataset is free unless it says otherwise. Its `url`
/// is its address in the catalogue.
pub fn schema_org(dataset: &Value, known: &Known<'_>) -> Value {
    let identifier = text(dataset, "identifier").unwrap_or_default();
    let is_free = dataset.get("is_accessible_for_free") != Some(&Value::Bool(false));
    Node::default()
        .with("@context", Some(Node::default().with("@vocab", Some(VOCABULARY))))
        .with("@type", Some("Dataset"))
        .with("name", Some(text(dataset, "name").unwrap_or(identifier)))
        .with("description", description(dataset))
        .with("identifier", Some(identifier))
        .with_any("alternateName", texts(dataset, "alternate_name"))
        .with_any("citation", texts(dataset, "citation").filter_map(|publication| known.names.name(publication)))
        .with_any("creator", named(known, dataset, "creator").into_iter())
        .with("dateModified", date_modified(dataset))
        .with("datePublished", time(dataset, "date_published"))
        .with("isAccessibleForFree", Some(is_free))
        .with_any("keywords", texts(dataset, "keyword"))
        .with("sameAs", text(dataset, "same_as"))
        .with("version", text(dataset, "version"))
        .with("url", Some(known.address(identifier)))
        .with_any("distribution", items(dataset, "distribution").filter_map(download))
        .with_any("funder", named(known, dataset, "funder").into_iter())
        .with("issn", text(dataset, "issn"))
        .with("license", text(dataset, "license"))
        .with("measurementTechnique", text(dataset, "measurement_technique"))
        .with("size", size(dataset))
        .with("temporalCoverage", text(dataset, "temporal_coverage"))
        .into()
}

/// The people and organisations of a field, by their names.
fn named(known: &Known<'_>, dataset: &Value, field: &str) -> Vec<Node> {
    let agents = texts(dataset, field).filter_map(|identifier| known.names.agent(identifier));
    let node = |ty: &str, name: &str| Node::default().with("@type", Some(ty)).with("name", Some(name));
    agents.map(|agent| node(if agent.is_organisation() { "Organization" } else { "Person" }, agent.name)).collect()
}

/// A file; one that cannot be downloaded is no `DataDownload`.
fn download(file: &Value) -> Option<Node> {
    let url = text(file, "content_url")?;
    let size = file.get("content_size_kb").and_then(Value::as_i64).filter(|size| *size >= 0);
    let node = Node::default()
        .with("@type", Some("DataDownload"))
        .with("name", text(file, "name"))
        .with("contentUrl", Some(url))
        .with("contentSize", size.map(|size| format!("{size} kB")))
        .with("encodingFormat", text(file, "encoding_format"));
    Some(node)
}

/// How large the dataset is, as `150 instances`.
fn size(dataset: &Value) -> Option<String> {
    let size = dataset.get("size")?;
    let value = size.get("value")?.as_i64()?;
    Some(match text(size, "unit") {
        Some(unit) => format!("{value} {unit}"),
        None => value.to_string(),
    })
}

/// The schemas of this format's documents.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let text = text_schema();
    let context = open_schema("What the names belong to.", &[], json!({"@vocab": constant_schema(VOCABULARY)}));
    let person = json!({"@type": constant_schema("Person"), "name": text, "givenName": text, "familyName": text});
    let organisation = json!({"@type": constant_schema("Organization"), "name": text});
    let download = json!({
        "@type": constant_schema("DataDownload"), "name": text, "contentUrl": text, "contentSize": text, "encodingFormat": text,
    });
    vec![
        ("SchemaDotOrgDataset", dataset_schema()),
        ("SchemaDotOrgContext", context),
        ("SchemaDotOrgDataDownload", open_schema("A file of the dataset.", &["contentUrl"], download)),
        ("SchemaDotOrgOrganization", open_schema("An organisation.", &["name"], organisation)),
        ("SchemaDotOrgPerson", open_schema("A person.", &["name"], person)),
    ]
}

fn open_schema(doc: &str, required: &[&str], properties: Value) -> Value {
    let mut schema = json!({"description": doc, "type": "object", "properties": properties});
    // OpenAPI 3.0 does not allow for an empty list here.
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn dataset_schema() -> Value {
    let (text, texts) = (text_schema(), one_or_list_schema(&text_schema()));
    // Not the formats `date-time` and `date`: a time without a zone is neither.
    let time = json!({"anyOf": [{"type": "string"}, {"type": "string", "format": "date"}]});
    let agent = [schema_of("SchemaDotOrgOrganization"), schema_of("SchemaDotOrgPerson")];
    let agents = json!({"anyOf": [list_schema(&json!({"anyOf": agent})), agent[0], agent[1]]});
    json!({
        "description": "A dataset in schema.org.",
        "type": "object",
        "additionalProperties": false,
        "required": ["name", "identifier"],
        "properties": {
            "@context": schema_of("SchemaDotOrgContext"), "@type": constant_schema("Dataset"), "name": text, "description": text,
            "identifier": text, "alternateName": texts, "citation": texts, "creator": agents, "dateModified": time,
            "datePublished": time, "isAccessibleForFree": {"type": "boolean", "default": true}, "keywords": texts,
            "sameAs": text, "version": text, "url": text,
            "distribution": one_or_list_schema(&schema_of("SchemaDotOrgDataDownload")), "funder": agents, "issn": texts,
            "license": texts, "measurementTechnique": texts, "size": text,
            "temporalCoverage": {"anyOf": [{"type": "string"}, {"type": "string"}]},
        },
    })
}
