//! Resources that users mark.

use aiod_schema::Model;
use poem::Result;
use poem_openapi::OpenApi;
use serde::Deserialize;

use super::answer::Answer;
use super::caller::Auth;
use super::extract::Query;
use super::paging::Window;
use super::shape::Null;
use super::template::{Context, OperationGroup, Tag};
use crate::catalogue::shapes::BookmarkRead;

/// Which resource is meant.
#[derive(Clone, Debug, Deserialize, Model)]
struct BookmarkQuery {
    /// The resource's identifier.
    #[field(required)]
    resource_identifier: String,
}

/// Bookmarks.
pub(super) struct BookmarkRoutes(Context<()>);

impl OperationGroup for BookmarkRoutes {
    type Subject = ();

    const TAG: Option<Tag> = Some(Tag { name: "bookmarks", description: "Resources that you marked." });

    fn new(context: Context<()>) -> Self {
        Self(context)
    }
}

#[OpenApi]
impl BookmarkRoutes {
    /// List your bookmarks
    ///
    /// Newest first.
    #[oai(path = "/bookmarks", method = "get", operation_id = "list_bookmarks")]
    async fn list(&self, auth: Auth, window: Query<Window>) -> Result<Answer<Vec<BookmarkRead>>> {
        window.0.check(&self.0.app)?;
        Ok(Answer::of(&self.0.app.catalogue.bookmarks(&auth.0, window.0.offset, window.0.limit).await?)?)
    }

    /// Bookmark a resource
    #[oai(path = "/bookmarks", method = "post", operation_id = "add_bookmark")]
    async fn add(&self, auth: Auth, query: Query<BookmarkQuery>) -> Result<Answer<BookmarkRead>> {
        Ok(Answer::of(&self.0.app.catalogue.add_bookmark(&auth.0, &query.0.resource_identifier).await?)?)
    }

    /// Remove a bookmark
    #[oai(path = "/bookmarks", method = "delete", operation_id = "remove_bookmark")]
    async fn remove(&self, auth: Auth, query: Query<BookmarkQuery>) -> Result<Answer<Null>> {
        self.0.app.catalogue.remove_bookmark(&auth.0, &query.0.resource_identifier).await?;
        Ok(Answer::null())
    }
}
