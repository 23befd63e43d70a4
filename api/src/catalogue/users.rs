//! What users have of their own: resources, bookmarks, and what they let others do.

use aiod_schema::{by_identifier, by_name, by_path, resource_types};
use serde_json::{Map, Value};

use super::permission::{Action, require_user};
use super::render::with_nulls;
use super::shapes::{BookmarkRead, PermissionCreate, PermissionRead, Reads, ReadsOfType};
use super::transaction::transaction;
use super::turns::cost_of_part;
use super::{Catalogue, Error, Result};
use crate::identity::Caller;
use crate::store::asset::{ReadRow, Sort};
use crate::store::now;
use crate::store::part::{Part, PartOf};
use crate::store::permission::{HeldPermission, PermissionKind};

impl Catalogue {
    /// Refuses whoever may not say who may do what with a resource.
    ///
    /// # Errors
    /// When nobody is logged in, the resource is unknown, or the caller has no admin permission on it.
    pub async fn check_sharing(&self, caller: &Caller, identifier: &str) -> Result<i64> {
        require_user(caller)?;
        let unknown = || Error::no_asset(identifier);
        let resource = by_identifier(identifier).ok_or_else(unknown)?;
        let row = self.living_row(resource, identifier).await.map_err(|error| match error {
            Error::NotFound(_) => unknown(),
            other => other,
        })?;
        if self.has_right(caller, resource, &row, Action::Share).await? {
            return Ok(row.id);
        }
        Err(Error::Forbidden(format!("You do not have permission to administer '{identifier}'.")))
    }

    /// Gives someone else (by the row id of the account; `None` when nobody is called so) another permission on a resource, or none.
    ///
    /// # Errors
    /// As for [`Catalogue::check_sharing`]; when the user is unknown, or the caller means their own permission.
    pub async fn set_permission(&self, caller: &Caller, wanted: &PermissionCreate, account: Option<i64>) -> Result<()> {
        let user = require_user(caller)?;
        transaction!(self.db, tx => {
            let head = self.administered(&mut tx, caller, Action::Share, &wanted.asset_identifier).await?;
            let account = account.ok_or_else(|| Error::NotFound(format!("User '{}' not found.", wanted.user)))?;
            if account == user.account {
                return Err(Error::body("user", "nobody changes their own permission"));
            }
            Ok(tx.set_permission(account, head.id, wanted.permission_type).await?)
        })
    }

    /// Who may do what with a resource: subject ids, and what others are told.
    ///
    /// # Errors
    /// As for [`Catalogue::check_sharing`].
    pub async fn permissions_on(&self, caller: &Caller, identifier: &str) -> Result<Vec<(String, PermissionRead)>> {
        let id = self.check_sharing(caller, identifier).await?;
        let held = self.db.permissions_on(id).await?.into_iter();
        let read = |held: HeldPermission| {
            let permission = PermissionKind::named(&held.kind)?;
            Some((held.subject, PermissionRead { name: held.name, permission }))
        };
        Ok(held.filter_map(read).collect())
    }

    /// A part of what the caller administers, drafts too, by type; and whether there is more.
    ///
    /// # Errors
    /// When nobody is logged in.
    pub async fn resources_of(&self, caller: &Caller, sort: Sort, descending: bool, part: Part) -> Result<(Value, bool)> {
        let user = require_user(caller)?;
        let mut turn = self.turns.take(cost_of_part(part.offset, part.limit)).await?;
        let page = |most| self.db.administered_by(user.account, sort, descending, part, most);
        let PartOf { items: mut rows, has_more } = self.turns.fetch(&mut turn, page).await?;
        let mut out = Map::new();
        for resource in resource_types() {
            let own: Vec<ReadRow> = rows.extract_if(.., |(type_name, _)| type_name == resource.name).map(|(_, row)| row).collect();
            let mut values: Vec<Value> = super::read::parse(&self.rendered(caller, resource, own, &mut turn).await?.body)?;
            values.iter_mut().for_each(|value| with_nulls(resource.object, value));
            out.insert(resource.name.to_owned(), Value::Array(values));
        }
        Ok((Value::Object(out), has_more))
    }

    /// A page of the caller's bookmarks, newest first.
    ///
    /// # Errors
    /// When nobody is logged in.
    pub async fn bookmarks(&self, caller: &Caller, offset: i64, limit: i64) -> Result<Vec<BookmarkRead>> {
        let user = require_user(caller)?;
        let bookmarks = self.db.bookmarks(user.account, offset, limit).await?;
        Ok(bookmarks.into_iter().map(|(identifier, date)| BookmarkRead::new(identifier, date)).collect())
    }

    /// Marks a resource that the caller may read; doing it again changes nothing.
    ///
    /// # Errors
    /// When nobody is logged in, or the caller cannot read the resource.
    pub async fn add_bookmark(&self, caller: &Caller, identifier: &str) -> Result<BookmarkRead> {
        let user = require_user(caller)?;
        let unknown = || Error::no_asset(identifier);
        let resource = by_identifier(identifier).ok_or_else(unknown)?;
        let document = match self.read(caller, resource, identifier).await {
            Err(Error::NotFound(_)) => return Err(unknown()),
            other => other?,
        };
        let date = self.db.add_bookmark(user.account, document.id, now()).await?;
        Ok(BookmarkRead::new(identifier.to_owned(), date))
    }

    /// Takes a bookmark away, if there is one: clients count on it that none is no error.
    ///
    /// # Errors
    /// When nobody is logged in.
    pub async fn remove_bookmark(&self, caller: &Caller, identifier: &str) -> Result<()> {
        let user = require_user(caller)?;
        Ok(self.db.remove_bookmark(user.account, identifier).await?)
    }

    /// The resources of a type that were read most, most often first. What was read in the last seconds may not be counted yet.
    ///
    /// # Errors
    /// When there is no such type.
    pub async fn most_read(&self, type_name: &str, limit: i64) -> Result<Vec<Reads>> {
        let _turn = self.turns.take(limit).await?;
        let resource = by_name(type_name).or_else(|| by_path(type_name));
        let resource = resource.ok_or_else(|| Error::NotFound(format!("There is no resource type '{type_name}'.")))?;
        let most = self.db.most_read(resource.name, limit).await?;
        Ok(most.into_iter().map(|(asset_id, hits)| Reads { asset_id, hits }).collect())
    }

    /// The same for every type, one type after the other.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn most_read_of_all(&self, limit: i64) -> Result<Vec<ReadsOfType>> {
        let mut out = Vec::new();
        for resource in resource_types() {
            let of_type = self.most_read(resource.name, limit).await?.into_iter();
            out.extend(of_type.map(|Reads { asset_id, hits }| ReadsOfType { r#type: resource.path.to_owned(), asset: asset_id, hits }));
        }
        Ok(out)
    }
}
