//! Datasets in DCAT-AP as clients of `/v2` know them, letter for letter: with faults that keep harvesters from reading them. Nothing changes here.

use std::collections::HashSet;

use chrono::NaiveDateTime;
use serde_json::Value;

use super::period::period;
use super::{by_id, byte_size, date_time, typed};
use crate::convert::read::{Node, agents, date_modified, description, items, text, texts, time};
use crate::validate::DATE_TIME;

/// What the prefixes stand for.
pub(super) const PREFIXES: [(&str, &str); 3] =
    [("dcat", "http://www.w3.org/ns/dcat"), ("dct", "http://purl.org/dc/terms/"), ("vcard", "https://www.w3.org/2006/vcard/ns#")];

/// A dataset, as it is read over REST, in DCAT-AP as `/v2` has it.
///
/// The graph begins with the dataset, whose `@id` is its identifier. Distributions are known by their URLs, contacts by their
/// identifiers; they have a node of their own where `contacts` tells their name. E-mail addresses are never in it.
pub(super) fn dcat_ap(dataset: &Value) -> Value {
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
