//! The paths of a resource type, written once: `RESOURCE` stands for the type's path, and [`super::typed`] makes the operations
//! of each type from these.
#![allow(clippy::too_many_arguments, reason = "each query parameter is an argument, so that the document shows it")]

use std::sync::Arc;

use aiod_schema::ResourceType;
use aiod_schema::convert::{AIOD, Format, formats};
use aiod_schema::wire::BatchAnswer;
use chrono::{NaiveDate, NaiveTime};
use poem::http::header;
use poem::{Request, Result};
use poem_openapi::param::{Path, Query};
use poem_openapi::{Enum, OpenApi};
use serde_json::{Value, json};

use super::Version;
use super::body::{JsonAnswer, JsonBody, SeeOther, expected, with_query};
use super::caller::Auth;
use crate::app::App;
use crate::catalogue::Error;
use crate::catalogue::read::{Document, Page, parse};
use crate::identity::Caller;
use crate::store::asset::{PageQuery, Sort as By, Start};

/// What a page is ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub(crate) enum Sort {
    /// When the resource was registered.
    DateCreated,
    /// When its metadata last changed.
    DateModified,
}

/// Which end of the order comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub(crate) enum SortDirection {
    /// Oldest first.
    Asc,
    /// Newest first.
    Desc,
}

impl From<Sort> for By {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::DateCreated => Self::DateCreated,
            Sort::DateModified => Self::DateModified,
        }
    }
}

pub(crate) fn ten() -> i64 {
    10
}

pub(crate) fn by_date_modified() -> Option<Sort> {
    Some(Sort::DateModified)
}

pub(crate) fn newest_first() -> SortDirection {
    SortDirection::Desc
}

/// The operations of one resource type.
#[derive(Clone)]
pub(crate) struct ResourceRoutes {
    pub(crate) app: Arc<App>,
    pub(crate) resource: &'static ResourceType,
    pub(crate) version: Version,
}

/// The parameters that say which page.
struct PageParams {
    offset: i64,
    limit: i64,
    sort: Option<Sort>,
    direction: SortDirection,
    after: Option<NaiveDate>,
    before: Option<NaiveDate>,
    cursor: Option<String>,
}

fn midnight(date: NaiveDate) -> i64 {
    date.and_time(NaiveTime::MIN).and_utc().timestamp_micros()
}

impl PageParams {
    fn query(self, resource: &'static ResourceType, platform: Option<String>, explicit_sort: bool) -> Result<PageQuery, Error> {
        let start = match self.cursor {
            None => Start::Offset(self.offset),
            Some(_) if self.offset != 0 => return Err(Error::query("offset", "a cursor says where the page begins: leave offset out")),
            Some(_) if explicit_sort && self.sort == Some(Sort::DateModified) => {
                return Err(Error::query("sort", "pages by cursor are in the order of registration, which never changes: leave sort out"));
            }
            Some(cursor) if cursor.is_empty() => Start::Cursor(None),
            Some(cursor) => Start::Cursor(Some(
                i64::from_str_radix(&cursor, 16)
                    .ok()
                    .filter(|id| *id >= 0)
                    .ok_or_else(|| Error::query("cursor", "not a cursor: take it from the Link header"))?,
            )),
        };
        Ok(PageQuery {
            resource_type: resource.name,
            platform,
            modified_from: self.after.map(midnight),
            modified_before: self.before.map(midnight),
            sort: self.sort.unwrap_or(Sort::DateModified).into(),
            descending: self.direction == SortDirection::Desc,
            limit: self.limit,
            start,
        })
    }
}

impl ResourceRoutes {
    fn format(&self, schema: Option<&str>) -> Result<&'static Format, Error> {
        let name = schema.unwrap_or(AIOD.name);
        formats(self.resource).find(|f| f.name == name).ok_or_else(|| {
            let names: Vec<&str> = formats(self.resource).map(|f| f.name).collect();
            Error::query("schema", format!("'{name}' is not a schema of {}: {} can be had", self.resource.path, names.join(", ")))
        })
    }

    /// A document as this version shows it, in the format that was asked for.
    fn shape(&self, mut document: Document, format: &Format) -> Result<Document, Error> {
        if format.is_own() && self.version.aliases(self.resource).is_empty() {
            return Ok(document);
        }
        let mut value: Value = parse(&document.body)?;
        self.version.add_aliases(&mut value);
        document.body = format.write(&value);
        Ok(document)
    }

    /// A body in the names of the model.
    fn unshape(&self, body: Value) -> Value {
        let Value::Object(mut map) = body else { return body };
        for (name, alias) in self.version.aliases(self.resource) {
            if let Some(value) = map.shift_remove(alias)
                && map.get(name).is_none_or(Value::is_null)
            {
                map.insert(name.to_owned(), value);
            }
        }
        Value::Object(map)
    }

    async fn one(&self, document: Document, schema: Option<&str>, images: bool) -> Result<JsonAnswer> {
        let format = self.format(schema)?;
        let mut documents = [document];
        if images && self.resource.images {
            self.app.catalogue.with_images(&mut documents).await?;
        }
        let [document] = documents;
        let document = self.shape(document, format)?;
        self.app.catalogue.count_read(&document);
        Ok(JsonAnswer::document(document))
    }

    /// A page as this version shows it, in the format that was asked for.
    async fn list_body(&self, page: Page, format: &Format, images: bool) -> Result<String, Error> {
        if format.is_own() && !images && self.version.aliases(self.resource).is_empty() {
            return Ok(page.body);
        }
        let mut documents = page.documents();
        if images {
            self.app.catalogue.with_images(&mut documents).await?;
        }
        let bodies = documents.into_iter().map(|document| Ok(self.shape(document, format)?.body));
        Ok(format.page.join(&bodies.collect::<Result<Vec<_>, Error>>()?))
    }

    async fn page(
        &self,
        request: &Request,
        caller: &Caller,
        params: PageParams,
        platform: Option<String>,
        schema: Option<&str>,
        images: bool,
    ) -> Result<JsonAnswer> {
        let format = self.format(schema)?;
        self.app.check_page(params.limit)?;
        let explicit_sort = request.uri().query().is_some_and(|q| q.split('&').any(|pair| pair.starts_with("sort=")));
        let query = params.query(self.resource, platform, explicit_sort)?;
        let page = self.app.catalogue.page(caller, self.resource, &query).await?;
        let next = page.next;
        let answer = JsonAnswer::new(self.list_body(page, format, images && self.resource.images).await?);
        Ok(match next {
            Some(id) => answer.header(header::LINK, &format!("<{}>; rel=\"next\"", with_query(request, "cursor", &format!("{id:x}")))),
            None => answer,
        })
    }
}

#[OpenApi]
impl ResourceRoutes {
    /// List RESOURCE
    ///
    /// Published ones, a page at a time. With `cursor` (empty for the first page) pages are in the order of registration, and the
    /// `Link` header leads to the next one: however deep, at the same cost, and without repeating or passing over a resource
    /// while others are written.
    #[oai(path = "/RESOURCE", method = "get", operation_id = "list_RESOURCE")]
    async fn list(
        &self,
        request: &Request,
        auth: Auth,
        /// The format of the metadata.
        schema: Query<Option<String>>,
        /// Whether images are part of `media`, in base64.
        #[oai(default)]
        get_image: Query<bool>,
        /// How many resources to pass over.
        #[oai(default, validator(minimum(value = "0")))]
        offset: Query<i64>,
        /// At most so many resources.
        #[oai(default = "ten", validator(minimum(value = "0"), maximum(value = "1000")))]
        limit: Query<i64>,
        /// Which end of the order comes first.
        #[oai(default = "newest_first")]
        direction: Query<SortDirection>,
        /// What the page is ordered by.
        #[oai(default = "by_date_modified")]
        sort: Query<Option<Sort>>,
        /// Only what changed on this day (yyyy-mm-dd, UTC) or later.
        date_modified_after: Query<Option<NaiveDate>>,
        /// Only what changed before this day (yyyy-mm-dd, UTC).
        date_modified_before: Query<Option<NaiveDate>>,
        /// Where the page begins: empty at first, then as the `Link` header says.
        cursor: Query<Option<String>>,
    ) -> Result<JsonAnswer> {
        let params = PageParams {
            offset: offset.0,
            limit: limit.0,
            sort: sort.0,
            direction: direction.0,
            after: date_modified_after.0,
            before: date_modified_before.0,
            cursor: cursor.0,
        };
        self.page(request, &auth.0, params, None, schema.0.as_deref(), get_image.0).await
    }

    /// Register a LABEL
    ///
    /// People leave `platform` and `platform_resource_identifier` out; theirs start as drafts. Connectors set both.
    #[oai(path = "/RESOURCE", method = "post", operation_id = "register_RESOURCE")]
    async fn register(&self, auth: Auth, body: JsonBody) -> Result<JsonAnswer> {
        let body = self.unshape(body.0);
        let identifier = self.app.catalogue.register(&auth.0, self.resource, &body).await?;
        Ok(JsonAnswer::value(&json!({ "identifier": identifier })))
    }

    /// Read a LABEL
    #[oai(path = "/RESOURCE/:identifier", method = "get", operation_id = "read_RESOURCE")]
    async fn read(
        &self,
        auth: Auth,
        /// The identifier in the catalogue.
        identifier: Path<String>,
        /// The format of the metadata.
        schema: Query<Option<String>>,
        /// Whether images are part of `media`, in base64.
        #[oai(default)]
        get_image: Query<bool>,
    ) -> Result<JsonAnswer> {
        let document = self.app.catalogue.read(&auth.0, self.resource, &identifier.0).await?;
        self.one(document, schema.0.as_deref(), get_image.0).await
    }

    /// Replace a LABEL
    ///
    /// What the body leaves out is emptied. With `If-Match`, only when its revision is still the one that was read.
    #[oai(path = "/RESOURCE/:identifier", method = "put", operation_id = "replace_RESOURCE")]
    async fn replace(&self, request: &Request, auth: Auth, identifier: Path<String>, body: JsonBody) -> Result<JsonAnswer> {
        let body = self.unshape(body.0);
        self.app.catalogue.replace(&auth.0, self.resource, &identifier.0, &body, &expected(request)).await?;
        Ok(JsonAnswer::null())
    }

    /// Change parts of a LABEL
    ///
    /// By a JSON merge patch (RFC 7386): what it names is replaced, `null` removes, the rest stays.
    #[oai(path = "/RESOURCE/:identifier", method = "patch", operation_id = "patch_RESOURCE")]
    async fn patch(&self, request: &Request, auth: Auth, identifier: Path<String>, body: JsonBody) -> Result<JsonAnswer> {
        self.app.catalogue.patch(&auth.0, self.resource, &identifier.0, &body.0, &expected(request)).await?;
        Ok(JsonAnswer::null())
    }

    /// Delete a LABEL
    ///
    /// It vanishes at once, and is removed for good some days later.
    #[oai(path = "/RESOURCE/:identifier", method = "delete", operation_id = "delete_RESOURCE")]
    async fn delete(&self, request: &Request, auth: Auth, identifier: Path<String>) -> Result<JsonAnswer> {
        self.app.catalogue.delete(&auth.0, self.resource, &identifier.0, &expected(request)).await?;
        Ok(JsonAnswer::null())
    }

    /// List what a LABEL was
    ///
    /// Every state, the present one first: its revision, status, who made it and when.
    #[oai(path = "/RESOURCE/:identifier/history", method = "get", operation_id = "history_RESOURCE")]
    async fn history(&self, auth: Auth, identifier: Path<String>) -> Result<JsonAnswer> {
        Ok(JsonAnswer::value(&self.app.catalogue.history(&auth.0, self.resource, &identifier.0).await?))
    }

    /// Read what a LABEL was
    #[oai(path = "/RESOURCE/:identifier/history/:revision", method = "get", operation_id = "revision_RESOURCE")]
    async fn revision(
        &self,
        auth: Auth,
        identifier: Path<String>,
        /// Which state, counted from 1.
        revision: Path<i64>,
    ) -> Result<JsonAnswer> {
        let document = self.app.catalogue.past_revision(&auth.0, self.resource, &identifier.0, revision.0).await?;
        Ok(JsonAnswer::new(self.shape(document, &AIOD)?.body))
    }

    /// List RESOURCE of a platform
    #[oai(path = "/platforms/:platform/RESOURCE", method = "get", operation_id = "list_platform_RESOURCE")]
    async fn list_on_platform(
        &self,
        request: &Request,
        auth: Auth,
        /// The platform's name.
        platform: Path<String>,
        /// The format of the metadata.
        schema: Query<Option<String>>,
        /// How many resources to pass over.
        #[oai(default, validator(minimum(value = "0")))]
        offset: Query<i64>,
        /// At most so many resources.
        #[oai(default = "ten", validator(minimum(value = "0"), maximum(value = "1000")))]
        limit: Query<i64>,
        /// Which end of the order comes first.
        #[oai(default = "newest_first")]
        direction: Query<SortDirection>,
        /// What the page is ordered by.
        #[oai(default = "by_date_modified")]
        sort: Query<Option<Sort>>,
        /// Only what changed on this day (yyyy-mm-dd, UTC) or later.
        date_modified_after: Query<Option<NaiveDate>>,
        /// Only what changed before this day (yyyy-mm-dd, UTC).
        date_modified_before: Query<Option<NaiveDate>>,
        /// Where the page begins: empty at first, then as the `Link` header says.
        cursor: Query<Option<String>>,
    ) -> Result<JsonAnswer> {
        let params = PageParams {
            offset: offset.0,
            limit: limit.0,
            sort: sort.0,
            direction: direction.0,
            after: date_modified_after.0,
            before: date_modified_before.0,
            cursor: cursor.0,
        };
        self.page(request, &auth.0, params, Some(platform.0), schema.0.as_deref(), false).await
    }

    /// Read a LABEL by its platform's identifier
    ///
    /// The identifier may hold `/`, as it is or as `%2F`, `:` and dots.
    #[oai(path = "/platforms/:platform/RESOURCE/:identifier", method = "get", operation_id = "read_platform_RESOURCE")]
    async fn read_on_platform(
        &self,
        auth: Auth,
        /// The platform's name.
        platform: Path<String>,
        /// The platform's identifier of the resource.
        identifier: Path<String>,
        /// The format of the metadata.
        schema: Query<Option<String>>,
    ) -> Result<JsonAnswer> {
        let document = self.app.catalogue.read_on_platform(&auth.0, self.resource, &platform.0, &identifier.0).await?;
        self.one(document, schema.0.as_deref(), false).await
    }

    /// Write many RESOURCE of a platform
    ///
    /// Each of up to 1,000 records is found by its platform's identifier and created, updated, or left alone when it says what is
    /// there already. Resources that it relates to are found or created along with it. A faulty record stops no other.
    #[oai(path = "/platforms/:platform/RESOURCE/batch", method = "post", operation_id = "upsert_RESOURCE")]
    async fn upsert(&self, auth: Auth, platform: Path<String>, body: JsonBody) -> Result<JsonAnswer> {
        let Some(records) = body.0.get("records").and_then(Value::as_array) else {
            return Err(
                Error::body("records", "a list of records is expected: {\"records\": [{\"resource\": {…}, \"related\": {…}}]}").into()
            );
        };
        let results = self.app.catalogue.upsert_batch(&auth.0, &platform.0, self.resource, records).await?;
        Ok(JsonAnswer::value(&json!(BatchAnswer::new(results))))
    }

    /// Count RESOURCE
    ///
    /// Published ones; with `detailed`, for each platform.
    #[oai(path = "/counts/RESOURCE", method = "get", operation_id = "count_RESOURCE")]
    async fn count(
        &self,
        /// Whether to count for each platform.
        #[oai(default)]
        detailed: Query<bool>,
    ) -> Result<JsonAnswer> {
        let counts = self.app.catalogue.count(self.resource).await?;
        Ok(JsonAnswer::value(&if detailed.0 { json!(counts) } else { json!(counts.values().sum::<i64>()) }))
    }
}

/// Where the files of an AI asset are.
#[derive(Clone)]
pub(crate) struct ContentRoutes(pub(crate) ResourceRoutes);

#[OpenApi]
impl ContentRoutes {
    /// Download the only file of a LABEL
    #[oai(path = "/RESOURCE/:identifier/content", method = "get", operation_id = "content_RESOURCE")]
    async fn content(&self, auth: Auth, identifier: Path<String>) -> Result<SeeOther> {
        let ResourceRoutes { app, resource, .. } = &self.0;
        Ok(SeeOther(app.catalogue.content_url(&auth.0, resource, &identifier.0, None).await?))
    }

    /// Download a file of a LABEL
    #[oai(path = "/RESOURCE/:identifier/content/:distribution_idx", method = "get", operation_id = "content_n_RESOURCE")]
    async fn content_n(
        &self,
        auth: Auth,
        identifier: Path<String>,
        /// Which of its files, counted from 0.
        distribution_idx: Path<i64>,
    ) -> Result<SeeOther> {
        let ResourceRoutes { app, resource, .. } = &self.0;
        Ok(SeeOther(app.catalogue.content_url(&auth.0, resource, &identifier.0, Some(distribution_idx.0)).await?))
    }
}
