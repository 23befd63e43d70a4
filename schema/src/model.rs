//! What a declaration says: resource types, their fields and the kinds of value that a field takes.
//!
//! The structs of [`crate::resource`] are the declaration; `#[derive(Model)]` turns each into the tables below, and everything
//! else (OpenAPI schemas, validation, links, terms, what is indexed) reads the tables.

mod digits;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::LazyLock;

use chrono::{NaiveDate, NaiveDateTime};
use serde_json::{Map, Value};

pub use self::digits::Digits;
use crate::choice::Choice;
use crate::resource;
use crate::validate::Fault;
use crate::vocabulary::Vocabulary;

/// A struct that stands for a JSON object of the AIoD format.
pub trait Model {
    /// The table of its fields.
    fn object() -> &'static Object;
}

/// A struct that stands for a resource type.
pub trait Resource: Model {
    /// What the type is called, where it is served and what it holds.
    fn resource_type() -> ResourceType;
}

/// A Rust type that a field may have.
pub trait FieldType {
    /// The JSON value that it stands for, unless an attribute of the field says more.
    const SHAPE: Shape;
}

/// A kind of value, and whether it is a list of them.
#[derive(Clone, Copy)]
pub struct Shape {
    /// The kind of one value.
    pub kind: Kind,
    /// Whether the field holds a list.
    pub list: bool,
    /// Whether the struct keeps absence apart from any value (`Option`).
    pub optional: bool,
}

impl Shape {
    /// A single value of this kind.
    pub const fn one(kind: Kind) -> Self {
        Self { kind, list: false, optional: false }
    }
}

macro_rules! shapes {
    ($($ty:ty => $kind:ident),* $(,)?) => {
        $(impl FieldType for $ty { const SHAPE: Shape = Shape::one(Kind::$kind); })*
    };
}
shapes!(String => Text, bool => Boolean, i64 => Integer, usize => Integer, f64 => Number, NaiveDate => Date, NaiveDateTime => DateTime);

impl<T: FieldType> FieldType for BTreeMap<String, T> {
    const SHAPE: Shape = Shape::one(Kind::Map(&T::SHAPE));
}

impl<T: FieldType> FieldType for Option<T> {
    const SHAPE: Shape = Shape { optional: true, ..T::SHAPE };
}

impl<T: FieldType> FieldType for Vec<T> {
    const SHAPE: Shape = Shape { list: true, ..Shape::one(T::SHAPE.kind) };
}

/// What stands in place of a value that a reader must not see. Sent back, it stands for the value that is stored.
pub const MASK: &str = "******";

/// What one value of a field is.
#[derive(Clone, Copy)]
pub enum Kind {
    /// Text of a limited length, in characters.
    Text,
    /// A whole number between -2^63 and 2^63-1.
    Integer,
    /// A finite number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// `yyyy-mm-dd`.
    Date,
    /// `yyyy-mm-ddThh:mm:ss`, in UTC; other zones are converted when written.
    DateTime,
    /// Base64 of a file: given out, never taken in (images have paths of their own).
    Blob,
    /// The name of a platform that the catalogue knows.
    Platform,
    /// The identifier of another resource, of one of these types or groups (see [`Group`]).
    Link(&'static [&'static str]),
    /// A term of this vocabulary.
    Term(&'static Vocabulary),
    /// One of a few names.
    Choice(&'static Choice),
    /// A nested object.
    Object(fn() -> &'static Object),
    /// Values of one shape by their names. Only in answers.
    Map(&'static Shape),
    /// A value of one of several shapes. Only in answers.
    AnyOf(&'static [Shape]),
    /// A whole resource, of this group or of any type. Only in answers.
    Resource(Option<Group>),
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(targets) => write!(f, "Link({targets:?})"),
            Self::Term(vocabulary) => write!(f, "Term({})", vocabulary.name),
            Self::Object(object) => write!(f, "Object({})", object().title),
            Self::Choice(choice) => write!(f, "Choice({})", choice.title),
            Self::Map(shape) => write!(f, "Map({:?})", shape.kind),
            Self::AnyOf(shapes) => f.debug_list().entries(shapes.iter().map(|shape| shape.kind)).finish(),
            Self::Resource(group) => write!(f, "Resource({group:?})"),
            Self::Text => f.write_str("Text"),
            Self::Integer => f.write_str("Integer"),
            Self::Number => f.write_str("Number"),
            Self::Boolean => f.write_str("Boolean"),
            Self::Date => f.write_str("Date"),
            Self::DateTime => f.write_str("DateTime"),
            Self::Blob => f.write_str("Blob"),
            Self::Platform => f.write_str("Platform"),
        }
    }
}

/// What an absent value counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldDefault {
    /// This text.
    Text(&'static str),
    /// This number.
    Integer(i32),
    /// This truth value.
    Boolean(bool),
}

impl From<&'static str> for FieldDefault {
    fn from(text: &'static str) -> Self {
        Self::Text(text)
    }
}

impl From<i32> for FieldDefault {
    fn from(number: i32) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for FieldDefault {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<FieldDefault> for Value {
    fn from(default: FieldDefault) -> Self {
        match default {
            FieldDefault::Text(text) => text.into(),
            FieldDefault::Integer(number) => number.into(),
            FieldDefault::Boolean(value) => value.into(),
        }
    }
}

/// What the catalogue does with a field beyond keeping it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The resource's identifier in this catalogue.
    Identifier,
    /// The same identifier, under an older name.
    IdentifierAlias,
    /// How the platform identifies the resource, or a file of it.
    PlatformIdentifier,
    /// What the resource is called: related resources are found by it.
    Name,
    /// What an organisation is called in law: converters prefer it to its name.
    LegalName,
    /// How the resource is administered: an object of which the catalogue sets all but the [`Role::Editors`].
    Entry,
    /// In the entry, those who look after the metadata.
    Editors,
    /// In the entry, the resource's status.
    Status,
    /// In the entry, when the metadata last changed.
    DateModified,
    /// In the entry, when the resource was registered.
    DateCreated,
    /// When the resource was published on its platform.
    DatePublished,
    /// The files in which the resource can be had; the operations on content are about them.
    Files,
    /// In a file, where it can be downloaded.
    DownloadUrl,
    /// Where the resource's images stand when they are asked for.
    Images,
}

/// As what part of a resource a search finds what a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Searched {
    /// What the resource is called.
    Name,
    /// What else it is called: other names, headlines, subtitles.
    OtherName,
    /// What identifies it on its platform, or its address.
    Identifier,
    /// What identifies it in the world, such as a DOI. What is linked to it is found by it as well.
    PermanentIdentifier,
    /// Words that it is to be found by.
    Keyword,
    /// In a link field: the names of the resources at the other end, and what identifies them in the world.
    Linked,
    /// What it is, in words.
    Text,
    /// Its serial number, which searches name by itself.
    Issn,
}

/// One field of an object.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name in JSON.
    pub name: &'static str,
    /// What it means, as OpenAPI shows it.
    pub doc: &'static str,
    /// What one value is.
    pub kind: Kind,
    /// Whether it holds a list of such values.
    pub list: bool,
    /// The fewest characters of a text.
    pub min_length: Option<usize>,
    /// The most characters of a text.
    pub max_length: Option<usize>,
    /// Whether the struct keeps absence apart from any value.
    pub optional: bool,
    /// The least value of a number.
    pub minimum: Option<i32>,
    /// The greatest value of a number.
    pub maximum: Option<i32>,
    /// How many digits a number may have before the point and after it.
    pub digits: Option<Digits>,
    /// The fewest items of a list.
    pub min_items: Option<usize>,
    /// The most items of a list.
    pub max_items: Option<usize>,
    /// Whether a body must have it.
    pub required: bool,
    /// What an absent one counts as. Where the struct keeps absence apart, it is still absent there.
    pub default: Option<FieldDefault>,
    /// Whether the catalogue alone sets it; in a body it is ignored.
    pub read_only: bool,
    /// Whether it tells of a person: masked where the platform protects personal data, unless the reader has the role for them.
    pub personal: bool,
    /// Whether only those who are logged in see it. Others see a mask, even where there is no value, so that nobody learns whether
    /// there is one.
    pub needs_login: bool,
    /// What the catalogue does with it.
    pub role: Option<Role>,
    /// As what part of the resource a search finds it.
    pub searched: Option<Searched>,
    /// The link field of the same resource whose resources stand here in full, when it is read.
    pub embeds: Option<&'static str>,
    /// Another name that `/v2` reads and writes as well.
    pub v2_alias: Option<&'static str>,
    /// The field that says the same on the resource at the other end of a link; see [`crate::link::inverse`].
    pub inverse: Option<&'static str>,
    /// A group of fields of one object, of which one at most may refer to anything.
    pub one_of: Option<&'static str>,
}

impl Field {
    /// A field of which nothing more is said.
    pub const fn new(name: &'static str, doc: &'static str, shape: Shape) -> Self {
        Self {
            name,
            doc,
            kind: shape.kind,
            list: shape.list,
            optional: shape.optional,
            min_length: None,
            max_length: None,
            minimum: None,
            maximum: None,
            digits: None,
            min_items: None,
            max_items: None,
            required: false,
            default: None,
            read_only: false,
            personal: false,
            needs_login: false,
            role: None,
            searched: None,
            embeds: None,
            inverse: None,
            one_of: None,
            v2_alias: None,
        }
    }

    /// The vocabulary that its values come from.
    pub fn vocabulary(&self) -> Option<&'static Vocabulary> {
        match self.kind {
            Kind::Term(vocabulary) => Some(vocabulary),
            _ => None,
        }
    }

    /// Whether searches are narrowed by it and count its values: it holds terms that everybody sees.
    pub fn is_facet(&self) -> bool {
        matches!(self.kind, Kind::Term(_)) && !self.is_masked()
    }

    /// Whether some readers see a mask instead of its value.
    pub fn is_masked(&self) -> bool {
        self.personal || self.needs_login
    }

    /// Whether its values refer to other resources (and stand in the link table instead of the document).
    pub fn is_link(&self) -> bool {
        matches!(self.kind, Kind::Link(_))
    }

    /// Whether its values may refer to resources of this type.
    pub fn refers_to(&self, target: &ResourceType) -> bool {
        matches!(self.kind, Kind::Link(targets) if targets.iter().any(|name| target.is_a(name)))
    }

    /// Whether this field can hold a value only while the other one is empty: they are of one group, see [`Self::one_of`].
    pub fn excludes(&self, other: &Self) -> bool {
        self.name != other.name && self.one_of.is_some() && self.one_of == other.one_of
    }

    /// Whether the stored document holds it: neither a link nor set by the catalogue.
    pub fn is_stored(&self) -> bool {
        !self.read_only && !self.is_link()
    }
}

/// The table of one JSON object.
#[derive(Debug)]
pub struct Object {
    /// Its name in OpenAPI, such as `Distribution`.
    pub title: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// Whether unknown fields are refused instead of ignored.
    pub closed: bool,
    /// Its fields in order.
    pub fields: Vec<Field>,
}

impl Object {
    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// The field with this role.
    pub fn field_with(&self, role: Role) -> Option<&Field> {
        self.fields.iter().find(|f| f.role == Some(role))
    }
}

/// What a type counts as, for links and for the paths that serve several types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// An AI asset, and so an AI resource: `/ai_assets`, `/ai_resources`.
    Asset,
    /// A person or an organisation, and so an AI resource: `/agents`, `/ai_resources`.
    Agent,
    /// Another AI resource: `/ai_resources`.
    Resource,
    /// Not an AI resource: contacts.
    Other,
}

/// Types that links and paths take together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// AI assets.
    AiAsset,
    /// All but contacts.
    AiResource,
    /// Persons and organisations.
    Agent,
}

impl Group {
    /// All groups.
    pub const ALL: [Self; 3] = [Self::AiAsset, Self::AiResource, Self::Agent];

    /// What a link calls the group.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AiAsset => resource::target::ai_asset,
            Self::AiResource => resource::target::ai_resource,
            Self::Agent => resource::target::agent,
        }
    }

    /// Whether a type belongs to it.
    pub fn has(self, resource: &ResourceType) -> bool {
        match self {
            Self::AiAsset => resource.class == Class::Asset,
            Self::AiResource => resource.class != Class::Other,
            Self::Agent => resource.class == Class::Agent,
        }
    }
}

/// A rule over several fields of a body.
pub type Rule = fn(&Map<String, Value>) -> Vec<Fault>;

/// One type of resource.
pub struct ResourceType {
    /// `dataset`: its name in roles, links and messages.
    pub name: &'static str,
    /// `a dataset`: how a sentence speaks of one.
    pub phrase: &'static str,
    /// `Dataset`: its name in OpenAPI.
    pub title: &'static str,
    /// `datasets`: where it is served.
    pub path: &'static str,
    /// `data`: how its identifiers begin.
    pub prefix: &'static str,
    /// What it counts as.
    pub class: Class,
    /// Whether it has images.
    pub images: bool,
    /// A rule beyond single fields.
    pub rule: Option<Rule>,
    /// Its fields.
    pub object: &'static Object,
}

impl fmt::Debug for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceType({})", self.name)
    }
}

impl PartialEq for ResourceType {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl ResourceType {
    /// Whether a link to `target` (a type's name or a group of types) may point at this type.
    pub fn is_a(&self, target: &str) -> bool {
        let group = Group::ALL.into_iter().find(|group| group.name() == target);
        group.map_or(self.name == target, |group| group.has(self))
    }

    /// Its name at the beginning of a sentence: `Case study`.
    pub fn label(&self) -> String {
        let mut label = self.name.replace('_', " ");
        if let Some(first) = label.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        label
    }

    /// Its fields that refer to other resources.
    pub fn links(&self) -> impl Iterator<Item = &'static Field> {
        self.object.fields.iter().filter(|f| f.is_link())
    }

    /// Its field with this role.
    pub fn field_with(&self, role: Role) -> Option<&'static Field> {
        self.object.field_with(role)
    }

    /// The field of its entry that names those who look after the metadata.
    pub fn editors(&self) -> Option<&'static Field> {
        let Kind::Object(entry) = self.field_with(Role::Entry)?.kind else { return None };
        entry().field_with(Role::Editors)
    }

    /// Whether it has files that can be downloaded.
    pub fn has_files(&self) -> bool {
        self.field_with(Role::Files).is_some()
    }
}

/// All resource types, in the order of the registry.
pub fn resource_types() -> &'static [ResourceType] {
    static TYPES: LazyLock<Vec<ResourceType>> = LazyLock::new(resource::registry);
    &TYPES
}

/// The type with this name (`dataset`).
pub fn by_name(name: &str) -> Option<&'static ResourceType> {
    static NAMES: LazyLock<HashMap<&'static str, &'static ResourceType>> =
        LazyLock::new(|| resource_types().iter().map(|t| (t.name, t)).collect());
    NAMES.get(name).copied()
}

/// The type that is served below this path (`datasets`).
pub fn by_path(path: &str) -> Option<&'static ResourceType> {
    resource_types().iter().find(|t| t.path == path)
}

/// The type that an identifier belongs to by its prefix.
pub fn by_identifier(identifier: &str) -> Option<&'static ResourceType> {
    let (prefix, _) = identifier.split_once('_')?;
    resource_types().iter().find(|t| t.prefix == prefix)
}

#[cfg(test)]
mod tests;
