//! Datasets in DCAT-AP (<https://semiceu.github.io/DCAT-AP/>), as one graph of JSON-LD nodes.

mod period;
mod schemas;
mod v2;

use std::collections::HashSet;

use chrono::NaiveDateTime;
use serde_json::{Value, json};

use super::known::{Agent, Known};
use super::read::{Node, date_modified, description, items, text, texts, time};
use crate::validate::DATE_TIME;
use period::period;

pub(super) use schemas::schemas;

/// What the prefixes stand for.
const PREFIXES: [(&str, &str); 12] = [
    ("adms", "http://www.w3.org/ns/adms#"),
    ("dcat", "http://www.w3.org/ns/dcat#"),
    ("dct", "http://purl.org/dc/terms/"),
    ("foaf", "http://xmlns.com/foaf/0.1/"),
    ("gsp", "http://www.opengis.net/ont/geosparql#"),
    ("locn", "http://www.w3.org/ns/locn#"),
    ("owl", "http://www.w3.org/2002/07/owl#"),
    ("skos", "http://www.w3.org/2004/02/skos/core#"),
    ("spdx", "http://spdx.org/rdf/terms#"),
    ("time", "http://www.w3.org/2006/time#"),
    ("vcard", "http://www.w3.org/2006/vcard/ns#"),
    ("xsd", "http://www.w3.org/2001/XMLSchema#"),
];
/// Properties whose texts are the addresses of something.
const ADDRESSES: [&str; 6] = ["dcat:accessURL", "dcat:downloadURL", "dcat:landingPage", "dcat:mediaType", "dct:license", "foaf:page"];
/// Properties whose texts or numbers have a type of their own.
const TYPED: [(&str, &str); 2] = [("dcat:byteSize", "xsd:nonNegativeInteger"), ("dcat:centroid", "gsp:wktLiteral")];

/// Where the media types have their addresses.
const MEDIA_TYPES: &str = "https://www.iana.org/assignments/media-types/";
/// Where the licences of SPDX have their addresses.
const LICENSES: &str = "https://spdx.org/licenses/";
/// What the names of SPDX for checksum algorithms begin with.
const ALGORITHM: &str = "http://spdx.org/rdf/terms#checksumAlgorithm_";

/// A dataset, as it is read over REST, in DCAT-AP.
///
/// The graph begins with the dataset. Its `@id`, as that of each node, is an address in the catalogue: that of a resource, or with a fragment
/// where something has no address of its own. Contacts and creators have a node where their name is known. E-mail addresses are never in it.
pub fn dcat_ap(dataset: &Value, known: &Known<'_>) -> Value {
    if known.is_v2 {
        return v2::dcat_ap(dataset);
    }
    let identifier = text(dataset, "identifier").unwrap_or_default();
    let mut graph = Graph { known, dataset, id: known.address(identifier), nodes: Vec::new(), ids: HashSet::new() };
    let node = graph.dataset(identifier);
    graph.nodes.insert(0, node);
    Node::default().with("@context", Some(context())).with("@graph", Some(graph.nodes)).into()
}

/// What the names of the document mean.
fn context() -> Value {
    let mut context = Node::default();
    for (prefix, iri) in PREFIXES {
        context = context.with(prefix, Some(iri));
    }
    for property in ADDRESSES {
        context = context.with(property, Some(json!({"@type": "@id"})));
    }
    for (property, ty) in TYPED {
        context = context.with(property, Some(json!({"@type": ty})));
    }
    context
        .with("algorithm", Some(json!({"@id": "spdx:algorithm", "@type": "@id"})))
        .with("checksumValue", Some(json!({"@id": "spdx:checksumValue", "@type": "xsd:hexBinary"})))
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

/// DCAT counts bytes, and allows for a size that is only about right.
fn byte_size(file: &Value) -> Option<i64> {
    file.get("content_size_kb")?.as_i64().filter(|size| *size >= 0)?.checked_mul(1000)
}

/// A text that is an absolute address as RDF takes it.
fn iri(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme =
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let is_clean = !rest.is_empty() && !rest.chars().any(|c| c <= ' ' || "<>\"{}|\\^`".contains(c));
    (is_scheme && is_clean).then_some(text)
}

/// The addresses of a list.
fn iris<'v>(object: &'v Value, field: &str) -> impl Iterator<Item = &'v str> {
    texts(object, field).filter_map(iri)
}

/// The address of a media type.
fn media_type(format: &str) -> Option<String> {
    let is_name = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b));
    let (kind, name) = format.split_once('/')?;
    (is_name(kind) && is_name(name)).then(|| iri(&format!("{MEDIA_TYPES}{format}")).map(str::to_owned))?
}

/// The nodes so far, each with an id of its own.
struct Graph<'g> {
    known: &'g Known<'g>,
    dataset: &'g Value,
    /// The dataset's own id.
    id: String,
    nodes: Vec<Value>,
    ids: HashSet<String>,
}

impl Graph<'_> {
    /// The dataset's node. Those that it refers to are added.
    fn dataset(&mut self, identifier: &str) -> Value {
        let dataset = self.dataset;
        self.ids.insert(self.id.clone());
        let title = text(dataset, "name").unwrap_or(identifier);
        let license = self.license();
        let files: Vec<Node> =
            items(dataset, "distribution").enumerate().map(|(index, file)| self.distribution(index, file, license.as_deref())).collect();
        let page = text(dataset, "same_as").and_then(iri);
        typed(&self.id.clone(), "dcat:Dataset")
            .with("dct:identifier", Some(identifier))
            .with("dct:description", Some(description(dataset).unwrap_or(title)))
            .with("dct:title", Some(title))
            .with_all("dcat:contactPoint", self.contacts().into_iter())
            .with_all("dcat:distribution", files.into_iter())
            .with_all("dcat:keyword", texts(dataset, "keyword"))
            .with("dct:publisher", self.publisher())
            .with_all("dct:creator", self.creators().into_iter())
            .with_all("foaf:page", iris(dataset, "relevant_link"))
            .with_all("dcat:landingPage", page.into_iter())
            .with("dct:issued", time(dataset, "date_published").map(date_time))
            .with("dct:modified", date_modified(dataset).map(date_time))
            .with("dct:spatial", self.spatial_coverage())
            .with("dct:temporal", self.temporal_coverage())
            .with("owl:versionInfo", text(dataset, "version"))
            .into()
    }

    /// Adds a node unless its id stands in the graph already, and refers to it.
    fn add(&mut self, id: &str, node: impl FnOnce() -> Node) -> Node {
        if self.ids.insert(id.to_owned()) {
            self.nodes.push(node().into());
        }
        by_id(id)
    }

    /// The id of a part of the dataset that has no address of its own.
    fn part(&self, name: &str) -> String {
        format!("{}#{name}", self.id)
    }

    /// Adds a file. Each has an address to reach it by: where there is no other, the page of the dataset.
    fn distribution(&mut self, index: usize, file: &Value, license: Option<&str>) -> Node {
        let id = self.part(&format!("distribution-{index}"));
        let url = text(file, "content_url").and_then(iri);
        let page = text(self.dataset, "same_as").and_then(iri).unwrap_or(&self.id).to_owned();
        let format = text(file, "encoding_format");
        let checksum = self.checksum(index, file);
        let node = typed(&id, "dcat:Distribution")
            .with("dcat:accessURL", Some(url.unwrap_or(&page)))
            .with("dcat:byteSize", byte_size(file))
            .with("spdx:checksum", checksum)
            .with("dct:description", text(file, "description"))
            .with("dcat:downloadURL", url)
            .with("dct:format", format)
            .with("dcat:mediaType", format.and_then(media_type))
            .with("dct:license", license)
            .with("dct:title", text(file, "name"));
        self.add(&id, || node)
    }

    /// Adds a file's checksum, where RDF can tell it: by a known algorithm, in hexadecimal digits.
    fn checksum(&mut self, index: usize, file: &Value) -> Option<Node> {
        let (algorithm, value) = (text(file, "checksum_algorithm")?, text(file, "checksum")?);
        let algorithm: String = algorithm.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).collect::<String>().to_ascii_lowercase();
        let is_name = algorithm.bytes().all(|b| b.is_ascii_alphanumeric());
        if !is_name || value.len() % 2 != 0 || !value.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let id = self.part(&format!("checksum-{index}"));
        let node =
            || typed(&id, "spdx:Checksum").with("algorithm", Some(ALGORITHM.to_owned() + &algorithm)).with("checksumValue", Some(value));
        Some(self.add(&id, node))
    }

    /// Adds the licence, and gives its id: its address where it has one.
    fn license(&mut self) -> Option<String> {
        let name = text(self.dataset, "license")?;
        let id = match (spdx::license_id(name), iri(name)) {
            (Some(license), _) => format!("{LICENSES}{}", license.name),
            (None, Some(address)) => address.to_owned(),
            (None, None) => self.part("license"),
        };
        self.add(&id, || typed(&id, "dct:LicenseDocument").with("dct:title", Some(name)));
        Some(id)
    }

    /// The contacts; those whose name is known have a node.
    fn contacts(&mut self) -> Vec<Node> {
        let (known, dataset) = (self.known, self.dataset);
        let contact = |identifier: &str| {
            let id = known.address(identifier);
            let Some(agent) = known.names.agent(identifier) else { return by_id(&id) };
            let name = known.names.name(identifier).unwrap_or(agent.name);
            let ty = if agent.is_organisation() { "vcard:Organization" } else { "vcard:Individual" };
            self.add(&id, || typed(&id, ty).with("vcard:fn", Some(name)))
        };
        texts(dataset, "contact").map(contact).collect()
    }

    /// The creators whose names are known.
    fn creators(&mut self) -> Vec<Node> {
        let names = self.known.names;
        texts(self.dataset, "creator").filter_map(|identifier| names.agent(identifier)).map(|agent| self.agent(agent)).collect()
    }

    /// Who makes the dataset available: an organisation among its creators, else its platform.
    fn publisher(&mut self) -> Option<Node> {
        let names = self.known.names;
        let creator = texts(self.dataset, "creator").filter_map(|identifier| names.agent(identifier)).find(Agent::is_organisation);
        if let Some(agent) = creator {
            return Some(self.agent(agent));
        }
        let platform = text(self.dataset, "platform")?;
        let id = self.part("publisher");
        Some(self.add(&id, || typed(&id, "foaf:Agent").with("foaf:name", Some(platform))))
    }

    /// Adds a person or an organisation. A contact is none of them: its id with a fragment stands for whom it reaches.
    fn agent(&mut self, agent: Agent<'_>) -> Node {
        let address = self.known.address(agent.identifier);
        let (id, ty) = match (agent.is_organisation(), agent.is_person()) {
            (true, _) => (address, "foaf:Organization"),
            (_, true) => (address, "foaf:Person"),
            _ => (address + "#agent", "foaf:Agent"),
        };
        self.add(&id, || typed(&id, ty).with("foaf:name", Some(agent.name)))
    }

    /// Adds the place that the data are about.
    fn spatial_coverage(&mut self) -> Option<Node> {
        let place = self.dataset.get("spatial_coverage")?;
        let (point, name) = (place.get("geo").and_then(point), place.get("address").and_then(place_name));
        if point.is_none() && name.is_none() {
            return None;
        }
        let id = self.part("spatial");
        Some(self.add(&id, || typed(&id, "dct:Location").with("dcat:centroid", point).with("skos:prefLabel", name)))
    }

    /// Adds the period that the data are about, where it is one in ISO 8601.
    fn temporal_coverage(&mut self) -> Option<Node> {
        let (start, end) = text(self.dataset, "temporal_coverage").and_then(period)?;
        let write = |time: Option<NaiveDateTime>| time.map(|t| date_time(t.format(DATE_TIME).to_string()));
        let id = self.part("temporal");
        let node = || typed(&id, "dct:PeriodOfTime").with("dcat:startDate", write(start)).with("dcat:endDate", write(end));
        Some(self.add(&id, node))
    }
}

/// A point in well-known text, which has x, the longitude, first.
fn point(geo: &Value) -> Option<String> {
    let (Value::Number(latitude), Value::Number(longitude)) = (geo.get("latitude")?, geo.get("longitude")?) else { return None };
    Some(format!("POINT({longitude} {latitude})"))
}

/// What a place is called.
fn place_name(address: &Value) -> Option<String> {
    let parts: Vec<&str> = ["locality", "region", "country"].into_iter().filter_map(|part| text(address, part)).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
