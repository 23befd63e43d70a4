//! Terms of taxonomies and open vocabularies, and which resources use them.

use std::collections::BTreeSet;

use super::part::{Part, PartOf};
use super::revise::Revision;
use super::sql::{Arg, MAX_LISTED, Sql};
use super::{Db, Result, Tx, now};

/// A term's row.
#[derive(Clone, Debug, PartialEq, Eq, sqlx_macros::FromRow)]
pub struct TermRow {
    /// Row id.
    pub id: i64,
    /// The vocabulary's name.
    pub vocabulary: String,
    /// The key that its spellings share.
    pub folded: String,
    /// The term as it is spelled.
    pub name: String,
    /// What it means.
    pub definition: String,
    /// 1 when it is official.
    pub official: i64,
    /// The broader term.
    pub parent_id: Option<i64>,
    /// Its place among its siblings.
    pub position: i64,
    /// What identifies it in a taxonomy file.
    pub scheme_id: Option<String>,
}

const TERM: &str = "SELECT id, vocabulary, folded, name, definition, official, parent_id, position, scheme_id FROM term";

/// A term that comes into a vocabulary by use.
#[derive(Clone, Copy, Debug)]
pub struct UsedTerm<'t> {
    /// The vocabulary's name.
    pub vocabulary: &'t str,
    /// The key that its spellings share.
    pub folded: &'t str,
    /// The term as it is spelled.
    pub name: &'t str,
    /// Whether the transaction registers a published resource that uses it.
    pub in_use: bool,
}

/// A resource that uses a term.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct TermUser {
    /// Row id.
    pub id: i64,
    /// Its type's name.
    pub resource_type: String,
    /// Its document.
    pub document: String,
}

/// A term as a taxonomy file has it.
#[derive(Clone, Debug)]
pub struct OfficialTerm {
    /// The key that its spellings share.
    pub folded: String,
    /// The term as it is spelled.
    pub name: String,
    /// What it means.
    pub definition: String,
    /// The broader term.
    pub parent_id: Option<i64>,
    /// Its place among its siblings.
    pub position: i64,
    /// What identifies it in the file.
    pub scheme_id: String,
}

impl Db {
    /// A part of the topmost official terms of a taxonomy, in order.
    pub async fn topmost_terms(&self, vocabulary: &str, part: Part) -> Result<PartOf<TermRow>> {
        let sql = Sql::new(TERM).push(" WHERE vocabulary = ? AND official = 1 AND parent_id IS NULL ORDER BY position, id");
        self.fetch_part(sql.bind(vocabulary), part).await
    }

    /// The official terms right below these, in order.
    pub async fn narrower_terms(&self, vocabulary: &str, parents: &[i64]) -> Result<Vec<TermRow>> {
        let mut found = Vec::new();
        for parents in parents.chunks(MAX_LISTED) {
            let sql = Sql::new(TERM).push(" WHERE vocabulary = ? AND official = 1 AND parent_id IN ").bind(vocabulary).push_list(parents);
            found.extend(self.fetch_all::<TermRow>(sql.push(" ORDER BY position, id")).await?);
        }
        Ok(found)
    }

    /// The vocabularies that have official terms.
    pub async fn official_vocabularies(&self) -> Result<BTreeSet<String>> {
        let sql = Sql::new("SELECT DISTINCT vocabulary FROM term WHERE official = 1");
        Ok(self.fetch_all::<(String,)>(sql).await?.into_iter().map(|(vocabulary,)| vocabulary).collect())
    }
}

impl Tx {
    /// The terms with these vocabularies and keys.
    pub(crate) async fn find_terms(&mut self, keys: &[(String, String)]) -> Result<Vec<TermRow>> {
        let mut found = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(2_000) {
            let pairs: Vec<[Arg; 2]> = chunk.iter().map(|(v, k)| [v.into(), k.into()]).collect();
            found.extend(self.fetch_all::<TermRow>(Sql::new(TERM).push(" WHERE (vocabulary, folded) IN ").push_rows(&pairs)).await?);
        }
        Ok(found)
    }

    /// All terms of a vocabulary, locked for this transaction.
    pub(crate) async fn lock_vocabulary(&mut self, vocabulary: &str) -> Result<Vec<TermRow>> {
        self.fetch_all(Sql::new(TERM).push(" WHERE vocabulary = ? ORDER BY id").push(self.dialect().for_update()).bind(vocabulary)).await
    }

    /// Writes terms that came by use; those that exist already are left.
    pub(crate) async fn insert_used_terms(&mut self, terms: &[UsedTerm<'_>]) -> Result<()> {
        let zero = || 0_i64.into();
        let row = |t: &UsedTerm<'_>| {
            vec![t.vocabulary.into(), t.folded.into(), t.name.into(), "".into(), zero(), zero(), i64::from(t.in_use).into()]
        };
        let rows = terms.iter().map(row).collect();
        let into = "term (vocabulary, folded, name, definition, official, position, in_use)";
        self.execute_each(Sql::insert_ignoring(self.dialect(), into, rows)).await
    }

    /// Writes a new official term; its row id.
    pub(crate) async fn insert_official_term(&mut self, vocabulary: &str, term: &OfficialTerm) -> Result<i64> {
        let sql = Sql::new(
            "INSERT INTO term (vocabulary, folded, name, definition, official, parent_id, position, scheme_id) VALUES (?, ?, ?, ?, 1, ?, ?, ?)",
        );
        let sql = sql.bind(vocabulary).bind(&term.folded).bind(&term.name).bind(&term.definition);
        self.execute(sql.bind(term.parent_id).bind(term.position).bind(&term.scheme_id)).await?;
        let id = Sql::new("SELECT id FROM term WHERE vocabulary = ? AND folded = ?").bind(vocabulary).bind(&term.folded);
        Ok(self.fetch_optional::<(i64,)>(id).await?.map_or(0, |(id,)| id))
    }

    /// Makes a term what the file says.
    pub(crate) async fn update_official_term(&mut self, id: i64, term: &OfficialTerm) -> Result<()> {
        let sql = Sql::new(
            "UPDATE term SET folded = ?, name = ?, definition = ?, official = 1, parent_id = ?, position = ?, scheme_id = ? WHERE id = ?",
        );
        let sql = sql.bind(&term.folded).bind(&term.name).bind(&term.definition).bind(term.parent_id).bind(term.position);
        self.execute(sql.bind(&term.scheme_id).bind(id)).await.map(drop)
    }

    /// Marks terms as unofficial; resources keep them.
    pub(crate) async fn retire_terms(&mut self, ids: &[i64]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let sql = Sql::new("UPDATE term SET official = 0, parent_id = NULL, scheme_id = NULL WHERE id IN ").push_list(ids);
        self.execute(sql).await.map(drop)
    }

    /// Resources that use a term: the next few after a row id, in order, locked.
    pub(crate) async fn lock_users_of_term(&mut self, term: i64, after: i64, limit: i64) -> Result<Vec<TermUser>> {
        let sql = Sql::new(
            "SELECT a.id, a.resource_type, a.document FROM asset_term u JOIN asset a ON a.id = u.asset_id \
             WHERE u.term_id = ? AND u.asset_id > ? ORDER BY u.asset_id LIMIT ?",
        );
        self.fetch_all(sql.push(self.dialect().for_update()).bind(term).bind(after).bind(limit)).await
    }

    /// Gives the uses of one term to another and removes it.
    pub(crate) async fn merge_term(&mut self, from: i64, into: i64) -> Result<()> {
        let copy = format!(
            "{} asset_term (asset_id, term_id) SELECT asset_id, ? FROM asset_term WHERE term_id = ?",
            self.dialect().insert_ignore()
        );
        self.execute(Sql::new(copy).bind(into).bind(from)).await?;
        self.execute(Sql::new("DELETE FROM asset_term WHERE term_id = ?").bind(from)).await?;
        self.execute(Sql::new("DELETE FROM term WHERE id = ?").bind(from)).await?;
        self.have_term_checked(into).await
    }

    /// Says which terms resources use.
    pub(crate) async fn insert_asset_terms(&mut self, uses: &[(i64, i64)]) -> Result<()> {
        let rows = uses.iter().map(|(asset, term)| vec![(*asset).into(), (*term).into()]).collect();
        self.execute_each(Sql::insert_ignoring(self.dialect(), "asset_term (asset_id, term_id)", rows)).await
    }

    /// Forgets which terms resources use.
    pub(crate) async fn delete_asset_terms(&mut self, assets: &[i64]) -> Result<()> {
        if assets.is_empty() {
            return Ok(());
        }
        self.execute(Sql::new("DELETE FROM asset_term WHERE asset_id IN ").push_list(assets)).await.map(drop)
    }
}

impl Revision<'_> {
    /// Replaces the documents alone of resources, which the transaction has locked: a term in them was renamed.
    pub(crate) async fn replace_documents(&mut self, documents: Vec<(i64, String)>) -> Result<()> {
        let ids: Vec<i64> = documents.iter().map(|(id, _)| *id).collect();
        self.add_changed(&ids).await?;
        for (id, document) in documents {
            let sql = Sql::new("UPDATE asset SET document = ?, revision = revision + 1, date_revised = ?, modified_by = ? WHERE id = ?");
            let sql = sql.bind(document).bind(now()).bind(self.by()).bind(id);
            self.tx().execute(sql).await?;
        }
        Ok(())
    }
}
