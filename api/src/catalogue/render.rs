//! From stored rows to the JSON that is read: the stored bytes go out as they are, with the entry and the links spliced in.

use std::collections::HashMap;
use std::sync::LazyLock;

use aiod_schema::{Kind, Object, ResourceType, by_name, resource_types};
use chrono::{Datelike, Timelike};
use memchr::memmem::Finder;
use serde_json::{Map, Value};

use crate::store::asset::ReadRow;
use crate::store::link as links;

/// How every stored document ends: the entry's closing brace and its own.
const TAIL: &str = "}}";
/// What stands in place of what a reader must not see.
const MASK: &str = "******";
/// Platforms whose personal data need a role to be seen.
const PROTECTED_PLATFORMS: [&str; 1] = ["ai4europe_cms"];

/// The field whose resources are shown in full as well, and the type of these.
pub(super) const CONTACT: &str = "contact";

/// What the reader may see.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// Whether anyone is logged in: only they see e-mail addresses.
    pub(super) logged_in: bool,
    /// Whether personal data of protected platforms are shown.
    pub(super) full: bool,
    /// Whether links to unpublished resources are shown.
    pub(super) unpublished_links: bool,
}

/// What rendering needs to know of a type, worked out once.
struct Layout {
    /// Lists of the document, which an answer shows even when they are empty: name, and how an empty one looks.
    lists: Vec<(&'static str, String)>,
    /// Fields that refer to other resources, sorted by name, as the texts of links are.
    links: Vec<LinkField>,
    /// Fields that repeat the identifier.
    identifiers: Vec<&'static str>,
    /// Whether `contacts` is part of it.
    embeds_contacts: bool,
}

/// A field that refers to other resources.
struct LinkField {
    name: &'static str,
    /// What stands before its identifiers and behind them; before the second of several, a comma.
    ends: (String, &'static str),
    is_list: bool,
}

impl LinkField {
    fn new(name: &'static str, is_list: bool) -> Self {
        let ends = if is_list { (format!(",\"{name}\":["), "]") } else { (format!(",\"{name}\":"), "") };
        Self { name, ends, is_list }
    }
}

fn layout(resource: &ResourceType) -> Option<&'static Layout> {
    static LAYOUTS: LazyLock<HashMap<&'static str, Layout>> =
        LazyLock::new(|| resource_types().iter().map(|r| (r.name, Layout::of(r))).collect());
    LAYOUTS.get(resource.name)
}

impl Layout {
    fn of(resource: &'static ResourceType) -> Self {
        let fields = &resource.object.fields;
        let lists = fields.iter().filter(|f| f.list && f.is_stored());
        let mut links: Vec<LinkField> = resource.links().map(|f| LinkField::new(f.name, f.list)).collect();
        links.sort_by_key(|field| field.name);
        Self {
            lists: lists.map(|f| (f.name, format!(",\"{}\":[]", f.name))).collect(),
            links,
            identifiers: fields.iter().filter(|f| f.read_only && matches!(f.kind, Kind::Text)).map(|f| f.name).collect(),
            embeds_contacts: resource.object.field("contacts").is_some(),
        }
    }
}

/// Adds a time of the store, to the second: `2026-01-31T23:59:59`. By hand, since formatting by a pattern took longer than all the
/// rest of a resource.
fn push_time(out: &mut String, micros: i64) {
    let time = chrono::DateTime::from_timestamp_micros(micros).unwrap_or_default().naive_utc();
    let year = u32::try_from(time.year()).unwrap_or_default();
    let numbers = [year / 100, year % 100, time.month(), time.day(), time.hour(), time.minute(), time.second()];
    for (number, end) in numbers.into_iter().zip(["", "-", "-", "T", ":", ":", ""]) {
        let digits = [number / 10 % 10, number % 10].map(|digit| b'0' + u8::try_from(digit).unwrap_or_default());
        out.push_str(std::str::from_utf8(&digits).unwrap_or_default());
        out.push_str(end);
    }
}

/// A time of the store as it is on the wire.
pub(super) fn wire_time(micros: i64) -> String {
    let mut text = String::with_capacity(19);
    push_time(&mut text, micros);
    text
}

/// The contacts that are shown in full, by their identifiers.
pub(super) type Contacts = HashMap<String, ReadRow>;

/// About how many bytes a resource is as JSON, and seldom less than it is.
pub(super) fn rendered_length(row: &ReadRow) -> usize {
    row.document.len() + row.links.len() + 1_024
}

/// Adds a resource and its links as JSON; `None`, and nothing added, when its stored document is not one of ours.
pub(super) fn render(out: &mut String, resource: &'static ResourceType, row: &ReadRow, contacts: &Contacts, view: View) -> Option<()> {
    let masked = mask(resource, row.platform.as_deref(), &row.document, view);
    let document = masked.as_deref().unwrap_or(&row.document);
    let layout = layout(resource)?;
    let open = document.strip_suffix(TAIL)?;
    out.push_str(open);
    out.push_str(",\"status\":\"");
    out.push_str(row.status.as_str());
    out.push_str("\",\"date_modified\":\"");
    push_time(out, row.date_modified);
    out.push_str("\",\"date_created\":\"");
    push_time(out, row.date_created);
    out.push_str("\"}");
    push_absent_lists(out, layout, document);
    push_links(out, layout, &row.links, view);
    if layout.embeds_contacts {
        push_contacts(out, &row.links, contacts, view);
    }
    for name in &layout.identifiers {
        for part in [",\"", name, "\":\"", &row.identifier, "\""] {
            out.push_str(part);
        }
    }
    out.push('}');
    Some(())
}

/// Adds the lists that the document does not have. Quotes within texts are escaped, so that `":[` stands behind names alone.
fn push_absent_lists(out: &mut String, layout: &Layout, document: &str) {
    static BEGINNING: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\":["));
    let name_before = |end: usize| document.get(..end)?.rsplit('"').next();
    let present: Vec<&str> = BEGINNING.find_iter(document.as_bytes()).filter_map(name_before).collect();
    for (_, empty) in layout.lists.iter().filter(|(name, _)| !present.contains(name)) {
        out.push_str(empty);
    }
}

fn push_links(out: &mut String, layout: &Layout, links: &str, view: View) {
    let mut lines = links::lines(links).peekable();
    for LinkField { name, ends, is_list } in &layout.links {
        while lines.next_if(|(field, _)| field < name).is_some() {}
        let line = lines.next_if(|(field, _)| field == name).map(|(_, line)| line).unwrap_or_default();
        let mut shown = shown(line, view).take(if *is_list { usize::MAX } else { 1 }).peekable();
        if !is_list && shown.peek().is_none() {
            continue;
        }
        out.push_str(&ends.0);
        for (index, identifier) in shown.enumerate() {
            out.push_str(if index == 0 { "\"" } else { ",\"" });
            out.push_str(identifier);
            out.push('"');
        }
        out.push_str(ends.1);
    }
}

/// The identifiers of a line of links that the reader may see.
fn shown(line: &str, view: View) -> impl Iterator<Item = &str> {
    links::linked(line).filter(move |l| l.is_published || view.unpublished_links).map(|l| l.identifier)
}

fn push_contacts(out: &mut String, links: &str, contacts: &Contacts, view: View) {
    out.push_str(",\"contacts\":[");
    let begin = out.len();
    for row in shown(links::line(links, CONTACT), view).filter_map(|identifier| contacts.get(identifier)) {
        let end = out.len();
        if end > begin {
            out.push(',');
        }
        if by_name(CONTACT).and_then(|contact| render(out, contact, row, contacts, view)).is_none() {
            out.truncate(end);
        }
    }
    out.push(']');
}

/// The document without what the reader must not see; `None` when there is nothing to hide.
fn mask(resource: &ResourceType, platform: Option<&str>, document: &str, view: View) -> Option<String> {
    let is_contact = resource.name == CONTACT;
    let hide_email = is_contact && !view.logged_in;
    let is_personal = is_contact || resource.name == "person";
    let hide_person = is_personal && !view.full && platform.is_some_and(|p| PROTECTED_PLATFORMS.contains(&p));
    if !hide_email && !hide_person {
        return None;
    }
    let mut map: Map<String, Value> = serde_json::from_str(document).ok()?;
    let entry = map.shift_remove("aiod_entry");
    for field in resource.object.fields.iter().filter(|f| f.personal) {
        let hide = hide_person || (hide_email && field.name == "email");
        // An e-mail's mask stands even where there is none, so that nobody learns whether there is one.
        if hide && (map.contains_key(field.name) || field.name == "email") {
            let mask = if field.list { serde_json::json!([MASK]) } else { Value::from(MASK) };
            map.insert(field.name.to_owned(), mask);
        }
    }
    map.extend(entry.map(|e| ("aiod_entry".to_owned(), e)));
    Some(Value::Object(map).to_string())
}

/// Writes absent values as `null`, in nested objects too.
pub(super) fn with_nulls(object: &'static Object, value: &mut Value) {
    let Value::Object(map) = value else { return };
    for field in &object.fields {
        let nested = match field.kind {
            Kind::Object(nested) => Some(nested()),
            _ if field.name == "contacts" => by_name("contact").map(|c| c.object),
            _ => None,
        };
        match (map.get_mut(field.name), nested) {
            (None, _) => {
                map.insert(field.name.to_owned(), Value::Null);
            }
            (Some(Value::Array(items)), Some(nested)) => items.iter_mut().for_each(|item| with_nulls(nested, item)),
            (Some(value), Some(nested)) => with_nulls(nested, value),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_model_says() {
        for micros in [0, 1_767_225_599_999_999, 951_782_400_000_000, 4_102_444_800_000_000] {
            let mut out = String::new();
            push_time(&mut out, micros);
            let time = chrono::DateTime::from_timestamp_micros(micros).unwrap();
            assert_eq!(out, time.format(aiod_schema::validate::DATE_TIME).to_string());
        }
    }

    #[test]
    fn lists_that_a_document_lacks_are_empty() {
        let layout = Layout::of(by_name("dataset").unwrap());
        let mut out = String::new();
        push_absent_lists(&mut out, &layout, r#"{"name":"\"media\":[","keyword":["note\":["],"distribution":[{"name":"x"}]}"#);
        let shown = |name: &str| out.contains(&format!(",\"{name}\":[]"));
        assert!(shown("media") && shown("note") && shown("alternate_name"));
        assert!(!shown("keyword") && !shown("distribution"));
    }
}
