//! Counts that are kept: how many published resources of each type and platform there are.
//!
//! A change of resources writes how much it changes a count, as a row of `resource_count_change`: a row of its own, so that no two writers
//! wait for each other. A job adds them up (`Tx::fold_counts`). The truth is the sum of both.

use std::collections::BTreeMap;

use super::sql::{MAX_LISTED, Sql};
use super::term_use::TermUses;
use super::{Db, Result, Tx};

/// How many changes are added up in one transaction.
const FOLDED_AT_ONCE: i64 = MAX_LISTED as i64;

/// What a change of resources changes of the counts.
#[derive(Debug, Default)]
pub(super) struct CountChanges {
    /// By type and platform.
    resources: BTreeMap<(String, String), i64>,
    /// The terms that they use.
    terms: TermUses,
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
        for ids in ids.chunks(MAX_LISTED) {
            for (resource_type, platform, term, count) in tx.shown_counts(ids).await? {
                if term == 0 {
                    *self.resources.entry((resource_type, platform)).or_default() += sign as i64 * count;
                } else {
                    self.terms.take_in(term, sign);
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
        self.terms.write(tx).await
    }
}

/// The row of MySQL that whoever adds up, or checks terms, holds until the commit.
pub(super) const COUNTING_ROW: &str = "SELECT name FROM lease WHERE name = 'counting'";

impl Tx {
    /// What of these resources counts: type, platform and how many, or row id of a term.
    async fn shown_counts(&mut self, ids: &[i64]) -> Result<Vec<(String, String, i64, i64)>> {
        let resources =
            "SELECT resource_type, COALESCE(platform, ''), 0, COUNT(*) FROM asset WHERE status = 'published' AND alive = 1 AND id IN ";
        let terms = " GROUP BY resource_type, COALESCE(platform, '') \
             UNION ALL SELECT DISTINCT '', '', u.term_id, 0 FROM asset a JOIN asset_term u ON u.asset_id = a.id \
             WHERE a.status = 'published' AND a.alive = 1 AND a.id IN ";
        self.fetch_all(Sql::new(resources).push_list(ids).push(terms).push_list(ids)).await
    }

    /// Adds up changes of counts that were committed, some thousands at a time; whether there may be more.
    pub(crate) async fn fold_counts(&mut self) -> Result<bool> {
        self.fetch_all::<(String,)>(Sql::new(COUNTING_ROW).push(self.dialect().for_update())).await?;
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
        if !ids.is_empty() {
            self.execute(Sql::new("DELETE FROM resource_count_change WHERE id IN ").push_list(&ids)).await?;
        }
        Ok(i64::try_from(ids.len()).is_ok_and(|count| count == FOLDED_AT_ONCE))
    }

    /// Counts everything anew. What others change meanwhile is added up later: the statement sees one moment, with the changes that are not
    /// added up yet. Terms of which `in_use` says something wrong are to be checked.
    pub(crate) async fn recount(&mut self) -> Result<()> {
        self.fetch_all::<(String,)>(Sql::new(COUNTING_ROW).push(self.dialect().for_update())).await?;
        let resources = "REPLACE INTO resource_count (resource_type, platform, total) SELECT resource_type, platform, SUM(amount) FROM (\
             SELECT resource_type, COALESCE(platform, '') AS platform, 1 AS amount FROM asset WHERE status = 'published' AND alive = 1 \
             UNION ALL SELECT resource_type, platform, 0 FROM resource_count \
             UNION ALL SELECT resource_type, platform, -amount FROM resource_count_change) counted GROUP BY resource_type, platform";
        self.execute(Sql::new(resources)).await?;
        self.have_wrong_terms_checked().await
    }
}

impl Db {
    /// Whether changes of counts wait for being added up, or terms for being checked.
    pub(crate) async fn has_count_changes(&self) -> Result<bool> {
        let sql = "SELECT 1 FROM resource_count_change UNION ALL SELECT 1 FROM term_check LIMIT 1";
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
}
