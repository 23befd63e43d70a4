//! Changing resources. [`Tx::revise`] is the one way to do so.

use std::collections::BTreeSet;

use super::sql::Sql;
use super::{Result, StoreError, Tx, now};

/// Resources that change together, as one step of a transaction.
///
/// Every statement that changes what a resource shows is a method of this type, beside the other statements of its table. The method
/// names the resources that it is about to change: [`Self::add_new`], [`Self::add_changed`], [`Self::add_touched`],
/// [`Self::add_partners`]. Their past states are kept before anything is written. [`Tx::revise`] does what is left to do at the end.
#[derive(Debug)]
pub(crate) struct Revision<'t> {
    tx: &'t mut Tx,
    /// The account that makes the change.
    by: Option<i64>,
    /// Resources that are registered.
    new: BTreeSet<i64>,
    /// Resources whose rows are written by a statement that raises their revision.
    changed: BTreeSet<i64>,
    /// Resources whose revision is raised at the end, because something around them changes: their images, or what they refer to.
    touched: BTreeSet<i64>,
    /// Resources whose texts of links are written anew at the end.
    stale_links: BTreeSet<i64>,
}

impl Tx {
    /// Changes resources: keeps their past states, makes the change, raises the revisions of those that show something else because of it,
    /// and notes all of them in the outbox. `by` is the account that makes the change, if it is one.
    ///
    /// # Errors
    /// Those of the change; when the store fails.
    pub(crate) async fn revise<T, E: From<StoreError>>(
        &mut self,
        by: Option<i64>,
        change: impl AsyncFnOnce(&mut Revision<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let mut revision = Revision {
            tx: self,
            by,
            new: BTreeSet::new(),
            changed: BTreeSet::new(),
            touched: BTreeSet::new(),
            stale_links: BTreeSet::new(),
        };
        let value = change(&mut revision).await?;
        revision.finish().await?;
        Ok(value)
    }
}

impl Revision<'_> {
    /// The transaction, for what is no change of a resource: reading, terms, permissions.
    pub(crate) fn tx(&mut self) -> &mut Tx {
        self.tx
    }

    /// The account that makes the change.
    pub(super) fn by(&self) -> Option<i64> {
        self.by
    }

    /// Whether a resource is one of those that change.
    fn contains(&self, id: i64) -> bool {
        [&self.new, &self.changed, &self.touched].iter().any(|ids| ids.contains(&id))
    }

    /// Takes in resources that were registered in this step.
    pub(super) fn add_new<'i>(&mut self, ids: impl Iterator<Item = &'i i64>) {
        self.new.extend(ids);
    }

    /// Takes in resources, which the transaction has locked, whose revision the caller is about to raise.
    pub(super) async fn add_changed(&mut self, ids: &[i64]) -> Result<()> {
        let ids: BTreeSet<i64> = ids.iter().copied().collect();
        self.keep_past_states(&ids).await?;
        self.changed.extend(ids);
        Ok(())
    }

    /// Takes in resources, which the transaction has locked, whose own rows stay as they are.
    pub(super) async fn add_touched(&mut self, ids: BTreeSet<i64>) -> Result<()> {
        let ids: BTreeSet<i64> = ids.into_iter().filter(|id| !self.contains(*id)).collect();
        self.keep_past_states(&ids).await?;
        self.touched.extend(ids);
        Ok(())
    }

    /// Takes in resources that show something else because of the change, and locks them. Those that change themselves are left out.
    pub(super) async fn add_partners(&mut self, ids: BTreeSet<i64>) -> Result<()> {
        let ids: BTreeSet<i64> = ids.into_iter().filter(|id| !self.contains(*id)).collect();
        self.tx.lock_rows(&ids).await?;
        self.add_touched(ids).await
    }

    /// Has the texts of links of these resources written anew.
    pub(crate) fn refresh_links_of(&mut self, ids: &[i64]) {
        self.stale_links.extend(ids);
    }

    /// Has the texts of links of all resources that change written anew.
    pub(super) fn refresh_links_of_all(&mut self) {
        self.stale_links.extend(self.changed.iter().chain(&self.touched));
    }

    async fn finish(self) -> Result<()> {
        let list = |ids: &BTreeSet<i64>| ids.iter().copied().collect::<Vec<i64>>();
        self.tx.refresh_links(&list(&self.stale_links)).await?;
        raise_revisions(self.tx, &list(&self.touched), self.by).await?;
        note_in_outbox(self.tx, &[list(&self.new), list(&self.changed), list(&self.touched)].concat()).await
    }

    /// Copies the present states of resources, which are about to change.
    async fn keep_past_states(&mut self, ids: &BTreeSet<i64>) -> Result<()> {
        let ids: Vec<i64> = ids.iter().copied().collect();
        for ids in ids.chunks(4_000) {
            let copy = Sql::new(
                "INSERT INTO asset_revision (asset_id, revision, status, date_modified, modified_by, date_revised, document, links) \
                 SELECT id, revision, status, date_modified, modified_by, date_revised, document, links FROM asset WHERE id IN ",
            );
            self.tx.execute(copy.push_list(ids)).await?;
        }
        Ok(())
    }
}

/// Raises the revisions of resources whose own rows stay as they are.
async fn raise_revisions(tx: &mut Tx, ids: &[i64], by: Option<i64>) -> Result<()> {
    for ids in ids.chunks(4_000) {
        let sql = Sql::new("UPDATE asset SET revision = revision + 1, date_revised = ?, modified_by = ? WHERE id IN ");
        tx.execute(sql.bind(now()).bind(by).push_list(ids)).await?;
    }
    Ok(())
}

/// Notes that resources changed, with the revisions that they have now.
async fn note_in_outbox(tx: &mut Tx, ids: &[i64]) -> Result<()> {
    for ids in ids.chunks(4_000) {
        let sql = Sql::new("INSERT INTO outbox (asset_id, revision) SELECT id, revision FROM asset WHERE id IN ").push_list(ids);
        tx.execute(sql.push(" ORDER BY id")).await?;
    }
    Ok(())
}
