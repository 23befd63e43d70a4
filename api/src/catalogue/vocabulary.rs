//! Listing vocabularies, and loading taxonomies.

use std::collections::{HashMap, HashSet};

use aiod_schema::vocabulary::{Taxonomy, Term, Vocabulary};
use aiod_schema::{Kind, Object, by_name};
use serde_json::Value;

use super::read::parse;
use super::shapes::TermTree;
use super::transaction::transaction;
use super::{Catalogue, Result};
use crate::store::Tx;
use crate::store::part::{Part, PartOf};
use crate::store::term::{OfficialTerm, TermRow, TermUser};

/// What a part of a vocabulary costs, as so many resources of a page.
fn cost_of_terms(part: Part) -> i64 {
    /// So many terms cost as much to list as one resource.
    const TERMS: i64 = 10;
    part.offset.saturating_add(part.limit) / TERMS
}

/// What loading a taxonomy did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Terms that are new, or were in use without being official.
    pub added: usize,
    /// Terms with another spelling; resources that use them show the new one.
    pub renamed: usize,
    /// Terms below another term, or at another place among their siblings.
    pub moved: usize,
    /// Terms with another definition.
    pub redefined: usize,
    /// Terms that vanished: they are official no more, but resources keep them.
    pub retired: usize,
    /// Terms that are as they were.
    pub unchanged: usize,
}

impl Catalogue {
    /// A part of the terms of an open vocabulary that published resources use.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn terms_in_use(&self, vocabulary: &Vocabulary, part: Part) -> Result<PartOf<String>> {
        let _turn = self.turns.take(cost_of_terms(part)).await?;
        Ok(self.db.terms_in_use(vocabulary.name, part).await?)
    }

    /// A part of the topmost official terms of a taxonomy, each with all terms below it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn official_terms(&self, vocabulary: &Vocabulary, part: Part) -> Result<PartOf<TermTree>> {
        let _turn = self.turns.take(cost_of_terms(part)).await?;
        let topmost = self.db.topmost_terms(vocabulary.name, part).await?;
        let mut children: HashMap<i64, Vec<TermRow>> = HashMap::new();
        let mut parents: Vec<i64> = topmost.items.iter().map(|row| row.id).collect();
        while !parents.is_empty() {
            let narrower = self.db.narrower_terms(vocabulary.name, &parents).await?;
            parents = narrower.iter().map(|row| row.id).collect();
            for row in narrower {
                children.entry(row.parent_id.unwrap_or_default()).or_default().push(row);
            }
        }
        Ok(topmost.map(|row| tree(&children, &row)))
    }

    /// Makes taxonomies what a file says: adds, renames and moves terms, and marks those that vanished as unofficial. Loading the
    /// same again changes nothing.
    ///
    /// # Errors
    /// When the store fails; each taxonomy is loaded whole or not at all.
    pub async fn load_taxonomies(&self, taxonomies: &[Taxonomy]) -> Result<Vec<(&'static str, LoadReport)>> {
        let mut reports = Vec::with_capacity(taxonomies.len());
        for taxonomy in taxonomies {
            let report = transaction!(self.db, tx => load(&mut tx, taxonomy).await)?;
            reports.push((taxonomy.vocabulary.name, report));
        }
        Ok(reports)
    }
}

fn tree(children: &HashMap<i64, Vec<TermRow>>, row: &TermRow) -> TermTree {
    let below = children.get(&row.id).map(Vec::as_slice).unwrap_or_default();
    let subterms = below.iter().map(|row| tree(children, row)).collect();
    TermTree { term: row.name.clone(), definition: row.definition.clone(), subterms }
}

/// A taxonomy on its way into the database.
struct Loading<'t> {
    vocabulary: &'static Vocabulary,
    rows: Vec<TermRow>,
    seen: HashSet<i64>,
    report: LoadReport,
    /// The file's terms in the order of the tree, each with its parent's place in this list and its own among its siblings.
    terms: Vec<(&'t Term, Option<usize>, i64)>,
}

async fn load(tx: &mut Tx, taxonomy: &Taxonomy) -> Result<LoadReport> {
    let vocabulary = taxonomy.vocabulary;
    let mut terms = Vec::new();
    flatten(&taxonomy.terms, None, &mut terms);
    let rows = tx.lock_vocabulary(vocabulary.name).await?;
    let mut loading = Loading { vocabulary, rows, seen: HashSet::new(), report: LoadReport::default(), terms };
    loading.run(tx).await?;
    Ok(loading.report)
}

fn flatten<'t>(terms: &'t [Term], parent: Option<usize>, out: &mut Vec<(&'t Term, Option<usize>, i64)>) {
    for (position, term) in (0..).zip(terms) {
        let place = out.len();
        out.push((term, parent, position));
        flatten(&term.subterms, Some(place), out);
    }
}

impl Loading<'_> {
    async fn run(&mut self, tx: &mut Tx) -> Result<()> {
        let matches = self.matches();
        self.free_keys(tx, &matches).await?;
        let mut ids: Vec<i64> = Vec::with_capacity(self.terms.len());
        for index in 0..self.terms.len() {
            let Some((term, parent, position)) = self.terms.get(index).copied() else { continue };
            let wanted = OfficialTerm {
                folded: self.vocabulary.key(&term.name),
                name: term.name.clone(),
                definition: term.definition.clone(),
                parent_id: parent.and_then(|p| ids.get(p).copied()),
                position,
                scheme_id: term.id.clone(),
            };
            let known = matches.get(index).copied().flatten().and_then(|id| self.rows.iter().find(|r| r.id == id).cloned());
            let id = match known {
                Some(row) => self.update(tx, &row, &wanted).await?,
                None => {
                    self.report.added += 1;
                    tx.insert_official_term(self.vocabulary.name, &wanted).await?
                }
            };
            self.seen.insert(id);
            ids.push(id);
        }
        let vanished: Vec<i64> = self.rows.iter().filter(|r| r.official == 1 && !self.seen.contains(&r.id)).map(|r| r.id).collect();
        self.report.retired = vanished.len();
        Ok(tx.retire_terms(&vanished).await?)
    }

    /// For each term of the file the row that it stands for: by the file's id, else by its spelling.
    fn matches(&self) -> Vec<Option<i64>> {
        let by_id: HashMap<&str, i64> = self.rows.iter().filter_map(|r| Some((r.scheme_id.as_deref()?, r.id))).collect();
        let by_key: HashMap<&str, i64> = self.rows.iter().map(|r| (r.folded.as_str(), r.id)).collect();
        let first: Vec<Option<i64>> = self.terms.iter().map(|(t, ..)| by_id.get(t.id.as_str()).copied()).collect();
        let mut taken: HashSet<i64> = first.iter().flatten().copied().collect();
        let by_spelling = |((term, ..), found): (&(&Term, Option<usize>, i64), Option<i64>)| {
            found.or_else(|| by_key.get(self.vocabulary.key(&term.name).as_str()).copied().filter(|id| taken.insert(*id)))
        };
        self.terms.iter().zip(first).map(by_spelling).collect()
    }

    /// Makes way for terms that are renamed to what another row is called now: a row that is renamed itself steps aside, any
    /// other gives its uses to the term that takes its name.
    async fn free_keys(&mut self, tx: &mut Tx, matches: &[Option<i64>]) -> Result<()> {
        let matched: HashSet<i64> = matches.iter().flatten().copied().collect();
        let mut merged = HashSet::new();
        for ((term, ..), id) in self.terms.iter().zip(matches) {
            let Some(id) = id else { continue };
            let key = self.vocabulary.key(&term.name);
            let Some(holder) = self.rows.iter().find(|r| r.folded == key && r.id != *id) else { continue };
            if matched.contains(&holder.id) {
                let aside = OfficialTerm {
                    folded: format!("\u{1f}{}", holder.id),
                    name: holder.name.clone(),
                    definition: holder.definition.clone(),
                    parent_id: holder.parent_id,
                    position: holder.position,
                    scheme_id: holder.scheme_id.clone().unwrap_or_default(),
                };
                tx.update_official_term(holder.id, &aside).await?;
            } else {
                respell(tx, self.vocabulary, holder, &term.name).await?;
                tx.merge_term(holder.id, *id).await?;
                merged.insert(holder.id);
            }
        }
        self.rows.retain(|r| !merged.contains(&r.id));
        Ok(())
    }

    async fn update(&mut self, tx: &mut Tx, row: &TermRow, wanted: &OfficialTerm) -> Result<i64> {
        let adopted = row.official == 0;
        let renamed = row.name != wanted.name;
        let moved = row.parent_id != wanted.parent_id || row.position != wanted.position;
        let redefined = row.definition != wanted.definition;
        let report = &mut self.report;
        if adopted {
            report.added += 1;
        } else {
            report.renamed += usize::from(renamed);
            report.moved += usize::from(moved);
            report.redefined += usize::from(redefined);
            report.unchanged += usize::from(!(renamed || moved || redefined));
        }
        if renamed {
            respell(tx, self.vocabulary, row, &wanted.name).await?;
        }
        if adopted || renamed || moved || redefined || row.scheme_id.as_deref() != Some(&wanted.scheme_id) {
            tx.update_official_term(row.id, wanted).await?;
        }
        Ok(row.id)
    }
}

/// Writes the new spelling of a term into the resources that use it, some at a time: there may be very many.
async fn respell(tx: &mut Tx, vocabulary: &Vocabulary, term: &TermRow, name: &str) -> Result<()> {
    const AT_ONCE: i64 = 500;
    let mut after = 0;
    loop {
        let users = tx.lock_users_of_term(term.id, after, AT_ONCE).await?;
        let Some(last) = users.last() else { return Ok(()) };
        after = last.id;
        let respell = |user: &TermUser| Ok((user.id, respelled(vocabulary, term, name, user)?));
        let documents: Vec<(i64, String)> = users.iter().map(respell).collect::<Result<_>>()?;
        tx.revise(None, async |revision| revision.replace_documents(documents).await).await?;
    }
}

/// A document with the new spelling of a term.
fn respelled(vocabulary: &Vocabulary, term: &TermRow, name: &str, user: &TermUser) -> Result<String> {
    let mut document: Value = parse(&user.document)?;
    let spelling = Spelling { vocabulary, key: vocabulary.key(&term.name), name };
    if let Some(resource) = by_name(&user.resource_type) {
        spelling.apply(resource.object, &mut document);
    }
    Ok(document.to_string())
}

/// The new spelling of a term.
struct Spelling<'t> {
    vocabulary: &'t Vocabulary,
    key: String,
    name: &'t str,
}

impl Spelling<'_> {
    /// Respells the term in all fields of the vocabulary, those of nested objects too.
    fn apply(&self, object: &Object, value: &mut Value) {
        for field in &object.fields {
            let Some(value) = value.get_mut(field.name) else { continue };
            match field.kind {
                Kind::Term(vocabulary) if vocabulary.name == self.vocabulary.name => self.apply_to_terms(value),
                Kind::Object(nested) => each(value, |value| self.apply(nested(), value)),
                _ => {}
            }
        }
    }

    fn apply_to_terms(&self, value: &mut Value) {
        each(value, |value| {
            if value.as_str().is_some_and(|term| self.vocabulary.key(term) == self.key) {
                *value = Value::from(self.name);
            }
        });
        if let Value::Array(values) = value {
            // The two spellings may have stood beside each other.
            let mut seen = HashSet::new();
            values.retain(|value| seen.insert(value.clone()));
        }
    }
}

/// Does something with each value of a list, or with the one value.
fn each(value: &mut Value, change: impl FnMut(&mut Value)) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(change),
        value => std::iter::once(value).for_each(change),
    }
}
