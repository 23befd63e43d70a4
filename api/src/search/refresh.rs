//! Bringing entries of the index up to date: those of given resources, and those of others that are found by their names.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};

use aiod_schema::by_name;

use super::entry::{self, Entry, IDENTIFYING, LINKED_FIELDS};
use super::{Mark, Refused, Result, Search, SearchError, Target, Write};
use crate::store::change::Change;
use crate::store::searchable::SearchableRow;

/// How many bytes of documents are read at once: an entry takes some times as much memory while it is made.
pub(super) const BYTES_AT_ONCE: i64 = 8 << 20;
/// How many resources are brought up to date at once that are found by the name of another.
const NAMERS_AT_ONCE: i64 = 1_000;

impl Search {
    /// Brings the entries of changed resources up to date, and of those that are found by their names.
    pub(super) async fn apply(&self, target: Target, changes: &[Change], mark: Mark) -> Result<Mark> {
        let Some(last) = changes.last() else { return Ok(mark) };
        let ids: BTreeSet<i64> = changes.iter().map(|change| change.asset_id).collect();
        let ids: Vec<i64> = ids.into_iter().collect();
        let mut parts = self.parts(&ids).await?.into_iter().peekable();
        let mut mark = mark;
        while let Some(ids) = parts.next() {
            let writes = self.read(&ids, true).await?;
            let renamed = self.renamed(target, &writes).await?;
            self.write_namers(target, &renamed, last.position, &mark).await?;
            if parts.peek().is_none() {
                mark.position = last.position;
            }
            self.write(target, writes, last.position, &mark).await?;
        }
        Ok(mark)
    }

    /// These resources in parts that are read into memory one after the other. There is one part at least.
    pub(super) async fn parts(&self, ids: &[i64]) -> Result<Vec<Vec<i64>>> {
        let bytes: HashMap<i64, i64> = self.db.searchable_bytes(ids).await?.into_iter().collect();
        let mut parts = vec![Vec::new()];
        let mut left = BYTES_AT_ONCE;
        for id in ids {
            left -= bytes.get(id).copied().unwrap_or_default();
            if left < 0 && parts.last().is_some_and(|part| !part.is_empty()) {
                parts.push(Vec::new());
                left = BYTES_AT_ONCE;
            }
            parts.last_mut().into_iter().for_each(|part| part.push(*id));
        }
        Ok(parts)
    }

    /// Those of the resources that are called something else than the index says.
    async fn renamed(&self, target: Target, writes: &[Write]) -> Result<Vec<i64>> {
        let labelled: BTreeMap<i64, &str> = writes
            .iter()
            .map(|write| match write {
                Write::Put(entry) => (entry.id, entry.label.as_str()),
                Write::Remove(id) => (*id, ""),
            })
            .collect();
        // While an index is made, nobody knows what its entries were made of.
        if target == Target::Next {
            return Ok(labelled.into_iter().filter(|(_, label)| !label.is_empty()).map(|(id, _)| id).collect());
        }
        let ids: Vec<i64> = labelled.keys().copied().collect();
        let known: HashMap<i64, String> = self.engine.labels(&ids).await?.into_iter().collect();
        let is_renamed = |(id, label): &(i64, &str)| known.get(id).map(String::as_str).unwrap_or_default() != *label;
        Ok(labelled.into_iter().filter(is_renamed).map(|(id, _)| id).collect())
    }

    /// Brings the entries of those up to date that are found by the names of these resources.
    async fn write_namers(&self, target: Target, renamed: &[i64], version: i64, mark: &Mark) -> Result<()> {
        for renamed in renamed.chunks(500) {
            let mut after = 0;
            loop {
                let namers = self.db.namers(renamed, &LINKED_FIELDS, after, NAMERS_AT_ONCE).await?;
                let Some(last) = namers.last() else { break };
                after = *last;
                for namers in self.parts(&namers).await? {
                    let writes = self.read(&namers, true).await?;
                    self.write(target, writes, version, mark).await?;
                }
            }
        }
        Ok(())
    }

    pub(super) async fn write(&self, target: Target, writes: Vec<Write>, version: i64, mark: &Mark) -> Result<()> {
        let ids: Vec<i64> = writes.iter().map(Write::id).collect();
        let refused: Vec<Refused> = self.engine.write(target, writes, version, mark).await?;
        self.db.remove_search_failures(&ids).await?;
        for (id, reason) in refused {
            self.set_aside(id, &reason).await?;
        }
        Ok(())
    }

    /// What has to be written for these resources: their entries, and, if wanted, that others are gone. A resource of which no entry can be
    /// made is set aside.
    pub(super) async fn read(&self, ids: &[i64], with_removals: bool) -> Result<Vec<Write>> {
        let rows = self.db.searchable(ids).await?;
        let labels = self.labels(&rows).await?;
        // Words and stems take long, so that they are made beside what serves requests.
        let made = tokio::task::spawn_blocking(move || rows.iter().map(|row| (row.id, entry_of(row, &labels))).collect::<Vec<_>>());
        let made = made.await.map_err(|error| SearchError::Failed(error.to_string()))?;
        let mut writes: Vec<Write> = Vec::with_capacity(ids.len());
        let mut missing: BTreeSet<i64> = ids.iter().copied().collect();
        for (id, entry) in made {
            match entry {
                Ok(entry) => {
                    missing.remove(&id);
                    writes.push(Write::Put(entry));
                }
                Err(reason) => self.set_aside(id, reason).await?,
            }
        }
        if with_removals {
            writes.extend(missing.into_iter().map(Write::Remove));
        }
        Ok(writes)
    }

    async fn set_aside(&self, id: i64, reason: &str) -> Result<()> {
        tracing::warn!(id, reason, "the search index refused a resource; it is set aside");
        Ok(self.db.add_search_failure(id, reason).await?)
    }

    /// What the resources are called that these name, and what those of them are called that others name.
    async fn labels(&self, rows: &[SearchableRow]) -> Result<HashMap<String, String>> {
        let mut identifiers: BTreeSet<&str> = BTreeSet::new();
        for row in rows {
            let Some(resource) = by_name(&row.resource_type) else { continue };
            identifiers.extend(entry::named(resource, &row.links));
            if entry::is_linked_type(&row.resource_type) {
                identifiers.insert(&row.identifier);
            }
        }
        let identifiers: Vec<&str> = identifiers.into_iter().collect();
        let found = self.db.linked_rows(&identifiers, &IDENTIFYING).await?;
        Ok(found.into_iter().map(|row| (row.identifier.clone(), entry::label(&row))).collect())
    }
}

/// The entry of a resource, or why none can be made. Texts are what strangers wrote, and others' libraries read them: what fails on one
/// resource stops none of the others.
fn entry_of(row: &SearchableRow, labels: &HashMap<String, String>) -> std::result::Result<Box<Entry>, &'static str> {
    let made = catch_unwind(AssertUnwindSafe(|| Entry::of(row, labels)));
    let mut entry = made.map_err(|_| "its texts cannot be read")?.ok_or("its document is not one of ours")?;
    if entry::is_linked_type(&row.resource_type) {
        entry.label = labels.get(&row.identifier).cloned().unwrap_or_default();
    }
    Ok(Box::new(entry))
}
