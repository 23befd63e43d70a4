//! Resources of whatever type their identifier belongs to.

use aiod_schema::Group;
use poem::Result;
use poem_openapi::OpenApi;

use super::answer::Answer;
use super::caller::Auth;
use super::extract::Segment;
use super::shape::{AnyAgent, AnyAiAsset, AnyAiResource, Shape, WithNulls};
use super::template::{Context, OperationGroup, Tag};
use crate::catalogue::read::parse;

impl Context<()> {
    /// A resource of any type of a group, as this version shows it; it counts as read.
    async fn any<T: Shape>(&self, auth: &Auth, group: Option<Group>, identifier: &str) -> Result<Answer<T>> {
        let mut document = self.app.catalogue.read_any(&auth.0, group, identifier).await?;
        self.app.catalogue.count_read(&document);
        if self.version.has_aliases(document.resource) {
            let mut value = parse(&document.body)?;
            self.version.add_aliases(&mut value);
            document.body = value.to_string();
        }
        Ok(Answer::document(document))
    }
}

/// Assets of any type.
pub(super) struct AssetRoutes(Context<()>);

/// Where operations on assets of any type stand in the documentation.
pub(super) const ASSETS: Tag = Tag { name: "Assets", description: "Resources of any type: reading them, and who may do what with them." };

impl OperationGroup for AssetRoutes {
    type Subject = ();

    const TAG: Option<Tag> = Some(ASSETS);

    fn new(context: Context<()>) -> Self {
        Self(context)
    }
}

#[OpenApi]
impl AssetRoutes {
    /// Read an asset of whatever type its identifier belongs to
    #[oai(path = "/assets/:identifier", method = "get", operation_id = "read_asset")]
    async fn asset(&self, auth: Auth, identifier: Segment<String>) -> Result<Answer<WithNulls>> {
        self.0.any(&auth, None, &identifier.0).await
    }
}

/// AI assets, AI resources and agents, as older clients read them.
pub(super) struct ParentRoutes(Context<()>);

impl OperationGroup for ParentRoutes {
    type Subject = ();

    const TAG: Option<Tag> = Some(Tag { name: "parents", description: "Older ways of reading a resource of any type: use `/assets`." });

    fn new(context: Context<()>) -> Self {
        Self(context)
    }
}

#[OpenApi]
impl ParentRoutes {
    /// Read an AI asset
    #[oai(path = "/ai_assets/:identifier", method = "get", operation_id = "read_ai_asset", deprecated = true)]
    async fn ai_asset(&self, auth: Auth, identifier: Segment<String>) -> Result<Answer<AnyAiAsset>> {
        self.0.any(&auth, Some(Group::AiAsset), &identifier.0).await
    }

    /// Read an AI resource
    #[oai(path = "/ai_resources/:identifier", method = "get", operation_id = "read_ai_resource", deprecated = true)]
    async fn ai_resource(&self, auth: Auth, identifier: Segment<String>) -> Result<Answer<AnyAiResource>> {
        self.0.any(&auth, Some(Group::AiResource), &identifier.0).await
    }

    /// Read a person or an organisation
    #[oai(path = "/agents/:identifier", method = "get", operation_id = "read_agent", deprecated = true)]
    async fn agent(&self, auth: Auth, identifier: Segment<String>) -> Result<Answer<AnyAgent>> {
        self.0.any(&auth, Some(Group::Agent), &identifier.0).await
    }
}
