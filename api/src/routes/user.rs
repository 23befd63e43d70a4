//! What belongs to a user.

use poem::{Request, Result};
use poem_openapi::OpenApi;
use serde_json::Value;

use super::answer::Answer;
use super::caller::Auth;
use super::extract::Query;
use super::paging::SortedWindow;
use super::shape::OwnResources;
use super::template::{Context, OperationGroup, Tag};
use crate::catalogue::permission::require_user;
use crate::catalogue::shapes::CurrentUser;

/// The user and what they administer.
pub(super) struct UserRoutes(Context<()>);

impl OperationGroup for UserRoutes {
    type Subject = ();

    const TAG: Option<Tag> = Some(Tag { name: "user", description: "Who you are to the catalogue, and what you administer." });

    fn new(context: Context<()>) -> Self {
        Self(context)
    }
}

#[OpenApi]
impl UserRoutes {
    /// Who the catalogue takes you for
    #[oai(path = "/authorization_test", method = "get", operation_id = "authorization_test")]
    async fn authorization_test(&self, auth: Auth) -> Result<Answer<CurrentUser>> {
        let user = require_user(&auth.0)?;
        Ok(Answer::of(&CurrentUser { name: user.name.clone(), roles: user.roles.iter().cloned().collect() })?)
    }

    /// List what you administer
    ///
    /// Of all types together, in the order of their last change or of their registration; drafts too.
    #[oai(path = "/user/resources", method = "get", operation_id = "list_own_resources")]
    async fn resources(&self, request: &Request, auth: Auth, page: Query<SortedWindow>) -> Result<Answer<OwnResources>> {
        let (app, page) = (&self.0.app, page.0);
        let part = page.window.part(app)?;
        let (mut resources, has_more) = app.catalogue.resources_of(&auth.0, page.sort(), page.is_descending(), part).await?;
        let of_all_types = resources.as_object_mut().into_iter().flat_map(|map| map.values_mut()).filter_map(Value::as_array_mut);
        of_all_types.flatten().for_each(|resource| self.0.version.add_aliases(resource));
        Ok(Answer::json(&resources)?.with_next(request, part, has_more))
    }
}
