//! Counts that are kept: how many published resources of each type and platform there are, and how many use each term.
//!
//! A change of resources writes how much it changes a count, as a row of `resource_count_change` or `term_count_change`: rows of its own,
//! so that no two writers wait for each other. A job adds them up (`Tx::fold_counts`). The truth is the sum of both.

use std::collections::{BTreeMap, BTreeSet};

use super::part::{Part, PartOf};
use super::sql::{MAX_LISTED, Sql};
use super::{Db, Result, Tx};

/// How many changes are added up in one transaction.
const FOLDED_AT_ONCE: i64 = MAX_LISTED as i64;
/// Says of terms whether any published resource uses them, as far as uses were added up.
const SET_IN_USE: &str =
    "UPDATE term SET in_use = CASE WHEN uses > 0 THEN 1 ELSE 0 END WHERE in_use <> CASE WHEN uses > 0 THEN 1 ELSE 0 END";

/// What a change of resources changes of the counts.
#[derive(Debug, Default)]
pub(super) struct CountChanges {
    /// By type and platform.
    resources: BTreeMap<(String, String), i64>,
    /// By row id of the term.
    terms: BTreeMap<i64, i64>,
}

/// Whether the counts of these resources come or go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sign {
    Before = -1,
    After = 1,
}

impl CountChanges {
    /// Takes in what these resources count now: before they change, and after it.
    pub(super) async fn take_in(&mut self, tx: &mut Tx, ids: &[i64], sign: Sign) -> Result<()> {
        let sign = sign as i64;
        for ids in ids.chunks(MAX_LISTED) {
            for (resource_type, platform, term, count) in tx.shown_counts(ids).await? {
                if term == 0 {
                    *self.resources.entry((resource_type, platform)).or_default() += sign * count;
                } else {
                    *self.terms.entry(term).or_default() += sign * count;
                }
            }
        }
        Ok(())
    }

    /// Writes the changes.
    pub(super) async fn write(self, tx: &mut Tx) -> Result<()> {
        let resources = self.resources.into_iter().filter(|(_, amount)| *amount != 0);
        let rows = resources.map(|((resource_type, platform), amount)| vec![resource_type.into(), platform.into(), amount.into()]);
        let head = "INSERT INTO resource_count_change (resource_type, platform, amount) VALUES";
        tx.execute_each(Sql::insert(head, rows.collect())).await?;
        let terms = self.terms.into_iter().filter(|(_, amount)| *amount != 0);
        let rows = terms.map(|(term, amount)| vec![term.into(), amount.into()]);
        tx.execute_each(Sql::insert("INSERT INTO term_count_change (term_id, amount) VALUES", rows.collect())).await
    }
}

/// The row of MySQL that whoever adds up holds until the commit.
const COUNTING_ROW: &str = "SELECT name FROM lease WHERE name = 'counting'";

impl Tx {
    /// What of these resources counts: type, platform and how many, or row id of a term and how many.
    async fn shown_counts(&mut self, ids: &[i64]) -> Result<Vec<(String, String, i64, i64)>> {
        let resources =
            "SELECT resource_type, COALESCE(platform, ''), 0, COUNT(*) FROM asset WHERE status = 'published' AND alive = 1 AND id IN ";
        let terms = " GROUP BY resource_type, COALESCE(platform, '') \
             UNION ALL SELECT '', '', u.term_id, COUNT(*) FROM asset a JOIN asset_term u ON u.asset_id = a.id \
             WHERE a.status = 'published' AND a.alive = 1 AND a.id IN ";
        self.fetch_all(Sql::new(resources).push_list(ids).push(terms).push_list(ids).push(" GROUP BY u.term_id")).await
    }

    /// Adds up changes of counts that were committed, some thousands at a time; whether there may be more.
    pub(crate) async fn fold_counts(&mut self) -> Result<bool> {
        self.fetch_all::<(String,)>(Sql::new(COUNTING_ROW).push(self.dialect().for_update())).await?;
        let resources = self.fold_resource_counts().await?;
        let terms = self.fold_term_counts().await?;
        Ok(resources || terms)
    }

    async fn fold_resource_counts(&mut self) -> Result<bool> {
        let sql =
            Sql::new("SELECT id, resource_type, platform, amount FROM resource_count_change ORDER BY id LIMIT ?").bind(FOLDED_AT_ONCE);
        let changes: Vec<(i64, String, String, i64)> = self.fetch_all(sql).await?;
        let mut sums: BTreeMap<(String, String), i64> = BTreeMap::new();
        for (_, resource_type, platform, amount) in &changes {
            *sums.entry((resource_type.clone(), platform.clone())).or_default() += amount;
        }
        let rows = sums.into_iter().map(|((resource_type, platform), sum)| vec![resource_type.into(), platform.into(), sum.into()]);
        for sql in Sql::insert("INSERT INTO resource_count (resource_type, platform, total) VALUES", rows.collect()) {
            self.execute(sql.push(&self.dialect().adding_to_total("resource_type, platform"))).await?;
        }
        let ids: Vec<i64> = changes.iter().map(|(id, ..)| *id).collect();
        self.delete_folded("resource_count_change", &ids).await
    }

    async fn fold_term_counts(&mut self) -> Result<bool> {
        let sql = Sql::new("SELECT id, term_id FROM term_count_change ORDER BY id LIMIT ?").bind(FOLDED_AT_ONCE);
        let changes: Vec<(i64, i64)> = self.fetch_all(sql).await?;
        let ids: Vec<i64> = changes.iter().map(|(id, _)| *id).collect();
        let terms: Vec<i64> = changes.iter().map(|(_, term)| *term).collect::<BTreeSet<_>>().into_iter().collect();
        if ids.is_empty() {
            return Ok(false);
        }
        let add =
            Sql::new("UPDATE term SET uses = uses + (SELECT SUM(c.amount) FROM term_count_change c WHERE c.term_id = term.id AND c.id IN ");
        self.execute(add.push_list(&ids).push(") WHERE id IN ").push_list(&terms)).await?;
        self.execute(Sql::new(SET_IN_USE).push(" AND id IN ").push_list(&terms)).await?;
        self.delete_folded("term_count_change", &ids).await
    }

    /// Removes changes that were added up; whether there may be more.
    async fn delete_folded(&mut self, table: &str, ids: &[i64]) -> Result<bool> {
        if !ids.is_empty() {
            self.execute(Sql::new(format!("DELETE FROM {table} WHERE id IN ")).push_list(ids)).await?;
        }
        Ok(i64::try_from(ids.len()).is_ok_and(|count| count == FOLDED_AT_ONCE))
    }

    /// Gives the uses of one term to another, as far as resources use only the one.
    pub(super) async fn move_term_count(&mut self, from: i64, into: i64) -> Result<()> {
        let sql = Sql::new(
            "INSERT INTO term_count_change (term_id, amount) SELECT ?, COUNT(*) FROM asset_term u JOIN asset a ON a.id = u.asset_id \
             WHERE u.term_id = ? AND a.status = 'published' AND a.alive = 1 \
             AND NOT EXISTS (SELECT 1 FROM asset_term v WHERE v.asset_id = u.asset_id AND v.term_id = ?)",
        );
        self.execute(sql.bind(into).bind(from).bind(into)).await?;
        self.execute(Sql::new("DELETE FROM term_count_change WHERE term_id = ?").bind(from)).await.map(drop)
    }

    /// Counts everything anew. What others change meanwhile is added up later: each statement sees one moment, with the changes that are not
    /// added up yet.
    pub(crate) async fn recount(&mut self) -> Result<()> {
        self.fetch_all::<(String,)>(Sql::new(COUNTING_ROW).push(self.dialect().for_update())).await?;
        let resources = "REPLACE INTO resource_count (resource_type, platform, total) SELECT resource_type, platform, SUM(amount) FROM (\
             SELECT resource_type, COALESCE(platform, '') AS platform, 1 AS amount FROM asset WHERE status = 'published' AND alive = 1 \
             UNION ALL SELECT resource_type, platform, 0 FROM resource_count \
             UNION ALL SELECT resource_type, platform, -amount FROM resource_count_change) counted GROUP BY resource_type, platform";
        self.execute(Sql::new(resources)).await?;
        let terms = "UPDATE term SET uses = (SELECT COUNT(*) FROM asset_term u JOIN asset a ON a.id = u.asset_id \
             WHERE u.term_id = term.id AND a.status = 'published' AND a.alive = 1) \
             - (SELECT COALESCE(SUM(c.amount), 0) FROM term_count_change c WHERE c.term_id = term.id)";
        self.execute(Sql::new(terms)).await?;
        self.execute(Sql::new(SET_IN_USE)).await.map(drop)
    }
}

impl Db {
    /// Whether changes of counts wait for being added up.
    pub(crate) async fn has_count_changes(&self) -> Result<bool> {
        let sql = "SELECT 1 FROM resource_count_change UNION ALL SELECT 1 FROM term_count_change LIMIT 1";
        Ok(self.fetch_optional::<(i64,)>(Sql::new(sql)).await?.is_some())
    }

    /// Published resources by type and platform (`''`: of none); of one type or of all.
    pub async fn counts(&self, resource_type: Option<&str>) -> Result<Vec<(String, String, i64)>> {
        let filter = if resource_type.is_some() { " WHERE resource_type = ?" } else { "" };
        // A sum is a DECIMAL in MySQL.
        let mut sql = Sql::new(format!(
            "SELECT resource_type, platform, CAST(SUM(amount) AS SIGNED) FROM (\
             SELECT resource_type, platform, total AS amount FROM resource_count{filter} \
             UNION ALL SELECT resource_type, platform, amount FROM resource_count_change{filter}) counted \
             GROUP BY resource_type, platform HAVING SUM(amount) <> 0 ORDER BY resource_type, platform"
        ));
        if let Some(name) = resource_type {
            sql = sql.bind(name).bind(name);
        }
        self.fetch_all(sql).await
    }

    /// A part of the terms of an open vocabulary that published resources use, in alphabetical order.
    pub async fn terms_in_use(&self, vocabulary: &str, part: Part) -> Result<PartOf<String>> {
        // Each part stops by itself after what the answer needs.
        let sql = Sql::new(
            "SELECT name FROM (SELECT name FROM (SELECT t.name FROM term t WHERE t.vocabulary = ? AND t.in_use = 1 AND t.uses + \
             COALESCE((SELECT SUM(c.amount) FROM term_count_change c WHERE c.term_id = t.id), 0) > 0 ORDER BY t.name LIMIT ?) counted \
             UNION ALL SELECT t.name FROM (SELECT c.term_id, SUM(c.amount) AS amount FROM term_count_change c GROUP BY c.term_id) new \
             JOIN term t ON t.id = new.term_id WHERE t.vocabulary = ? AND t.in_use = 0 AND t.uses + new.amount > 0) names \
             ORDER BY name",
        );
        let sql = sql.bind(vocabulary).bind(part.rows_to_end()).bind(vocabulary);
        Ok(self.fetch_part::<(String,)>(sql, part).await?.map(|(name,)| name))
    }
}
