//! The bulk upsert: up to 1,000 records of a platform at once, each found by its platform's identifier.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use aiod_schema::identifier::platform_identifier_fault;
use aiod_schema::validate::{LinkUse, MAX_RECORDS, MAX_RELATED, Step, normalise};
use aiod_schema::wire::{Outcome, RecordResult};
use aiod_schema::{Fault, Field, Input, Kind, ResourceType, by_name, new_identifier};
use serde_json::{Map, Value};

use super::change::{Actor, Change, HASH_LENGTH, Identity, Owned, Resolved, Target, apply, content_hash, name_key, platform_key};
use super::permission::{Action, Subject, is_allowed, require_user};
use super::transaction::transaction;
use super::{Catalogue, Error, Result};
use crate::digest::sha256_hex;
use crate::identity::Caller;
use crate::store::Tx;
use crate::store::asset::{Head, Status};

/// How many faults of a record are told at most, each by itself.
const MAX_FAULTS: usize = 100;

/// The name of a resource's type, and its key on the platform.
type Place = (&'static str, String);

/// A related resource of a record: where it is referred to, and how it is found.
struct Related {
    field: &'static Field,
    key: String,
    input: Input,
}

impl Related {
    /// What finds it on its platform.
    fn place(&self) -> Place {
        (self.input.resource.name, self.key.clone())
    }
}

/// A record in normal form.
struct Record {
    input: Input,
    key: String,
    hash: String,
    related: Vec<Related>,
}

type Prepared = std::result::Result<Record, Vec<Fault>>;

impl Catalogue {
    /// Writes records of a platform: created, updated, or left alone when they say what is there. One answer for each, in order.
    ///
    /// # Errors
    /// When nobody is logged in, the caller is not the platform's connector, the platform is unknown, there are too many
    /// records, or the store fails. A faulty record is no error: its answer says what is wrong with it.
    pub async fn upsert_batch(
        &self,
        caller: &Caller,
        platform: &str,
        resource: &'static ResourceType,
        records: &[Value],
    ) -> Result<Vec<RecordResult>> {
        require_user(caller)?;
        let subject = Subject { resource: Some(resource), platform: Some(platform), ..Subject::default() };
        if !is_allowed(&self.roles, caller, Action::UpsertBatch, subject) {
            return Err(Error::Forbidden(format!(
                "No permission to write resources of platform '{platform}': role platform_{platform} is needed."
            )));
        }
        if records.len() > MAX_RECORDS {
            return Err(Error::body("records", format!("ensure this value has at most {MAX_RECORDS} items")));
        }
        let prepared = prepare_all(platform, resource, records);
        let actor = Actor { caller, roles: &self.roles, brings_terms: true, keeps_inverse_links: true };
        let mut attempts = 0;
        loop {
            let outcome: Result<Vec<RecordResult>> = transaction!(self.db, tx => {
                if tx.known_platforms(&[platform.to_owned()]).await?.is_empty() {
                    return Err(Error::Precondition(format!("platform '{platform}' is not known to the catalogue; GET /platforms lists those that are.")));
                }
                Batch { platform, resource, actor, records: &prepared }.write(&mut tx).await
            });
            match outcome {
                // Another connector registered one of the records meanwhile: the next attempt finds it.
                Err(Error::Store(error)) if error.is_duplicate() && attempts < 3 => attempts += 1,
                Err(error) => return Err(error),
                Ok(mut results) => {
                    for (result, record) in results.iter_mut().zip(records) {
                        let own = record.get("resource").and_then(|r| r.get("platform_resource_identifier")).and_then(Value::as_str);
                        result.platform_resource_identifier = own.map(str::to_owned);
                    }
                    return Ok(results);
                }
            }
        }
    }
}

fn prepare_all(platform: &str, resource: &'static ResourceType, records: &[Value]) -> Vec<Prepared> {
    let mut seen = HashSet::new();
    let prepare_one = |record| {
        let record = prepare(platform, resource, record).map_err(shortened)?;
        if !seen.insert(record.key.clone()) {
            let message = "another record of this batch has the same platform_resource_identifier";
            return Err(vec![Fault::value(["resource", "platform_resource_identifier"], message)]);
        }
        Ok(record)
    };
    records.iter().map(prepare_one).collect()
}

/// So many faults as an answer for a thousand records has room for.
fn shortened(mut faults: Vec<Fault>) -> Vec<Fault> {
    if faults.len() > MAX_FAULTS {
        let more = faults.split_off(MAX_FAULTS).len();
        faults.push(Fault::value(["resource"], format!("{more} more faults")));
    }
    faults
}

/// Checks a record by itself.
fn prepare(platform: &str, resource: &'static ResourceType, record: &Value) -> Prepared {
    let mut faults = Vec::new();
    let body = record.get("resource").unwrap_or(&Value::Null);
    let input = normalised(platform, resource, body, &["resource".into()], &mut faults);
    let related = related_of(platform, resource, record.get("related"), &mut faults);
    let Some(input) = input.filter(|_| faults.is_empty()) else { return Err(faults) };
    let Some(own) = input.platform_resource_identifier.as_deref() else {
        return Err(vec![Fault::new(["resource", "platform_resource_identifier"], "field required", "value_error.missing")]);
    };
    let key = platform_key(own);
    let itself = |r: &&Related| r.input.resource == resource && r.key == key;
    if let Some(related) = related.iter().find(itself) {
        return Err(vec![Fault::value(["related", related.field.name], "a resource cannot refer to itself")]);
    }
    let places: Vec<_> = related.iter().map(|r| (r.field.name, r.place())).collect();
    let hash = if places.is_empty() { content_hash(&input) } else { related_hash(&input, &places) };
    Ok(Record { input, key, hash, related })
}

/// The hash of a record also says which resources it relates to; these themselves are found or created, never changed.
fn related_hash(input: &Input, places: &[(&str, Place)]) -> String {
    let text = format!("{} {}", content_hash(input), serde_json::json!(places));
    sha256_hex(text.as_bytes(), HASH_LENGTH)
}

/// A body of this platform in normal form; its faults are located below `location`.
fn normalised(platform: &str, resource: &'static ResourceType, body: &Value, location: &[Step], faults: &mut Vec<Fault>) -> Option<Input> {
    let located = |mut fault: Fault| {
        fault.location.splice(..1, location.iter().cloned());
        fault
    };
    let input = match normalise(resource, body) {
        Ok(input) => input,
        Err(found) => {
            faults.extend(found.into_iter().map(located));
            return None;
        }
    };
    if input.platform.as_deref().is_some_and(|given| given != platform) {
        faults.push(located(Fault::value(
            ["body", "platform"],
            format!("the records of this path are of platform '{platform}'; leave the field out"),
        )));
    }
    if let Some(message) = input.platform_resource_identifier.as_deref().and_then(|own| platform_identifier_fault(platform, own)) {
        faults.push(located(Fault::value(["body", "platform_resource_identifier"], message)));
    }
    Some(input)
}

fn related_of(platform: &str, resource: &'static ResourceType, related: Option<&Value>, faults: &mut Vec<Fault>) -> Vec<Related> {
    let mut out = Vec::new();
    let Some(related) = related.filter(|r| !r.is_null()) else { return out };
    let Some(fields) = related.as_object() else {
        faults.push(Fault::new(["related"], "an object is expected: link fields with lists of related resources", "type_error.dict"));
        return out;
    };
    for (name, entries) in fields {
        let at =
            |steps: &[Step]| -> Vec<Step> { [Step::from("related"), Step::from(name.as_str())].iter().chain(steps).cloned().collect() };
        let Some(field) = resource.links().find(|f| f.name == name) else {
            let links: Vec<&str> = resource.links().map(|f| f.name).collect();
            faults.push(Fault::value(at(&[]), format!("not a field that refers to other resources; those are {}", links.join(", "))));
            continue;
        };
        let Some(entries) = entries.as_array().filter(|e| e.len() <= MAX_RELATED) else {
            faults.push(Fault::new(at(&[]), format!("a list of at most {MAX_RELATED} related resources is expected"), "type_error.list"));
            continue;
        };
        for (index, entry) in entries.iter().enumerate() {
            match related_entry(platform, field, entry, &at(&[index.into()])) {
                Ok(one) => out.push(one),
                Err(found) => faults.extend(found),
            }
        }
    }
    out
}

/// `{"contact": {…}}`: one related resource, by its type's name.
fn related_entry(platform: &str, field: &'static Field, entry: &Value, at: &[Step]) -> std::result::Result<Related, Vec<Fault>> {
    let shape = "an object with one key, the type's name, is expected, such as {\"contact\": {…}}";
    let single = entry.as_object().filter(|map| map.len() == 1).and_then(|map: &Map<String, Value>| map.iter().next());
    let Some((type_name, body)) = single else { return Err(vec![Fault::value(at.to_vec(), shape)]) };
    let Kind::Link(targets) = field.kind else { return Err(vec![Fault::value(at.to_vec(), shape)]) };
    let Some(resource) = by_name(type_name).filter(|r| targets.iter().any(|t| r.is_a(t))) else {
        return Err(vec![Fault::value(
            at.to_vec(),
            format!("'{type_name}' is not a type that this field refers to: {}", targets.join(", ")),
        )]);
    };
    let at: Vec<Step> = at.iter().cloned().chain([Step::from(type_name.as_str())]).collect();
    let mut faults = Vec::new();
    let input = normalised(platform, resource, body, &at, &mut faults);
    let Some(input) = input.filter(|_| faults.is_empty()) else { return Err(faults) };
    let key = match (&input.platform_resource_identifier, input.name()) {
        (Some(own), _) => platform_key(own),
        (None, Some(name)) if !name.trim().is_empty() => name_key(name),
        _ => return Err(vec![Fault::value(at, "a related resource needs a platform_resource_identifier or a name, by which it is found")]),
    };
    Ok(Related { field, key, input })
}

struct Batch<'a> {
    platform: &'a str,
    resource: &'static ResourceType,
    actor: Actor<'a>,
    records: &'a [Prepared],
}

/// A record that is to be written.
struct Pending<'a> {
    index: usize,
    record: &'a Record,
    /// Its body; its related resources come among its links as they are found or created.
    input: Input,
    /// What it replaces.
    existing: Option<Head>,
    faults: Vec<Fault>,
}

impl Pending<'_> {
    fn owned(&self) -> Owned<'_> {
        (&self.input, self.existing.as_ref().map(|head| head.id))
    }

    /// Refers to those of its related resources that these are.
    fn refer_to(&mut self, known: &HashMap<Place, String>) {
        for related in &self.record.related {
            if let Some(identifier) = known.get(&related.place()) {
                refer(&mut self.input, related.field, identifier);
            }
        }
    }
}

/// Related resources that do not exist yet, each once.
struct Missing<'a> {
    by_place: BTreeMap<Place, &'a Related>,
    resolved: Resolved,
}

impl Batch<'_> {
    /// Finds out what there is and what is wrong before anything is written, so that nothing is written for a record that fails.
    async fn write(&self, tx: &mut Tx) -> Result<Vec<RecordResult>> {
        let mut existing = self.existing(tx, self.records.iter().flatten().map(|record| &record.key)).await?;
        let mut results: Vec<RecordResult> = self.records.iter().map(|r| first_answer(r, &existing)).collect();
        let mut pending = Vec::new();
        for (index, (record, result)) in self.records.iter().zip(&results).enumerate() {
            if let (Ok(record), Outcome::Created | Outcome::Updated) = (record, result.outcome) {
                let existing = existing.remove(&record.key);
                pending.push(Pending { index, record, input: record.input.clone(), existing, faults: Vec::new() });
            }
        }
        if pending.is_empty() {
            return Ok(results);
        }
        let found = self.find_related(tx, &pending).await?;
        pending.iter_mut().for_each(|p| p.refer_to(&found));
        let mut missing = self.missing(tx, &pending, &found).await?;
        let mut resolved = Resolved::load(tx, self.actor, pending.iter().map(Pending::owned)).await?;
        self.check(tx, &mut pending, &missing, &resolved).await?;
        for failed in pending.extract_if(.., |p| !p.faults.is_empty()) {
            if let Some(result) = results.get_mut(failed.index) {
                fail(result, &failed.faults);
            }
        }
        let needed: HashSet<Place> = pending.iter().flat_map(|p| p.record.related.iter().map(Related::place)).collect();
        missing.by_place.retain(|place, _| needed.contains(place));
        let created = self.create_related(tx, missing, &mut resolved).await?;
        pending.iter_mut().for_each(|p| p.refer_to(&created));
        // A related resource may be one of the records as well.
        let both = pending.iter().map(|p| &p.record.key).filter(|key| created.contains_key(&(self.resource.name, (*key).clone())));
        let mut existing = self.existing(tx, both).await?;
        pending.iter_mut().for_each(|p| p.existing = existing.remove(&p.record.key).or(p.existing.take()));
        self.write_changes(tx, pending, &mut resolved, &mut results).await?;
        Ok(results)
    }

    /// The resources with these keys that are there already, locked.
    async fn existing(&self, tx: &mut Tx, keys: impl Iterator<Item = &String>) -> Result<HashMap<String, Head>> {
        let keys: Vec<String> = keys.cloned().collect();
        let heads = if keys.is_empty() { Vec::new() } else { tx.lock_on_platform(self.resource.name, self.platform, &keys).await? };
        Ok(heads.into_iter().filter_map(|h| Some((h.platform_key.clone()?, h))).collect())
    }

    /// Which of the resources that the pending records relate to are there already: their identifiers, by type and key.
    async fn find_related(&self, tx: &mut Tx, pending: &[Pending<'_>]) -> Result<HashMap<Place, String>> {
        let mut wanted: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
        for (type_name, key) in pending.iter().flat_map(|p| &p.record.related).map(Related::place) {
            wanted.entry(type_name).or_default().insert(key);
        }
        let mut found = HashMap::new();
        for (type_name, keys) in wanted {
            let keys: Vec<String> = keys.into_iter().collect();
            for chunk in keys.chunks(4_000) {
                let heads = tx.lock_on_platform(type_name, self.platform, chunk).await?;
                found.extend(heads.into_iter().map(|head| ((type_name, head.platform_key.unwrap_or_default()), head.identifier)));
            }
        }
        Ok(found)
    }

    async fn missing<'r>(&self, tx: &mut Tx, pending: &[Pending<'r>], found: &HashMap<Place, String>) -> Result<Missing<'r>> {
        let mut by_place = BTreeMap::new();
        for related in pending.iter().flat_map(|p| &p.record.related).filter(|r| !found.contains_key(&r.place())) {
            by_place.entry(related.place()).or_insert(related);
        }
        let resolved = Resolved::load(tx, self.actor, by_place.values().map(|r| (&r.input, None))).await?;
        Ok(Missing { by_place, resolved })
    }

    /// Finds what is wrong with the pending records, or with what has to be created for them.
    async fn check(&self, tx: &mut Tx, pending: &mut [Pending<'_>], missing: &Missing<'_>, resolved: &Resolved) -> Result<()> {
        let inputs = pending.iter().map(|p| &p.input).chain(missing.by_place.values().map(|r| &r.input));
        let names: BTreeSet<&String> = inputs.flat_map(|input| &input.platforms).map(|(_, name)| name).collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        let platforms = if names.is_empty() { names } else { tx.known_platforms(&names).await? };
        let unknown = |input: &Input| {
            let name = input.platforms.iter().map(|(_, name)| name).find(|name| !platforms.contains(name))?;
            Some(format!("platform '{name}' is not known to the catalogue"))
        };
        for one in pending {
            let (input, own) = one.owned();
            let misuses = resolved.misuses(input, own, self.actor);
            let mut faults: Vec<Fault> = misuses.iter().map(|misuse| misuse.fault("resource")).collect();
            faults.extend(unknown(input).map(|message| Fault::value(["resource", "distribution"], message)));
            for related in one.record.related.iter().filter(|r| missing.by_place.contains_key(&r.place())) {
                let misuses = missing.resolved.misuses(&related.input, None, self.actor);
                let messages = misuses.iter().map(ToString::to_string).chain(unknown(&related.input));
                faults.extend(messages.map(|message| Fault::value(["related", related.field.name], message)));
            }
            one.faults = faults;
        }
        Ok(())
    }

    /// Creates related resources; their identifiers, by type and key.
    async fn create_related(&self, tx: &mut Tx, missing: Missing<'_>, resolved: &mut Resolved) -> Result<HashMap<Place, String>> {
        let Missing { by_place, resolved: mut own } = missing;
        let changes: Vec<Change> = by_place.values().map(|related| self.new_related(related)).collect();
        if changes.is_empty() {
            return Ok(HashMap::new());
        }
        own.add_terms(tx, changes.iter().map(|c| &c.input)).await?;
        let written = apply(tx, self.actor, &changes, &own).await?;
        let mut created = HashMap::new();
        for ((place, related), (id, identifier)) in by_place.into_iter().zip(written) {
            resolved.learn(identifier.clone(), id, related.input.resource, self.platform);
            created.insert(place, identifier);
        }
        Ok(created)
    }

    fn new_related(&self, related: &Related) -> Change {
        let identity = self.identity(&related.input, &related.key);
        Change { hash: content_hash(&related.input), input: related.input.clone(), target: Target::New(identity) }
    }

    fn identity(&self, input: &Input, key: &str) -> Identity {
        Identity {
            identifier: new_identifier(input.resource.prefix),
            platform: self.platform.to_owned(),
            platform_resource_identifier: input.platform_resource_identifier.clone(),
            platform_key: key.to_owned(),
            status: Status::Published,
        }
    }

    async fn write_changes(
        &self,
        tx: &mut Tx,
        pending: Vec<Pending<'_>>,
        resolved: &mut Resolved,
        results: &mut [RecordResult],
    ) -> Result<()> {
        let mut indexes = Vec::with_capacity(pending.len());
        let mut changes = Vec::with_capacity(pending.len());
        for Pending { index, record, input, existing, .. } in pending {
            let target = match existing {
                Some(head) => Target::Existing(Box::new(head)),
                None => Target::New(self.identity(&input, &record.key)),
            };
            indexes.push(index);
            changes.push(Change { input, target, hash: record.hash.clone() });
        }
        if changes.is_empty() {
            return Ok(());
        }
        resolved.add_terms(tx, changes.iter().map(|c| &c.input)).await?;
        let written = apply(tx, self.actor, &changes, resolved).await?;
        for (index, (_, identifier)) in indexes.into_iter().zip(written) {
            if let Some(result) = results.get_mut(index) {
                result.identifier = Some(identifier);
            }
        }
        Ok(())
    }
}

/// What is known before anything is written: faulty, unchanged, or still to be written.
fn first_answer(record: &Prepared, existing: &HashMap<String, Head>) -> RecordResult {
    let mut result = RecordResult { platform_resource_identifier: None, identifier: None, outcome: Outcome::Created, errors: Vec::new() };
    match record {
        Err(faults) => fail(&mut result, faults),
        Ok(record) => match existing.get(&record.key) {
            Some(head) if head.content_hash == record.hash => {
                result.identifier = Some(head.identifier.clone());
                result.outcome = Outcome::Unchanged;
            }
            Some(head) if head.status() == Status::Submitted => {
                fail(&mut result, &[Fault::value(["resource"], "a submitted asset cannot be edited: it waits for a review")]);
            }
            Some(_) => result.outcome = Outcome::Updated,
            None => {}
        },
    }
    result
}

fn fail(result: &mut RecordResult, faults: &[Fault]) {
    result.outcome = Outcome::Failed;
    result.identifier = None;
    result.errors = faults.iter().map(Into::into).collect();
}

/// Adds a reference to a body.
fn refer(input: &mut Input, field: &'static Field, identifier: &str) {
    let place = input.links.iter().position(|l| l.field.name == field.name);
    let index = place.unwrap_or_else(|| {
        input.links.push(LinkUse { field, identifiers: Vec::new() });
        input.links.len() - 1
    });
    if let Some(link) = input.links.get_mut(index) {
        let has_room = field.list || link.identifiers.is_empty();
        if has_room && !link.identifiers.iter().any(|i| i == identifier) {
            link.identifiers.push(identifier.to_owned());
        }
    }
}
