//! Writing the records of a bulk upsert in one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use aiod_schema::validate::LinkUse;
use aiod_schema::wire::{Outcome, RecordResult};
use aiod_schema::{Fault, Field, Input, ResourceType, new_identifier};

use super::record::{Place, Prepared, Record, Related};
use crate::catalogue::Result;
use crate::catalogue::error::unknown_platform;
use crate::catalogue::write::{Actor, Body, Change, Identity, Resolved, Target, apply, content_hash, may_repeat, settle};
use crate::store::Tx;
use crate::store::asset::{Head, Status};

/// The records of one type and platform.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) platform: &'a str,
    pub(super) resource: &'static ResourceType,
    pub(super) actor: Actor<'a>,
    pub(super) records: &'a [Prepared],
}

/// A record that is to be written.
struct Pending<'a> {
    /// Its place among the records.
    index: usize,
    record: &'a Record,
    /// Its body. Its related resources are added to the links as they are found or created.
    input: Input,
    /// The resource that it replaces.
    existing: Option<Head>,
    faults: Vec<Fault>,
}

impl<'a> Pending<'a> {
    fn new(index: usize, record: &'a Record, existing: Option<Head>) -> Self {
        Self { index, record, input: record.input.clone(), existing, faults: Vec::new() }
    }

    fn body(&self) -> Body<'_> {
        Body { input: &self.input, id: self.existing.as_ref().map(|head| head.id) }
    }

    /// Adds references to those of its related resources that have these identifiers.
    fn refer_to(&mut self, identifiers: &HashMap<Place, String>) {
        for related in &self.record.related {
            if let Some(identifier) = identifiers.get(&related.place()) {
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

impl Missing<'_> {
    /// Leaves out what none of the pending records relates to.
    fn keep_needed(&mut self, pending: &[Pending<'_>]) {
        let needed: HashSet<Place> = pending.iter().flat_map(|p| p.record.related.iter().map(Related::place)).collect();
        self.by_place.retain(|place, _| needed.contains(place));
    }
}

impl Batch<'_> {
    /// Writes the records; one result for each.
    pub(super) async fn write(&self, tx: &mut Tx) -> Result<Vec<RecordResult>> {
        let existing = self.existing(tx, self.records.iter().flatten().map(|record| &record.key)).await?;
        if !self.records.iter().flatten().any(|record| may_repeat(&record.input)) {
            return self.write_settled(tx, existing).await;
        }
        let mut records = self.records.to_vec();
        settle_all(tx, &mut records, &existing).await?;
        Batch { records: &records, ..*self }.write_settled(tx, existing).await
    }

    /// Finds out what exists and what is wrong before anything is written, so that nothing is written for a record that fails.
    async fn write_settled(&self, tx: &mut Tx, existing: HashMap<String, Head>) -> Result<Vec<RecordResult>> {
        let mut results: Vec<RecordResult> = self.records.iter().map(|r| first_result(r, &existing)).collect();
        let mut pending = self.pending(&results, existing);
        if pending.is_empty() {
            return Ok(results);
        }
        let found = self.find_related(tx, &pending).await?;
        pending.iter_mut().for_each(|p| p.refer_to(&found));
        let mut missing = self.missing(tx, &pending, &found).await?;
        let bodies: Vec<Body<'_>> = pending.iter().map(Pending::body).collect();
        let mut resolved = Resolved::load(tx, self.actor, &bodies).await?;
        self.check(tx, &mut pending, &missing, &resolved).await?;
        remove_failed(&mut pending, &mut results);
        missing.keep_needed(&pending);
        let created = self.create_related(tx, missing, &mut resolved).await?;
        pending.iter_mut().for_each(|p| p.refer_to(&created));
        self.find_created(tx, &mut pending, &created).await?;
        self.write_changes(tx, pending, &mut resolved, &mut results).await?;
        Ok(results)
    }

    /// The resources with these keys that exist already, locked.
    async fn existing(&self, tx: &mut Tx, keys: impl Iterator<Item = &String>) -> Result<HashMap<String, Head>> {
        let keys: Vec<String> = keys.cloned().collect();
        let heads = if keys.is_empty() { Vec::new() } else { tx.lock_on_platform(self.resource.name, self.platform, &keys).await? };
        Ok(heads.into_iter().filter_map(|h| Some((h.platform_key.clone()?, h))).collect())
    }

    /// The records that are to be created or updated.
    fn pending(&self, results: &[RecordResult], mut existing: HashMap<String, Head>) -> Vec<Pending<'_>> {
        let mut pending = Vec::new();
        for (index, (record, result)) in self.records.iter().zip(results).enumerate() {
            if let (Ok(record), Outcome::Created | Outcome::Updated) = (record, result.outcome) {
                pending.push(Pending::new(index, record, existing.remove(&record.key)));
            }
        }
        pending
    }

    /// The identifiers of those related resources of the pending records that exist already.
    async fn find_related(&self, tx: &mut Tx, pending: &[Pending<'_>]) -> Result<HashMap<Place, String>> {
        let mut wanted: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
        for (type_name, key) in pending.iter().flat_map(|p| &p.record.related).map(Related::place) {
            wanted.entry(type_name).or_default().insert(key);
        }
        let mut found = HashMap::new();
        for (type_name, keys) in wanted {
            let keys: Vec<String> = keys.into_iter().collect();
            let heads = tx.lock_on_platform(type_name, self.platform, &keys).await?;
            found.extend(heads.into_iter().map(|head| ((type_name, head.platform_key.unwrap_or_default()), head.identifier)));
        }
        Ok(found)
    }

    /// The related resources of the pending records that do not exist, and what they refer to.
    async fn missing<'r>(&self, tx: &mut Tx, pending: &[Pending<'r>], found: &HashMap<Place, String>) -> Result<Missing<'r>> {
        let mut by_place = BTreeMap::new();
        for related in pending.iter().flat_map(|p| &p.record.related).filter(|r| !found.contains_key(&r.place())) {
            by_place.entry(related.place()).or_insert(related);
        }
        let bodies: Vec<Body<'_>> = by_place.values().map(|r| Body { input: &r.input, id: None }).collect();
        let resolved = Resolved::load(tx, self.actor, &bodies).await?;
        Ok(Missing { by_place, resolved })
    }

    /// Finds what is wrong with the pending records, or with what has to be created for them.
    async fn check(&self, tx: &mut Tx, pending: &mut [Pending<'_>], missing: &Missing<'_>, resolved: &Resolved) -> Result<()> {
        let inputs = pending.iter().map(|p| &p.input).chain(missing.by_place.values().map(|r| &r.input));
        let names: BTreeSet<&String> = inputs.flat_map(|input| &input.platforms).map(|(_, name)| name).collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        let platforms = if names.is_empty() { names } else { tx.known_platforms(&names).await? };
        for one in pending {
            one.faults = self.faults(one, missing, resolved, &platforms);
        }
        Ok(())
    }

    /// What is wrong with a pending record, or with what has to be created for it.
    fn faults(&self, one: &Pending<'_>, missing: &Missing<'_>, resolved: &Resolved, platforms: &[String]) -> Vec<Fault> {
        let misuses = resolved.misuses(one.body(), self.actor);
        let mut faults: Vec<Fault> = misuses.iter().map(|misuse| misuse.fault("resource")).collect();
        let unknown = first_unknown_platform(&one.input, platforms);
        faults.extend(unknown.map(|message| Fault::value(["resource", "distribution"], message)));
        for related in one.record.related.iter().filter(|r| missing.by_place.contains_key(&r.place())) {
            let misuses = missing.resolved.misuses(Body { input: &related.input, id: None }, self.actor);
            let masks = related.input.mask_faults().into_iter().map(|fault| fault.message);
            let messages = misuses.iter().map(ToString::to_string).chain(first_unknown_platform(&related.input, platforms)).chain(masks);
            faults.extend(messages.map(|message| Fault::value(["related", related.field.name], message)));
        }
        faults
    }

    /// Creates related resources; their identifiers.
    async fn create_related(&self, tx: &mut Tx, missing: Missing<'_>, resolved: &mut Resolved) -> Result<HashMap<Place, String>> {
        let Missing { by_place, resolved: mut of_missing } = missing;
        let changes: Vec<Change> = by_place.values().map(|related| self.new_related(related)).collect();
        if changes.is_empty() {
            return Ok(HashMap::new());
        }
        of_missing.add_terms(tx, &changes).await?;
        let written = apply(tx, self.actor, &changes, &of_missing).await?;
        let mut created = HashMap::new();
        for ((place, related), one) in by_place.into_iter().zip(written) {
            let identifier = one.change.identifier().to_owned();
            resolved.add_created(identifier.clone(), one.id, related.input.resource, self.platform);
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

    /// Finds the pending records that were just created as related resources of others: they are updated.
    async fn find_created(&self, tx: &mut Tx, pending: &mut [Pending<'_>], created: &HashMap<Place, String>) -> Result<()> {
        let keys = pending.iter().map(|p| &p.record.key).filter(|key| created.contains_key(&(self.resource.name, (*key).clone())));
        let mut existing = self.existing(tx, keys).await?;
        pending.iter_mut().for_each(|p| p.existing = existing.remove(&p.record.key).or(p.existing.take()));
        Ok(())
    }

    /// Writes the pending records, and their identifiers into the results.
    async fn write_changes(
        &self,
        tx: &mut Tx,
        pending: Vec<Pending<'_>>,
        resolved: &mut Resolved,
        results: &mut [RecordResult],
    ) -> Result<()> {
        let indexes: Vec<usize> = pending.iter().map(|p| p.index).collect();
        let changes: Vec<Change> = pending.into_iter().map(|p| self.change(p)).collect();
        if changes.is_empty() {
            return Ok(());
        }
        resolved.add_terms(tx, &changes).await?;
        for (index, written) in indexes.into_iter().zip(apply(tx, self.actor, &changes, resolved).await?) {
            if let Some(result) = results.get_mut(index) {
                result.identifier = Some(written.change.identifier().to_owned());
                if result.outcome == Outcome::Updated && !written.is_changed {
                    result.outcome = Outcome::Unchanged;
                }
            }
        }
        Ok(())
    }

    fn change(&self, pending: Pending<'_>) -> Change {
        let Pending { record, input, existing, .. } = pending;
        let target = match existing {
            Some(head) => Target::Existing(Box::new(head)),
            None => Target::New(self.identity(&input, &record.key)),
        };
        Change { input, target, hash: record.hash.clone() }
    }
}

/// Settles what the writer of records may have read so, see [`settle`], and finds the faults of masks in new ones.
async fn settle_all(tx: &mut Tx, records: &mut [Prepared], existing: &HashMap<String, Head>) -> Result<()> {
    let bodies = records.iter_mut().flatten().filter_map(|record| Some((existing.get(&record.key)?.id, &mut record.input)));
    settle(tx, bodies.collect()).await?;
    for prepared in records {
        let Ok(record) = prepared else { continue };
        if existing.contains_key(&record.key) {
            record.hash_again();
            continue;
        }
        let faults = record.mask_faults();
        if !faults.is_empty() {
            *prepared = Err(faults);
        }
    }
    Ok(())
}

/// What is known before anything is written: the record is faulty, unchanged, or still to be written.
fn first_result(record: &Prepared, existing: &HashMap<String, Head>) -> RecordResult {
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

/// Answers a record with its faults.
fn fail(result: &mut RecordResult, faults: &[Fault]) {
    result.outcome = Outcome::Failed;
    result.identifier = None;
    result.errors = faults.iter().map(Into::into).collect();
}

/// Moves the records that have faults from those that are to be written into the results.
fn remove_failed(pending: &mut Vec<Pending<'_>>, results: &mut [RecordResult]) {
    for failed in pending.extract_if(.., |p| !p.faults.is_empty()) {
        if let Some(result) = results.get_mut(failed.index) {
            fail(result, &failed.faults);
        }
    }
}

/// What is said of the first platform that a body names and the catalogue does not know.
fn first_unknown_platform(input: &Input, known: &[String]) -> Option<String> {
    let name = input.platforms.iter().map(|(_, name)| name).find(|name| !known.contains(name))?;
    Some(unknown_platform(name))
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
