//! Reading: one resource by its identifier or its platform's, pages, counts, files.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use aiod_schema::{Field, Group, Kind, ResourceType, Role, by_identifier, resource_types};
use serde_json::Value;

use super::error::unknown_platform_with_hint;
use super::permission::{Action, Subject, is_allowed, unknown_caller};
use super::render::{Embedded, Layout, View, embedded, layout, render, rendered_length, with_nulls};
use super::turns::{Turn, cost};
use super::write::platform_key;
use super::{Catalogue, Error, Result};
use crate::identity::Caller;
use crate::store::asset::{PageQuery, ReadRow, Sort, Start, Status};
use crate::store::link::has_unpublished;
use crate::store::permission::PermissionKind;

/// A resource as it is read.
#[derive(Debug)]
pub struct Document {
    /// The resource as JSON.
    pub body: String,
    /// Its revision.
    pub revision: i64,
    /// Its row id.
    pub(super) id: i64,
    /// The resource's identifier in the catalogue.
    pub identifier: String,
    /// Its type.
    pub resource: &'static ResourceType,
    /// Whether it is published.
    pub(super) is_public: bool,
    /// Held until the answer is made.
    pub(super) _turn: Turn,
}

/// A page of resources.
#[derive(Debug, Default)]
pub struct Page {
    /// The resources in order, as a JSON list.
    pub body: String,
    /// Where each stands in the list.
    places: Vec<Place>,
    /// Where the next page begins, when there may be one and pages go by cursor.
    pub next: Option<i64>,
    /// Held until the answer is made.
    _turn: Turn,
}

#[derive(Clone, Debug)]
struct Place {
    id: i64,
    identifier: String,
    resource: &'static ResourceType,
    is_public: bool,
    revision: i64,
    range: Range<usize>,
}

impl Page {
    /// The resources, each by itself.
    pub fn documents(&self) -> Vec<Document> {
        let document = |Place { id, identifier, resource, is_public, revision, range }: &Place| {
            let body = self.body.get(range.clone())?.to_owned();
            let identifier = identifier.clone();
            Some(Document { body, revision: *revision, id: *id, identifier, resource, is_public: *is_public, _turn: Turn::default() })
        };
        self.places.iter().filter_map(document).collect()
    }
}

impl Catalogue {
    /// One resource of a type.
    ///
    /// # Errors
    /// When the identifier belongs to another type, to nothing, to a deleted resource, or to one that the caller may not see.
    pub async fn read(&self, caller: &Caller, resource: &'static ResourceType, identifier: &str) -> Result<Document> {
        check_type(resource, identifier)?;
        let mut turn = Turn::default();
        let row = self.turns.fetch(&mut turn, |most| self.db.read_by_identifier(identifier, most)).await?;
        self.one(caller, resource, row, turn, || format!("'{identifier}'")).await
    }

    /// One resource of a type by its platform's identifier.
    ///
    /// # Errors
    /// When the platform is unknown, or as for [`Catalogue::read`].
    pub async fn read_on_platform(
        &self,
        caller: &Caller,
        resource: &'static ResourceType,
        platform: &str,
        identifier: &str,
    ) -> Result<Document> {
        let (mut turn, key) = (Turn::default(), platform_key(identifier));
        let row = self.turns.fetch(&mut turn, |most| self.db.read_by_platform(resource.name, platform, &key, most)).await?;
        if row.is_none() && self.db.platform_by_name(platform).await?.is_none() {
            return Err(Error::BadRequest(unknown_platform_with_hint(platform)));
        }
        self.one(caller, resource, row, turn, || format!("'{identifier}' of '{platform}'")).await
    }

    /// One resource of whatever type its identifier belongs to, absent values written as `null`.
    ///
    /// # Errors
    /// As for [`Catalogue::read`]; a type outside the group counts as nothing.
    pub async fn read_any(&self, caller: &Caller, group: Option<Group>, identifier: &str) -> Result<Document> {
        let unknown = || Error::no_asset(identifier);
        let resource = by_identifier(identifier).filter(|r| group.is_none_or(|group| group.has(r))).ok_or_else(unknown)?;
        let mut document = match self.read(caller, resource, identifier).await {
            Err(Error::NotFound(_)) => return Err(unknown()),
            other => other?,
        };
        let mut value: Value = parse(&document.body)?;
        with_nulls(resource.object, &mut value);
        document.body = value.to_string();
        Ok(document)
    }

    async fn one(
        &self,
        caller: &Caller,
        resource: &'static ResourceType,
        row: Option<ReadRow>,
        mut turn: Turn,
        what: impl Fn() -> String,
    ) -> Result<Document> {
        let Some(row) = row else { return Err(Error::not_found(resource, &what(), false)) };
        if row.date_deleted.is_some() {
            return Err(Error::not_found(resource, &what(), true));
        }
        self.may_read(caller, resource, &row).await?;
        let mut rows = [row];
        self.list_images(resource, &mut rows).await?;
        let layout = layout_of(resource)?;
        let embedded = self.embedded(caller, layout, &rows, &mut turn).await?;
        let views = self.views(caller, resource, layout, &rows, &embedded).await?;
        let [row] = &rows;
        let mut body = String::with_capacity(rendered_length(row));
        render(&mut body, layout, row, &embedded, views(row.id))
            .ok_or_else(|| Error::Internal(format!("the document of {} cannot be read", what())))?;
        let is_public = row.status == Status::Published;
        let identifier = row.identifier.clone();
        Ok(Document { body, revision: row.revision, id: row.id, identifier, resource, is_public, _turn: turn })
    }

    /// What these resources show in full to the caller: asked for only where there is any, so that most reads take one statement.
    async fn embedded(&self, caller: &Caller, layout: &'static Layout, rows: &[ReadRow], turn: &mut Turn) -> Result<Embedded> {
        let identifiers: BTreeSet<&str> = rows.iter().flat_map(|row| embedded(layout, row)).collect();
        if identifiers.is_empty() {
            return Ok(Embedded::new());
        }
        let identifiers: Vec<&str> = identifiers.into_iter().collect();
        let mut found = self.turns.fetch(turn, |most| self.db.read_by_identifiers(&identifiers, most)).await?;
        found.retain(|row| row.date_deleted.is_none());
        let hidden = self.hidden(caller, &found).await?;
        Ok(found.into_iter().filter(|row| !hidden.contains(&row.id)).map(|row| (row.identifier.clone(), row)).collect())
    }

    /// Those of these resources that the caller may not read. Permissions are asked for only where some are not published.
    async fn hidden(&self, caller: &Caller, rows: &[ReadRow]) -> Result<HashSet<i64>> {
        let unpublished: Vec<&ReadRow> = rows.iter().filter(|row| row.status != Status::Published).collect();
        let ids: Vec<i64> = unpublished.iter().map(|row| row.id).collect();
        let held: HashMap<i64, PermissionKind> = match caller.user() {
            Some(user) if !ids.is_empty() => self.db.permissions(user.account, &ids).await?.into_iter().collect(),
            _ => HashMap::new(),
        };
        let may_read = |row: &&ReadRow| {
            let permission = held.get(&row.id).copied();
            let resource = by_identifier(&row.identifier);
            let subject = Subject { resource, platform: row.platform.as_deref(), status: Some(row.status), permission };
            is_allowed(&self.roles, caller, Action::Read, subject)
        };
        Ok(unpublished.into_iter().filter(|row| !may_read(row)).map(|row| row.id).collect())
    }

    async fn may_read(&self, caller: &Caller, resource: &'static ResourceType, row: &ReadRow) -> Result<()> {
        if row.status == Status::Published {
            return Ok(());
        }
        if caller.user().is_none() {
            return Err(unknown_caller(caller, "This asset is not published. It requires authentication to access."));
        }
        if self.has_right(caller, resource, row, Action::Read).await? {
            return Ok(());
        }
        Err(Error::Forbidden("You are not allowed to view this resource.".to_owned()))
    }

    /// Whether the caller may do something to a resource, as it is now.
    pub(super) async fn has_right(&self, caller: &Caller, resource: &'static ResourceType, row: &ReadRow, action: Action) -> Result<bool> {
        let permission = match caller.user() {
            Some(user) => self.db.permissions(user.account, &[row.id]).await?.first().map(|(_, kind)| *kind),
            None => None,
        };
        let status = Some(row.status);
        let subject = Subject { resource: Some(resource), platform: row.platform.as_deref(), status, permission };
        Ok(is_allowed(&self.roles, caller, action, subject))
    }

    /// The row of a resource that is not deleted.
    pub(super) async fn living_row(&self, resource: &'static ResourceType, identifier: &str) -> Result<ReadRow> {
        let what = format!("'{identifier}'");
        let mut turn = Turn::default();
        let row = self.turns.fetch(&mut turn, |most| self.db.read_by_identifier(identifier, most)).await?;
        let row = row.ok_or_else(|| Error::not_found(resource, &what, false))?;
        if row.date_deleted.is_some() { Err(Error::not_found(resource, &what, true)) } else { Ok(row) }
    }

    /// What the caller may see of each of these resources. Permissions are asked for only where an unpublished link depends on
    /// them, so that most reads take one statement.
    async fn views<'c>(
        &self,
        caller: &'c Caller,
        resource: &'static ResourceType,
        layout: &'static Layout,
        rows: &[ReadRow],
        embedded: &Embedded,
    ) -> Result<impl Fn(i64) -> View<'c> + use<'c>> {
        let mut writable = HashSet::new();
        if let Some(user) = caller.user() {
            let asked: Vec<&ReadRow> = rows.iter().filter(|row| refers_to_unpublished(layout, row, embedded)).collect();
            let ids: Vec<i64> = asked.iter().map(|row| row.id).collect();
            let held: HashMap<i64, PermissionKind> =
                if ids.is_empty() { HashMap::new() } else { self.db.permissions(user.account, &ids).await?.into_iter().collect() };
            writable = asked
                .into_iter()
                .filter(|row| {
                    let permission = held.get(&row.id).copied();
                    let subject = Subject { resource: Some(resource), platform: row.platform.as_deref(), status: None, permission };
                    is_allowed(&self.roles, caller, Action::Update, subject)
                })
                .map(|row| row.id)
                .collect();
        }
        let full = caller.user().is_some_and(|u| u.has_role(&self.roles.full_view));
        let user = caller.user();
        Ok(move |id| View { user, full, unpublished_links: writable.contains(&id) })
    }

    /// A page of published resources, of which each costs `each` times as much to answer as one that goes out as it is stored.
    ///
    /// # Errors
    /// When it has more bytes than a page may have, or others ask for too much at the same time, or the store fails.
    pub async fn page(&self, caller: &Caller, resource: &'static ResourceType, query: &PageQuery, each: i64) -> Result<Page> {
        if query.limit == 0 {
            return Ok(Page { body: "[]".to_owned(), ..Page::default() });
        }
        let mut turn = self.turns.take(cost(query, each)).await?;
        let mut found = self.turns.fetch(&mut turn, |most| self.db.read_page(query, most)).await?;
        let key = |row: &ReadRow| match (query.start, query.sort) {
            (Start::Cursor(_), _) => (row.id, row.id),
            (_, Sort::DateModified) => (row.date_modified, row.id),
            (_, Sort::DateCreated) => (row.date_created, row.id),
        };
        found.sort_by_key(key);
        if query.descending {
            found.reverse();
        }
        let is_full = i64::try_from(found.len()).is_ok_and(|n| n >= query.limit);
        let next = found.last().filter(|_| is_full && matches!(query.start, Start::Cursor(_))).map(|row| row.id);
        let page = self.rendered(caller, resource, found, &mut turn).await?;
        Ok(Page { next, _turn: turn, ..page })
    }

    /// Resources as the caller may see them, in the given order.
    pub(super) async fn rendered(
        &self,
        caller: &Caller,
        resource: &'static ResourceType,
        mut rows: Vec<ReadRow>,
        turn: &mut Turn,
    ) -> Result<Page> {
        self.list_images(resource, &mut rows).await?;
        let layout = layout_of(resource)?;
        let embedded = self.embedded(caller, layout, &rows, turn).await?;
        let views = self.views(caller, resource, layout, &rows, &embedded).await?;
        let length = rows.iter().map(rendered_length).sum::<usize>() + 2;
        let mut page = Page { body: String::with_capacity(length), places: Vec::with_capacity(rows.len()), ..Page::default() };
        page.body.push('[');
        for row in &rows {
            let end = page.body.len();
            // The same contact may be shown in full by very many.
            if end > self.turns.page_bytes() {
                return Err(self.turns.too_much());
            }
            if !page.places.is_empty() {
                page.body.push(',');
            }
            let begin = page.body.len();
            match render(&mut page.body, layout, row, &embedded, views(row.id)) {
                Some(()) => {
                    let is_public = row.status == Status::Published;
                    let (identifier, range) = (row.identifier.clone(), begin..page.body.len());
                    page.places.push(Place { id: row.id, identifier, resource, is_public, revision: row.revision, range });
                }
                // One bad record never makes a list fail.
                None => {
                    page.body.truncate(end);
                    tracing::error!(identifier = %row.identifier, "the document of {} cannot be read", row.identifier);
                }
            }
        }
        page.body.push(']');
        Ok(page)
    }

    /// Published resources per type's path and platform.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn counts(&self) -> Result<BTreeMap<&'static str, BTreeMap<String, i64>>> {
        let _turn = self.turns.take(1).await?;
        let mut counts: BTreeMap<_, BTreeMap<String, i64>> = resource_types().iter().map(|r| (r.path, BTreeMap::new())).collect();
        for (name, platform, count) in self.db.counts(None).await? {
            if let Some(of_type) = aiod_schema::by_name(&name).and_then(|r| counts.get_mut(r.path)) {
                of_type.insert(platform, count);
            }
        }
        Ok(counts)
    }

    /// Published resources of one type per platform.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn count(&self, resource: &ResourceType) -> Result<BTreeMap<String, i64>> {
        let _turn = self.turns.take(1).await?;
        let rows = self.db.counts(Some(resource.name)).await?;
        Ok(rows.into_iter().map(|(_, platform, count)| (platform, count)).collect())
    }

    /// Where a file of a resource can be downloaded: its `n`-th, or its only one.
    ///
    /// # Errors
    /// When there is no such file or no URL of it, when `n` is needed, or as for [`Catalogue::read`].
    pub async fn content_url(&self, caller: &Caller, resource: &'static ResourceType, identifier: &str, n: Option<i64>) -> Result<String> {
        let document: Value = parse(&self.read(caller, resource, identifier).await?.body)?;
        let field = resource.field_with(Role::Files);
        let files = field.and_then(|f| document.get(f.name)?.as_array()).map(Vec::as_slice).unwrap_or_default();
        let url = chosen_file(files, n)?.and_then(|file| download_url(field?, file));
        let url = url.ok_or_else(no_file)?;
        if leads_to_a_file(url) { Ok(url.to_owned()) } else { Err(no_download()) }
    }
}

/// The schemes of addresses from which a browser or a program downloads a file. Others make it run a script or read its own machine's files.
const DOWNLOAD_SCHEMES: [&str; 3] = ["http", "https", "ftp"];

fn leads_to_a_file(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| DOWNLOAD_SCHEMES.contains(&url.scheme()))
}

fn no_download() -> Error {
    Error::NotFound(format!("This distribution cannot be downloaded: its content_url begins with none of {}.", DOWNLOAD_SCHEMES.join(", ")))
}

fn no_file() -> Error {
    Error::NotFound("Distribution not found.".to_owned())
}

/// The `n`-th of these files, or the only one.
fn chosen_file(files: &[Value], n: Option<i64>) -> Result<Option<&Value>> {
    let Some(n) = n else {
        if files.len() > 1 {
            return Err(Error::Conflict(format!(
                "Multiple distributions encountered: there are {}. Use another endpoint indicating the distribution index at the end of the url, from 0.",
                files.len()
            )));
        }
        return Ok(files.first());
    };
    let file = usize::try_from(n).ok().and_then(|n| files.get(n));
    file.map(Some).ok_or_else(|| Error::BadRequest(format!("Distribution index out of range: there are {}, counted from 0.", files.len())))
}

/// Where a file can be downloaded.
fn download_url<'f>(files: &Field, file: &'f Value) -> Option<&'f str> {
    let Kind::Object(object) = files.kind else { return None };
    file.get(object().field_with(Role::DownloadUrl)?.name)?.as_str()
}

/// Refuses an identifier that belongs to another type.
pub(super) fn check_type(resource: &'static ResourceType, identifier: &str) -> Result<()> {
    match by_identifier(identifier) {
        Some(actual) if actual != resource => {
            Err(Error::WrongType { identifier: identifier.to_owned(), wanted: resource.name, actual: actual.name })
        }
        _ => Ok(()),
    }
}

pub(crate) fn parse<T: serde::de::DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|e| Error::Internal(format!("a document of ours is not JSON: {e}")))
}

/// The layout of a type. It is looked up once for all rows.
fn layout_of(resource: &ResourceType) -> Result<&'static Layout> {
    layout(resource).ok_or_else(|| Error::Internal(format!("the type '{}' has no entry", resource.name)))
}

/// Whether what a resource shows depends on who asks: it refers to something unpublished, or a resource that it shows in full does.
fn refers_to_unpublished(layout: &'static Layout, row: &ReadRow, shown: &Embedded) -> bool {
    let is_private = |identifier| shown.get(identifier).is_some_and(|row| has_unpublished(&row.links));
    has_unpublished(&row.links) || embedded(layout, row).any(is_private)
}
