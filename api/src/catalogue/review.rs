//! From draft to published: submissions, reviews, and taking a submission back.

use std::collections::BTreeSet;

use aiod_schema::{ResourceType, by_identifier, by_name};

use super::permission::{Action, Subject, is_allowed, require_user};
use super::read::parse;
use super::shapes::{AnyResource, Decision, Review, ReviewCreate, Submission, SubmissionBase, SubmissionCreate};
use super::transaction::transaction;
use super::{Catalogue, Error, Result};
use crate::identity::{Caller, User};
use crate::store::asset::{Head, Status};
use crate::store::part::{Part, PartOf};
use crate::store::permission::PermissionKind;
use crate::store::review::{Mode, SubmissionRow};
use crate::store::{Tx, now};

fn unknown_submission(id: impl std::fmt::Display) -> Error {
    Error::NotFound(format!("Submission '{id}' not found in the database."))
}

fn not_pending(id: i64) -> Error {
    Error::BadRequest(format!("Submission '{id}' is not pending: it was decided on or retracted already."))
}

impl Catalogue {
    /// Asks for the publication of drafts; the submission's number. Where reviews are switched off they are published at once.
    ///
    /// # Errors
    /// When nobody is logged in, the body is faulty, a resource is unknown or no draft, or the caller has no admin permission on it.
    pub async fn submit(&self, caller: &Caller, wanted: SubmissionCreate) -> Result<i64> {
        let user = require_user(caller)?;
        let identifiers: BTreeSet<String> = wanted.asset_identifiers.into_iter().collect();
        self.submit_assets(caller, user, &identifiers, &wanted.comment).await
    }

    /// Asks for the publication of one draft of a type; the submission's number.
    ///
    /// # Errors
    /// As for [`Catalogue::submit`]; when the identifier belongs to another type.
    pub async fn submit_one(&self, caller: &Caller, resource: &'static ResourceType, identifier: &str, comment: &str) -> Result<i64> {
        let user = require_user(caller)?;
        super::read::check_type(resource, identifier)?;
        self.submit_assets(caller, user, &BTreeSet::from([identifier.to_owned()]), comment).await
    }

    async fn submit_assets(&self, caller: &Caller, user: &User, identifiers: &BTreeSet<String>, comment: &str) -> Result<i64> {
        transaction!(self.db, tx => {
            let assets = self.lock_drafts(&mut tx, caller, identifiers).await?;
            let date = now();
            let submission = tx.insert_submission(user.account, comment, date, &assets).await?;
            let status = if self.reviews.disable {
                let decision = Decision::Accepted;
                tx.insert_review(submission, user.account, decision.as_str(), "Reviews are switched off.", date).await?;
                decision.status()
            } else {
                Status::Submitted
            };
            tx.revise(Some(user.account), async |revision| revision.set_status(&assets, status, date).await).await?;
            Ok(submission)
        })
    }

    /// The row ids of drafts that the caller may submit, locked.
    async fn lock_drafts(&self, tx: &mut Tx, caller: &Caller, identifiers: &BTreeSet<String>) -> Result<Vec<i64>> {
        let mut assets = Vec::with_capacity(identifiers.len());
        for identifier in identifiers {
            let head = self.administered(tx, caller, Action::Submit, identifier).await?;
            if head.status() != Status::Draft {
                return Err(Error::BadRequest(format!("Asset '{identifier}' is {}: only a draft can be submitted.", head.status)));
            }
            assets.push(head.id);
        }
        Ok(assets)
    }

    /// A living resource of whatever type, locked, with which the caller may do what needs admin permission.
    pub(super) async fn administered(&self, tx: &mut Tx, caller: &Caller, action: Action, identifier: &str) -> Result<Head> {
        let unknown = || Error::no_asset(identifier);
        let resource = by_identifier(identifier).ok_or_else(unknown)?;
        let head = tx.lock_head(identifier).await?.filter(|head| head.date_deleted.is_none()).ok_or_else(unknown)?;
        if self.check_action(tx, caller, resource, &head, action).await? {
            return Ok(head);
        }
        Err(Error::Forbidden(format!("You do not have permission to administer '{identifier}'.")))
    }

    /// Whether the caller decides on submissions.
    fn reviews_others(&self, caller: &Caller) -> bool {
        is_allowed(&self.roles, caller, Action::Review, Subject::default())
    }

    /// A part of the submissions: of all of them for reviewers, of their own for others.
    ///
    /// # Errors
    /// When nobody is logged in.
    pub async fn submissions(&self, caller: &Caller, mode: Mode, part: Part) -> Result<PartOf<SubmissionBase>> {
        let user = require_user(caller)?;
        let of = if self.reviews_others(caller) { None } else { Some(user.account) };
        Ok(self.db.submissions(mode, of, part).await?.map(SubmissionBase::from))
    }

    /// A submission with its resources, as far as the caller may read them, and how it ended.
    ///
    /// # Errors
    /// When nobody is logged in, it does not exist, or it is another's and the caller is no reviewer.
    pub async fn submission(&self, caller: &Caller, id: i64) -> Result<Submission> {
        let user = require_user(caller)?;
        let row = self.db.submission(id).await?.ok_or_else(|| unknown_submission(id))?;
        if row.account_id != user.account && !self.reviews_others(caller) {
            return Err(Error::Forbidden("You do not have permission to view this submission.".to_owned()));
        }
        let _turn = self.turns.take(1).await?;
        let (mut assets, mut bytes) = (Vec::new(), 0);
        for (identifier, type_name) in self.db.submitted(id).await? {
            let Some(resource) = by_name(&type_name) else { continue };
            match self.read(caller, resource, &identifier).await {
                Ok(document) => {
                    bytes += document.body.len();
                    if bytes > self.turns.page_bytes() {
                        return Err(Error::TooLarge(
                            "These resources are too large to be answered together: read them one by one.".to_owned(),
                        ));
                    }
                    assets.push(AnyResource(parse(&document.body)?));
                }
                // Its owners have it back, or somebody deleted it meanwhile.
                Err(Error::Forbidden(_) | Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let reviews = self.db.review(id).await?.into_iter().map(Review::from).collect();
        Ok(Submission { base: row.into(), reviews, assets })
    }

    /// Decides on a submission; the review.
    ///
    /// # Errors
    /// When nobody is logged in, the body is faulty, the caller is no reviewer, the submission is unknown, decided on already, or
    /// holds what the caller may write by permission, or has written.
    pub async fn review(&self, caller: &Caller, wanted: &ReviewCreate) -> Result<Review> {
        let user = require_user(caller)?;
        let ReviewCreate { comment, decision, submission_identifier: id } = wanted;
        if *decision == Decision::Retracted {
            return Err(Error::body("decision", "accepted or rejected is expected: POST /submissions/retract/… takes a submission back"));
        }
        if !self.reviews_others(caller) {
            return Err(Error::Forbidden("You do not have permission to review submissions.".to_owned()));
        }
        self.end(caller, user, *id, *decision, comment).await
    }

    /// Takes a submission back: its resources are drafts again. The review that says so.
    ///
    /// # Errors
    /// When nobody is logged in, the submission is unknown or not pending, or the caller administers none of its resources.
    pub async fn retract(&self, caller: &Caller, id: &str) -> Result<Review> {
        let user = require_user(caller)?;
        let id: i64 = id.parse().map_err(|_| unknown_submission(id))?;
        self.end(caller, user, id, Decision::Retracted, "").await
    }

    /// Ends a pending submission; the review that says how. Of two callers at once, the second one finds it ended.
    async fn end(&self, caller: &Caller, user: &User, id: i64, decision: Decision, comment: &str) -> Result<Review> {
        transaction!(self.db, tx => {
            let (submission, is_pending) = tx.lock_submission(id).await?.ok_or_else(|| unknown_submission(id))?;
            let heads = lock_submitted(&mut tx, id).await?;
            match decision {
                Decision::Retracted if submission.account_id == user.account => {}
                Decision::Retracted => self.check_retraction(&mut tx, caller, &heads).await?,
                Decision::Accepted | Decision::Rejected => check_review(&mut tx, user, &submission, &heads).await?,
            }
            if !is_pending {
                return Err(not_pending(id));
            }
            let date = now();
            tx.insert_review(id, user.account, decision.as_str(), comment, date).await?;
            let assets: Vec<i64> = heads.iter().filter(|head| head.status() == Status::Submitted).map(|head| head.id).collect();
            let status = decision.status();
            tx.revise(Some(user.account), async |revision| revision.set_status(&assets, status, date).await).await?;
            let review = tx.review(id).await?.ok_or_else(|| Error::Internal(format!("the review of submission {id} is gone")))?;
            Ok(review.into())
        })
    }

    /// Refuses whoever administers none of a submission's resources.
    async fn check_retraction(&self, tx: &mut Tx, caller: &Caller, heads: &[Head]) -> Result<()> {
        for head in heads {
            let Some(resource) = by_name(&head.resource_type) else { continue };
            if self.check_action(tx, caller, resource, head, Action::Submit).await? {
                return Ok(());
            }
        }
        Err(Error::Forbidden("You do not have permission to retract this submission.".to_owned()))
    }
}

/// The living resources of a submission, locked.
async fn lock_submitted(tx: &mut Tx, submission: i64) -> Result<Vec<Head>> {
    let mut heads = Vec::new();
    for identifier in tx.submitted(submission).await? {
        heads.extend(tx.lock_head(&identifier).await?.filter(|head| head.date_deleted.is_none()));
    }
    Ok(heads)
}

/// Refuses a reviewer who made the submission, has permission to write one of its resources, or wrote one of them since it was last
/// published.
async fn check_review(tx: &mut Tx, user: &User, submission: &SubmissionRow, heads: &[Head]) -> Result<()> {
    let assets: Vec<i64> = heads.iter().map(|head| head.id).collect();
    let permissions = tx.permissions(user.account, &assets).await?;
    let may_write = permissions.iter().any(|(_, kind)| matches!(kind, PermissionKind::Write | PermissionKind::Admin));
    if submission.account_id == user.account || may_write {
        return Err(Error::Forbidden("You cannot review your own assets.".to_owned()));
    }
    if tx.is_author(user.account, &assets).await? {
        let message = "You cannot review your own assets: you wrote one of them since it was last published.";
        return Err(Error::Forbidden(message.to_owned()));
    }
    Ok(())
}
