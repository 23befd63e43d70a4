//! Writes resources with all that belongs to them: any number at once, in a number of statements that does not grow with their fields.

use std::collections::BTreeSet;

use aiod_schema::Input;

use super::Actor;
use super::document::document;
use super::identity::Identity;
use super::links::LinkPlan;
use super::resolve::{Body, Resolved};
use crate::catalogue::Result;
use crate::store::asset::{ChangedAsset, Head, NewAsset, Status};
use crate::store::permission::PermissionKind;
use crate::store::revise::Revision;
use crate::store::{Tx, now};

/// A body that is to be written, and where it goes.
pub(in crate::catalogue) struct Change {
    /// The body in normal form.
    pub(in crate::catalogue) input: Input,
    /// Where it goes.
    pub(in crate::catalogue) target: Target,
    /// Hash of the body, see [`super::document::content_hash`].
    pub(in crate::catalogue) hash: String,
}

/// Where a body goes.
pub(in crate::catalogue) enum Target {
    /// To a new resource.
    New(Identity),
    /// To a resource that exists, which the transaction has locked.
    Existing(Box<Head>),
}

/// A change whose resource has a row.
pub(in crate::catalogue) struct Written<'c> {
    /// The row id.
    pub(in crate::catalogue) id: i64,
    /// The change.
    pub(in crate::catalogue) change: &'c Change,
    /// Whether the resource says something else than before.
    pub(in crate::catalogue) is_changed: bool,
}

impl Change {
    /// The row id of the resource, if it exists.
    pub(super) fn id(&self) -> Option<i64> {
        match &self.target {
            Target::New(_) => None,
            Target::Existing(head) => Some(head.id),
        }
    }

    /// The identifier of the resource.
    pub(in crate::catalogue) fn identifier(&self) -> &str {
        match &self.target {
            Target::New(identity) => &identity.identifier,
            Target::Existing(head) => &head.identifier,
        }
    }

    /// Whether it registers a resource that is published at once.
    pub(super) fn publishes(&self) -> bool {
        matches!(&self.target, Target::New(identity) if identity.status == Status::Published)
    }

    /// The body, and the row id of its resource.
    pub(super) fn body(&self) -> Body<'_> {
        Body { input: &self.input, id: self.id() }
    }

    fn new_asset(&self, identity: &Identity, date: i64, resolved: &Resolved) -> NewAsset {
        let (platform, own) = (Some(identity.platform.as_str()), identity.platform_resource_identifier.as_deref());
        NewAsset {
            identifier: identity.identifier.clone(),
            resource_type: self.input.resource.name,
            platform: platform.map(str::to_owned),
            platform_resource_identifier: own.map(str::to_owned),
            platform_key: Some(identity.platform_key.clone()),
            name: self.input.name().map(str::to_owned),
            status: identity.status,
            date,
            content_hash: self.hash.clone(),
            document: document(&self.input, platform, own, resolved),
            links: resolved.link_text(&self.input),
        }
    }

    fn changed_asset(&self, head: &Head, date: i64, resolved: &Resolved) -> ChangedAsset {
        ChangedAsset {
            id: head.id,
            name: self.input.name().map(str::to_owned),
            date,
            content_hash: self.hash.clone(),
            document: document(&self.input, head.platform.as_deref(), head.platform_resource_identifier.as_deref(), resolved),
        }
    }
}

/// Writes changes, which were checked, with everything that belongs to them; in their order. Nothing is written for those that say what is
/// there.
pub(in crate::catalogue) async fn apply<'c>(
    tx: &mut Tx,
    actor: Actor<'_>,
    changes: &'c [Change],
    resolved: &Resolved,
) -> Result<Vec<Written<'c>>> {
    tx.revise(actor.account(), async |revision| {
        let mut written = insert_new(revision, changes, resolved).await?;
        let plan = LinkPlan::make(revision.tx(), actor, &written, resolved).await?;
        update_existing(revision, &mut written, &plan, resolved).await?;
        plan.write(revision).await?;
        write_terms(revision.tx(), &written, resolved).await?;
        grant_new(revision.tx(), actor, &written).await?;
        Ok(written)
    })
    .await
}

/// Writes the rows of new resources. The others have theirs.
async fn insert_new<'c>(revision: &mut Revision<'_>, changes: &'c [Change], resolved: &Resolved) -> Result<Vec<Written<'c>>> {
    let new = changes.iter().zip(now()..).filter_map(|(change, date)| match &change.target {
        Target::New(identity) => Some(change.new_asset(identity, date, resolved)),
        Target::Existing(_) => None,
    });
    let ids = revision.insert_assets(new.collect()).await?;
    let id = |change: &Change| change.id().or_else(|| ids.get(change.identifier()).copied()).unwrap_or_default();
    Ok(changes.iter().map(|change| Written { id: id(change), change, is_changed: true }).collect())
}

/// Writes the rows of resources that exist and say something else from now on.
async fn update_existing(revision: &mut Revision<'_>, written: &mut [Written<'_>], plan: &LinkPlan, resolved: &Resolved) -> Result<()> {
    let mut changed = Vec::new();
    // One microsecond apart, so that the order of a batch is the order of its dates.
    for (one, date) in written.iter().zip(now()..) {
        if let Target::Existing(head) = &one.change.target {
            changed.push(one.change.changed_asset(head, date, resolved));
        }
    }
    let with_same_links = changed.iter().filter(|asset| !plan.rewrites(asset.id));
    let documents: Vec<(i64, &str)> = with_same_links.map(|asset| (asset.id, asset.document.as_str())).collect();
    let same = revision.tx().with_documents(&documents).await?;
    changed.retain(|asset| !same.contains(&asset.id));
    written.iter_mut().for_each(|one| one.is_changed = !same.contains(&one.id));
    Ok(revision.update_assets(changed).await?)
}

/// Writes which terms the resources use.
async fn write_terms(tx: &mut Tx, written: &[Written<'_>], resolved: &Resolved) -> Result<()> {
    let changed = || written.iter().filter(|w| w.is_changed);
    let existing: Vec<i64> = changed().filter_map(|w| w.change.id()).collect();
    tx.delete_asset_terms(&existing).await?;
    let mut uses = BTreeSet::new();
    for one in changed() {
        for used in one.change.input.terms.iter().filter(|t| t.vocabulary.is_listed()) {
            uses.extend(used.terms.iter().filter_map(|term| Some((one.id, resolved.term(used.vocabulary, term)?.id))));
        }
    }
    let uses: Vec<_> = uses.into_iter().collect();
    Ok(tx.insert_asset_terms(&uses).await?)
}

/// Gives whoever registered resources admin permission on them.
async fn grant_new(tx: &mut Tx, actor: Actor<'_>, written: &[Written<'_>]) -> Result<()> {
    let new: Vec<i64> = written.iter().filter(|w| w.change.id().is_none()).map(|w| w.id).collect();
    match actor.account() {
        Some(account) => Ok(tx.grant(account, &new, PermissionKind::Admin).await?),
        None => Ok(()),
    }
}
