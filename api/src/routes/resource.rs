//! The operations of every resource type: listing, registering, reading, replacing, deleting.

use aiod_schema::convert::{AIOD, Format, Known, Names, formats};
use aiod_schema::{ResourceType, resource_types};
use poem::http::header;
use poem::{Request, Result};
use poem_openapi::OpenApi;
use poem_openapi::registry::{MetaMediaType, MetaSchemaRef};
use serde_json::Value;

use super::Version;
use super::answer::Answer;
use super::caller::Auth;
use super::extract::{Body, Query, Segment, WantedFormat, WithImages, expected, with_query};
use super::paging::{ResourcePage, cursor_after};
use super::schema::{Form, batch_name, form_name, format_parameter, images_parameter, read_schema, reference};
use super::shape::{Create, JSON, Null, Page, Read, Shape, Slot};
use super::template::{Context, OperationGroup, Subject, Tag};
use crate::catalogue::Error;
use crate::catalogue::image::COST_OF_IMAGES;
use crate::catalogue::permission::require_user;
use crate::catalogue::read::{self, Document, parse};
use crate::catalogue::shapes::Identifier;
use crate::catalogue::turns::Turn;
use crate::identity::Caller;

/// One resource type in one version of the interface.
pub(super) type OfType = Context<&'static ResourceType>;

/// In templates, `RESOURCE` stands for the type's path, `LABEL` for its name in a sentence.
impl Subject for &'static ResourceType {
    fn all(_: Version) -> Vec<Self> {
        resource_types().iter().collect()
    }

    fn tag(&self) -> Option<Tag> {
        Some(Tag { name: self.path, description: self.object.doc })
    }

    fn words(&self) -> Vec<(&'static str, String)> {
        let label = self.name.replace('_', " ");
        let plural = self.path.replace('_', " ");
        vec![("RESOURCE", self.path.to_owned()), ("a LABEL", self.phrase.to_owned()), ("LABELS", plural), ("LABEL", label)]
    }

    fn slot(&self, slot: Slot, version: Version) -> Option<MetaSchemaRef> {
        match slot {
            Slot::Create => Some(reference(form_name(self, version, Form::Create))),
            Slot::Read => Some(read_schema(self, version)),
            Slot::Aiod => Some(reference(form_name(self, version, Form::Read))),
            Slot::Batch => Some(reference(batch_name(self))),
            Slot::Format => format_parameter(self),
            Slot::Images => images_parameter(self),
            Slot::Terms => None,
        }
    }

    fn other_media_types(&self, slot: Slot) -> Vec<MetaMediaType> {
        if slot == Slot::Read { other_media_types(self) } else { Vec::new() }
    }
}

/// Formats of other media types than JSON, as answers of a reading operation.
fn other_media_types(resource: &ResourceType) -> Vec<MetaMediaType> {
    let others = formats(resource).filter(|format| format.media_type != JSON);
    others.map(|format| MetaMediaType { content_type: format.media_type, schema: <String as Shape>::schema() }).collect()
}

impl OfType {
    fn format(&self, wanted: Option<&str>) -> Result<&'static Format, Error> {
        let name = wanted.unwrap_or(AIOD.name);
        formats(self.subject).find(|format| format.name == name).ok_or_else(|| {
            let names: Vec<&str> = formats(self.subject).map(|format| format.name).collect();
            Error::query("schema", format!("'{name}' is not a schema of {}: {} can be had", self.subject.path, names.join(", ")))
        })
    }

    /// A body in the names of the model. Those who are not logged in do not learn what is wrong with theirs.
    fn body(&self, auth: &Auth, body: Body<Create>) -> Result<Value, Error> {
        require_user(&auth.0)?;
        self.version.without_aliases(self.subject, body.into_value())
    }

    /// A document as this version shows it, in the format that was asked for.
    fn shown(&self, mut document: Document, format: &Format, known: &Known<'_>) -> Result<Document, Error> {
        if format.is_own() && !self.version.has_aliases(self.subject) {
            return Ok(document);
        }
        let mut value: Value = parse(&document.body)?;
        self.version.add_aliases(&mut value);
        document.body = format.write(&value, known);
        Ok(document)
    }

    /// A document as this version shows it, in the AIoD format.
    pub(super) fn shown_as_aiod(&self, document: Document) -> Result<Document, Error> {
        self.shown(document, &AIOD, &self.known("", &Names::default()))
    }

    /// What converters know beside a document.
    fn known<'k>(&self, base: &'k str, names: &'k Names) -> Known<'k> {
        Known { base, names, is_v2: self.version == Version::V2 }
    }

    /// A turn for one resource, unless it goes out as it is stored.
    pub(super) async fn turn(&self, wanted: &WantedFormat, images: bool) -> Result<Turn, Error> {
        let cost = cost_of_each(self.format(wanted.name.as_deref())?, images);
        if cost == 1 { Ok(Turn::default()) } else { self.app.catalogue.turns.take(cost).await }
    }

    /// The answer with one resource, which counts as read.
    pub(super) async fn one(&self, caller: &Caller, document: Document, wanted: &WantedFormat, images: bool) -> Result<Answer<Read>> {
        let format = self.format(wanted.name.as_deref())?;
        let mut documents = [document];
        if images && self.subject.images {
            self.app.catalogue.with_images(&mut documents).await?;
        }
        let names = self.app.catalogue.names(caller, &documents, format).await?;
        let [document] = documents;
        let document = self.shown(document, format, &self.known(&wanted.base, &names))?;
        self.app.catalogue.count_read(&document);
        Ok(Answer::document(document).in_format(format))
    }

    /// A page as this version shows it, in the format that was asked for.
    async fn list_body(&self, caller: &Caller, page: &mut read::Page, format: &'static Format, wanted: &Wanted) -> Result<String, Error> {
        let images = wanted.images && self.subject.images;
        if format.is_own() && !images && !self.version.has_aliases(self.subject) {
            return Ok(std::mem::take(&mut page.body));
        }
        let mut documents = page.documents();
        if images {
            self.app.catalogue.with_images(&mut documents).await?;
        }
        let names = self.app.catalogue.names(caller, &documents, format).await?;
        let known = self.known(&wanted.format.base, &names);
        let bodies = documents.into_iter().map(|document| Ok(self.shown(document, format, &known)?.body));
        Ok(format.page.join(&bodies.collect::<Result<Vec<_>, Error>>()?))
    }

    /// The answer with a page of one platform or of all.
    pub(super) async fn page(&self, request: &Request, caller: &Caller, wanted: Wanted) -> Result<Answer<Page<Read>>> {
        let format = self.format(wanted.format.name.as_deref())?;
        wanted.page.sorted.window.check(&self.app)?;
        let each = cost_of_each(format, wanted.images);
        let query = wanted.page.query(self.subject.name, wanted.platform.clone())?;
        let mut page = self.app.catalogue.page(caller, self.subject, &query, each).await?;
        let next = page.next;
        let body = self.list_body(caller, &mut page, format, &wanted).await?;
        let answer = Answer::written(body).in_format(format);
        Ok(match next {
            Some(id) => answer.header(header::LINK, &format!("<{}>; rel=\"next\"", with_query(request, "cursor", &cursor_after(id)))),
            None => answer,
        })
    }
}

/// Which page a reader wants, and how.
pub(super) struct Wanted {
    pub(super) page: ResourcePage,
    pub(super) platform: Option<String>,
    pub(super) format: WantedFormat,
    pub(super) images: bool,
}

/// How many times as much a resource costs as one that goes out as it is stored.
fn cost_of_each(format: &Format, images: bool) -> i64 {
    let conversion = if format.is_own() { 1 } else { 5 };
    if images { COST_OF_IMAGES } else { conversion }
}

/// What exists for every type.
pub(super) struct ResourceRoutes(OfType);

impl OperationGroup for ResourceRoutes {
    type Subject = &'static ResourceType;

    fn new(context: OfType) -> Self {
        Self(context)
    }
}

#[OpenApi]
impl ResourceRoutes {
    /// List LABELS
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
        schema: WantedFormat,
        /// Whether images are part of `media`, in base64.
        get_image: WithImages,
        page: Query<ResourcePage>,
    ) -> Result<Answer<Page<Read>>> {
        self.0.page(request, &auth.0, Wanted { page: page.0, platform: None, format: schema, images: get_image.0 }).await
    }

    /// Register a LABEL
    ///
    /// People leave `platform` and `platform_resource_identifier` out; theirs start as drafts. Connectors set both.
    #[oai(path = "/RESOURCE", method = "post", operation_id = "register_RESOURCE")]
    async fn register(&self, auth: Auth, body: Body<Create>) -> Result<Answer<Identifier>> {
        let OfType { app, subject, .. } = &self.0;
        let body = self.0.body(&auth, body)?;
        let identifier = app.catalogue.register(&auth.0, subject, &body).await?;
        Ok(Answer::of(&Identifier { identifier })?)
    }

    /// Read a LABEL
    #[oai(path = "/RESOURCE/:identifier", method = "get", operation_id = "read_RESOURCE")]
    async fn read(
        &self,
        auth: Auth,
        /// The identifier in the catalogue.
        identifier: Segment<String>,
        /// The format of the metadata.
        schema: WantedFormat,
        /// Whether images are part of `media`, in base64.
        get_image: WithImages,
    ) -> Result<Answer<Read>> {
        let _turn = self.0.turn(&schema, get_image.0).await?;
        let document = self.0.app.catalogue.read(&auth.0, self.0.subject, &identifier.0).await?;
        self.0.one(&auth.0, document, &schema, get_image.0).await
    }

    /// Replace a LABEL
    ///
    /// What the body leaves out is emptied. With `If-Match`, only when its revision is still the one that was read.
    #[oai(path = "/RESOURCE/:identifier", method = "put", operation_id = "replace_RESOURCE")]
    async fn replace(&self, request: &Request, auth: Auth, identifier: Segment<String>, body: Body<Create>) -> Result<Answer<Null>> {
        let OfType { app, subject, .. } = &self.0;
        let body = self.0.body(&auth, body)?;
        app.catalogue.replace(&auth.0, subject, &identifier.0, &body, &expected(request)).await?;
        Ok(Answer::null())
    }

    /// Delete a LABEL
    ///
    /// It vanishes at once, and is removed for good some days later.
    #[oai(path = "/RESOURCE/:identifier", method = "delete", operation_id = "delete_RESOURCE")]
    async fn delete(&self, request: &Request, auth: Auth, identifier: Segment<String>) -> Result<Answer<Null>> {
        self.0.app.catalogue.delete(&auth.0, self.0.subject, &identifier.0, &expected(request)).await?;
        Ok(Answer::null())
    }
}
