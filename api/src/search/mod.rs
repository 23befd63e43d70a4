//! Searching: what is asked ([`Query`]), what is found ([`Found`]), and the engines that find it.
//!
//! An index holds an [`Entry`] for each published resource. [`Search`] keeps it in step with the database: it follows the change log, and
//! makes a new index where that is not enough. An [`Engine`] keeps and asks the index; it knows neither the database nor the model.

pub(crate) mod analysis;
mod build;
mod check;
mod elastic;
mod embedded;
mod entry;
mod follow;
mod refresh;

use std::collections::BTreeSet;

use aiod_schema::vocabulary::VOCABULARIES;
use aiod_schema::{ResourceType, resource_types};
use futures_util::future::BoxFuture;

pub use self::entry::Entry;
pub use self::follow::{BUILDING, FOLLOWER, Search, State, Status};

/// Why an engine did not answer.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// It cannot be reached, or has no index yet: the same search may succeed later.
    #[error("{0}")]
    Unavailable(String),
    /// Another process keeps the index: this one only reads it.
    #[error("another process keeps the search index")]
    Elsewhere,
    /// It answered something that it should not.
    #[error("search engine: {0}")]
    Failed(String),
    /// A cursor is not one of ours, or has expired.
    #[error("the cursor has expired or is not one that the catalogue gave out: begin anew without it")]
    Cursor,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

/// What an engine answers.
pub type Result<T> = std::result::Result<T, SearchError>;

/// A part of a resource in which words are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// What it is called.
    Name,
    /// What else it is called.
    OtherName,
    /// What it is to be found by.
    Keyword,
    /// What identifies it.
    Identifier,
    /// What the resources are called that it is linked to, such as its creators.
    Linked,
    /// What it is, as plain text.
    Plain,
    /// What it is, as HTML.
    Html,
    /// Its serial number.
    Issn,
    /// Neighbouring words of names, written as one.
    Joined,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 9] =
        [Self::Name, Self::OtherName, Self::Keyword, Self::Identifier, Self::Linked, Self::Plain, Self::Html, Self::Issn, Self::Joined];

    /// Its name in an index.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::OtherName => "other_name",
            Self::Keyword => "keyword",
            Self::Identifier => "identifier",
            Self::Linked => "linked",
            Self::Plain => "plain",
            Self::Html => "html",
            Self::Issn => "issn",
            Self::Joined => "joined",
        }
    }

    /// How much a word in this part weighs.
    pub const fn weight(self) -> f32 {
        match self {
            Self::Name => 4.0,
            Self::OtherName | Self::Joined => 3.0,
            Self::Keyword | Self::Linked => 2.5,
            Self::Identifier => 2.0,
            Self::Plain | Self::Html | Self::Issn => 1.0,
        }
    }

    /// Whether words are found in any of their forms, and not only as they are written.
    pub const fn has_stems(self) -> bool {
        !matches!(self, Self::Identifier | Self::Issn | Self::Joined)
    }
}

/// How much the parts beside the best one count where a word stands in several.
pub const TIE_BREAKER: f32 = 0.1;

/// What a word weighs that is not quite the one that was typed.
pub const CORRECTED_WEIGHT: f32 = 0.5;

/// Values by which searches are narrowed, and of which hits are counted: the name of each such list.
pub mod facet {
    /// The type of the resource, as paths name it.
    pub const TYPE: &str = "type";
    /// The platform that it comes from.
    pub const PLATFORM: &str = "platform";
    /// The year of its publication.
    pub const YEAR: &str = "year";
}

/// The names of all facets: the type, the platform, the year, and each vocabulary whose terms everybody sees.
pub fn facets() -> Vec<&'static str> {
    let fields = || resource_types().iter().flat_map(|resource| resource.object.fields.iter()).filter(|field| field.is_facet());
    let in_use = |name: &str| fields().any(|field| field.vocabulary().is_some_and(|vocabulary| vocabulary.name == name));
    let vocabularies = VOCABULARIES.iter().map(|vocabulary| vocabulary.name).filter(|name| in_use(name));
    [facet::TYPE, facet::PLATFORM, facet::YEAR].into_iter().chain(vocabularies).collect()
}

/// What a search asks for.
#[derive(Clone, Debug)]
pub struct Query {
    /// Of which types; none: of all.
    pub types: Vec<&'static ResourceType>,
    /// Which words.
    pub words: Words,
    /// Where they stand.
    pub parts: Vec<Part>,
    /// What else must be so.
    pub filters: Vec<Filter>,
    /// When it must have changed and so on.
    pub dates: Vec<DateRange>,
    /// What comes first.
    pub order: Order,
    /// How many hits to pass over.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
    /// Where a page begins that goes on from another one. With one, even an empty one, the answer says how to go on.
    pub cursor: Option<String>,
    /// Of which facets hits are counted.
    pub facets: Vec<&'static str>,
    /// Of how many values of each.
    pub facet_values: usize,
}

impl Query {
    /// What is asked for, however many hits at once: a cursor goes on with the same query only.
    pub(crate) fn fingerprint(&self) -> u64 {
        let types: BTreeSet<&str> = self.types.iter().map(|resource| resource.name).collect();
        let Words { any, phrases, without, or_all } = &self.words;
        // What is looked for in the stead of a word follows from the point in time.
        let any: Vec<(&str, bool)> = any.iter().map(|word| (word.text.as_str(), word.is_joined)).collect();
        let asked = format!("{:?}", (types, any, phrases, without, or_all, &self.parts, &self.filters, &self.dates, self.order));
        twox_hash::XxHash3_64::oneshot(asked.as_bytes())
    }
}

/// Words that are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Any of these.
    pub any: Vec<Word>,
    /// Each of these, side by side as they are written.
    pub phrases: Vec<Vec<String>>,
    /// None of these: words, or several side by side.
    pub without: Vec<Vec<String>>,
    /// Whether everything is asked for that the filters leave, where no words are.
    pub or_all: bool,
}

/// A word that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// As it was typed, without case and accents.
    pub text: String,
    /// Whether it was put together of two that were typed side by side.
    pub is_joined: bool,
    /// What is looked for in its stead. The engine sets it.
    pub corrections: Vec<String>,
}

impl Words {
    /// Whether nothing can be found.
    pub fn is_nothing(&self) -> bool {
        self.any.is_empty() && self.phrases.is_empty() && !self.or_all
    }
}

/// Values of a facet, of which a resource has one at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The facet.
    pub facet: &'static str,
    /// The values.
    pub values: Vec<String>,
}

aiod_schema::choice! {
    /// Dates of a resource.
    pub enum Date = "SearchDate" {
        /// When its metadata last changed.
        Modified = "date_modified",
        /// When it was registered.
        Created = "date_created",
        /// When it was published on its platform.
        Published = "date_published",
    }
}

/// Dates from one, and before another one, in microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateRange {
    /// Which date.
    pub date: Date,
    /// From this one on.
    pub from: Option<i64>,
    /// Before this one.
    pub before: Option<i64>,
}

/// What hits are ordered by. Where two are alike, the one that was registered first comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The best first.
    Relevance,
    /// In the order of their registration, the first first.
    Registration,
    /// By name.
    Name {
        /// From the end.
        descending: bool,
    },
    /// By a number that every resource has.
    By {
        /// Which.
        number: Number,
        /// The greatest first.
        descending: bool,
    },
}

/// A number that every resource has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// A date.
    Date(Date),
    /// How often it was read.
    Popularity,
}

impl Number {
    /// Its name in an index.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Date(date) => date.as_str(),
            Self::Popularity => "popularity",
        }
    }
}

/// What a search found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Row ids of the resources, in order.
    pub ids: Vec<i64>,
    /// How many there are in all.
    pub total: u64,
    /// Hits by value, for each facet that was asked for: the most frequent first.
    pub facets: Vec<(&'static str, Vec<(String, u64)>)>,
    /// How to go on, where there is more.
    pub next: Option<String>,
    /// Words that nothing has, each with words that were looked for in their stead, the best first; none where there are none.
    pub corrected: Vec<(String, Vec<String>)>,
}

/// What an index says of itself.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mark {
    /// The catalogue that it is of.
    pub catalogue: String,
    /// The layout of its entries.
    pub layout: u32,
    /// Up to where it has followed the change log.
    pub position: i64,
    /// While it is made: the last row id that was read.
    pub scanned: Option<i64>,
}

/// Rises with every change of what entries hold or how they are kept: older indexes are made anew.
pub const LAYOUT: u32 = 1;

/// A change of an index.
#[derive(Clone, Debug)]
pub enum Write {
    /// An entry comes, or takes the place of an older one.
    Put(Box<Entry>),
    /// A resource is not found any more.
    Remove(i64),
}

impl Write {
    /// The row id of the resource.
    pub fn id(&self) -> i64 {
        match self {
            Self::Put(entry) => entry.id,
            Self::Remove(id) => *id,
        }
    }
}

/// An entry that an engine refused, and why.
pub type Refused = (i64, String);

/// Which index is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one that is searched.
    Current,
    /// The one that is being made beside it.
    Next,
}

/// An index, and how it is asked. Both engines behave alike; `api/tests/suite/search.rs` runs over either.
pub trait Engine: Send + Sync + std::fmt::Debug {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// Whether processes on other machines keep and ask the same index: then a lease says which of them writes.
    fn is_shared(&self) -> bool {
        false
    }

    /// Makes this process the one that keeps the index. One that other machines share needs a lease instead.
    fn claim(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    /// Searches. A word that nothing has is taken for those that are much like it (see `edits`), which weigh less: so a typing error never
    /// outranks what was typed.
    fn search<'e>(&'e self, query: &'e Query) -> BoxFuture<'e, Result<Found>>;

    /// Names and keywords that begin with these words, or have a word that does, the most frequent first.
    fn suggest<'e>(&'e self, beginning: &'e str, limit: usize) -> BoxFuture<'e, Result<Vec<String>>>;

    /// How these resources are called in the index, by row id; those that it does not have are left out.
    fn labels<'e>(&'e self, ids: &'e [i64]) -> BoxFuture<'e, Result<Vec<(i64, String)>>>;

    /// What the index says of itself; `None` when there is none, or one that cannot be read.
    fn mark(&self, target: Target) -> BoxFuture<'_, Result<Option<Mark>>>;

    /// Makes an empty index beside the one that is searched, in place of one that was being made.
    fn begin_next<'e>(&'e self, mark: &'e Mark) -> BoxFuture<'e, Result<()>>;

    /// Changes an index, and has it say this of itself. What is not searchable yet after that is so after [`Engine::show`]. `version`
    /// is a position of the change log: what was written with a higher one stays.
    fn write<'e>(&'e self, target: Target, writes: Vec<Write>, version: i64, mark: &'e Mark) -> BoxFuture<'e, Result<Vec<Refused>>>;

    /// Makes searchable what was written to the index that is searched.
    fn show(&self) -> BoxFuture<'_, Result<()>>;

    /// Searches the new index from now on, and removes the old one.
    fn swap(&self) -> BoxFuture<'_, Result<()>>;

    /// How many entries the index has, and the row ids and revisions of some: those after `after`, in order.
    fn revisions(&self, after: i64, limit: usize) -> BoxFuture<'_, Result<Sample>>;
}

/// A sample of an index.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// How many entries the index has.
    pub total: u64,
    /// Row ids and revisions.
    pub revisions: Vec<(i64, i64)>,
}

/// How many words of a query are corrected: to look for words that are much like one takes longer than to search.
pub(crate) const MOST_CORRECTED: usize = 6;

/// Whether a word may be taken for another one. Very short ones are like too many others; to look for what is like a very long one takes
/// too long.
pub(crate) fn is_correctable(word: &str) -> bool {
    (4..=24).contains(&word.chars().count())
}

/// How many changes of a character a word may be away from what was meant.
pub(crate) fn edits(word: &str) -> u8 {
    if word.chars().count() >= 8 { 2 } else { 1 }
}
