//! Changing resources. [`Tx::revise`] is the one way to do so.

use std::collections::BTreeSet;

use super::count::{CountChanges, Sign};
use super::revision::PastState;
use super::sql::{MAX_LISTED, Sql};
use super::{Result, StoreError, Tx, now};

/// Resources that change together, as one step of a transaction.
///
/// Every statement that changes what a resource says is a method of this type, beside the other statements of its table. The method
/// names the resources that it is about to change: [`Self::add_new`], [`Self::add_changed`], [`Self::add_touched`]. Their past states are
/// kept before anything is written. Resources that only show something else, because of a link or of what they refer to, are named by
/// [`Self::add_shown`]: they keep their revision. [`Tx::revise`] does what is left to do at the end.
#[derive(Debug)]
pub(crate) struct Revision<'t> {
    tx: &'t mut Tx,
    /// The account that makes the change.
    by: Option<i64>,
    /// Resources that are registered.
    new: BTreeSet<i64>,
    /// Resources whose rows are written by a statement that raises their revision.
    changed: BTreeSet<i64>,
    /// Resources whose revision is raised at the end, because something that belongs to them changes: their images.
    touched: BTreeSet<i64>,
    /// Resources that show something else, while what they say of themselves stays.
    shown: BTreeSet<i64>,
    /// Resources whose texts of links are written anew at the end.
    stale_links: BTreeSet<i64>,
    /// Resources whose author the account is from now on.
    authored: BTreeSet<i64>,
    /// What the change does to the counts that are kept.
    counts: CountChanges,
}

impl Tx {
    /// Changes resources: keeps their past states, makes the change, notes in the outbox everything that now says or shows something else,
    /// and changes the counts that are kept. `by` is the account that makes the change, if it is one.
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
            shown: BTreeSet::new(),
            stale_links: BTreeSet::new(),
            authored: BTreeSet::new(),
            counts: CountChanges::default(),
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
        let ids: BTreeSet<i64> = ids.iter().copied().filter(|id| !self.new.contains(id)).collect();
        let first_time = ids.iter().copied().filter(|id| !self.contains(*id)).collect();
        self.keep_past_states(&first_time).await?;
        let uncounted: Vec<i64> = ids.iter().copied().filter(|id| !self.changed.contains(id)).collect();
        self.counts.take_in(self.tx, &uncounted, Sign::Before).await?;
        // The caller raises their revisions, which must not be raised again at the end.
        self.touched.retain(|id| !ids.contains(id));
        self.changed.extend(ids);
        Ok(())
    }

    /// Takes in resources, which the transaction has locked, whose own rows stay as they are.
    pub(super) async fn add_touched(&mut self, ids: BTreeSet<i64>) -> Result<()> {
        let ids: BTreeSet<i64> = ids.into_iter().filter(|id| !self.contains(*id)).collect();
        self.keep_past_states(&ids).await?;
        self.add_authored(ids.iter().copied());
        self.touched.extend(ids);
        Ok(())
    }

    /// Takes in resources that show something else from now on. The outbox notes those of them that live.
    pub(super) fn add_shown(&mut self, ids: impl IntoIterator<Item = i64>) {
        self.shown.extend(ids);
    }

    /// Has the texts of links of these resources, which the transaction has locked, written anew.
    pub(crate) fn refresh_links_of(&mut self, ids: impl IntoIterator<Item = i64>) {
        self.stale_links.extend(ids);
    }

    /// Makes the account an author of these resources. To decide on them is not to write them.
    pub(super) fn add_authored(&mut self, ids: impl IntoIterator<Item = i64>) {
        self.authored.extend(ids);
    }

    async fn finish(mut self) -> Result<()> {
        let list = |ids: &BTreeSet<i64>| ids.iter().copied().collect::<Vec<i64>>();
        self.tx.refresh_links(&list(&self.stale_links)).await?;
        self.counts.take_in(self.tx, &[list(&self.new), list(&self.changed)].concat(), Sign::After).await?;
        self.counts.write(self.tx).await?;
        raise_revisions(self.tx, &list(&self.touched), self.by).await?;
        if let Some(by) = self.by {
            self.tx.add_author(by, &list(&self.authored)).await?;
        }
        let written = [list(&self.new), list(&self.changed), list(&self.touched)].concat();
        note_in_outbox(self.tx, &written, "").await?;
        self.shown.retain(|id| ![&self.new, &self.changed, &self.touched].iter().any(|ids| ids.contains(id)));
        note_in_outbox(self.tx, &list(&self.shown), " AND alive = 1").await
    }

    /// Keeps the present states of resources, which are about to change.
    async fn keep_past_states(&mut self, ids: &BTreeSet<i64>) -> Result<()> {
        /// How many documents are in memory at once.
        const AT_ONCE: usize = 32;
        let ids: Vec<i64> = ids.iter().copied().collect();
        for ids in ids.chunks(AT_ONCE) {
            let states: Vec<PastState> = self.tx.fetch_all(Sql::new(PastState::PRESENT).push_list(ids)).await?;
            self.tx.insert_past_states(states).await?;
        }
        Ok(())
    }
}

/// Raises the revisions of resources whose own rows stay as they are.
async fn raise_revisions(tx: &mut Tx, ids: &[i64], by: Option<i64>) -> Result<()> {
    for ids in ids.chunks(MAX_LISTED) {
        let sql = Sql::new("UPDATE asset SET revision = revision + 1, date_revised = ?, modified_by = ? WHERE id IN ");
        tx.execute(sql.bind(now()).bind(by).push_list(ids)).await?;
    }
    Ok(())
}

/// Notes those of these resources that meet a condition, with the revisions that they have now.
async fn note_in_outbox(tx: &mut Tx, ids: &[i64], condition: &str) -> Result<()> {
    for ids in ids.chunks(MAX_LISTED) {
        let sql = Sql::new("INSERT INTO outbox (asset_id, revision) SELECT id, revision FROM asset WHERE id IN ").push_list(ids);
        tx.execute(sql.push(condition).push(" ORDER BY id")).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Db;
    use crate::store::asset::{ChangedAsset, NewAsset, Status};

    fn new_asset(identifier: &str) -> NewAsset {
        NewAsset {
            identifier: identifier.to_owned(),
            resource_type: "dataset",
            platform: None,
            platform_resource_identifier: None,
            platform_key: None,
            name: None,
            status: Status::Draft,
            date: 1,
            content_hash: String::new(),
            document: "{}".to_owned(),
            links: String::new(),
        }
    }

    fn changed_asset(id: i64) -> ChangedAsset {
        ChangedAsset { id, name: None, date: 2, content_hash: String::new(), document: r#"{"name":"x"}"#.to_owned() }
    }

    async fn pairs(tx: &mut Tx, statement: &str) -> Vec<(i64, i64)> {
        tx.fetch_all(Sql::new(statement)).await.unwrap()
    }

    #[tokio::test]
    async fn a_resource_may_change_again_within_a_step() {
        let folder = std::env::temp_dir().join(format!("aiod_revise_{}", std::process::id()));
        let db = Db::open(&format!("sqlite://{}/catalogue.db", folder.display()), 1).await.unwrap();
        db.migrate_up().await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let new = ["data_1", "data_2", "data_3"].map(new_asset).to_vec();
        let ids = tx.revise(None, async |step| step.insert_assets(new).await).await.unwrap();
        let [one, two, three] = ["data_1", "data_2", "data_3"].map(|identifier| ids[identifier]);
        // They refer to nothing: this text of links is stale.
        tx.execute(Sql::new("UPDATE asset SET links = 'has_part data_9'")).await.unwrap();
        let changes: Result<()> = tx
            .revise(None, async |step| {
                step.refresh_links_of([one, two, three]);
                step.add_touched([one, three].into()).await?;
                step.update_assets(vec![changed_asset(one), changed_asset(two)]).await?;
                step.set_status(&[two], Status::Submitted, 3).await
            })
            .await;
        changes.unwrap();
        assert_eq!(pairs(&mut tx, "SELECT id, revision FROM asset ORDER BY id").await, [(one, 2), (two, 3), (three, 2)]);
        assert_eq!(
            pairs(&mut tx, "SELECT asset_id, revision FROM asset_revision ORDER BY asset_id").await,
            [(one, 1), (two, 1), (three, 1)]
        );
        assert_eq!(pairs(&mut tx, "SELECT id, length(links) FROM asset ORDER BY id").await, [(one, 0), (two, 0), (three, 0)]);
        tx.commit().await.unwrap();
        db.close().await;
        std::fs::remove_dir_all(folder).unwrap();
    }
}
