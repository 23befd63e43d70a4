//! The schemas of DCAT-AP's documents: those for all clients, and those that clients of `/v2` know.

use serde_json::{Map, Value, json};

use super::v2;
use crate::convert::{constant_schema, list_schema, schema_of, text_schema};

/// The schemas of this format's documents.
pub(in crate::convert) fn schemas() -> Vec<(&'static str, Value)> {
    let mut schemas = document_schemas();
    schemas.extend(node_schemas());
    schemas.extend(agent_schemas());
    schemas.extend(value_schemas());
    schemas
}

/// A node: an id, one of these types and what else it has.
fn node_schema(doc: &str, types: &[&str], required: &[&str], mut properties: Value) -> Value {
    properties["@id"] = text_schema();
    properties["@type"] = one_of_schema(types);
    let required: Vec<&str> = std::iter::once("@id").chain(required.iter().copied()).collect();
    json!({"description": doc, "type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

/// The schema of a text that is one of these; the first one counts where there is none.
fn one_of_schema(values: &[&str]) -> Value {
    json!({"type": "string", "enum": values, "default": values.first()})
}

/// What a prefix or a name stands for: for clients of `/v2`, and for all others.
fn meaning_schema(name: &str, meaning: &Value) -> Value {
    let Value::Object(members) = meaning else {
        let of_v2 = v2::PREFIXES.iter().filter(|(prefix, iri)| *prefix == name && meaning != iri).map(|(_, iri)| *iri);
        return one_of_schema(&of_v2.chain(meaning.as_str()).collect::<Vec<_>>());
    };
    let members = members.iter().filter_map(|(key, value)| Some((key.clone(), constant_schema(value.as_str()?))));
    json!({"type": "object", "properties": members.collect::<Map<_, _>>()})
}

/// The schema of the context, which declares what prefixes and names stand for.
fn context_schema() -> Value {
    let doc = "What prefixes and names stand for. Below `/v2`, there are fewer of them.";
    let context = super::context();
    let properties = context.as_object().into_iter().flatten().map(|(name, meaning)| (name.clone(), meaning_schema(name, meaning)));
    json!({"description": doc, "type": "object", "properties": properties.collect::<Map<_, _>>()})
}

fn document_schemas() -> Vec<(&'static str, Value)> {
    let nodes = [
        "DcatAPDataset",
        "DcatAPDistribution",
        "DcatLocation",
        "SpdxChecksum",
        "VCardOrganisation",
        "VCardIndividual",
        "DctPeriodOfTime",
        "FoafAgent",
        "DctLicenseDocument",
    ];
    let wrapper = json!({
        "description": "A dataset in DCAT-AP.",
        "type": "object",
        "additionalProperties": false,
        "required": ["@graph"],
        "properties": {
            "@context": schema_of("DcatAPContext"),
            "@graph": list_schema(&json!({"anyOf": nodes.map(schema_of)})),
        },
    });
    vec![("DcatApWrapper", wrapper), ("DcatAPContext", context_schema())]
}

fn node_schemas() -> Vec<(&'static str, Value)> {
    let (text, texts) = (text_schema(), list_schema(&text_schema()));
    let (time, node, nodes) = (schema_of("XSDDateTime"), schema_of("DcatAPIdentifier"), list_schema(&schema_of("DcatAPIdentifier")));
    let dataset = json!({
        "dct:description": text, "dct:title": text, "dcat:contactPoint": nodes, "dcat:distribution": nodes, "dcat:keyword": texts,
        "dct:identifier": text, "dct:publisher": node, "dcat:creator": nodes, "dct:creator": nodes, "dct:spatial": node, "dct:temporal": node, "foaf:page": texts, "dcat:landingPage": texts, "dct:issued": time,
        "dct:modified": time, "owl:versionInfo": text,
    });
    let distribution = json!({
        "dcat:accessURL": text, "dcat:byteSize": {"type": "integer", "format": "int64"}, "spdx:checksum": node, "dct:description": text,
        "dcat:downloadURL": text, "dct:format": text, "dcat:mediaType": text, "dct:license": text, "dct:title": text,
    });
    let location = json!({"dcat:bbox": text, "dcat:centroid": text, "dcat:geometry": text, "skos:prefLabel": text});
    let period = json!({"dcat:startDate": time, "dcat:endDate": time});
    vec![
        ("DcatAPDataset", node_schema("The dataset.", &["dcat:Dataset"], &["dct:title"], dataset)),
        ("DcatAPDistribution", node_schema("A file of the dataset.", &["dcat:Distribution"], &[], distribution)),
        ("DcatLocation", node_schema("The place that the data are about, in well-known text.", &["dct:Location"], &[], location)),
        ("DctPeriodOfTime", node_schema("The period that the data are about.", &["dct:PeriodOfTime"], &[], period)),
    ]
}

fn agent_schemas() -> Vec<(&'static str, Value)> {
    let named = json!({"vcard:fn": text_schema()});
    let agent = json!({"foaf:name": text_schema()});
    vec![
        ("VCardIndividual", node_schema("A person.", &["vcard:Individual"], &["vcard:fn"], named.clone())),
        ("VCardOrganisation", node_schema("An organisation.", &["vcard:Organisation", "vcard:Organization"], &["vcard:fn"], named)),
        (
            "FoafAgent",
            node_schema("Who made or publishes the dataset.", &["foaf:Agent", "foaf:Person", "foaf:Organization"], &["foaf:name"], agent),
        ),
    ]
}

fn value_schemas() -> Vec<(&'static str, Value)> {
    let checksum = json!({"algorithm": text_schema(), "checksumValue": text_schema()});
    let identifier = json!({
        "description": "A reference to another node.",
        "type": "object",
        "additionalProperties": false,
        "required": ["@id"],
        "properties": {"@id": text_schema()},
    });
    let time = json!({
        "description": "A date-time in UTC, without a zone.",
        "type": "object",
        "additionalProperties": false,
        "required": ["@value"],
        "properties": {
            "@type": constant_schema("xsd:dateTime"),
            "@value": {"anyOf": [{"type": "string"}, {"type": "string", "format": "date"}]},
        },
    });
    vec![
        ("SpdxChecksum", node_schema("A file's checksum.", &["spdx:Checksum"], &["algorithm", "checksumValue"], checksum)),
        ("DctLicenseDocument", node_schema("A licence.", &["dct:LicenseDocument"], &["dct:title"], json!({"dct:title": text_schema()}))),
        ("DcatAPIdentifier", identifier),
        ("XSDDateTime", time),
    ]
}
