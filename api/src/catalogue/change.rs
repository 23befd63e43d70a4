//! The one way in which resources are written: any number at once, in a number of statements that does not grow with their fields.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use aiod_schema::validate::{LinkUse, TermUse};
use aiod_schema::vocabulary::Vocabulary;
use aiod_schema::{Fault, Input, Kind, ResourceType, Role, by_name, link};
use serde_json::{Map, Value};

use super::permission::{Action, Subject, is_allowed};
use super::{Error, Result};
use crate::config::Roles;
use crate::digest::sha256_hex;
use crate::identity::Caller;
use crate::store::asset::{ChangedAsset, Head, NewAsset, Status};
use crate::store::link::{self as link_text, APPENDED, Link};
use crate::store::permission::PermissionKind;
use crate::store::{Tx, now};

/// What is to be written.
pub(super) struct Change {
    /// The body in normal form.
    pub(super) input: Input,
    /// Where it goes.
    pub(super) target: Target,
    /// Hash of the body, see [`content_hash`].
    pub(super) hash: String,
}

/// Where a body goes.
pub(super) enum Target {
    /// A new resource.
    New(Identity),
    /// A resource that exists, locked by the transaction.
    Existing(Box<Head>),
}

/// What identifies a new resource.
pub(super) struct Identity {
    pub(super) identifier: String,
    pub(super) platform: String,
    pub(super) platform_resource_identifier: Option<String>,
    pub(super) platform_key: String,
    pub(super) status: Status,
}

/// Who writes, and by which rules.
#[derive(Clone, Copy)]
pub(super) struct Actor<'a> {
    /// Who it is.
    pub(super) caller: &'a Caller,
    /// Names of roles.
    pub(super) roles: &'a Roles,
    /// Whether taxonomies take terms that they do not have.
    pub(super) brings_terms: bool,
    /// Whether links that other resources may have made stay when the body does not name their field.
    pub(super) keeps_inverse_links: bool,
}

impl Actor<'_> {
    /// The account's row id.
    fn account(self) -> Option<i64> {
        self.caller.user().map(|user| user.account)
    }
}

/// The key of a platform's identifier: identifiers are unique whatever their case.
pub(super) fn platform_key(identifier: &str) -> String {
    identifier.to_lowercase()
}

/// The key of a related resource without an identifier of its own: its name, behind a character that no identifier has.
pub(super) fn name_key(name: &str) -> String {
    format!("\u{1f}{}", name.trim().to_lowercase())
}

/// How long content hashes are, in bytes.
pub(super) const HASH_LENGTH: usize = 16;

/// What a body says, in 128 bits: equal hashes mean that nothing changed.
///
/// Links that stay as they are belong to it, as if the body named them: one that does not have them changes something.
pub(super) fn content_hash(input: &Input) -> String {
    let kept = input.kept.iter().filter(|l| !l.identifiers.is_empty());
    let links: BTreeMap<&str, &Vec<String>> = input.links.iter().chain(kept).map(|l| (l.field.name, &l.identifiers)).collect();
    let terms: BTreeMap<&str, &Vec<String>> = input.terms.iter().map(|t| (t.field.name, &t.terms)).collect();
    let content = serde_json::json!([input.platform_resource_identifier, input.values, input.editors, links, terms]);
    sha256_hex(content.to_string().as_bytes(), HASH_LENGTH)
}

/// A term that the database has.
struct KnownTerm {
    id: i64,
    name: String,
    official: bool,
}

/// A living resource that the database has.
struct KnownResource {
    id: i64,
    resource: &'static ResourceType,
    status: Status,
    platform: Option<String>,
}

/// What the identifiers and terms of bodies stand for.
pub(super) struct Resolved {
    resources: HashMap<String, KnownResource>,
    terms: HashMap<(&'static str, String), KnownTerm>,
    /// Resources that the writer may not see: they count as nothing, except where they are referred to already.
    hidden: HashSet<i64>,
    /// Links to hidden resources that are there already: from and to.
    linked: HashSet<(i64, i64)>,
    /// Links that resources hold which the writer may not change, in fields that hold one value. What was deleted holds no place.
    held: HashMap<i64, Vec<Link>>,
}

/// A reference or terms of one field that a body must not have.
pub(super) struct Misuse {
    field: &'static str,
    kind: MisuseKind,
    message: String,
}

/// Why it must not have them; decides the status of the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MisuseKind {
    /// What is referred to does not exist for the writer, or is of another type.
    Unknown,
    /// The resource refers to itself.
    Itself,
    /// What is referred to belongs to another, which the writer may not change.
    Taken,
    /// The taxonomy does not have the term officially.
    Unofficial,
}

impl Misuse {
    /// As a fault of the field below a location.
    pub(super) fn fault(&self, below: &str) -> Fault {
        Fault::value([below, self.field], self.message.as_str())
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            // The only message that does not name its field: beside it stands the fault's location.
            MisuseKind::Itself => write!(f, "Field '{}': {}.", self.field, self.message),
            _ => f.write_str(&self.message),
        }
    }
}

/// A body that is to be written, and the row id of the resource that it belongs to, when there is one.
pub(super) type Owned<'i> = (&'i Input, Option<i64>);

fn used_terms<'i>(inputs: impl Iterator<Item = &'i Input>) -> BTreeMap<(&'static str, String), (&'static Vocabulary, String)> {
    let mut used = BTreeMap::new();
    for TermUse { vocabulary, terms, .. } in inputs.flat_map(|i| &i.terms).filter(|t| t.vocabulary.is_listed()) {
        for term in terms {
            used.entry((vocabulary.name, vocabulary.key(term))).or_insert_with(|| (*vocabulary, term.clone()));
        }
    }
    used
}

impl Resolved {
    /// Looks up what these bodies refer to, and what their writer may do with it.
    pub(super) async fn load<'i>(tx: &mut Tx, actor: Actor<'_>, bodies: impl Iterator<Item = Owned<'i>> + Clone) -> Result<Self> {
        let mut resolved =
            Self { resources: HashMap::new(), terms: HashMap::new(), hidden: HashSet::new(), linked: HashSet::new(), held: HashMap::new() };
        let inputs = bodies.clone().map(|(input, _)| input);
        let identifiers: BTreeSet<&String> = inputs.clone().flat_map(|i| &i.links).flat_map(|l| &l.identifiers).collect();
        if !identifiers.is_empty() {
            let identifiers: Vec<String> = identifiers.into_iter().cloned().collect();
            for (id, identifier, type_name, status, platform) in tx.find_living(&identifiers).await? {
                if let Some(resource) = by_name(&type_name) {
                    let status = Status::parse(&status);
                    resolved.resources.insert(identifier, KnownResource { id, resource, status, platform });
                }
            }
            resolved.load_rights(tx, actor, bodies).await?;
        }
        resolved.load_terms(tx, used_terms(inputs).into_keys()).await?;
        Ok(resolved)
    }

    /// Finds out what the writer may not see or change of what is referred to. It takes statements only where it matters.
    async fn load_rights<'i>(&mut self, tx: &mut Tx, actor: Actor<'_>, bodies: impl Iterator<Item = Owned<'i>> + Clone) -> Result<()> {
        let unpublished = self.resources.values().filter(|r| r.status != Status::Published).map(|r| r.id);
        let mut asked: BTreeSet<i64> = unpublished.collect();
        let uses = bodies.clone().flat_map(|(input, _)| input.links.iter().map(move |used| (input.resource, used)));
        let named = uses.flat_map(|(from, used)| used.identifiers.iter().map(move |identifier| (from, used.field.name, identifier)));
        let single = named.filter_map(|(from, field, identifier)| {
            let target = self.resources.get(identifier)?;
            single_inverse(from, field, target.resource).map(|_| target.id)
        });
        let single: BTreeSet<i64> = single.collect();
        let single: Vec<i64> = single.into_iter().collect();
        let mut held: HashMap<i64, Vec<Link>> = HashMap::new();
        for link in tx.living_links_from(&single).await? {
            held.entry(link.from_id).or_default().push(link);
        }
        asked.extend(held.keys());
        if asked.is_empty() {
            return Ok(());
        }
        let asked: Vec<i64> = asked.into_iter().collect();
        let permissions = match actor.account() {
            Some(account) => tx.permissions(account, &asked).await?.into_iter().collect(),
            None => HashMap::new(),
        };
        let may = |action: Action, known: &KnownResource| {
            let permission = permissions.get(&known.id).copied();
            let subject =
                Subject { resource: Some(known.resource), platform: known.platform.as_deref(), status: Some(known.status), permission };
            is_allowed(actor.roles, actor.caller, action, subject)
        };
        for known in self.resources.values().filter(|known| asked.contains(&known.id)) {
            if !may(Action::Read, known) {
                self.hidden.insert(known.id);
            }
            if known.status != Status::Submitted && may(Action::Update, known) {
                held.remove(&known.id);
            }
        }
        self.held = held;
        if !self.hidden.is_empty() {
            let own: Vec<i64> = bodies.filter_map(|(_, own)| own).collect();
            self.linked = tx.links_from(&own).await?.into_iter().map(|l| (l.from_id, l.to_id)).collect();
        }
        Ok(())
    }

    /// Knows of a published resource that the transaction has created since.
    pub(super) fn learn(&mut self, identifier: String, id: i64, resource: &'static ResourceType, platform: &str) {
        let known = KnownResource { id, resource, status: Status::Published, platform: Some(platform.to_owned()) };
        self.resources.insert(identifier, known);
    }

    async fn load_terms(&mut self, tx: &mut Tx, keys: impl Iterator<Item = (&'static str, String)>) -> Result<()> {
        let keys: Vec<(String, String)> = keys.map(|(v, k)| (v.to_owned(), k)).collect();
        for row in tx.find_terms(&keys).await? {
            if let Some(vocabulary) = aiod_schema::vocabulary::find(&row.vocabulary) {
                let term = KnownTerm { id: row.id, name: row.name, official: row.official == 1 };
                self.terms.insert((vocabulary.name, row.folded), term);
            }
        }
        Ok(())
    }

    /// Refuses a body with misuses, see [`Self::misuses`], and names all of them. The status is that of the first one.
    pub(super) fn check(&self, input: &Input, own: Option<i64>, actor: Actor<'_>) -> Result<()> {
        let misuses = self.misuses(input, own, actor);
        let Some(first) = misuses.first() else { return Ok(()) };
        let named = || misuses.iter().map(Misuse::to_string).collect::<Vec<_>>().join(" ");
        Err(match first.kind {
            MisuseKind::Unknown => Error::NotFound(named()),
            MisuseKind::Itself => Error::Invalid(misuses.iter().map(|m| m.fault("body")).collect()),
            MisuseKind::Taken => Error::Forbidden(named()),
            MisuseKind::Unofficial => Error::BadRequest(named()),
        })
    }

    /// What a body refers to or uses wrongly: links first, in the order of its fields, then terms.
    ///
    /// A body must refer to something that exists, of a type that the field takes, and its writer must be free to use its terms.
    /// A resource that exists (`own`) must not refer to itself: the two ends of a link would be one. Nor may a field of another
    /// resource get another value, where it holds one, unless its writer may change that resource.
    pub(super) fn misuses(&self, input: &Input, own: Option<i64>, actor: Actor<'_>) -> Vec<Misuse> {
        let links = input.links.iter().flat_map(|used| self.misused_links(input.resource, used, own));
        let taxonomies = input.terms.iter().filter(|t| t.vocabulary.is_taxonomy() && !actor.brings_terms);
        links.chain(taxonomies.filter_map(|used| self.misused_terms(used))).collect()
    }

    fn misused_links(&self, from: &ResourceType, used: &LinkUse, own: Option<i64>) -> Vec<Misuse> {
        let LinkUse { field, identifiers } = used;
        let aiod_schema::Kind::Link(targets) = field.kind else { return Vec::new() };
        let known = |identifier: &String| {
            let known = self.resources.get(identifier).filter(|k| targets.iter().any(|t| k.resource.is_a(t)))?;
            let is_seen = !self.hidden.contains(&known.id) || own.is_some_and(|own| self.linked.contains(&(own, known.id)));
            is_seen.then_some(known)
        };
        let misuse = |kind, message: String| Misuse { field: field.name, kind, message };
        let mut misuses = Vec::new();
        let missing: Vec<&str> = identifiers.iter().filter(|i| known(i).is_none()).map(String::as_str).collect();
        if !missing.is_empty() {
            let message = format!(
                "Field '{}' refers to {} with identifier {}, which cannot be found in the database.",
                field.name,
                targets.join(" or "),
                missing.join(", ")
            );
            misuses.push(misuse(MisuseKind::Unknown, message));
        }
        if identifiers.iter().filter_map(known).any(|known| own == Some(known.id)) {
            misuses.push(misuse(MisuseKind::Itself, "a resource cannot refer to itself".to_owned()));
        }
        if identifiers.iter().filter_map(known).any(|known| self.is_taken(from, field.name, known, own)) {
            let message = "what it refers to belongs to another already, and you do not have permission to change that.";
            misuses.push(misuse(MisuseKind::Taken, format!("Field '{}': {message}", field.name)));
        }
        misuses
    }

    /// Whether a link to this resource would take the place of one that the writer may not take away.
    fn is_taken(&self, from: &ResourceType, field: &str, known: &KnownResource, own: Option<i64>) -> bool {
        let held = self.held.get(&known.id).map(Vec::as_slice).unwrap_or_default();
        let inverse = single_inverse(from, field, known.resource);
        inverse.is_some_and(|inverse| held.iter().any(|l| Some(l.to_id) != own && excludes(known.resource, inverse, &l.field)))
    }

    fn misused_terms(&self, used: &TermUse) -> Option<Misuse> {
        let TermUse { vocabulary, terms, field } = used;
        let is_official = |term: &String| self.terms.get(&(vocabulary.name, vocabulary.key(term))).is_some_and(|t| t.official);
        let unofficial: Vec<String> = terms.iter().filter(|t| !is_official(t)).map(|t| format!("'{t}'")).collect();
        let are = match unofficial.len() {
            0 => return None,
            1 => "is not an official term",
            _ => "are not official terms",
        };
        let message = format!(
            "Field '{}': {} {are} of the taxonomy '{}'. The terms are listed at /{}.",
            field.name,
            unofficial.join(", "),
            vocabulary.name,
            vocabulary.path.unwrap_or(vocabulary.name)
        );
        Some(Misuse { field: field.name, kind: MisuseKind::Unofficial, message })
    }

    /// Writes the terms that these bodies use for the first time.
    pub(super) async fn add_terms<'i>(&mut self, tx: &mut Tx, inputs: impl Iterator<Item = &'i Input>) -> Result<()> {
        let used = used_terms(inputs);
        let new: Vec<_> = used.into_iter().filter(|(key, _)| !self.terms.contains_key(key)).collect();
        if new.is_empty() {
            return Ok(());
        }
        // In the order of their keys, so that two writers wait for each other instead of meeting in a deadlock.
        let rows: Vec<_> = new.iter().map(|((v, key), (_, term))| ((*v).to_owned(), key.clone(), term.clone())).collect();
        tx.insert_used_terms(&rows).await?;
        self.load_terms(tx, new.into_iter().map(|(key, _)| key)).await
    }

    /// The text from which the links of a new resource are read.
    fn links(&self, input: &Input) -> String {
        let named = input.links.iter().flat_map(|l| l.identifiers.iter().map(|identifier| (l.field.name, identifier.as_str())));
        link_text::text(named.filter_map(|(field, identifier)| Some((field, identifier, self.resources.get(identifier)?.status))))
    }

    fn term(&self, vocabulary: &Vocabulary, term: &str) -> Option<&KnownTerm> {
        self.terms.get(&(vocabulary.name, vocabulary.key(term)))
    }
}

/// The stored document: the fields in the order of the model, `aiod_entry` last, where reading adds status and dates.
fn document(input: &Input, platform: Option<&str>, platform_resource_identifier: Option<&str>, resolved: &Resolved) -> String {
    let mut terms: HashMap<&str, &TermUse> = input.terms.iter().map(|t| (t.field.name, t)).collect();
    let mut out = Map::new();
    for field in input.resource.object.fields.iter().filter(|f| f.is_stored()) {
        let value = match (field.kind, field.role) {
            (Kind::Platform, _) => platform.map(Value::from),
            (_, Some(Role::PlatformIdentifier)) => platform_resource_identifier.map(Value::from),
            (_, Some(Role::Entry)) => None,
            _ => match terms.remove(field.name) {
                Some(used) => Some(spelled(used, field.list, resolved)),
                None => input.values.get(field.name).cloned(),
            },
        };
        if let Some(value) = value {
            out.insert(field.name.to_owned(), value);
        }
    }
    out.extend(entry(input));
    Value::Object(out).to_string()
}

/// The entry's field, and what is stored of it.
fn entry(input: &Input) -> Option<(String, Value)> {
    let field = input.resource.field_with(Role::Entry)?;
    let Kind::Object(object) = field.kind else { return None };
    let editors = object().field_with(Role::Editors)?;
    Some((field.name.to_owned(), serde_json::json!({ editors.name: input.editors })))
}

/// Terms as they are officially spelled.
fn spelled(used: &TermUse, list: bool, resolved: &Resolved) -> Value {
    let spelling = |term: &String| resolved.term(used.vocabulary, term).map_or_else(|| term.clone(), |t| t.name.clone());
    let mut names: Vec<String> = used.terms.iter().map(spelling).collect();
    if !list {
        return names.pop().map_or(Value::Null, Value::from);
    }
    let mut seen = HashSet::new();
    names.retain(|n| seen.insert(n.clone()));
    Value::from(names)
}

/// Writes changes with everything that belongs to them; row ids and identifiers, in the order of the changes.
pub(super) async fn apply(tx: &mut Tx, actor: Actor<'_>, changes: &[Change], resolved: &Resolved) -> Result<Vec<(i64, String)>> {
    // One microsecond apart, so that the order of a batch is the order of its dates.
    let date = now();
    let mut new = Vec::new();
    let mut changed = Vec::new();
    for (change, date) in changes.iter().zip(date..) {
        let input = &change.input;
        let name = input.name().map(str::to_owned);
        match &change.target {
            Target::New(identity) => new.push(NewAsset {
                identifier: identity.identifier.clone(),
                resource_type: input.resource.name,
                platform: Some(identity.platform.clone()),
                platform_resource_identifier: identity.platform_resource_identifier.clone(),
                platform_key: Some(identity.platform_key.clone()),
                name,
                status: identity.status,
                date,
                modified_by: actor.account(),
                content_hash: change.hash.clone(),
                document: document(input, Some(&identity.platform), identity.platform_resource_identifier.as_deref(), resolved),
                links: resolved.links(input),
            }),
            Target::Existing(head) => changed.push(ChangedAsset {
                id: head.id,
                name,
                date,
                modified_by: actor.account(),
                content_hash: change.hash.clone(),
                document: document(input, head.platform.as_deref(), head.platform_resource_identifier.as_deref(), resolved),
            }),
        }
    }
    let existing: Vec<i64> = changed.iter().map(|c| c.id).collect();
    let new_ids: HashMap<String, i64> = if new.is_empty() {
        HashMap::new()
    } else {
        tx.insert_assets(new).await?.into_iter().map(|(id, identifier)| (identifier, id)).collect()
    };
    tx.archive(&existing).await?;
    tx.update_assets(changed).await?;
    let written: Vec<(i64, String)> = changes.iter().map(|c| c.row(&new_ids)).collect();
    let links = LinkChange::plan(tx, actor, changes, &written, resolved).await?;
    let bereft: Vec<i64> = links.bereft.iter().copied().collect();
    let partners = links.apply(tx, actor).await?;
    let linked: Vec<i64> = existing.iter().chain(&partners).chain(&bereft).copied().collect();
    tx.refresh_links(&linked).await?;
    write_terms(tx, changes, &written, &existing, resolved).await?;
    if let Some(account) = actor.account() {
        let granted: Vec<i64> = new_ids.values().copied().collect();
        tx.grant(account, &granted, PermissionKind::Admin).await?;
    }
    let touched: Vec<i64> = written.iter().map(|(id, _)| *id).chain(partners).collect();
    tx.note_changes(&touched).await?;
    Ok(written)
}

impl Change {
    /// The row id of the resource, when it exists.
    pub(super) fn own(&self) -> Option<i64> {
        match &self.target {
            Target::New(_) => None,
            Target::Existing(head) => Some(head.id),
        }
    }

    /// The body and whose it is.
    pub(super) fn owned(&self) -> Owned<'_> {
        (&self.input, self.own())
    }

    fn row(&self, new_ids: &HashMap<String, i64>) -> (i64, String) {
        match &self.target {
            Target::New(identity) => (new_ids.get(&identity.identifier).copied().unwrap_or_default(), identity.identifier.clone()),
            Target::Existing(head) => (head.id, head.identifier.clone()),
        }
    }
}

async fn write_terms(tx: &mut Tx, changes: &[Change], written: &[(i64, String)], existing: &[i64], resolved: &Resolved) -> Result<()> {
    tx.delete_asset_terms(existing).await?;
    let mut uses = BTreeSet::new();
    for (change, (id, _)) in changes.iter().zip(written) {
        for used in change.input.terms.iter().filter(|t| t.vocabulary.is_listed()) {
            uses.extend(used.terms.iter().filter_map(|term| Some((*id, resolved.term(used.vocabulary, term)?.id))));
        }
    }
    let uses: Vec<_> = uses.into_iter().collect();
    Ok(tx.insert_asset_terms(&uses).await?)
}

/// Which links come and go, at both their ends.
#[derive(Default)]
struct LinkChange {
    removed: BTreeSet<Link>,
    added: BTreeSet<Link>,
    /// Links that get another place; their other ends stay as they are.
    moved: BTreeSet<Link>,
    /// Resources that are not written themselves, but whose links change.
    partners: BTreeSet<i64>,
    /// Resources that are written, but do not get a link that they name.
    bereft: BTreeSet<i64>,
}

/// A link without its place.
fn same_ends(link: &Link) -> (i64, &str, i64) {
    (link.from_id, link.field.as_str(), link.to_id)
}

impl LinkChange {
    async fn plan(tx: &mut Tx, actor: Actor<'_>, changes: &[Change], written: &[(i64, String)], resolved: &Resolved) -> Result<Self> {
        let old_ids: Vec<i64> =
            changes.iter().zip(written).filter(|(c, _)| matches!(c.target, Target::Existing(_))).map(|(_, (id, _))| *id).collect();
        let mut types: HashMap<i64, &'static ResourceType> =
            changes.iter().zip(written).map(|(c, (id, _))| (*id, c.input.resource)).collect();
        let mut wanted = Vec::new();
        let (mut named, mut kept) = (HashSet::new(), HashSet::new());
        for (change, (from_id, _)) in changes.iter().zip(written) {
            kept.extend(change.input.kept.iter().map(|used| (*from_id, used.field.name)));
            for LinkUse { field, identifiers } in &change.input.links {
                named.insert((*from_id, field.name));
                for (position, identifier) in (0..).zip(identifiers) {
                    let Some(KnownResource { id, resource, .. }) = resolved.resources.get(identifier) else { continue };
                    types.insert(*id, resource);
                    wanted.push(Link { from_id: *from_id, field: field.name.to_owned(), to_id: *id, position });
                }
            }
        }
        let mut old = tx.links_from(&old_ids).await?;
        old.retain(|l| !kept.contains(&(l.from_id, l.field.as_str())));
        if actor.keeps_inverse_links {
            old.retain(|l| {
                named.contains(&(l.from_id, l.field.as_str())) || types.get(&l.from_id).is_none_or(|r| !link::has_inverse(r, &l.field))
            });
        }
        let mut plan = Self::default();
        let mut before: HashMap<_, &Link> = old.iter().map(|l| (same_ends(l), l)).collect();
        for link in &wanted {
            match before.remove(&same_ends(link)) {
                None => drop(plan.added.insert(link.clone())),
                Some(there) if there.position != link.position => drop(plan.moved.insert(link.clone())),
                Some(_) => {}
            }
        }
        plan.removed.extend(before.into_values().cloned());
        plan.mirror(tx, &mut types, written).await?;
        Ok(plan)
    }

    /// Adds what changes at the other ends.
    async fn mirror(&mut self, tx: &mut Tx, types: &mut HashMap<i64, &'static ResourceType>, written: &[(i64, String)]) -> Result<()> {
        let unknown: Vec<i64> = self.removed.iter().map(|l| l.to_id).filter(|id| !types.contains_key(id)).collect();
        learn_types(tx, types, &unknown).await?;
        let gone: Vec<Link> = self.removed.iter().filter_map(|l| inverse_of(l, types)).collect();
        let come: Vec<Link> = self.added.iter().filter_map(|l| inverse_of(l, types)).collect();
        let come = self.one_of_each(come, types);
        let displaced = displaced(tx, types, &come).await?;
        self.removed.extend(gone);
        self.removed.extend(displaced);
        self.added.extend(come);
        let written: HashSet<i64> = written.iter().map(|(id, _)| *id).collect();
        let ends = self.removed.iter().chain(&self.added).map(|l| l.from_id);
        self.partners = ends.filter(|id| !written.contains(id)).collect();
        Ok(())
    }

    /// Where several resources that are written together want to be the one value of a field, the last of them is.
    fn one_of_each(&mut self, come: Vec<Link>, types: &HashMap<i64, &'static ResourceType>) -> Vec<Link> {
        let mut kept: Vec<Link> = Vec::with_capacity(come.len());
        for link in come {
            let excluded = |other: &Link| {
                let holder = types.get(&link.from_id);
                let is_single = holder.and_then(|r| r.object.field(&link.field)).is_some_and(|f| !f.list);
                is_single && other.from_id == link.from_id && holder.is_some_and(|r| excludes(r, &link.field, &other.field))
            };
            for lost in kept.extract_if(.., |other| excluded(other)) {
                self.bereft.insert(lost.to_id);
                self.added.retain(|l| {
                    l.from_id != lost.to_id || l.to_id != lost.from_id || inverse_of(l, types).is_none_or(|i| i.field != lost.field)
                });
            }
            kept.push(link);
        }
        kept
    }

    /// Writes the change; the partners that it touched.
    async fn apply(mut self, tx: &mut Tx, actor: Actor<'_>) -> Result<Vec<i64>> {
        // What goes, goes: one end may be given another place while the other one takes the link away.
        let going: HashSet<_> = self.removed.iter().map(same_ends).collect();
        self.moved.retain(|l| !going.contains(&same_ends(l)));
        let partners: Vec<i64> = self.partners.into_iter().collect();
        if !partners.is_empty() {
            tx.lock_rows(&partners).await?;
            tx.archive(&partners).await?;
        }
        // Rows that exist are passed over when links are written: what gets another place is removed first.
        let removed: Vec<Link> = self.removed.iter().chain(&self.moved).cloned().collect();
        let added: Vec<Link> = self.added.into_iter().chain(self.moved).collect();
        tx.delete_links(&removed).await?;
        tx.insert_links(&added).await?;
        if !partners.is_empty() {
            tx.touch_assets(&partners, actor.account()).await?;
        }
        Ok(partners)
    }
}

async fn learn_types(tx: &mut Tx, types: &mut HashMap<i64, &'static ResourceType>, ids: &[i64]) -> Result<()> {
    for (id, name) in tx.types_of(ids).await? {
        if let Some(resource) = by_name(&name) {
            types.insert(id, resource);
        }
    }
    Ok(())
}

/// The field of `to` that says the same as `field` of `from`, where it holds one value.
fn single_inverse(from: &ResourceType, field: &str, to: &ResourceType) -> Option<&'static str> {
    link::inverse(from, field, to).filter(|inverse| to.object.field(inverse).is_some_and(|f| !f.list))
}

/// Whether a value in one field that holds one leaves no room for a value in another. A contact belongs to one person or one
/// organisation: either takes the place of the other.
fn excludes(holder: &ResourceType, field: &str, other: &str) -> bool {
    let owners = ["person", "organisation"];
    field == other || (holder.name == "contact" && owners.contains(&field) && owners.contains(&other))
}

/// The same fact, said by the other end.
fn inverse_of(link: &Link, types: &HashMap<i64, &'static ResourceType>) -> Option<Link> {
    let field = link::inverse(types.get(&link.from_id)?, &link.field, types.get(&link.to_id)?)?;
    Some(Link { from_id: link.to_id, field: field.to_owned(), to_id: link.from_id, position: APPENDED })
}

/// Links that must go because a field that holds one value gets another, at both their ends.
async fn displaced(tx: &mut Tx, types: &mut HashMap<i64, &'static ResourceType>, come: &[Link]) -> Result<Vec<Link>> {
    let is_single = |l: &&Link| types.get(&l.from_id).and_then(|r| r.object.field(&l.field)).is_some_and(|f| !f.list);
    let single: Vec<&Link> = come.iter().filter(is_single).collect();
    let ids: Vec<i64> = single.iter().map(|l| l.from_id).collect();
    let mut out = Vec::new();
    for old in tx.links_from(&ids).await? {
        let replaced = |new: &&&Link| {
            let same_holder = new.from_id == old.from_id && new.to_id != old.to_id;
            same_holder && types.get(&old.from_id).is_some_and(|r| excludes(r, &new.field, &old.field))
        };
        if single.iter().any(|new| replaced(&new)) {
            out.push(old);
        }
    }
    let others: Vec<i64> = out.iter().map(|l| l.to_id).collect();
    learn_types(tx, types, &others).await?;
    let inverses: Vec<Link> = out.iter().filter_map(|l| inverse_of(l, types)).collect();
    out.extend(inverses);
    Ok(out)
}
