//! What clients send and get beside resources: bodies and answers of a fixed shape. The structs are the declaration; validation and the
//! OpenAPI document follow from them.

use std::collections::BTreeMap;

use aiod_schema::model::{FieldType, Kind, Shape};
use aiod_schema::{Model, Status, choice};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::render::wire_time;
use super::{Error, Result};
use crate::store::permission::PermissionKind;
use crate::store::review::{ReviewRow, SubmissionRow};
use crate::store::revision::RevisionRow;

/// What registering a resource answers.
#[derive(Clone, Debug, Serialize, Model)]
pub struct Identifier {
    /// The resource's identifier in the catalogue.
    #[field(required)]
    pub identifier: String,
}

/// What registering a platform answers.
#[derive(Clone, Debug, Serialize, Model)]
pub struct PlatformIdentifier {
    /// The platform's number.
    #[field(required)]
    pub identifier: i64,
}

/// A platform, as it is registered or renamed.
#[derive(Clone, Debug, Deserialize, Model)]
pub struct PlatformCreate {
    /// Its name; it is kept in lower case.
    #[field(required)]
    pub name: String,
}

/// A platform, as it is read.
#[derive(Clone, Debug, Serialize, Model)]
pub struct PlatformRead {
    /// Its name.
    #[field(required)]
    pub name: String,
    /// Its number.
    #[field(required, max = 30)]
    pub identifier: String,
}

/// How many resources there are, in all or for each platform.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Count {
    /// In all.
    Total(i64),
    /// For each platform, by its name.
    ByPlatform(BTreeMap<String, i64>),
}

impl FieldType for Count {
    const SHAPE: Shape = Shape::one(Kind::AnyOf(&[i64::SHAPE, <BTreeMap<String, i64>>::SHAPE]));
}

/// A term of a taxonomy and the narrower terms below it.
#[derive(Clone, Debug, Serialize, Model)]
#[model(title = "TaxonomyHierarchy")]
pub struct TermTree {
    /// Its official spelling.
    #[field(required)]
    pub term: String,
    /// What it means.
    #[field(required)]
    pub definition: String,
    /// Narrower terms.
    pub subterms: Vec<TermTree>,
}

/// Who the catalogue takes the caller for.
#[derive(Clone, Debug, Serialize, Model)]
#[model(title = "KeycloakUser")]
pub struct CurrentUser {
    /// The name.
    #[field(required)]
    pub name: String,
    /// The roles.
    #[field(required)]
    pub roles: Vec<String>,
}

/// The longest name or subject id of a user, in characters; identifiers of resources are shorter.
const MAX_USER: usize = 255;

/// What somebody may do with a resource from now on.
#[derive(Clone, Debug, Deserialize, Model)]
pub struct PermissionCreate {
    /// The resource's identifier.
    #[field(required, min = 1, max = MAX_USER)]
    pub asset_identifier: String,
    /// Who: a name or a subject id.
    #[field(required, min = 1, max = MAX_USER)]
    pub user: String,
    /// What they may do; `null` takes the permission away.
    pub permission_type: Option<PermissionKind>,
}

/// What somebody may do with a resource.
#[derive(Clone, Debug, Serialize, Model)]
pub struct PermissionRead {
    /// Who, by name.
    #[field(required)]
    pub name: String,
    /// What they may do.
    #[field(required)]
    pub permission: PermissionKind,
}

/// An image of a resource.
#[derive(Clone, Debug, Serialize, Model)]
pub struct ImageRead {
    /// Its number.
    #[field(required)]
    pub identifier: i64,
    /// The identifier of the resource that it belongs to.
    #[field(required)]
    pub asset_identifier: String,
    /// Its name, unique within the resource.
    #[field(required)]
    pub name: String,
    /// Its media type, such as `image/png`.
    #[field(required)]
    pub encoding_format: String,
    /// Its size in kilobytes.
    pub content_size_kb: Option<i64>,
    /// The file itself in base64.
    #[field(required, blob)]
    pub binary_blob: String,
}

/// A resource that a user marked.
#[derive(Clone, Debug, Serialize, Model)]
pub struct BookmarkRead {
    /// The resource's identifier.
    #[field(required)]
    pub resource_identifier: String,
    /// When it was marked, in UTC.
    #[field(required)]
    pub created_at: String,
}

impl BookmarkRead {
    /// The bookmark of a resource, made at this time (microseconds since 1970, UTC).
    pub(super) fn new(identifier: String, date: i64) -> Self {
        Self { resource_identifier: identifier, created_at: wire_time(date) }
    }
}

/// How many hits have a value.
#[derive(Clone, Debug, Serialize, Model)]
pub struct FacetCount {
    /// The value.
    #[field(required)]
    pub value: String,
    /// How many hits have it.
    #[field(required)]
    pub count: i64,
}

/// What a search among resources of all types found.
#[derive(Clone, Debug, Serialize, Model)]
pub struct SearchAnswer {
    /// How many there are in all.
    #[field(required)]
    pub total_hits: i64,
    /// The resources of this page, the best first.
    #[field(required)]
    pub resources: Vec<WrittenResource>,
    /// At most how many resources a page has.
    #[field(required)]
    pub limit: i64,
    /// How many hits were passed over.
    #[field(required)]
    pub offset: i64,
    /// For each facet that was asked for, how many hits have which value.
    #[field(required)]
    pub facets: BTreeMap<String, Vec<FacetCount>>,
    /// Passages in which the words stand, as HTML, by the resource's identifier and field.
    #[field(required)]
    pub highlights: BTreeMap<String, BTreeMap<String, String>>,
    /// The query with other words for those that nothing has, which were looked for in their stead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub did_you_mean: Option<String>,
}

/// What the search index does.
#[derive(Clone, Debug, Serialize, Model)]
pub struct SearchStatus {
    /// `starting`, `following`, `building`, `failing`, or `elsewhere`: another process keeps it.
    #[field(required)]
    pub state: String,
    /// Which engine it is.
    #[field(required)]
    pub engine: String,
    /// Up to which position of the change log resources can be found.
    #[field(required)]
    pub position: i64,
    /// The last position of the change log.
    #[field(required)]
    pub last_position: i64,
    /// While a new index is made: how much of it is done, in per cent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub built_percent: Option<i64>,
    /// Why it does not follow the change log, if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A resource that the search index refused.
#[derive(Clone, Debug, Serialize, Model)]
pub struct SearchFailure {
    /// The resource's identifier.
    #[field(required)]
    pub identifier: String,
    /// Why.
    #[field(required)]
    pub reason: String,
    /// When, in UTC.
    #[field(required)]
    pub date: String,
}

/// How often a resource was read.
#[derive(Clone, Debug, Serialize, Model)]
#[model(title = "TopAsset")]
pub struct Reads {
    /// The resource's identifier.
    #[field(required)]
    pub asset_id: String,
    /// How often.
    #[field(required)]
    pub hits: i64,
}

/// How often a resource of a type was read.
#[derive(Clone, Debug, Serialize, Model)]
#[model(title = "TopAssetOfType")]
pub struct ReadsOfType {
    /// The type, as its path says it: `datasets`.
    #[field(required)]
    pub r#type: String,
    /// The resource's identifier.
    #[field(required)]
    pub asset: String,
    /// How often.
    #[field(required)]
    pub hits: i64,
}

/// One state of a resource.
#[derive(Clone, Debug, Serialize, Model)]
pub struct Revision {
    /// Which state, counted from 1.
    #[field(required)]
    pub revision: i64,
    /// The resource's status then.
    #[field(required)]
    pub status: Status,
    /// When this state began, in UTC.
    #[field(required)]
    pub date_modified: String,
    /// Who made it, by name.
    pub modified_by: Option<String>,
}

impl From<RevisionRow> for Revision {
    fn from(row: RevisionRow) -> Self {
        let status = Status::parse(&row.status);
        Self { revision: row.revision, status, date_modified: wire_time(row.date_revised), modified_by: row.modified_by }
    }
}

/// The longest comment of a submission, in characters.
const MAX_SUBMISSION_COMMENT: usize = 256;
/// The longest comment of a review, in characters.
const MAX_REVIEW_COMMENT: usize = 1_800;
/// The most resources of a submission.
const MAX_ASSETS: usize = 100;

/// Words that go with the submission of one resource.
#[derive(Clone, Debug, Deserialize, Model)]
pub struct SubmissionComment {
    /// What the submitter says.
    #[field(max = MAX_SUBMISSION_COMMENT, default = "")]
    pub comment: String,
}

/// A request to publish drafts, all of them together.
#[derive(Clone, Debug, Deserialize, Model)]
pub struct SubmissionCreate {
    /// The identifiers of the drafts.
    #[field(required, min = 1, min_items = 1, max_items = MAX_ASSETS)]
    pub asset_identifiers: Vec<String>,
    /// What the submitter says.
    #[field(max = MAX_SUBMISSION_COMMENT, default = "")]
    pub comment: String,
}

/// What a submission answers.
#[derive(Clone, Debug, Serialize, Model)]
pub struct SubmissionIdentifier {
    /// The submission's number.
    #[field(required)]
    pub submission_identifier: i64,
}

/// A submission, without its resources.
#[derive(Clone, Debug, Serialize, Model)]
pub struct SubmissionBase {
    /// Its number.
    #[field(required)]
    pub identifier: i64,
    /// When it was made, in UTC.
    #[field(required)]
    pub request_date: String,
    /// What the submitter said.
    #[field(required, max = MAX_SUBMISSION_COMMENT)]
    pub comment: String,
}

impl From<SubmissionRow> for SubmissionBase {
    fn from(row: SubmissionRow) -> Self {
        Self { identifier: row.id, request_date: wire_time(row.date_created), comment: row.comment }
    }
}

/// A resource of whatever type, as JSON.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct AnyResource(pub Value);

impl FieldType for AnyResource {
    const SHAPE: Shape = Shape::one(Kind::Resource(None));
}

/// A resource of whatever type, as JSON that is written already.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct WrittenResource(Box<RawValue>);

impl WrittenResource {
    /// The resource with this JSON.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn of(json: String) -> Result<Self> {
        RawValue::from_string(json).map(Self).map_err(|error| Error::Internal(format!("a document of ours is not JSON: {error}")))
    }
}

impl FieldType for WrittenResource {
    const SHAPE: Shape = AnyResource::SHAPE;
}

/// A submission with its resources and the decision on it.
#[derive(Clone, Debug, Serialize, Model)]
pub struct Submission {
    /// The submission itself.
    #[serde(flatten)]
    pub base: SubmissionBase,
    /// The decision, if there is one.
    #[field(required)]
    pub reviews: Vec<Review>,
    /// Its resources, as far as the caller may read them, each in the form of its type.
    #[field(required)]
    pub assets: Vec<AnyResource>,
}

choice! {
    /// How a submission ends.
    pub enum Decision = "Decision" {
        /// Its resources are published.
        Accepted = "accepted",
        /// Its resources are drafts again.
        Rejected = "rejected",
        /// The submitter took it back: its resources are drafts again.
        Retracted = "retracted",
    }
}

impl Decision {
    /// What becomes of the resources.
    pub(super) fn status(self) -> Status {
        match self {
            Self::Accepted => Status::Published,
            Self::Rejected | Self::Retracted => Status::Draft,
        }
    }
}

/// A reviewer's decision on a submission.
#[derive(Clone, Debug, Deserialize, Model)]
pub struct ReviewCreate {
    /// The submission's number.
    #[field(required)]
    pub submission_identifier: i64,
    /// The decision: `accepted` or `rejected`. Who takes a submission back has a path of its own.
    #[field(required)]
    pub decision: Decision,
    /// What the reviewer says.
    #[field(max = MAX_REVIEW_COMMENT, default = "")]
    pub comment: String,
}

/// The review by which a submission was taken back.
#[derive(Clone, Debug, Serialize, Model)]
pub struct Retraction {
    /// The review's number.
    #[field(required)]
    pub review_identifier: i64,
    /// The submission's number.
    #[field(required)]
    pub submission_identifier: i64,
    /// What was decided: `retracted`.
    #[field(required)]
    pub decision: Decision,
}

impl From<Review> for Retraction {
    fn from(review: Review) -> Self {
        let Review { identifier, submission_identifier, decision, .. } = review;
        Self { review_identifier: identifier, submission_identifier, decision }
    }
}

/// The decision on a submission.
#[derive(Clone, Debug, Serialize, Model)]
pub struct Review {
    /// Its number.
    #[field(required)]
    pub identifier: i64,
    /// The submission's number.
    #[field(required)]
    pub submission_identifier: i64,
    /// What was decided.
    #[field(required)]
    pub decision: Decision,
    /// What the reviewer said.
    #[field(required, max = MAX_REVIEW_COMMENT)]
    pub comment: String,
    /// When it was decided, in UTC.
    #[field(required)]
    pub decision_date: String,
    /// Who decided, by the subject id of the identity provider.
    #[field(required)]
    pub reviewer_identifier: String,
}

impl From<ReviewRow> for Review {
    fn from(row: ReviewRow) -> Self {
        Self {
            identifier: row.id,
            submission_identifier: row.submission_id,
            // Only a later version of this program writes others; the resources' statuses say what became of them.
            decision: Decision::named(&row.decision).unwrap_or(Decision::Rejected),
            comment: row.comment,
            decision_date: wire_time(row.date_created),
            reviewer_identifier: row.reviewer,
        }
    }
}
