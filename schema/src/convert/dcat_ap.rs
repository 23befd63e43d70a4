//! Datasets in DCAT-AP (<https://semiceu.github.io/DCAT-AP/>), as one graph of JSON-LD nodes.

use std::collections::HashSet;

use chrono::{Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use serde_json::{Value, json};

use super::read::{Node, agents, date_modified, description, items, text, texts, time};
use super::{constant_schema, list_schema, schema_of, text_schema};
use crate::validate::{DATE_TIME, parse_date_time};

/// What the prefixes stand for, letter for letter as clients of this document know it.
const PREFIXES: [(&str, &str); 3] =
    [("dcat", "http://www.w3.org/ns/dcat"), ("dct", "http://purl.org/dc/terms/"), ("vcard", "https://www.w3.org/2006/vcard/ns#")];

/// A dataset, as it is read over REST, in DCAT-AP.
///
/// The graph begins with the dataset, whose `@id` is its identifier. Distributions are known by their URLs, contacts by their
/// identifiers; they have a node of their own where `contacts` tells their name. E-mail addresses are never in it.
pub fn dcat_ap(dataset: &Value) -> Value {
    let identifier = text(dataset, "identifier").unwrap_or_default();
    let mut graph = Graph::default();
    graph.take_id(identifier);
    let distributions: Vec<String> =
        items(dataset, "distribution").enumerate().map(|(index, file)| graph.distribution(dataset, index, file)).collect();
    graph.agents(dataset);
    graph.spatial_coverage(dataset);
    graph.temporal_coverage(dataset);
    graph.nodes.insert(0, dataset_node(dataset, identifier, distributions));
    let prefixes = PREFIXES.into_iter().fold(Node::default(), |node, (prefix, iri)| node.with(prefix, Some(iri)));
    Node::default().with("@context", Some(prefixes)).with("@graph", Some(graph.nodes)).into()
}

fn dataset_node(dataset: &Value, identifier: &str, distributions: Vec<String>) -> Value {
    typed(identifier, "dcat:Dataset")
        .with("dct:description", description(dataset))
        .with("dct:title", Some(text(dataset, "name").unwrap_or(identifier)))
        .with_all("dcat:contactPoint", texts(dataset, "contact").map(by_id))
        .with_all("dcat:distribution", distributions.iter().map(|id| by_id(id)))
        .with_all("dcat:keyword", texts(dataset, "keyword"))
        .with_all("dcat:creator", texts(dataset, "creator").map(by_id))
        .with_all("foaf:page", texts(dataset, "relevant_link"))
        .with_all("dcat:landingPage", text(dataset, "same_as").into_iter())
        .with("dct:issued", time(dataset, "date_published").map(date_time))
        .with("dct:modified", date_modified(dataset).map(date_time))
        .with("owl:versionInfo", text(dataset, "version"))
        .into()
}

fn typed(id: &str, ty: &str) -> Node {
    Node::default().with("@id", Some(id)).with("@type", Some(ty))
}

fn by_id(id: &str) -> Node {
    Node::default().with("@id", Some(id))
}

fn date_time(time: String) -> Node {
    Node::default().with("@type", Some("xsd:dateTime")).with("@value", Some(time))
}

/// The nodes so far, each with an id of its own.
#[derive(Default)]
struct Graph {
    nodes: Vec<Value>,
    ids: HashSet<String>,
}

impl Graph {
    /// Whether the id was free.
    fn take_id(&mut self, id: &str) -> bool {
        self.ids.insert(id.to_owned())
    }

    /// Adds a file and gives its id: its URL, unless it has none or shares it with another file.
    fn distribution(&mut self, dataset: &Value, index: usize, file: &Value) -> String {
        let url = text(file, "content_url");
        let id = match url {
            Some(url) if self.take_id(url) => url.to_owned(),
            _ => part_of(dataset, &format!("distribution-{index}")),
        };
        let node = typed(&id, "dcat:Distribution")
            .with("dcat:accessURL", url)
            .with("dcat:byteSize", byte_size(file))
            .with("spdx:checksum", self.checksum(dataset, index, file))
            .with("dct:description", text(file, "description"))
            .with("dcat:downloadURL", url)
            .with("dct:format", text(file, "encoding_format"))
            .with("dct:license", text(dataset, "license"))
            .with("dct:title", text(file, "name"));
        self.nodes.push(node.into());
        id
    }

    /// Adds a file's checksum and refers to it; without its algorithm it would say nothing.
    fn checksum(&mut self, dataset: &Value, index: usize, file: &Value) -> Option<Node> {
        let (algorithm, value) = (text(file, "checksum_algorithm")?, text(file, "checksum")?);
        let id = part_of(dataset, &format!("checksum-{index}"));
        let node = typed(&id, "spdx:Checksum").with("algorithm", Some(algorithm)).with("checksumValue", Some(value));
        self.nodes.push(node.into());
        Some(by_id(&id))
    }

    /// Adds the contacts and creators whose names are known, each once.
    fn agents(&mut self, dataset: &Value) {
        let known = agents(dataset);
        for identifier in texts(dataset, "contact").chain(texts(dataset, "creator")) {
            if let Some(agent) = known.get(identifier)
                && self.take_id(identifier)
            {
                let ty = if agent.is_organisation { "vcard:Organisation" } else { "vcard:Individual" };
                self.nodes.push(typed(identifier, ty).with("vcard:fn", Some(agent.name)).into());
            }
        }
    }

    /// Adds the point that the data are about. The dataset has no property for it in this document; the id tells whose it is.
    fn spatial_coverage(&mut self, dataset: &Value) {
        let Some(geo) = dataset.get("spatial_coverage").and_then(|place| place.get("geo")) else { return };
        if let (Some(Value::Number(latitude)), Some(Value::Number(longitude))) = (geo.get("latitude"), geo.get("longitude")) {
            // Well-known text has x, which is the longitude, first.
            let point = format!("POINT({longitude} {latitude})");
            self.nodes.push(typed(&part_of(dataset, "spatial"), "dct:Location").with("dcat:centroid", Some(point)).into());
        }
    }

    /// Adds the period that the data are about, where it is one in ISO 8601; its id tells whose it is, as with the place.
    fn temporal_coverage(&mut self, dataset: &Value) {
        if let Some((start, end)) = text(dataset, "temporal_coverage").and_then(period) {
            let write = |time: Option<NaiveDateTime>| time.map(|t| date_time(t.format(DATE_TIME).to_string()));
            let node = typed(&part_of(dataset, "temporal"), "dct:PeriodOfTime");
            self.nodes.push(node.with("dcat:startDate", write(start)).with("dcat:endDate", write(end)).into());
        }
    }
}

/// The id of something that has none of its own: a fragment of the dataset's.
fn part_of(dataset: &Value, part: &str) -> String {
    format!("{}#{part}", text(dataset, "identifier").unwrap_or_default())
}

/// DCAT counts bytes, and allows for a size that is only about right.
fn byte_size(file: &Value) -> Option<i64> {
    file.get("content_size_kb")?.as_i64().filter(|size| *size >= 0)?.checked_mul(1000)
}

/// First and last second of `start/end` or of a single date; `..` or nothing leaves an end open.
fn period(text: &str) -> Option<(Option<NaiveDateTime>, Option<NaiveDateTime>)> {
    let Some((start, end)) = text.split_once('/') else {
        return span(text).map(|(first, last)| (Some(first), Some(last)));
    };
    let is_open = |text: &str| matches!(text, "" | "..");
    let (start, end) = (start.trim(), end.trim());
    let first = if is_open(start) { None } else { Some(span(start)?.0) };
    let last = if is_open(end) { None } else { Some(span(end)?.1) };
    let is_period = match (first, last) {
        (Some(first), Some(last)) => first <= last,
        (first, last) => first.is_some() || last.is_some(),
    };
    is_period.then_some((first, last))
}

/// First and last second of a year, a month, a day or a second in ISO 8601.
fn span(text: &str) -> Option<(NaiveDateTime, NaiveDateTime)> {
    if let Some(time) = parse_date_time(text) {
        return Some((time, time));
    }
    // A sign before the year is more than this document's clients read.
    if !text.bytes().all(|b| b.is_ascii_digit() || b == b'-') || text.starts_with('-') {
        return None;
    }
    let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let (first, next) = match text.len() {
        4 => day(&format!("{text}-01-01")).and_then(|d| Some((d, d.checked_add_months(Months::new(12))?)))?,
        7 => day(&format!("{text}-01")).and_then(|d| Some((d, d.checked_add_months(Months::new(1))?)))?,
        10 => day(text).and_then(|d| Some((d, d.checked_add_days(Days::new(1))?)))?,
        _ => return None,
    };
    let last = next.and_time(NaiveTime::MIN) - TimeDelta::seconds(1);
    Some((first.and_time(NaiveTime::MIN), last))
}

/// The schemas of this format's documents.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let mut schemas = document_schemas();
    schemas.extend(node_schemas());
    schemas.extend(agent_schemas());
    schemas.extend(value_schemas());
    schemas
}

/// A node: an id, a type and what else it has.
fn node_schema(doc: &str, ty: &str, required: &[&str], mut properties: Value) -> Value {
    properties["@id"] = text_schema();
    properties["@type"] = constant_schema(ty);
    let required: Vec<&str> = std::iter::once("@id").chain(required.iter().copied()).collect();
    json!({"description": doc, "type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

fn document_schemas() -> Vec<(&'static str, Value)> {
    let nodes =
        ["DcatAPDataset", "DcatAPDistribution", "DcatLocation", "SpdxChecksum", "VCardOrganisation", "VCardIndividual", "DctPeriodOfTime"];
    let prefixes = PREFIXES.into_iter().fold(Node::default(), |node, (prefix, iri)| node.with(prefix, Some(constant_schema(iri))));
    let context = json!({"description": "What the prefixes stand for.", "type": "object", "properties": Value::from(prefixes)});
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
    vec![("DcatApWrapper", wrapper), ("DcatAPContext", context)]
}

fn node_schemas() -> Vec<(&'static str, Value)> {
    let (text, texts) = (text_schema(), list_schema(&text_schema()));
    let (time, node, nodes) = (schema_of("XSDDateTime"), schema_of("DcatAPIdentifier"), list_schema(&schema_of("DcatAPIdentifier")));
    let dataset = json!({
        "dct:description": text, "dct:title": text, "dcat:contactPoint": nodes, "dcat:distribution": nodes, "dcat:keyword": texts,
        "dct:publisher": node, "dcat:creator": nodes, "foaf:page": texts, "dcat:landingPage": texts, "dct:issued": time,
        "dct:modified": time, "owl:versionInfo": text,
    });
    let distribution = json!({
        "dcat:accessURL": text, "dcat:byteSize": {"type": "integer", "format": "int64"}, "spdx:checksum": node, "dct:description": text,
        "dcat:downloadURL": text, "dct:format": text, "dct:license": text, "dct:title": text,
    });
    let location = json!({"dcat:bbox": text, "dcat:centroid": text, "dcat:geometry": text});
    let period = json!({"dcat:startDate": time, "dcat:endDate": time});
    vec![
        ("DcatAPDataset", node_schema("The dataset.", "dcat:Dataset", &["dct:title"], dataset)),
        ("DcatAPDistribution", node_schema("A file of the dataset.", "dcat:Distribution", &[], distribution)),
        ("DcatLocation", node_schema("The place that the data are about, in well-known text.", "dct:Location", &[], location)),
        ("DctPeriodOfTime", node_schema("The period that the data are about.", "dct:PeriodOfTime", &[], period)),
    ]
}

fn agent_schemas() -> Vec<(&'static str, Value)> {
    let named = json!({"vcard:fn": text_schema()});
    vec![
        ("VCardIndividual", node_schema("A person.", "vcard:Individual", &["vcard:fn"], named.clone())),
        ("VCardOrganisation", node_schema("An organisation.", "vcard:Organisation", &["vcard:fn"], named)),
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
        ("SpdxChecksum", node_schema("A file's checksum.", "spdx:Checksum", &["algorithm", "checksumValue"], checksum)),
        ("DcatAPIdentifier", identifier),
        ("XSDDateTime", time),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_whatever_their_precision() {
        let written = |text: &str| {
            let write = |t: Option<NaiveDateTime>| t.map_or_else(String::new, |t| t.format(DATE_TIME).to_string());
            period(text).map(|(start, end)| format!("{} {}", write(start), write(end)))
        };
        let expected = [
            ("2011/2012", "2011-01-01T00:00:00 2012-12-31T23:59:59"),
            ("2024-02", "2024-02-01T00:00:00 2024-02-29T23:59:59"),
            ("2020-05-01/2020-05-01", "2020-05-01T00:00:00 2020-05-01T23:59:59"),
            ("2020-05-01T10:00:00Z / 2020-05-01T12:00:00+01:00", "2020-05-01T10:00:00 2020-05-01T11:00:00"),
            ("2020/..", "2020-01-01T00:00:00 "),
            ("../9999", " 9999-12-31T23:59:59"),
        ];
        for (text, period) in expected {
            assert_eq!(written(text).as_deref(), Some(period), "{text}");
        }
        for text in ["", "/", "../..", "last year", "2012/2011", "2011/2012/2013", "2011-13", "+011", "20110101", "-001", "99999"] {
            assert_eq!(written(text), None, "{text}");
        }
    }
}
