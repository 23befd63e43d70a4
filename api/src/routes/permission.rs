//! Who may do what with a resource.

use poem::Result;
use poem_openapi::OpenApi;

use super::answer::Answer;
use super::caller::Auth;
use super::extract::{Body, Segment};
use super::parent::ASSETS;
use super::shape::Null;
use super::template::{Context, OperationGroup, Tag};
use crate::catalogue::Error;
use crate::catalogue::permission::require_user;
use crate::catalogue::shapes::{PermissionCreate, PermissionRead};

/// Permissions on single resources.
pub(super) struct PermissionRoutes(Context<()>);

impl OperationGroup for PermissionRoutes {
    type Subject = ();

    const TAG: Option<Tag> = Some(ASSETS);

    fn new(context: Context<()>) -> Self {
        Self(context)
    }
}

#[OpenApi]
impl PermissionRoutes {
    /// Let someone read, write or administer an asset
    ///
    /// `user` is a name or a subject id; without `permission_type`, or with `null`, the permission is taken away. One's own stays. Of users who were never
    /// here, one can name a few in an hour.
    #[oai(path = "/assets/permissions", method = "post", operation_id = "set_permission")]
    async fn set(&self, auth: Auth, body: Body<PermissionCreate>) -> Result<Answer<Null>> {
        let app = &self.0.app;
        let wanted = body.checked(&auth)?;
        // Only who may share the asset may have the identity provider asked for others.
        app.catalogue.check_sharing(&auth.0, &wanted.asset_identifier).await?;
        let user = app.identity.find_user_for(require_user(&auth.0)?, &wanted.user).await.map_err(Error::from)?;
        app.catalogue.set_permission(&auth.0, &wanted, user.map(|user| user.account)).await?;
        Ok(Answer::null())
    }

    /// Who may do what with an asset
    ///
    /// Without those whom the identity provider no longer knows.
    #[oai(path = "/assets/permissions/:identifier", method = "get", operation_id = "list_permissions")]
    async fn list(
        &self,
        auth: Auth,
        /// The asset's identifier.
        identifier: Segment<String>,
    ) -> Result<Answer<Vec<PermissionRead>>> {
        let app = &self.0.app;
        let held = app.catalogue.permissions_on(&auth.0, &identifier.0).await?;
        let subjects = held.iter().map(|(subject, _)| subject.clone()).collect();
        let known = app.identity.known(subjects).await;
        let of_known = held.into_iter().filter(|(subject, _)| known.contains(subject)).map(|(_, permission)| permission);
        Ok(Answer::of(&of_known.collect())?)
    }
}
