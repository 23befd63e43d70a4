//! How many resources there are.

use std::collections::BTreeMap;

use aiod_schema::{Model, ResourceType};
use poem::Result;
use poem_openapi::OpenApi;
use serde::Deserialize;

use super::answer::Answer;
use super::extract::Query;
use super::resource::OfType;
use super::template::{Context, OperationGroup, Tag};
use crate::catalogue::shapes::Count;

/// How a count is wanted.
#[derive(Clone, Copy, Debug, Deserialize, Model)]
struct CountQuery {
    /// Whether to count for each platform.
    #[field(default = false)]
    detailed: bool,
}

/// The counts of one type.
pub(super) struct TypeCountRoutes(OfType);

impl OperationGroup for TypeCountRoutes {
    type Subject = &'static ResourceType;

    fn new(context: OfType) -> Self {
        Self(context)
    }
}

#[OpenApi]
impl TypeCountRoutes {
    /// Count LABELS
    ///
    /// Published ones; with `detailed`, for each platform.
    #[oai(path = "/counts/RESOURCE", method = "get", operation_id = "count_RESOURCE")]
    async fn count(&self, query: Query<CountQuery>) -> Result<Answer<Count>> {
        let counts = self.0.app.catalogue.count(self.0.subject).await?;
        let count = if query.0.detailed { Count::ByPlatform(counts) } else { Count::Total(counts.values().sum()) };
        Ok(Answer::of(&count)?)
    }
}

/// The counts of all types.
pub(super) struct CountRoutes(Context<()>);

impl OperationGroup for CountRoutes {
    type Subject = ();

    const TAG: Option<Tag> = Some(Tag { name: "counts", description: "How many resources and platforms there are." });

    fn new(context: Context<()>) -> Self {
        Self(context)
    }
}

#[OpenApi]
impl CountRoutes {
    /// Count the resources of every type for each platform
    #[oai(path = "/counts", method = "get", operation_id = "counts")]
    async fn all(&self) -> Result<Answer<BTreeMap<String, BTreeMap<String, i64>>>> {
        Ok(Answer::json(&self.0.app.catalogue.counts().await?)?)
    }

    /// Count platforms
    #[oai(path = "/counts/platforms", method = "get", operation_id = "count_platforms")]
    async fn platforms(&self) -> Result<Answer<Count>> {
        Ok(Answer::of(&Count::Total(self.0.app.catalogue.count_platforms().await?))?)
    }
}
