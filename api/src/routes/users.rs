//! The paths of what belongs to users: permissions, their resources, bookmarks; and what everyone reads.

use std::sync::Arc;

use poem::Result;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use serde_json::{Value, json};

use super::Version;
use super::body::{JsonAnswer, JsonBody};
use super::caller::Auth;
use super::resource::{Sort, SortDirection, by_date_modified, newest_first, ten};
use crate::app::App;
use crate::catalogue::permission::require_user;
use crate::catalogue::users::PermissionWish;

fn twenty() -> i64 {
    20
}

/// Permissions, resources and bookmarks of users; statistics.
#[derive(Clone)]
pub(crate) struct UserRoutes(pub(crate) Arc<App>, pub(crate) Version);

#[OpenApi]
impl UserRoutes {
    /// Who the catalogue takes you for
    #[oai(path = "/authorization_test", method = "get", operation_id = "authorization_test")]
    async fn authorization_test(&self, auth: Auth) -> Result<JsonAnswer> {
        let user = require_user(&auth.0)?;
        Ok(JsonAnswer::value(&json!({ "name": user.name, "roles": user.roles })))
    }

    /// Let someone read, write or administer an asset
    ///
    /// `user` is a name or a subject id; without `permission_type`, or with `null`, the permission is taken away. One's own stays.
    #[oai(path = "/assets/permissions", method = "post", operation_id = "set_permission")]
    async fn set_permission(&self, auth: Auth, body: JsonBody) -> Result<JsonAnswer> {
        let wish = PermissionWish::parse(&auth.0, &body.0)?;
        // Only then may the identity provider be asked for others.
        self.0.catalogue.check_sharing(&auth.0, &wish.asset_identifier).await?;
        let user = self.0.identity.find_user(&wish.user).await.map_err(crate::catalogue::Error::from)?;
        self.0.catalogue.set_permission(&auth.0, &wish, user.map(|user| user.account)).await?;
        Ok(JsonAnswer::null())
    }

    /// Who may do what with an asset
    #[oai(path = "/assets/permissions/:identifier", method = "get", operation_id = "list_permissions")]
    async fn permissions(
        &self,
        auth: Auth,
        /// The asset's identifier.
        identifier: Path<String>,
    ) -> Result<JsonAnswer> {
        Ok(JsonAnswer::value(&self.0.catalogue.permissions_on(&auth.0, &identifier.0).await?))
    }

    /// List what you administer
    ///
    /// Of all types together, in the order of their last change; drafts too.
    #[oai(path = "/user/resources", method = "get", operation_id = "list_own_resources")]
    async fn own_resources(
        &self,
        auth: Auth,
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
    ) -> Result<JsonAnswer> {
        self.0.check_page(limit.0)?;
        let sort = sort.0.unwrap_or(Sort::DateModified).into();
        let descending = direction.0 == SortDirection::Desc;
        let mut resources = self.0.catalogue.resources_of(&auth.0, sort, descending, offset.0, limit.0).await?;
        let of_all_types = resources.as_object_mut().into_iter().flat_map(|map| map.values_mut()).filter_map(Value::as_array_mut);
        of_all_types.flatten().for_each(|resource| self.1.add_aliases(resource));
        Ok(JsonAnswer::value(&resources))
    }

    /// List your bookmarks
    ///
    /// Newest first.
    #[oai(path = "/bookmarks", method = "get", operation_id = "list_bookmarks")]
    async fn bookmarks(
        &self,
        auth: Auth,
        /// How many to pass over.
        #[oai(default, validator(minimum(value = "0")))]
        offset: Query<i64>,
        /// At most so many.
        #[oai(default = "ten", validator(minimum(value = "0"), maximum(value = "1000")))]
        limit: Query<i64>,
    ) -> Result<JsonAnswer> {
        self.0.check_page(limit.0)?;
        Ok(JsonAnswer::value(&self.0.catalogue.bookmarks(&auth.0, offset.0, limit.0).await?))
    }

    /// Bookmark a resource
    #[oai(path = "/bookmarks", method = "post", operation_id = "add_bookmark")]
    async fn add_bookmark(
        &self,
        auth: Auth,
        /// The resource's identifier.
        resource_identifier: Query<String>,
    ) -> Result<JsonAnswer> {
        Ok(JsonAnswer::value(&self.0.catalogue.add_bookmark(&auth.0, &resource_identifier.0).await?))
    }

    /// Remove a bookmark
    #[oai(path = "/bookmarks", method = "delete", operation_id = "remove_bookmark")]
    async fn remove_bookmark(
        &self,
        auth: Auth,
        /// The resource's identifier.
        resource_identifier: Query<String>,
    ) -> Result<JsonAnswer> {
        self.0.catalogue.remove_bookmark(&auth.0, &resource_identifier.0).await?;
        Ok(JsonAnswer::null())
    }

    /// The most read resources of every type
    ///
    /// By type. By whom they were read is not known. What was read in the last seconds may be missing.
    #[oai(path = "/stats/top/all", method = "get", operation_id = "top_all")]
    async fn top_all(
        &self,
        /// At most so many of each type.
        #[oai(default = "twenty", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit_per_type: Query<i64>,
    ) -> Result<JsonAnswer> {
        Ok(JsonAnswer::value(&self.0.catalogue.most_read_of_all(limit_per_type.0).await?))
    }

    /// The most read resources of a type
    #[oai(path = "/stats/top/:resource_type", method = "get", operation_id = "top")]
    async fn top(
        &self,
        /// The type, as `datasets` or `dataset`.
        resource_type: Path<String>,
        /// At most so many.
        #[oai(default = "ten", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<i64>,
    ) -> Result<JsonAnswer> {
        Ok(JsonAnswer::value(&self.0.catalogue.most_read(&resource_type.0, limit.0).await?))
    }
}
