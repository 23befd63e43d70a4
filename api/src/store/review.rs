//! Submissions, and how they ended.

use super::part::{Part, PartOf};
use super::sql::Sql;
use super::{Db, Result, Tx};

/// A request to publish resources.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct SubmissionRow {
    /// Its number.
    pub id: i64,
    /// Who made it.
    pub account_id: i64,
    /// When.
    pub date_created: i64,
    /// What was said with it.
    pub comment: String,
}

/// How a submission ended.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct ReviewRow {
    /// Its number.
    pub id: i64,
    /// The submission.
    pub submission_id: i64,
    /// Who decided, by the identity provider's id.
    pub reviewer: String,
    /// What was decided.
    pub decision: String,
    /// What was said with it.
    pub comment: String,
    /// When.
    pub date_created: i64,
}

aiod_schema::choice! {
    /// Which submissions a list holds.
    pub enum Mode = "ListMode" {
        /// The pending one that waits longest.
        Oldest = "oldest",
        /// The pending one that came last.
        Newest = "newest",
        /// Every one.
        All = "all",
        /// Those without a decision.
        Pending = "pending",
        /// Those with one.
        Completed = "completed",
    }
}

const REVIEW: &str = "SELECT r.id, r.submission_id, u.subject AS reviewer, r.decision, r.comment, r.date_created FROM review r \
    JOIN account u ON u.id = r.account_id WHERE r.submission_id = ?";
const SUBMISSION: &str = "SELECT s.id, s.account_id, s.date_created, s.comment FROM submission s";

impl Db {
    /// A part of the submissions, of one account unless it is left out.
    pub async fn submissions(&self, mode: Mode, account: Option<i64>, part: Part) -> Result<PartOf<SubmissionRow>> {
        let is_decided: Option<i64> = match mode {
            Mode::All => None,
            Mode::Completed => Some(1),
            Mode::Oldest | Mode::Newest | Mode::Pending => Some(0),
        };
        let index = match (account, is_decided) {
            (None, None) => "PRIMARY",
            (None, Some(_)) => "submission_by_decision",
            (Some(_), None) => "submission_by_account",
            (Some(_), Some(_)) => "submission_by_account_and_decision",
        };
        let mut sql = Sql::new(SUBMISSION).push(&self.dialect().by_index(index)).push(" WHERE 1 = 1");
        for (condition, value) in [(" AND s.account_id = ?", account), (" AND s.is_decided = ?", is_decided)] {
            if let Some(value) = value {
                sql = sql.push(condition).bind(value);
            }
        }
        match mode {
            Mode::Oldest => self.first_submission(sql.push(" ORDER BY s.id LIMIT 1"), part).await,
            Mode::Newest => self.first_submission(sql.push(" ORDER BY s.id DESC LIMIT 1"), part).await,
            Mode::All | Mode::Pending | Mode::Completed => self.fetch_part(sql.push(" ORDER BY s.id"), part).await,
        }
    }

    /// A part of a list of at most one submission.
    async fn first_submission(&self, sql: Sql, part: Part) -> Result<PartOf<SubmissionRow>> {
        let found: Vec<SubmissionRow> = if part.offset == 0 { self.fetch_all(sql).await? } else { Vec::new() };
        Ok(PartOf::of_rows(found, part))
    }

    /// A submission.
    pub async fn submission(&self, id: i64) -> Result<Option<SubmissionRow>> {
        self.fetch_optional(Sql::new(SUBMISSION).push(" WHERE s.id = ?").bind(id)).await
    }

    /// The living resources of a submission: identifier and type, in the order in which they were registered.
    pub async fn submitted(&self, submission: i64) -> Result<Vec<(String, String)>> {
        let sql = Sql::new(
            "SELECT a.identifier, a.resource_type FROM submission_asset s JOIN asset a ON a.id = s.asset_id \
             WHERE s.submission_id = ? AND a.alive = 1 ORDER BY a.id",
        );
        self.fetch_all(sql.bind(submission)).await
    }

    /// How a submission ended.
    pub async fn review(&self, submission: i64) -> Result<Option<ReviewRow>> {
        self.fetch_optional(Sql::new(REVIEW).bind(submission)).await
    }
}

impl Tx {
    /// Writes a submission of these resources; its number.
    pub(crate) async fn insert_submission(&mut self, account: i64, comment: &str, date: i64, assets: &[i64]) -> Result<i64> {
        let insert = Sql::new("INSERT INTO submission (account_id, date_created, comment) VALUES (?, ?, ?)");
        self.execute(insert.bind(account).bind(date).bind(comment)).await?;
        let newest = Sql::new("SELECT MAX(id) FROM submission WHERE account_id = ? AND date_created = ?").bind(account).bind(date);
        let id = self.fetch_optional::<(i64,)>(newest).await?.map_or(0, |(id,)| id);
        let rows = assets.iter().map(|asset| vec![id.into(), (*asset).into()]).collect();
        self.execute_each(Sql::insert("INSERT INTO submission_asset (submission_id, asset_id) VALUES", rows)).await?;
        Ok(id)
    }

    /// A submission, locked for this transaction, and whether it is pending.
    pub(crate) async fn lock_submission(&mut self, id: i64) -> Result<Option<(SubmissionRow, bool)>> {
        let sql = Sql::new(SUBMISSION).push(" WHERE s.id = ?").push(self.dialect().for_update()).bind(id);
        let Some(row) = self.fetch_optional::<SubmissionRow>(sql).await? else { return Ok(None) };
        let reviewed = Sql::new("SELECT id FROM review WHERE submission_id = ?").bind(id);
        let is_pending = self.fetch_optional::<(i64,)>(reviewed).await?.is_none();
        Ok(Some((row, is_pending)))
    }

    /// The identifiers of a submission's living resources.
    pub(crate) async fn submitted(&mut self, submission: i64) -> Result<Vec<String>> {
        let sql = Sql::new(
            "SELECT a.identifier FROM submission_asset s JOIN asset a ON a.id = s.asset_id \
             WHERE s.submission_id = ? AND a.alive = 1 ORDER BY a.id",
        );
        Ok(self.fetch_all::<(String,)>(sql.bind(submission)).await?.into_iter().map(|(identifier,)| identifier).collect())
    }

    /// How a submission ended.
    pub(crate) async fn review(&mut self, submission: i64) -> Result<Option<ReviewRow>> {
        self.fetch_optional(Sql::new(REVIEW).bind(submission)).await
    }

    /// Writes how a submission ended.
    pub(crate) async fn insert_review(&mut self, submission: i64, account: i64, decision: &str, comment: &str, date: i64) -> Result<()> {
        let sql = Sql::new("INSERT INTO review (submission_id, account_id, decision, comment, date_created) VALUES (?, ?, ?, ?, ?)");
        self.execute(sql.bind(submission).bind(account).bind(decision).bind(comment).bind(date)).await?;
        self.execute(Sql::new("UPDATE submission SET is_decided = 1 WHERE id = ?").bind(submission)).await.map(drop)
    }
}
