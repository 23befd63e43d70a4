//! The paths that belong to no single type: platforms, counts, any asset by its identifier.

use std::sync::Arc;

use poem::Result;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use serde_json::{Value, json};

use super::Version;
use super::body::{JsonAnswer, JsonBody};
use super::caller::Auth;
use super::resource::ten;
use crate::app::App;
use crate::catalogue::read::Group;

/// Platforms, counts, and assets of any type.
#[derive(Clone)]
pub(crate) struct CatalogueRoutes(pub(crate) Arc<App>, pub(crate) Version);

impl CatalogueRoutes {
    async fn any(&self, auth: Auth, group: Group, identifier: &str) -> Result<JsonAnswer> {
        let mut document = self.0.catalogue.read_any(&auth.0, group, identifier).await?;
        self.0.catalogue.count_read(&document);
        if !self.1.aliases(document.resource).is_empty() {
            let mut value = crate::catalogue::read::parse(&document.body)?;
            self.1.add_aliases(&mut value);
            document.body = value.to_string();
        }
        Ok(JsonAnswer::document(document))
    }
}

#[OpenApi]
impl CatalogueRoutes {
    /// Count the resources of every type for each platform
    #[oai(path = "/counts", method = "get", operation_id = "counts")]
    async fn counts(&self) -> Result<JsonAnswer> {
        Ok(JsonAnswer::value(&json!(self.0.catalogue.counts().await?)))
    }

    /// Count platforms
    #[oai(path = "/counts/platforms", method = "get", operation_id = "count_platforms")]
    async fn count_platforms(&self) -> Result<JsonAnswer> {
        Ok(JsonAnswer::value(&json!(self.0.catalogue.count_platforms().await?)))
    }

    /// List platforms
    ///
    /// In the order of their registration.
    #[oai(path = "/platforms", method = "get", operation_id = "list_platforms")]
    async fn platforms(
        &self,
        /// How many to pass over.
        #[oai(default, validator(minimum(value = "0")))]
        offset: Query<i64>,
        /// At most so many.
        #[oai(default = "ten", validator(minimum(value = "0"), maximum(value = "1000")))]
        limit: Query<i64>,
    ) -> Result<JsonAnswer> {
        self.0.check_page(limit.0)?;
        let platforms = self.0.catalogue.platforms(offset.0, limit.0).await?;
        Ok(JsonAnswer::value(&platforms.iter().map(platform_json).collect()))
    }

    /// Register a platform
    ///
    /// Needs the role `create_platforms`. Its name is kept in lower case.
    #[oai(path = "/platforms", method = "post", operation_id = "register_platform")]
    async fn register_platform(&self, auth: Auth, body: JsonBody) -> Result<JsonAnswer> {
        let id = self.0.catalogue.create_platform(&auth.0, &body.0).await?;
        Ok(JsonAnswer::value(&json!({ "identifier": id })))
    }

    /// Read a platform
    #[oai(path = "/platforms/:identifier", method = "get", operation_id = "read_platform")]
    async fn platform(
        &self,
        /// The platform's number.
        identifier: Path<String>,
    ) -> Result<JsonAnswer> {
        Ok(JsonAnswer::value(&platform_json(&self.0.catalogue.platform(&identifier.0).await?)))
    }

    /// Rename a platform
    ///
    /// As long as no resource belongs to it.
    #[oai(path = "/platforms/:identifier", method = "put", operation_id = "replace_platform")]
    async fn rename_platform(&self, auth: Auth, identifier: Path<i64>, body: JsonBody) -> Result<JsonAnswer> {
        self.0.catalogue.rename_platform(&auth.0, identifier.0, &body.0).await?;
        Ok(JsonAnswer::null())
    }

    /// Remove a platform
    ///
    /// As long as no resource belongs to it.
    #[oai(path = "/platforms/:identifier", method = "delete", operation_id = "delete_platform")]
    async fn delete_platform(&self, auth: Auth, identifier: Path<String>) -> Result<JsonAnswer> {
        self.0.catalogue.delete_platform(&auth.0, &identifier.0).await?;
        Ok(JsonAnswer::null())
    }

    /// Read an asset of whatever type its identifier belongs to
    #[oai(path = "/assets/:identifier", method = "get", operation_id = "read_asset")]
    async fn asset(&self, auth: Auth, identifier: Path<String>) -> Result<JsonAnswer> {
        self.any(auth, Group::Assets, &identifier.0).await
    }

    /// Read an AI asset
    #[oai(path = "/ai_assets/:identifier", method = "get", operation_id = "read_ai_asset", deprecated = true)]
    async fn ai_asset(&self, auth: Auth, identifier: Path<String>) -> Result<JsonAnswer> {
        self.any(auth, Group::AiAssets, &identifier.0).await
    }

    /// Read an AI resource
    #[oai(path = "/ai_resources/:identifier", method = "get", operation_id = "read_ai_resource", deprecated = true)]
    async fn ai_resource(&self, auth: Auth, identifier: Path<String>) -> Result<JsonAnswer> {
        self.any(auth, Group::AiResources, &identifier.0).await
    }

    /// Read a person or an organisation
    #[oai(path = "/agents/:identifier", method = "get", operation_id = "read_agent", deprecated = true)]
    async fn agent(&self, auth: Auth, identifier: Path<String>) -> Result<JsonAnswer> {
        self.any(auth, Group::Agents, &identifier.0).await
    }
}

fn platform_json((id, name): &(i64, String)) -> Value {
    json!({"name": name, "identifier": id.to_string()})
}

/// The terms of one vocabulary.
#[derive(Clone)]
pub(crate) struct VocabularyRoutes {
    pub(crate) app: Arc<App>,
    pub(crate) vocabulary: &'static aiod_schema::vocabulary::Vocabulary,
}

#[OpenApi]
impl VocabularyRoutes {
    /// List LABEL
    #[oai(path = "/VOCABULARY", method = "get", operation_id = "list_VOCABULARY")]
    async fn list(&self) -> Result<JsonAnswer> {
        Ok(JsonAnswer::value(&self.app.catalogue.vocabulary(self.vocabulary).await?))
    }
}
