//! Searching.

use std::collections::{BTreeMap, BTreeSet};

use aiod_schema::{Model, ResourceType, choice};
use chrono::NaiveDate;
use poem::http::header;
use poem::{Request, Result};
use poem_openapi::OpenApi;
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::caller::Auth;
use super::extract::{Query, Segment, with_query};
use super::paging::midnight;
use super::resource::OfType;
use super::shape::{FoundOfType, Page, WithNulls};
use super::template::{Context, OperationGroup, Tag};
use crate::catalogue::Error;
use crate::catalogue::search::{self as catalogue, HIGHLIGHTED, Hits, MAX_OFFSET, MAX_QUERY, Marks, apart};
use crate::catalogue::shapes::{FacetCount, SearchAnswer, SearchFailure, SearchStatus, WrittenResource};
use crate::config::{DEFAULT_PAGE, MAX_PAGE};
use crate::search::{Date, DateRange, Filter, Number, Order, Part, Query as Asked};

/// The most values of a facet that an answer counts.
const MAX_FACET_VALUES: i32 = 1_000;
/// The most suggestions.
const MAX_SUGGESTIONS: i32 = 50;

choice! {
    /// Where words are looked for.
    enum SearchField = "SearchField" {
        /// The name.
        Name = "name",
        /// The description as plain text.
        DescriptionPlain = "description_plain",
        /// The description as HTML.
        DescriptionHtml = "description_html",
        /// The international standard serial number, of types that have one.
        Issn = "issn",
        /// The international standard book number, of publications.
        Isbn = "isbn",
        /// The headline, of news.
        Headline = "headline",
        /// The second headline, of news.
        AlternativeHeadline = "alternative_headline",
        /// The name in law, of organisations.
        LegalName = "legal_name",
        /// The slogan, of services.
        Slogan = "slogan",
    }
}

impl SearchField {
    /// Where it stands in resources of a type. What other names and identifiers hold is found together.
    fn part(self, resource: &'static ResourceType) -> Result<Part, Error> {
        match self {
            Self::DescriptionPlain => Ok(Part::Plain),
            Self::DescriptionHtml => Ok(Part::Html),
            field => catalogue::part_of(resource, field.as_str())
                .ok_or_else(|| Error::query("search_fields", format!("{} have no {}", resource.path.replace('_', " "), field.as_str()))),
        }
    }
}

/// Which hits are wanted.
#[derive(Clone, Debug, Deserialize, Model)]
struct HitWindow {
    /// How many hits to pass over, at most 10,000; a cursor goes deeper.
    #[field(least = 0, default = 0)]
    offset: i64,
    /// At most so many.
    #[field(least = 1, most = MAX_PAGE, default = DEFAULT_PAGE)]
    limit: i64,
    /// Where the page begins: empty at first, then as the `Link` header says. All pages are of one point in time.
    cursor: Option<String>,
}

impl HitWindow {
    fn check(&self) -> Result<(usize, usize), Error> {
        if self.offset > MAX_OFFSET {
            return Err(Error::BadRequest(format!(
                "offset: {} is more than the {MAX_OFFSET} hits that are passed over here. Go deeper by cursor: begin with cursor= (empty), and \
                 follow the Link header.",
                self.offset
            )));
        }
        if self.cursor.is_some() && self.offset != 0 {
            return Err(Error::query("offset", "a cursor says where the page begins: leave offset out"));
        }
        Ok((usize::try_from(self.offset).unwrap_or_default(), usize::try_from(self.limit).unwrap_or_default()))
    }
}

fn check_length<'t>(parameter: &str, text: &'t str) -> Result<&'t str, Error> {
    if text.chars().count() > MAX_QUERY {
        return Err(Error::query(parameter, format!("ensure this value has at most {MAX_QUERY} characters")));
    }
    Ok(text)
}

/// A search among resources of one type.
#[derive(Clone, Debug, Deserialize, Model)]
struct TypeSearchQuery {
    /// Words, of which any is enough. Signs have no meaning.
    #[field(required)]
    search_query: String,
    /// Where the words stand: anywhere, unless this says where.
    #[serde(default)]
    search_fields: Vec<SearchField>,
    /// Whether the words have to stand side by side, as they are written.
    #[field(default = false)]
    exact_match: bool,
    /// Only resources of these platforms.
    #[serde(default)]
    platforms: Vec<String>,
    /// Only what changed on this day (yyyy-mm-dd, UTC) or later.
    date_modified_after: Option<NaiveDate>,
    /// Only what changed before this day (yyyy-mm-dd, UTC).
    date_modified_before: Option<NaiveDate>,
    /// Whether hits are in the order of their registration, instead of the best first.
    #[field(default = false)]
    sort_by_id: bool,
    /// Which hits.
    #[serde(flatten)]
    window: HitWindow,
    /// Whether resources are whole. Without it, they hold what identifies them and what they are; all else is `null`.
    #[field(default = false)]
    get_all: bool,
}

impl TypeSearchQuery {
    fn platforms(&self) -> Result<Vec<String>, Error> {
        catalogue::distinct("platforms", self.platforms.iter().map(String::as_str))
    }

    fn asked(&self, resource: &'static ResourceType, platforms: &[String]) -> Result<Asked, Error> {
        let text = check_length("search_query", &self.search_query)?;
        let (offset, limit) = self.window.check()?;
        let parts = self.search_fields.iter().map(|field| field.part(resource)).collect::<Result<BTreeSet<Part>, Error>>()?;
        Ok(Asked {
            types: vec![resource],
            words: if self.exact_match { catalogue::exactly(text) } else { catalogue::any_of(text) },
            parts: if parts.is_empty() { catalogue::all_parts() } else { parts.into_iter().collect() },
            filters: catalogue::of_platforms(platforms).into_iter().collect(),
            dates: range(Date::Modified, self.date_modified_after, self.date_modified_before).into_iter().collect(),
            order: if self.sort_by_id { Order::Registration } else { Order::Relevance },
            offset,
            limit,
            cursor: self.window.cursor.clone(),
            facets: Vec::new(),
            facet_values: 0,
        })
    }
}

fn range(date: Date, from: Option<NaiveDate>, before: Option<NaiveDate>) -> Option<DateRange> {
    (from.is_some() || before.is_some()).then(|| DateRange { date, from: from.map(midnight), before: before.map(midnight) })
}

/// Adds the way to the next page.
fn with_next<T: super::shape::Shape>(answer: Answer<T>, request: &Request, next: Option<&str>) -> Answer<T> {
    match next {
        Some(next) => answer.header(header::LINK, &format!("<{}>; rel=\"next\"", with_query(request, "cursor", next))),
        None => answer,
    }
}

/// Searching among resources of one type.
pub(super) struct TypeSearchRoutes(OfType);

impl OperationGroup for TypeSearchRoutes {
    type Subject = &'static ResourceType;

    fn new(context: OfType) -> Self {
        Self(context)
    }
}

#[OpenApi]
impl TypeSearchRoutes {
    /// Search LABELS
    ///
    /// Published ones that have any of the words, in any of their forms, the best first. Words that nothing has are taken for words that are
    /// much like them.
    #[oai(path = "/search/RESOURCE", method = "get", operation_id = "search_RESOURCE")]
    async fn search(&self, request: &Request, auth: Auth, query: Query<TypeSearchQuery>) -> Result<Answer<FoundOfType>> {
        let OfType { app, subject, .. } = &self.0;
        let query = query.0;
        let platforms = query.platforms()?;
        let asked = query.asked(subject, &platforms)?;
        app.catalogue.check_platforms(&platforms).await?;
        let hits = app.catalogue.search(&auth.0, &query.search_query, &asked).await?;
        let next = hits.next.clone();
        let context = self.0.clone();
        // The hits hold their turn until they are written.
        let written = apart(move || Answer::json(&found_of_type(&context, &mut { hits }, &query)?)).await?;
        Ok(with_next(written, request, next.as_deref()))
    }
}

/// What a search among resources of one type answers.
#[derive(Debug, Serialize)]
struct OfTypeAnswer {
    total_hits: u64,
    resources: Vec<WrittenResource>,
    limit: i64,
    offset: i64,
}

fn found_of_type(context: &OfType, hits: &mut Hits, query: &TypeSearchQuery) -> Result<OfTypeAnswer, Error> {
    let mut resources = Vec::with_capacity(hits.documents.len());
    for document in std::mem::take(&mut hits.documents) {
        let document = context.shown_as_aiod(document)?;
        let json = if query.get_all { document.body } else { catalogue::in_short(&document)?.to_string() };
        resources.push(WrittenResource::of(json)?);
    }
    Ok(OfTypeAnswer { total_hits: hits.total, resources, limit: query.window.limit, offset: query.window.offset })
}

/// How many similar resources are wanted.
#[derive(Clone, Copy, Debug, Deserialize, Model)]
struct SimilarQuery {
    /// At most so many.
    #[field(least = 1, most = 100, default = DEFAULT_PAGE)]
    limit: i64,
}

/// What is like a resource.
pub(super) struct SimilarRoutes(OfType);

impl OperationGroup for SimilarRoutes {
    type Subject = &'static ResourceType;

    fn new(context: OfType) -> Self {
        Self(context)
    }

    fn exists(_: &Self::Subject, version: super::Version) -> bool {
        version.is_newest()
    }
}

#[OpenApi]
impl SimilarRoutes {
    /// Find LABELS that are like a LABEL
    ///
    /// Published ones that share words of its name, its keywords and its description, the most alike first.
    #[oai(path = "/RESOURCE/:identifier/similar", method = "get", operation_id = "similar_RESOURCE")]
    async fn similar(&self, auth: Auth, identifier: Segment<String>, query: Query<SimilarQuery>) -> Result<Answer<Page<WithNulls>>> {
        let OfType { app, subject, .. } = &self.0;
        let limit = usize::try_from(query.0.limit).unwrap_or_default();
        let hits = app.catalogue.similar(&auth.0, subject, &identifier.0, limit).await?;
        let bodies: Vec<&str> = hits.documents.iter().map(|document| document.body.as_str()).collect();
        Ok(Answer::written(format!("[{}]", bodies.join(","))))
    }
}

choice! {
    /// What hits are ordered by.
    enum SearchSort = "SearchSort" {
        /// The best first.
        Relevance = "relevance",
        /// When the metadata last changed.
        DateModified = "date_modified",
        /// When the resource was registered.
        DateCreated = "date_created",
        /// The name.
        Name = "name",
        /// How often the resource was read.
        Popularity = "popularity",
    }
}

choice! {
    /// Which end of an order comes first.
    enum SearchDirection = "SearchDirection" {
        /// The least, the oldest, A.
        Asc = "asc",
        /// The greatest, the newest, Z.
        Desc = "desc",
    }
}

/// A search among resources of all types.
#[derive(Clone, Debug, Deserialize, Model)]
struct SearchQuery {
    /// Words, of which any is enough; `"words in quotes"` stand side by side, `-words` must not occur. Empty: everything that the filters
    /// leave.
    q: Option<String>,
    /// Only resources of these types, as paths name them: `datasets`.
    #[serde(default)]
    types: Vec<String>,
    /// Only resources of these platforms.
    #[serde(default)]
    platforms: Vec<String>,
    /// Only what has this value, such as `license:MIT` or `year:2024`. Of several values of one facet, any is enough; of several facets, each.
    #[serde(default)]
    filter: Vec<String>,
    /// By what hits are counted: `type`, `platform`, `year`, or a vocabulary such as `license` or `keyword`. The counts of a facet do not
    /// depend on the filters of the same facet.
    #[serde(default)]
    facets: Vec<String>,
    /// How many values of each facet are counted, the most frequent ones.
    #[field(least = 1, most = MAX_FACET_VALUES, default = 10)]
    facet_values: i64,
    /// Only what changed on this day (yyyy-mm-dd, UTC) or later.
    date_modified_after: Option<NaiveDate>,
    /// Only what changed before this day.
    date_modified_before: Option<NaiveDate>,
    /// Only what was registered on this day or later.
    date_created_after: Option<NaiveDate>,
    /// Only what was registered before this day.
    date_created_before: Option<NaiveDate>,
    /// Only what was published on its platform on this day or later.
    date_published_after: Option<NaiveDate>,
    /// Only what was published on its platform before this day.
    date_published_before: Option<NaiveDate>,
    /// What hits are ordered by.
    #[field(default = "relevance")]
    sort: SearchSort,
    /// Which end comes first: of names A, of all else the newest or the most, unless this says something else.
    direction: Option<SearchDirection>,
    /// Which hits.
    #[serde(flatten)]
    window: HitWindow,
}

impl SearchQuery {
    fn text(&self) -> &str {
        self.q.as_deref().unwrap_or_default()
    }

    fn platforms(&self) -> Result<Vec<String>, Error> {
        catalogue::distinct("platforms", self.platforms.iter().map(String::as_str))
    }

    fn asked(&self, platforms: &[String]) -> Result<Asked, Error> {
        let text = check_length("q", self.text())?;
        let (offset, limit) = self.window.check()?;
        let platforms: Vec<Filter> = catalogue::of_platforms(platforms).into_iter().collect();
        let ranges = [
            range(Date::Modified, self.date_modified_after, self.date_modified_before),
            range(Date::Created, self.date_created_after, self.date_created_before),
            range(Date::Published, self.date_published_after, self.date_published_before),
        ];
        Ok(Asked {
            types: catalogue::types_of(&self.types)?,
            words: catalogue::parsed(text),
            parts: catalogue::all_parts(),
            filters: [catalogue::filters(&self.filter)?, platforms].concat(),
            dates: ranges.into_iter().flatten().collect(),
            order: self.order(),
            offset,
            limit,
            cursor: self.window.cursor.clone(),
            facets: catalogue::facets_of(&self.facets)?,
            facet_values: usize::try_from(self.facet_values).unwrap_or_default(),
        })
    }

    fn order(&self) -> Order {
        let descending = |default| self.direction.map_or(default, |direction| direction == SearchDirection::Desc);
        match self.sort {
            SearchSort::Relevance => Order::Relevance,
            SearchSort::Name => Order::Name { descending: descending(false) },
            SearchSort::DateModified => Order::By { number: Number::Date(Date::Modified), descending: descending(true) },
            SearchSort::DateCreated => Order::By { number: Number::Date(Date::Created), descending: descending(true) },
            SearchSort::Popularity => Order::By { number: Number::Popularity, descending: descending(true) },
        }
    }
}

/// What somebody begins to type.
#[derive(Clone, Debug, Deserialize, Model)]
struct SuggestQuery {
    /// The beginning of a name or a keyword, or of a word in it.
    #[field(required)]
    q: String,
    /// At most so many.
    #[field(least = 1, most = MAX_SUGGESTIONS, default = DEFAULT_PAGE)]
    limit: i64,
}

/// Which failures are wanted.
#[derive(Clone, Copy, Debug, Deserialize, Model)]
struct FailureQuery {
    /// At most so many.
    #[field(least = 1, most = MAX_PAGE, default = MAX_PAGE)]
    limit: i64,
}

/// Searching among all resources.
pub(super) struct SearchRoutes(Context<()>);

impl OperationGroup for SearchRoutes {
    type Subject = ();

    const TAG: Option<Tag> = Some(Tag { name: "search", description: "Finding resources by words, whatever their type." });

    fn new(context: Context<()>) -> Self {
        Self(context)
    }
}

#[OpenApi]
impl SearchRoutes {
    /// Search resources of all types
    ///
    /// Found are names, other names, keywords, identifiers, descriptions and contents, the names of creators and the like, and the titles and
    /// identifiers of cited publications. `highlights` holds passages with the words, as HTML in which all else is escaped.
    #[oai(path = "/search", method = "get", operation_id = "search")]
    async fn search(&self, request: &Request, auth: Auth, query: Query<SearchQuery>) -> Result<Answer<SearchAnswer>> {
        let app = &self.0.app;
        let query = query.0;
        let platforms = query.platforms()?;
        let asked = query.asked(&platforms)?;
        app.catalogue.check_platforms(&platforms).await?;
        let hits = app.catalogue.search(&auth.0, query.text(), &asked).await?;
        let next = hits.next.clone();
        // The hits hold their turn until they are written.
        let written = apart(move || Answer::of(&answer(&mut { hits }, &asked, &query.window)?)).await?;
        Ok(with_next(written, request, next.as_deref()))
    }

    /// Suggest names and keywords
    ///
    /// To those who type: names and keywords that begin with the text, or have a word that does, the most frequent first.
    #[oai(path = "/search/suggest", method = "get", operation_id = "suggest")]
    async fn suggest(&self, query: Query<SuggestQuery>) -> Result<Answer<Vec<String>>> {
        let text = check_length("q", &query.0.q)?;
        let limit = usize::try_from(query.0.limit).unwrap_or_default();
        Ok(Answer::json(&self.0.app.catalogue.suggest(text, limit).await?)?)
    }

    /// What the search index does
    #[oai(path = "/search/status", method = "get", operation_id = "search_status")]
    async fn status(&self) -> Result<Answer<SearchStatus>> {
        Ok(Answer::of(&self.0.app.catalogue.search_status().await?)?)
    }

    /// List resources that the search index refused
    ///
    /// With the reason. They are read again when they change, and by `aiod-api search retry`.
    #[oai(path = "/search/failures", method = "get", operation_id = "search_failures")]
    async fn failures(&self, query: Query<FailureQuery>) -> Result<Answer<Vec<SearchFailure>>> {
        Ok(Answer::json(&self.0.app.catalogue.search_failures(query.0.limit).await?)?)
    }
}

fn answer(hits: &mut Hits, asked: &Asked, window: &HitWindow) -> Result<SearchAnswer, Error> {
    let marks = Marks::of(&asked.words, &hits.corrections);
    let mut highlights = BTreeMap::new();
    let mut resources = Vec::with_capacity(hits.documents.len());
    for (place, document) in std::mem::take(&mut hits.documents).into_iter().enumerate() {
        let found = if place < HIGHLIGHTED { catalogue::highlights(&document, &marks)? } else { BTreeMap::new() };
        if !found.is_empty() {
            highlights.insert(document.identifier, found);
        }
        resources.push(WrittenResource::of(document.body)?);
    }
    let counts = |values: Vec<(String, u64)>| {
        let count = |(value, count)| FacetCount { value, count: i64::try_from(count).unwrap_or(i64::MAX) };
        values.into_iter().map(count).collect::<Vec<_>>()
    };
    Ok(SearchAnswer {
        total_hits: i64::try_from(hits.total).unwrap_or(i64::MAX),
        resources,
        limit: window.limit,
        offset: window.offset,
        facets: std::mem::take(&mut hits.facets).into_iter().map(|(facet, values)| (facet.to_owned(), counts(values))).collect(),
        highlights,
        did_you_mean: hits.did_you_mean.take(),
    })
}
