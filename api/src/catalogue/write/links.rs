//! Which links a write removes and adds, at both their ends.

use std::collections::{BTreeSet, HashMap, HashSet};

use aiod_schema::validate::LinkUse;
use aiod_schema::{Field, ResourceType, by_name, link};

use super::Actor;
use super::apply::Written;
use super::resolve::Resolved;
use crate::catalogue::{Error, Result};
use crate::store::Tx;
use crate::store::link::{APPENDED, Link};
use crate::store::revise::Revision;

/// The field of `to` that says the same as `field` of `from`, where it holds one value.
pub(super) fn single_inverse(from: &ResourceType, field: &str, to: &'static ResourceType) -> Option<&'static Field> {
    link::inverse(from, field, to).filter(|inverse| !inverse.list)
}

/// Whether a new value of a field that holds one value takes the place of a value in another field, or in itself.
pub(super) fn displaces(holder: &ResourceType, field: &Field, other: &str) -> bool {
    field.name == other || holder.object.field(other).is_some_and(|other| field.excludes(other))
}

/// Which links a write removes and adds, at both their ends.
#[derive(Default)]
pub(super) struct LinkPlan {
    removed: BTreeSet<Link>,
    added: BTreeSet<Link>,
    /// Links that get another position. Their other ends stay as they are.
    moved: BTreeSet<Link>,
    /// Resources that are written but do not get a link that they name, because another one of the same write gets it.
    outdone: BTreeSet<i64>,
    /// Resources that are written and say other links than before.
    rewritten: HashSet<i64>,
    /// The types of the resources at the ends, by row id.
    types: HashMap<i64, &'static ResourceType>,
}

/// A link without its position.
fn ends(link: &Link) -> (i64, &str, i64) {
    (link.from_id, link.field.as_str(), link.to_id)
}

impl LinkPlan {
    /// Compares the links that these resources have with those that their bodies name.
    pub(super) async fn make(tx: &mut Tx, actor: Actor<'_>, written: &[Written<'_>], resolved: &Resolved) -> Result<Self> {
        let mut plan = Self { types: written.iter().map(|w| (w.id, w.change.input.resource)).collect(), ..Self::default() };
        let wanted = plan.wanted_links(written, resolved);
        let present = replaceable_links(tx, actor, written).await?;
        plan.compare(&present, &wanted);
        plan.add_other_ends(tx).await?;
        Ok(plan)
    }

    /// The links that the bodies name.
    fn wanted_links(&mut self, written: &[Written<'_>], resolved: &Resolved) -> Vec<Link> {
        let mut wanted = Vec::new();
        for one in written {
            for LinkUse { field, identifiers } in &one.change.input.links {
                for (position, identifier) in (0..).zip(identifiers) {
                    let Some(target) = resolved.resource(identifier) else { continue };
                    self.types.insert(target.id, target.resource);
                    wanted.push(Link { from_id: one.id, field: field.name.to_owned(), to_id: target.id, position });
                }
            }
        }
        wanted
    }

    fn compare(&mut self, present: &[Link], wanted: &[Link]) {
        let mut present: HashMap<_, &Link> = present.iter().map(|link| (ends(link), link)).collect();
        for link in wanted {
            match present.remove(&ends(link)) {
                None => drop(self.added.insert(link.clone())),
                Some(before) if before.position != link.position => drop(self.moved.insert(link.clone())),
                Some(_) => {}
            }
        }
        self.removed.extend(present.into_values().cloned());
        self.rewritten = [&self.removed, &self.added, &self.moved].into_iter().flatten().map(|link| link.from_id).collect();
    }

    /// Whether a resource that is written says other links than before.
    pub(super) fn rewrites(&self, id: i64) -> bool {
        self.rewritten.contains(&id)
    }

    /// Adds what changes at the other ends of links whose field has an inverse.
    async fn add_other_ends(&mut self, tx: &mut Tx) -> Result<()> {
        let targets: Vec<i64> = self.removed.iter().map(|l| l.to_id).collect();
        self.load_types(tx, targets).await?;
        self.keep_submitted(tx).await?;
        let removed: Vec<Link> = self.removed.iter().filter_map(|l| self.inverse(l)).collect();
        let added: Vec<Link> = self.added.iter().filter_map(|l| self.inverse(l)).collect();
        let added = self.keep_last_of_rivals(added);
        let displaced = self.displaced_links(tx, &added).await?;
        if let Some(said) = tx.submitted_links_among(&displaced).await?.first() {
            return Err(Error::Conflict(format!("'{}' cannot change now: what it refers to waits for a review.", said.field)));
        }
        self.removed.extend(removed);
        self.removed.extend(displaced);
        self.added.extend(added);
        Ok(())
    }

    /// Leaves links that a submitted resource says as well: what it says stays until its review. They are then its links alone.
    async fn keep_submitted(&mut self, tx: &mut Tx) -> Result<()> {
        let inverses: Vec<Link> = self.removed.iter().filter_map(|l| self.inverse(l)).collect();
        for said in tx.submitted_links_among(&inverses).await? {
            let types = &self.types;
            let is_other_end = |l: &Link| inverse_of(l, types).is_some_and(|i| ends(&i) == ends(&said));
            let kept: Vec<Link> = self.removed.extract_if(.., is_other_end).collect();
            self.moved.extend(kept.into_iter().map(|link| Link { position: APPENDED, ..link }));
        }
        Ok(())
    }

    /// Where several resources of this write want to be the one value of a field, the last of them becomes it.
    fn keep_last_of_rivals(&mut self, added: Vec<Link>) -> Vec<Link> {
        let mut kept: Vec<Link> = Vec::with_capacity(added.len());
        for link in added {
            if let Some((holder, field)) = self.single_field(&link) {
                let is_rival = |other: &mut Link| other.from_id == link.from_id && displaces(holder, field, &other.field);
                let rivals: Vec<Link> = kept.extract_if(.., is_rival).collect();
                rivals.iter().for_each(|rival| self.withdraw(rival));
            }
            kept.push(link);
        }
        kept
    }

    /// Takes back an added link whose other end would have been this one.
    fn withdraw(&mut self, inverse: &Link) {
        self.outdone.insert(inverse.to_id);
        let types = &self.types;
        let is_other_end = |l: &Link| inverse_of(l, types).is_some_and(|i| ends(&i) == ends(inverse));
        self.added.retain(|l| !is_other_end(l));
    }

    /// Links that are removed, at both ends, because a field that holds one value gets another value.
    async fn displaced_links(&mut self, tx: &mut Tx, added: &[Link]) -> Result<Vec<Link>> {
        let single: Vec<(&Link, &Field)> = added.iter().filter_map(|l| Some((l, self.single_field(l)?.1))).collect();
        let holders: Vec<i64> = single.iter().map(|(l, _)| l.from_id).collect();
        let mut displaced = tx.links_from(&holders).await?;
        displaced.retain(|old| {
            let Some(holder) = self.types.get(&old.from_id) else { return false };
            single.iter().any(|(new, field)| new.from_id == old.from_id && new.to_id != old.to_id && displaces(holder, field, &old.field))
        });
        self.load_types(tx, displaced.iter().map(|l| l.to_id).collect()).await?;
        let inverses: Vec<Link> = displaced.iter().filter_map(|l| self.inverse(l)).collect();
        displaced.extend(inverses);
        Ok(displaced)
    }

    async fn load_types(&mut self, tx: &mut Tx, mut ids: Vec<i64>) -> Result<()> {
        ids.retain(|id| !self.types.contains_key(id));
        let found = tx.types_of(&ids).await?;
        self.types.extend(found.into_iter().filter_map(|(id, name)| Some((id, by_name(&name)?))));
        Ok(())
    }

    /// The field of a link and its holder's type, if the field holds one value.
    fn single_field(&self, link: &Link) -> Option<(&'static ResourceType, &'static Field)> {
        let holder = *self.types.get(&link.from_id)?;
        holder.object.field(&link.field).filter(|field| !field.list).map(|field| (holder, field))
    }

    fn inverse(&self, link: &Link) -> Option<Link> {
        inverse_of(link, &self.types)
    }

    /// Writes the links.
    pub(super) async fn write(mut self, revision: &mut Revision<'_>) -> Result<()> {
        // A link that one end moves and the other end removes is removed.
        let removed: HashSet<_> = self.removed.iter().map(ends).collect();
        self.moved.retain(|l| !removed.contains(&ends(l)));
        // Rows that exist already are not written again: a link that gets another position is removed first.
        let removed: Vec<Link> = self.removed.iter().chain(&self.moved).cloned().collect();
        let added: Vec<Link> = self.added.into_iter().chain(self.moved).collect();
        revision.refresh_links_of(self.outdone);
        Ok(revision.change_links(&removed, &added).await?)
    }
}

/// The links that these resources have and that their bodies replace.
async fn replaceable_links(tx: &mut Tx, actor: Actor<'_>, written: &[Written<'_>]) -> Result<Vec<Link>> {
    let existing: HashMap<i64, &Written<'_>> = written.iter().filter(|w| w.change.id().is_some()).map(|w| (w.id, w)).collect();
    let ids: Vec<i64> = existing.keys().copied().collect();
    let mut links = tx.links_from(&ids).await?;
    links.retain(|l| existing.get(&l.from_id).is_some_and(|w| w.replaces(actor, &l.field)));
    Ok(links)
}

impl Written<'_> {
    /// Whether the body says all that a link field of the resource refers to.
    fn replaces(&self, actor: Actor<'_>, field: &str) -> bool {
        let input = &self.change.input;
        let is_in = |fields: &[LinkUse]| fields.iter().any(|used| used.field.name == field);
        let may_stay = actor.keeps_inverse_links && !is_in(&input.links) && link::has_inverse(input.resource, field);
        !is_in(&input.kept) && !may_stay
    }
}

/// The same fact, said by the other end.
fn inverse_of(link: &Link, types: &HashMap<i64, &'static ResourceType>) -> Option<Link> {
    let field = link::inverse(types.get(&link.from_id)?, &link.field, types.get(&link.to_id)?)?;
    Some(Link { from_id: link.to_id, field: field.name.to_owned(), to_id: link.from_id, position: APPENDED })
}
