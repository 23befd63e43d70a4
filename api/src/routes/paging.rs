//! Parameters that say which page of a list is wanted.

use aiod_schema::{Model, choice};
use chrono::{NaiveDate, NaiveTime};
use poem::Request;
use poem::http::header;
use serde::Deserialize;

use super::answer::Answer;
use super::extract::with_query;
use super::shape::Shape;
use crate::app::App;
use crate::catalogue::Error;
use crate::config::{DEFAULT_PAGE, MAX_PAGE};
use crate::store::asset::{PageQuery, Sort, Start};
use crate::store::part::Part;

choice! {
    /// Which end of the order comes first.
    pub(super) enum SortDirection = "SortDirection" {
        /// Oldest first.
        Asc = "asc",
        /// Newest first.
        Desc = "desc",
    }
}

/// A part of a list.
#[derive(Clone, Copy, Debug, Deserialize, Model)]
pub(super) struct Window {
    /// How many to pass over.
    #[field(least = 0, default = 0)]
    pub(super) offset: i64,
    /// At most so many.
    #[field(least = 0, most = MAX_PAGE, default = DEFAULT_PAGE)]
    pub(super) limit: i64,
}

impl Window {
    /// Refuses a page that is larger or lies deeper than the operator allows.
    pub(super) fn check(&self, app: &App) -> Result<(), Error> {
        let most = i64::from(app.config.limits.page_size);
        if self.limit > most {
            return Err(Error::query("limit", format!("ensure this value is less than or equal to {most}")));
        }
        let deepest = app.config.reads.max_offset;
        if self.offset > deepest {
            return Err(Error::BadRequest(format!(
                "offset: {} is more than the {deepest} that are passed over here. Lists of resources also go by cursor, however deep: begin with \
                 cursor= (empty), and follow the Link header.",
                self.offset
            )));
        }
        Ok(())
    }

    /// The part, which must not be larger than the operator allows.
    pub(super) fn part(&self, app: &App) -> Result<Part, Error> {
        self.check(app)?;
        Ok(Part { offset: self.offset, limit: self.limit })
    }
}

impl<T: Shape> Answer<T> {
    /// The answer with a part of a list. Its `Link` header leads to the next part, if there is one.
    pub(super) fn with_next(self, request: &Request, part: Part, has_more: bool) -> Self {
        if !has_more || part.limit == 0 {
            return self;
        }
        let offset = part.offset.saturating_add(part.limit).to_string();
        self.header(header::LINK, &format!("<{}>; rel=\"next\"", with_query(request, "offset", &offset)))
    }
}

/// A part of a list that is wanted whole unless it is very long.
#[derive(Clone, Copy, Debug, Deserialize, Model)]
pub(super) struct LongWindow {
    /// How many to pass over.
    #[field(least = 0, default = 0)]
    offset: i64,
    /// At most so many.
    #[field(least = 0, most = MAX_PAGE, default = MAX_PAGE)]
    limit: Option<i64>,
}

impl LongWindow {
    /// The part, which is no larger than the operator allows.
    pub(super) fn part(&self, app: &App) -> Result<Part, Error> {
        let limit = self.limit.unwrap_or_else(|| app.config.limits.page_size.into());
        Window { offset: self.offset, limit }.part(app)
    }
}

/// A part of a list of resources, in an order.
#[derive(Clone, Copy, Debug, Deserialize, Model)]
pub(super) struct SortedWindow {
    /// Which part.
    #[serde(flatten)]
    pub(super) window: Window,
    /// Which end of the order comes first.
    #[field(default = "desc")]
    pub(super) direction: SortDirection,
    /// What the page is ordered by.
    #[field(default = "date_modified")]
    pub(super) sort: Option<Sort>,
}

impl SortedWindow {
    /// What the page is ordered by.
    pub(super) fn sort(&self) -> Sort {
        self.sort.unwrap_or(Sort::DateModified)
    }

    /// Whether the newest comes first.
    pub(super) fn is_descending(&self) -> bool {
        self.direction == SortDirection::Desc
    }
}

/// A page of the resources of one type.
#[derive(Clone, Debug, Deserialize, Model)]
pub(super) struct ResourcePage {
    /// Which part, in which order.
    #[serde(flatten)]
    pub(super) sorted: SortedWindow,
    /// Only what changed on this day (yyyy-mm-dd, UTC) or later.
    pub(super) date_modified_after: Option<NaiveDate>,
    /// Only what changed before this day (yyyy-mm-dd, UTC).
    pub(super) date_modified_before: Option<NaiveDate>,
    /// Where the page begins: empty at first, then as the `Link` header says.
    pub(super) cursor: Option<String>,
}

impl ResourcePage {
    /// The query for the page of a type, of one platform or of all.
    pub(super) fn query(&self, resource_type: &'static str, platform: Option<String>) -> Result<PageQuery, Error> {
        Ok(PageQuery {
            resource_type,
            platform,
            modified_from: self.date_modified_after.map(midnight),
            modified_before: self.date_modified_before.map(midnight),
            sort: self.sorted.sort(),
            descending: self.sorted.is_descending(),
            limit: self.sorted.window.limit,
            start: self.start()?,
        })
    }

    fn start(&self) -> Result<Start, Error> {
        let Some(cursor) = &self.cursor else { return Ok(Start::Offset(self.sorted.window.offset)) };
        if self.sorted.window.offset != 0 {
            return Err(Error::query("offset", "a cursor says where the page begins: leave offset out"));
        }
        if self.sorted.sort == Some(Sort::DateModified) {
            return Err(Error::query("sort", "pages by cursor are in the order of registration, which never changes: leave sort out"));
        }
        if cursor.is_empty() {
            return Ok(Start::Cursor(None));
        }
        let id = i64::from_str_radix(cursor, 16).ok().filter(|id| *id >= 0);
        id.map(|id| Start::Cursor(Some(id))).ok_or_else(|| Error::query("cursor", "not a cursor: take it from the Link header"))
    }
}

/// The cursor of the page after a resource, by its row id.
pub(super) fn cursor_after(id: i64) -> String {
    format!("{id:x}")
}

/// The first moment of a day, in microseconds since 1970.
pub(super) fn midnight(date: NaiveDate) -> i64 {
    date.and_time(NaiveTime::MIN).and_utc().timestamp_micros()
}
