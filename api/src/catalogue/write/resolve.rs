//! What the identifiers and terms of bodies stand for, and what their writer may do with it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use aiod_schema::link::inverse;
use aiod_schema::validate::{LinkUse, TermUse};
use aiod_schema::vocabulary::{self, Vocabulary};
use aiod_schema::{Field, Input, ResourceType, Role, by_identifier, by_name};
use serde_json::Value;

use super::Actor;
use super::apply::Change;
use super::links::single_inverse;
use crate::catalogue::Result;
use crate::catalogue::permission::{Action, Subject, is_allowed};
use crate::catalogue::read::parse;
use crate::store::Tx;
use crate::store::asset::Status;
use crate::store::link::{self, Link};
use crate::store::permission::PermissionKind;
use crate::store::term::UsedTerm;

/// A body that is to be written.
#[derive(Clone, Copy)]
pub(in crate::catalogue) struct Body<'i> {
    /// The body in normal form.
    pub(in crate::catalogue) input: &'i Input,
    /// The row id of its resource, when that exists.
    pub(in crate::catalogue) id: Option<i64>,
}

impl<'i> Body<'i> {
    /// The identifiers of resources that show a link of the body, too.
    fn linked_from_both_ends(self) -> impl Iterator<Item = &'i String> {
        let holder = self.input.resource;
        let is_shown = |field: &Field, identifier: &str| by_identifier(identifier).and_then(|to| inverse(holder, field.name, to)).is_some();
        let shown = move |used: &'i LinkUse| used.identifiers.iter().filter(move |identifier| is_shown(used.field, identifier));
        self.input.links.iter().flat_map(shown)
    }
}

/// A term that the database has.
pub(super) struct FoundTerm {
    pub(super) id: i64,
    /// Its official spelling.
    pub(super) name: String,
    pub(super) official: bool,
}

/// A living resource that a body refers to.
pub(super) struct FoundResource {
    pub(super) id: i64,
    pub(super) resource: &'static ResourceType,
    pub(super) status: Status,
    pub(super) platform: Option<String>,
}

/// What the identifiers and terms of bodies stand for.
#[derive(Default)]
pub(in crate::catalogue) struct Resolved {
    resources: HashMap<String, FoundResource>,
    terms: HashMap<(&'static str, String), FoundTerm>,
    /// Row ids of resources that the writer may not see. They count as missing, except where a resource refers to them already.
    hidden: HashSet<i64>,
    /// Row ids of resources in which a body would set a field that holds one value, although the writer may not change them. A link that
    /// is there already may stay.
    protected: HashSet<i64>,
    /// The fields of links that resources have already, where hidden or protected resources matter; by the row ids of both ends.
    present_links: HashMap<(i64, i64), Vec<String>>,
    /// The editors that resources have already, by row id, where a body names one that cannot be found.
    present_editors: HashMap<i64, Vec<String>>,
}

impl Resolved {
    /// Looks up what these bodies refer to, and what their writer may do with it.
    pub(in crate::catalogue) async fn load(tx: &mut Tx, actor: Actor<'_>, bodies: &[Body<'_>]) -> Result<Self> {
        let mut resolved = Self::default();
        resolved.load_resources(tx, bodies).await?;
        if !resolved.resources.is_empty() {
            resolved.protected = resolved.set_from_outside(bodies);
            resolved.load_rights(tx, actor, bodies).await?;
        }
        resolved.load_present_editors(tx, bodies).await?;
        resolved.load_terms(tx, used_terms(bodies.iter().flat_map(|b| &b.input.terms)).into_keys()).await?;
        Ok(resolved)
    }

    async fn load_resources(&mut self, tx: &mut Tx, bodies: &[Body<'_>]) -> Result<()> {
        let named = bodies.iter().flat_map(|body| &body.input.links).flat_map(|used| &used.identifiers);
        let editors = bodies.iter().flat_map(|body| &body.input.editors);
        let identifiers: BTreeSet<&String> = named.chain(editors).collect();
        if identifiers.is_empty() {
            return Ok(());
        }
        let linked: BTreeSet<&String> = bodies.iter().flat_map(|body| body.linked_from_both_ends()).collect();
        let identifiers: Vec<String> = identifiers.into_iter().cloned().collect();
        for row in tx.find_living(&identifiers, &linked).await? {
            if let Some(resource) = by_name(&row.resource_type) {
                let found = FoundResource { id: row.id, resource, status: Status::parse(&row.status), platform: row.platform };
                self.resources.insert(row.identifier, found);
            }
        }
        Ok(())
    }

    /// The row ids of all resources in which these bodies would set a field that holds one value.
    fn set_from_outside(&self, bodies: &[Body<'_>]) -> HashSet<i64> {
        let mut ids = HashSet::new();
        for body in bodies {
            for LinkUse { field, identifiers } in &body.input.links {
                let found = identifiers.iter().filter_map(|identifier| self.resources.get(identifier));
                ids.extend(found.filter(|f| single_inverse(body.input.resource, field.name, f.resource).is_some()).map(|f| f.id));
            }
        }
        ids
    }

    /// Finds out which resources the writer may not see, and which ones the writer may change, so that they are not protected. It runs
    /// statements only where it matters.
    async fn load_rights(&mut self, tx: &mut Tx, actor: Actor<'_>, bodies: &[Body<'_>]) -> Result<()> {
        let unpublished = self.resources.values().filter(|r| r.status != Status::Published).map(|r| r.id);
        let asked: BTreeSet<i64> = unpublished.chain(self.protected.iter().copied()).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = asked.iter().copied().collect();
        let permissions: HashMap<i64, PermissionKind> = match actor.account() {
            Some(account) => tx.permissions(account, &ids).await?.into_iter().collect(),
            None => HashMap::new(),
        };
        for found in self.resources.values().filter(|found| asked.contains(&found.id)) {
            let permission = permissions.get(&found.id).copied();
            if !found.allows(actor, Action::Read, permission) {
                self.hidden.insert(found.id);
            }
            if found.status != Status::Submitted && found.allows(actor, Action::Update, permission) {
                self.protected.remove(&found.id);
            }
        }
        self.load_present_links(tx, bodies).await
    }

    async fn load_present_links(&mut self, tx: &mut Tx, bodies: &[Body<'_>]) -> Result<()> {
        if self.hidden.is_empty() && self.protected.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = bodies.iter().filter_map(|body| body.id).collect();
        for Link { from_id, field, to_id, .. } in tx.links_from(&ids).await? {
            self.present_links.entry((from_id, to_id)).or_default().push(field);
        }
        Ok(())
    }

    async fn load_present_editors(&mut self, tx: &mut Tx, bodies: &[Body<'_>]) -> Result<()> {
        let asked = bodies.iter().filter(|body| !self.unknown_editors(**body).is_empty());
        let types: HashMap<i64, &ResourceType> = asked.filter_map(|body| Some((body.id?, body.input.resource))).collect();
        let ids: Vec<i64> = types.keys().copied().collect();
        for (id, document) in tx.stored_documents(&ids).await? {
            let Some(resource) = types.get(&id) else { continue };
            self.present_editors.insert(id, editors_in(resource, &document)?);
        }
        Ok(())
    }

    async fn load_terms(&mut self, tx: &mut Tx, keys: impl Iterator<Item = (&'static str, String)>) -> Result<()> {
        let keys: Vec<(String, String)> = keys.map(|(v, k)| (v.to_owned(), k)).collect();
        for row in tx.find_terms(&keys).await? {
            if let Some(vocabulary) = vocabulary::find(&row.vocabulary) {
                let term = FoundTerm { id: row.id, name: row.name, official: row.official == 1 };
                self.terms.insert((vocabulary.name, row.folded), term);
            }
        }
        Ok(())
    }

    /// Writes the terms that these changes, which are applied next, use for the first time, apart from those that they keep.
    pub(in crate::catalogue) async fn add_terms(&mut self, tx: &mut Tx, changes: &[Change]) -> Result<()> {
        let used = used_terms(changes.iter().flat_map(|change| &change.input.terms).filter(|t| !t.kept));
        let new: Vec<_> = used.into_iter().filter(|(key, _)| !self.terms.contains_key(key)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let in_use = used_terms(changes.iter().filter(|change| change.publishes()).flat_map(|change| &change.input.terms));
        // In the order of their keys: two writers of the same terms then wait for each other and do not end in a deadlock.
        let rows = new.iter().map(|(key, name)| UsedTerm { vocabulary: key.0, folded: &key.1, name, in_use: in_use.contains_key(key) });
        tx.insert_used_terms(&rows.collect::<Vec<_>>()).await?;
        self.load_terms(tx, new.into_iter().map(|(key, _)| key)).await
    }

    /// Adds a published resource that the transaction has created since.
    pub(in crate::catalogue) fn add_created(&mut self, identifier: String, id: i64, resource: &'static ResourceType, platform: &str) {
        let found = FoundResource { id, resource, status: Status::Published, platform: Some(platform.to_owned()) };
        self.resources.insert(identifier, found);
    }

    /// The resource with this identifier, seen by the writer or not.
    pub(super) fn resource(&self, identifier: &str) -> Option<&FoundResource> {
        self.resources.get(identifier)
    }

    /// Whether a body may refer to a resource: its writer sees it, or the body's resource refers to it already.
    pub(super) fn may_refer(&self, body: Body<'_>, found: &FoundResource) -> bool {
        !self.hidden.contains(&found.id) || body.id.is_some_and(|id| self.present_links.contains_key(&(id, found.id)))
    }

    /// Whether a link of a body would set a field of a resource that the writer may not change.
    pub(super) fn is_protected(&self, body: Body<'_>, field: &str, found: &FoundResource) -> bool {
        let present = body.id.and_then(|id| self.present_links.get(&(id, found.id)));
        self.protected.contains(&found.id) && !present.is_some_and(|fields| fields.iter().any(|present| present == field))
    }

    /// The editors that a body names and that are no persons for its writer. Those whom its resource has already may stay: they may have
    /// been deleted since.
    pub(super) fn unknown_editors<'i>(&self, body: Body<'i>) -> Vec<&'i str> {
        let Some(field) = body.input.resource.editors() else { return Vec::new() };
        let is_known = |found: &FoundResource| field.refers_to(found.resource) && self.may_refer(body, found);
        let present = body.id.and_then(|id| self.present_editors.get(&id)).map(Vec::as_slice).unwrap_or_default();
        let editors = body.input.editors.iter().filter(|editor| !self.resource(editor).is_some_and(is_known) && !present.contains(editor));
        editors.map(String::as_str).collect()
    }

    pub(super) fn term(&self, vocabulary: &Vocabulary, term: &str) -> Option<&FoundTerm> {
        self.terms.get(&(vocabulary.name, vocabulary.key(term)))
    }

    /// The official spelling of a term, or the given one.
    pub(super) fn spelling(&self, vocabulary: &Vocabulary, term: &str) -> String {
        self.term(vocabulary, term).map_or_else(|| term.to_owned(), |found| found.name.clone())
    }

    /// The text from which the links of a new resource are read.
    pub(super) fn link_text(&self, input: &Input) -> String {
        let named = input.links.iter().flat_map(|l| l.identifiers.iter().map(|identifier| (l.field.name, identifier.as_str())));
        link::text(named.filter_map(|(field, identifier)| Some((field, identifier, self.resource(identifier)?.status))))
    }
}

/// The editors whom a stored document names.
fn editors_in(resource: &ResourceType, document: &str) -> Result<Vec<String>> {
    let document: Value = parse(document)?;
    let entry = resource.field_with(Role::Entry).and_then(|entry| document.get(entry.name));
    let editors = resource.editors().and_then(|field| entry?.get(field.name)?.as_array());
    Ok(editors.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect())
}

impl FoundResource {
    fn allows(&self, actor: Actor<'_>, action: Action, permission: Option<PermissionKind>) -> bool {
        let platform = self.platform.as_deref();
        let subject = Subject { resource: Some(self.resource), platform, status: Some(self.status), permission };
        is_allowed(actor.roles, actor.caller, action, subject)
    }
}

/// The terms of listed vocabularies that are used: by vocabulary and key, the spelling that comes first.
fn used_terms<'i>(uses: impl Iterator<Item = &'i TermUse>) -> BTreeMap<(&'static str, String), String> {
    let mut used = BTreeMap::new();
    for TermUse { vocabulary, terms, .. } in uses.filter(|t| t.vocabulary.is_listed()) {
        for term in terms {
            used.entry((vocabulary.name, vocabulary.key(term))).or_insert_with(|| term.clone());
        }
    }
    used
}
