//! From stored rows to the JSON that is read: the stored bytes go out as they are, with the entry and the links spliced in.

use std::collections::HashMap;
use std::sync::LazyLock;

use aiod_schema::model::MASK;
use aiod_schema::platform::protects_personal_data;
use aiod_schema::{Field, Kind, Object, ResourceType, Role, by_name, resource_types};
use chrono::{Datelike, Timelike};
use memchr::memmem::{self, Finder};
use serde_json::{Map, Value};

use crate::identity::User;
use crate::store::asset::ReadRow;
use crate::store::link as links;

/// How every stored document ends: the entry's closing brace and its own.
const TAIL: &str = "}}";

/// What the reader may see.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'c> {
    /// Who reads. Some fields are shown only to those who are logged in, such as e-mail addresses.
    pub(super) user: Option<&'c User>,
    /// Whether personal data are shown where the platform protects them.
    pub(super) full: bool,
    /// Whether links to unpublished resources are shown.
    pub(super) unpublished_links: bool,
}

impl View<'_> {
    /// Whether the reader may see personal data of a resource of this platform. The platform's own connector wrote them.
    fn shows_personal_data(self, platform: Option<&str>) -> bool {
        let Some(platform) = platform.filter(|platform| protects_personal_data(platform)) else { return true };
        self.full || self.user.is_some_and(|user| user.is_connector_of(platform))
    }
}

/// What rendering needs to know of a type, worked out once.
pub(super) struct Layout {
    /// What is added to the entry, which ends the document.
    entry: EntryLayout,
    /// Lists of the document, which an answer shows even when they are empty: name, and how an empty one looks.
    lists: Vec<(&'static str, String)>,
    /// Values that an answer shows even when they are absent: what stands before one, and the whole of it.
    defaults: Vec<(String, String)>,
    /// Fields that refer to other resources, sorted by name, as the texts of links are.
    links: Vec<LinkField>,
    /// Fields that show resources in full.
    embedded: Vec<EmbeddedField>,
    /// Fields that hold the identifier.
    identifiers: Vec<&'static str>,
    /// Fields that some readers must not see.
    masked: Vec<&'static Field>,
}

/// The entry of a resource: its field, and what stands before the values that are added to it.
struct EntryLayout {
    field: &'static str,
    before_status: String,
    before_modified: String,
    before_created: String,
}

/// A field that refers to other resources.
struct LinkField {
    name: &'static str,
    /// What stands before its identifiers and behind them; before the second of several, a comma.
    ends: (String, &'static str),
    is_list: bool,
}

/// A field that shows the resources of a link field in full.
struct EmbeddedField {
    /// What stands before the resources.
    before: String,
    /// The link field.
    link: &'static str,
    /// The type of its resources.
    resource: &'static ResourceType,
}

/// The layout of a type; none when it has no entry.
pub(super) fn layout(resource: &ResourceType) -> Option<&'static Layout> {
    static LAYOUTS: LazyLock<HashMap<&'static str, Layout>> =
        LazyLock::new(|| resource_types().iter().filter_map(|r| Some((r.name, Layout::of(r)?))).collect());
    LAYOUTS.get(resource.name)
}

impl Layout {
    /// The layout of a type; none when it has no entry.
    fn of(resource: &'static ResourceType) -> Option<Self> {
        let fields = &resource.object.fields;
        let lists = fields.iter().filter(|f| f.list && f.is_stored());
        let mut links: Vec<LinkField> = resource.links().map(|f| LinkField::new(f.name, f.list)).collect();
        links.sort_by_key(|field| field.name);
        let holds_identifier = |f: &&Field| matches!(f.role, Some(Role::Identifier | Role::IdentifierAlias));
        Some(Self {
            entry: EntryLayout::of(resource)?,
            lists: lists.map(|f| (f.name, format!(",\"{}\":[]", f.name))).collect(),
            defaults: fields.iter().filter(|f| f.is_stored() && !f.list).filter_map(default_member).collect(),
            links,
            embedded: fields.iter().filter_map(|f| EmbeddedField::of(resource, f)).collect(),
            identifiers: fields.iter().filter(holds_identifier).map(|f| f.name).collect(),
            masked: fields.iter().filter(|f| f.is_masked()).collect(),
        })
    }
}

/// The name of a field as it stands before a value, and the whole member with its default.
fn default_member(field: &Field) -> Option<(String, String)> {
    let name = format!("\"{}\":", field.name);
    let member = format!(",{name}{}", Value::from(field.default?));
    Some((name, member))
}

impl EntryLayout {
    fn of(resource: &ResourceType) -> Option<Self> {
        let field = resource.field_with(Role::Entry)?;
        let Kind::Object(entry) = field.kind else { return None };
        let name = |role| entry().field_with(role).map(|f| f.name);
        Some(Self {
            field: field.name,
            before_status: format!(",\"{}\":\"", name(Role::Status)?),
            before_modified: format!("\",\"{}\":\"", name(Role::DateModified)?),
            before_created: format!("\",\"{}\":\"", name(Role::DateCreated)?),
        })
    }
}

impl LinkField {
    fn new(name: &'static str, is_list: bool) -> Self {
        let ends = if is_list { (format!(",\"{name}\":["), "]") } else { (format!(",\"{name}\":"), "") };
        Self { name, ends, is_list }
    }
}

impl EmbeddedField {
    fn of(resource: &ResourceType, field: &Field) -> Option<Self> {
        let link = field.embeds?;
        let Kind::Link([target]) = resource.object.field(link)?.kind else { return None };
        Some(Self { before: format!(",\"{}\":[", field.name), link, resource: by_name(target)? })
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

/// Resources that others show in full, by their identifiers.
pub(super) type Embedded = HashMap<String, ReadRow>;

/// How many resources one shows in full; the field of links names all of them.
const MAX_EMBEDDED: usize = 100;
/// The most bytes of a document that is shown in full within others: it would weigh as often as it is named.
const MAX_EMBEDDED_BYTES: usize = 64 << 10;

/// The identifiers of the resources that one may show in full, whoever reads it.
pub(super) fn embedded<'r>(layout: &'static Layout, row: &'r ReadRow) -> impl Iterator<Item = &'r str> + use<'r> {
    layout.embedded.iter().flat_map(|field| links::linked(links::line(&row.links, field.link)).take(MAX_EMBEDDED)).map(|l| l.identifier)
}

/// About how many bytes a resource is as JSON, and seldom less than it is.
pub(super) fn rendered_length(row: &ReadRow) -> usize {
    row.document.len() + row.links.len() + 1_024
}

/// Adds a resource and its links as JSON; `None`, and nothing added, when its stored document is not one of ours.
pub(super) fn render(out: &mut String, layout: &Layout, row: &ReadRow, embedded: &Embedded, view: View<'_>) -> Option<()> {
    let masked = mask(layout, row.platform.as_deref(), &row.document, view);
    let document = masked.as_deref().unwrap_or(&row.document);
    out.push_str(document.strip_suffix(TAIL)?);
    push_entry(out, &layout.entry, row);
    push_absent_lists(out, layout, document);
    push_absent_defaults(out, layout, document);
    push_links(out, layout, &row.links, view);
    for field in &layout.embedded {
        push_embedded(out, field, &row.links, embedded, view);
    }
    for name in &layout.identifiers {
        for part in [",\"", name, "\":\"", &row.identifier, "\""] {
            out.push_str(part);
        }
    }
    out.push('}');
    Some(())
}

/// Adds what the catalogue knows of the resource's administration, and ends the entry.
fn push_entry(out: &mut String, entry: &EntryLayout, row: &ReadRow) {
    out.push_str(&entry.before_status);
    out.push_str(row.status.as_str());
    out.push_str(&entry.before_modified);
    push_time(out, row.date_modified);
    out.push_str(&entry.before_created);
    push_time(out, row.date_created);
    out.push_str("\"}");
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

/// Adds the values with a default that the document does not have.
fn push_absent_defaults(out: &mut String, layout: &Layout, document: &str) {
    let is_absent = |name: &str| memmem::find(document.as_bytes(), name.as_bytes()).is_none();
    for (_, member) in layout.defaults.iter().filter(|(name, _)| is_absent(name)) {
        out.push_str(member);
    }
}

fn push_links(out: &mut String, layout: &Layout, links: &str, view: View<'_>) {
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
fn shown<'l>(line: &'l str, view: View<'_>) -> impl Iterator<Item = &'l str> + use<'l> {
    let shows_all = view.unpublished_links;
    links::linked(line).filter(move |l| l.is_published || shows_all).map(|l| l.identifier)
}

fn push_embedded(out: &mut String, field: &EmbeddedField, links: &str, embedded: &Embedded, view: View<'_>) {
    out.push_str(&field.before);
    let begin = out.len();
    let found = shown(links::line(links, field.link), view).filter_map(|identifier| embedded.get(identifier));
    let mut rows = found.filter(|row| row.document.len() <= MAX_EMBEDDED_BYTES).peekable();
    // Who may write a resource may not write those that it shows in full.
    let view = View { unpublished_links: false, ..view };
    if rows.peek().is_some()
        && let Some(layout) = layout(field.resource)
    {
        for row in rows {
            let end = out.len();
            if end > begin {
                out.push(',');
            }
            if render(out, layout, row, embedded, view).is_none() {
                out.truncate(end);
            }
        }
    }
    out.push(']');
}

/// Whether the reader must not see a field of a resource of this platform.
pub(super) fn is_hidden(field: &Field, platform: Option<&str>, view: View<'_>) -> bool {
    (field.needs_login && view.user.is_none()) || (field.personal && !view.shows_personal_data(platform))
}

/// The document without what the reader must not see; `None` when there is nothing to hide.
fn mask(layout: &Layout, platform: Option<&str>, document: &str, view: View<'_>) -> Option<String> {
    let hidden = |field: &&Field| is_hidden(field, platform, view);
    if !layout.masked.iter().copied().any(|field| hidden(&field)) {
        return None;
    }
    let mut map: Map<String, Value> = serde_json::from_str(document).ok()?;
    let entry = map.shift_remove(layout.entry.field);
    for field in layout.masked.iter().copied().filter(hidden) {
        hide(&mut map, field);
    }
    map.extend(entry.map(|e| (layout.entry.field.to_owned(), e)));
    Some(Value::Object(map).to_string())
}

/// Puts a mask in place of a text, and removes any other value.
fn hide(map: &mut Map<String, Value>, field: &Field) {
    if !matches!(field.kind, Kind::Text | Kind::Term(_)) {
        map.shift_remove(field.name);
    } else if field.needs_login || map.contains_key(field.name) {
        let mask = if field.list { serde_json::json!([MASK]) } else { Value::from(MASK) };
        map.insert(field.name.to_owned(), mask);
    }
}

/// Writes absent values as `null`, in nested objects too.
pub(super) fn with_nulls(object: &'static Object, value: &mut Value) {
    let Value::Object(map) = value else { return };
    for field in &object.fields {
        let nested = match field.kind {
            Kind::Object(nested) => Some(nested()),
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
        let layout = Layout::of(by_name("dataset").unwrap()).unwrap();
        let mut out = String::new();
        push_absent_lists(&mut out, &layout, r#"{"name":"\"media\":[","keyword":["note\":["],"distribution":[{"name":"x"}]}"#);
        let shown = |name: &str| out.contains(&format!(",\"{name}\":[]"));
        assert!(shown("media") && shown("note") && shown("alternate_name"));
        assert!(!shown("keyword") && !shown("distribution"));
    }

    #[test]
    fn values_that_a_document_lacks_have_their_defaults() {
        let layout = Layout::of(by_name("person").unwrap()).unwrap();
        for (document, expected) in [
            (r#"{"name":"\"wants_to_be_contacted\":"}"#, ",\"wants_to_be_contacted\":false"),
            (r#"{"name":"x","wants_to_be_contacted":true}"#, ""),
        ] {
            let mut out = String::new();
            push_absent_defaults(&mut out, &layout, document);
            assert_eq!(out, expected);
        }
    }

    /// A made-up type with something that not everybody may see.
    #[derive(serde::Deserialize, aiod_schema::Model)]
    #[model(resource, path = "diaries", prefix = "diar", class = "Asset")]
    struct Diary {
        #[field(role = Name, personal)]
        _title: Option<String>,
        #[field(personal)]
        _page: Vec<String>,
        #[field(personal)]
        _age: Option<i64>,
        #[field(needs_login, term = "email")]
        _letter: Vec<String>,
        _colour: Option<String>,
        #[field(role = Entry)]
        _entry: Option<aiod_schema::resource::embedded::Entry>,
    }

    const DIARY: &str = r#"{"_title":"My days","_page":["One"],"_age":9,"_letter":["Dear"],"_colour":"red","_entry":{"editor":[]}}"#;

    fn user(roles: &[&str]) -> User {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        User { account: 1, name: "ada".to_owned(), subject: "local:ada".to_owned(), roles }
    }

    fn seen(platform: &str, document: &str, view: View<'_>) -> Option<Value> {
        use aiod_schema::model::Resource;
        static TYPE: LazyLock<ResourceType> = LazyLock::new(Diary::resource_type);
        let masked = mask(&Layout::of(&TYPE).unwrap(), Some(platform), document, view)?;
        assert!(masked.ends_with(TAIL), "the entry stays last: {masked}");
        Some(serde_json::from_str(&masked).unwrap())
    }

    #[test]
    fn personal_fields_of_any_type_are_masked_where_the_platform_protects_them() {
        let (ada, connector) = (user(&[]), user(&["platform_ai4europe_cms"]));
        let reader = View { user: Some(&ada), full: false, unpublished_links: false };
        let expected = serde_json::json!({
            "_title": MASK, "_page": [MASK], "_letter": ["Dear"], "_colour": "red", "_entry": {"editor": []}});
        assert_eq!(seen("ai4europe_cms", DIARY, reader), Some(expected));
        assert_eq!(seen("ai4europe_cms", DIARY, View { full: true, ..reader }), None);
        assert_eq!(seen("ai4europe_cms", DIARY, View { user: Some(&connector), ..reader }), None);
        assert_eq!(seen("example", DIARY, reader), None);
        assert_eq!(seen("ai4europe_cms", r#"{"_entry":{}}"#, reader), Some(serde_json::json!({"_entry": {}})), "what is absent stays so");
    }

    #[test]
    fn fields_that_need_a_login_are_masked_for_others_even_where_there_is_no_value() {
        let anonymous = View { user: None, full: false, unpublished_links: false };
        let expected = serde_json::json!({"_letter": [MASK], "_entry": {}});
        assert_eq!(seen("example", r#"{"_entry":{}}"#, anonymous), Some(expected.clone()));
        assert_eq!(seen("example", r#"{"_letter":["Dear"],"_entry":{}}"#, anonymous), Some(expected));
    }
}
