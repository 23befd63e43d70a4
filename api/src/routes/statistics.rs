//! What is read most.

use aiod_schema::Model;
use poem::Result;
use poem_openapi::OpenApi;
use serde::Deserialize;

use super::answer::Answer;
use super::extract::{Query, Segment};
use super::template::{Context, OperationGroup, Tag};
use crate::catalogue::shapes::{Reads, ReadsOfType};
use crate::config::{DEFAULT_PAGE, MAX_PAGE};

/// How many are wanted.
#[derive(Clone, Copy, Debug, Deserialize, Model)]
struct TopQuery {
    /// At most so many.
    #[field(least = 1, most = MAX_PAGE, default = DEFAULT_PAGE)]
    limit: i64,
}

/// How many of each type are wanted.
#[derive(Clone, Copy, Debug, Deserialize, Model)]
struct TopOfAllQuery {
    /// At most so many of each type.
    #[field(least = 1, most = MAX_PAGE, default = 20)]
    limit_per_type: i64,
}

/// Statistics of reads.
pub(super) struct StatisticsRoutes(Context<()>);

impl OperationGroup for StatisticsRoutes {
    type Subject = ();

    const TAG: Option<Tag> = Some(Tag { name: "statistics", description: "What is read most. By whom is not kept." });

    fn new(context: Context<()>) -> Self {
        Self(context)
    }
}

#[OpenApi]
impl StatisticsRoutes {
    /// The most read resources of every type
    ///
    /// One list, type by type, most read first within each. By whom they were read is not known. What was read in the last seconds may be
    /// missing.
    #[oai(path = "/stats/top/all", method = "get", operation_id = "top_all")]
    async fn of_all(&self, query: Query<TopOfAllQuery>) -> Result<Answer<Vec<ReadsOfType>>> {
        Ok(Answer::of(&self.0.app.catalogue.most_read_of_all(query.0.limit_per_type).await?)?)
    }

    /// The most read resources of a type
    #[oai(path = "/stats/top/:resource_type", method = "get", operation_id = "top")]
    async fn of_type(
        &self,
        /// The type, as `datasets` or `dataset`.
        resource_type: Segment<String>,
        query: Query<TopQuery>,
    ) -> Result<Answer<Vec<Reads>>> {
        Ok(Answer::of(&self.0.app.catalogue.most_read(&resource_type.0, query.0.limit).await?)?)
    }
}
