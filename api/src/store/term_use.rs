//! Which terms published resources use.
//!
//! `term.in_use` says whether any published resource uses a term, except for terms that stand in `term_check`. Of those, answers look by
//! themselves, until a job has looked and taken them out of there (`Tx::check_terms`). So an answer is exact at once, and a usual write,
//! which uses terms that are in use, writes nothing here.
//!
//! On MySQL, a term could lose its last user while another writer, who has not committed yet, begins to use it and finds it in use. So:
//!
//! * A writer holds the terms that it begins to use and finds in use, by shared locks until its commit. Writers do not hinder each other by
//!   that. All others that it begins to use, it writes into `term_check`: those not in use, and those that somebody locks at the moment. It
//!   also writes there what it ceases to use. It waits for nobody. Terms that it adds to a vocabulary begin in use where it registers
//!   published resources that use them; nobody else sees their rows before the commit.
//! * The job alone changes `in_use`. It locks a term, then looks, then writes. Terms that a writer holds it leaves for the next time. Whoever
//!   begins to use a term after the job has locked it cannot hold it, and writes a row of `term_check`, which shows at the same moment as
//!   the use. The job removes only rows that it saw before it looked, and `lease` lets one job look at a time.

use std::collections::BTreeSet;

use super::count::{COUNTING_ROW, Sign};
use super::part::{Part, PartOf};
use super::sql::{MAX_LISTED, Sql};
use super::{Db, Result, Tx};

/// How many rows of `term_check` are worked on in one transaction.
const CHECKED_AT_ONCE: i64 = MAX_LISTED as i64;

/// Whether a published resource uses a row of `term`. Not by a join: of a new database, MySQL may read the resources first, for each term
/// all of them.
macro_rules! is_used {
    () => {
        "EXISTS (SELECT 1 FROM asset_term u WHERE u.term_id = term.id \
         AND (SELECT a.status FROM asset a WHERE a.id = u.asset_id AND a.alive = 1) = 'published')"
    };
}

/// Finds terms of which `in_use` says something wrong.
const WRONG: &str = concat!("SELECT id FROM term WHERE in_use <> CASE WHEN ", is_used!(), " THEN 1 ELSE 0 END");

/// The terms that changing resources use, as far as they are published.
#[derive(Debug, Default)]
pub(super) struct TermUses {
    before: BTreeSet<i64>,
    after: BTreeSet<i64>,
}

impl TermUses {
    /// Takes in a term that one of the resources uses.
    pub(super) fn take_in(&mut self, term: i64, sign: Sign) {
        match sign {
            Sign::Before => self.before.insert(term),
            Sign::After => self.after.insert(term),
        };
    }

    /// Holds what the resources begin to use, and has checked what is not in use, or may be no more.
    pub(super) async fn write(self, tx: &mut Tx) -> Result<()> {
        let begun: Vec<i64> = self.after.difference(&self.before).copied().collect();
        let held = tx.hold_terms_in_use(&begun).await?;
        let ceased = self.before.difference(&self.after).copied();
        let unsure: BTreeSet<i64> = begun.iter().copied().filter(|term| !held.contains(term)).chain(ceased).collect();
        let rows = unsure.into_iter().map(|term| vec![term.into()]).collect();
        tx.execute_each(Sql::insert("INSERT INTO term_check (term_id) VALUES", rows)).await
    }
}

impl Tx {
    /// Those of these terms that are in use and that nobody locks. They stay so until this transaction ends.
    ///
    /// By the primary key: MySQL locks what it reads, and the job locks the rows of the primary key.
    async fn hold_terms_in_use(&mut self, terms: &[i64]) -> Result<BTreeSet<i64>> {
        let mut held = BTreeSet::new();
        for terms in terms.chunks(MAX_LISTED) {
            let sql = format!("SELECT id FROM term{} WHERE in_use = 1 AND id IN ", self.dialect().by_index("PRIMARY"));
            let sql = Sql::new(sql).push_list(terms).push(self.dialect().for_share_of_free());
            held.extend(self.fetch_all::<(i64,)>(sql).await?.into_iter().map(|(id,)| id));
        }
        Ok(held)
    }

    /// Checks terms in some rows of `term_check` after this one, and removes these rows, except for terms that others hold. The last row,
    /// unless there were no more.
    pub(crate) async fn check_terms(&mut self, after: i64) -> Result<Option<i64>> {
        self.fetch_all::<(String,)>(Sql::new(COUNTING_ROW).push(self.dialect().for_update())).await?;
        let rows = Sql::new("SELECT id, term_id FROM term_check WHERE id > ? ORDER BY id LIMIT ?").bind(after).bind(CHECKED_AT_ONCE);
        let rows: Vec<(i64, i64)> = self.fetch_all(rows).await?;
        let Some((last, _)) = rows.last().copied() else { return Ok(None) };
        let terms: Vec<i64> = rows.iter().map(|(_, term)| *term).collect::<BTreeSet<_>>().into_iter().collect();
        let wrong = self.terms_wrongly_in_use(&terms).await?;
        let locked = self.lock_free_terms(&wrong).await?;
        let still_wrong = self.terms_wrongly_in_use(&locked).await?;
        if !still_wrong.is_empty() {
            self.execute(Sql::new("UPDATE term SET in_use = 1 - in_use WHERE id IN ").push_list(&still_wrong)).await?;
        }
        let is_left = |term: &i64| wrong.contains(term) && !locked.contains(term);
        let done: Vec<i64> = rows.iter().filter(|(_, term)| !is_left(term)).map(|(id, _)| *id).collect();
        if !done.is_empty() {
            self.execute(Sql::new("DELETE FROM term_check WHERE id IN ").push_list(&done)).await?;
        }
        Ok(Some(last))
    }

    /// Those of these terms of which `in_use` says something wrong.
    async fn terms_wrongly_in_use(&mut self, terms: &[i64]) -> Result<Vec<i64>> {
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        let found: Vec<(i64,)> = self.fetch_all(Sql::new(WRONG).push(" AND id IN ").push_list(terms)).await?;
        Ok(found.into_iter().map(|(id,)| id).collect())
    }

    /// Locks those of these terms that nobody holds.
    async fn lock_free_terms(&mut self, terms: &[i64]) -> Result<Vec<i64>> {
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!("SELECT id FROM term{} WHERE id IN ", self.dialect().by_index("PRIMARY"));
        let sql = Sql::new(sql).push_list(terms).push(self.dialect().for_update_of_free());
        let found: Vec<(i64,)> = self.fetch_all(sql).await?;
        Ok(found.into_iter().map(|(id,)| id).collect())
    }

    /// Has a term checked.
    pub(super) async fn have_term_checked(&mut self, term: i64) -> Result<()> {
        self.execute(Sql::new("INSERT INTO term_check (term_id) VALUES (?)").bind(term)).await.map(drop)
    }

    /// Has all terms checked of which `in_use` says something wrong.
    pub(super) async fn have_wrong_terms_checked(&mut self) -> Result<()> {
        self.execute(Sql::new("INSERT INTO term_check (term_id) ").push(WRONG)).await.map(drop)
    }
}

impl Db {
    /// A part of the terms of an open vocabulary that published resources use, in alphabetical order.
    pub async fn terms_in_use(&self, vocabulary: &str, part: Part) -> Result<PartOf<String>> {
        // The first part stops by itself after what the answer needs; the second one has as many terms as are to be checked.
        let sql = Sql::new(concat!(
            "SELECT name FROM (SELECT name FROM (SELECT name FROM term WHERE vocabulary = ? AND in_use = 1 AND \
             (NOT EXISTS (SELECT 1 FROM term_check c WHERE c.term_id = term.id) OR ",
            is_used!(),
            ") ORDER BY name LIMIT ?) known \
             UNION ALL SELECT name FROM term WHERE vocabulary = ? AND in_use = 0 AND id IN (SELECT term_id FROM term_check) AND ",
            is_used!(),
            ") names ORDER BY name",
        ));
        let sql = sql.bind(vocabulary).bind(part.rows_to_end()).bind(vocabulary);
        Ok(self.fetch_part::<(String,)>(sql, part).await?.map(|(name,)| name))
    }
}
