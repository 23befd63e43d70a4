//! Whether the index holds what the database holds. It should, whatever happened; should it not, this finds and mends it.

use std::collections::BTreeMap;

use super::{Mark, Result, Search, Target};

/// How many entries are compared at once.
const AT_ONCE: usize = 1_000;
/// How many entries a check compares when the index has as many as there should be.
const SAMPLE: usize = 10_000;

/// How far the checks have come, which go round all entries.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// The last row id that was compared.
    after: i64,
}

impl Search {
    /// Compares how many entries there are, and the revisions of some: of all when their number is wrong. What differs is read once more.
    /// The index must have followed all changes; `false` when others came meanwhile, and the check has to go on later.
    pub(super) async fn compare(&self, mark: &Mark, round: &mut Round) -> Result<bool> {
        let wanted = self.db.count_published().await?;
        let total = self.engine().revisions(i64::MAX, 1).await?.total;
        let is_wrong = i64::try_from(total).unwrap_or(i64::MAX) != wanted;
        if is_wrong {
            round.after = 0;
        }
        let (mut compared, mut repaired, mut is_done) = (0, 0, true);
        while is_wrong || compared < SAMPLE {
            // Changes that come meanwhile are followed first.
            if self.db.last_position().await? != mark.position || self.db.newest_unmoved().await?.is_some() {
                is_done = false;
                break;
            }
            let sample = self.engine().revisions(round.after, AT_ONCE).await?.revisions;
            let is_last = sample.len() < AT_ONCE;
            let last = if is_last { i64::MAX } else { sample.last().map_or(i64::MAX, |(id, _)| *id) };
            let stored = self.db.published_between(round.after, last).await?;
            let differing = differing(&sample, &stored);
            compared += sample.len().max(1);
            repaired += differing.len();
            for ids in self.parts(&differing).await?.into_iter().filter(|ids| !ids.is_empty()) {
                let writes = self.read(&ids, true).await?;
                self.write(Target::Current, writes, mark.position, mark).await?;
            }
            round.after = if is_last { 0 } else { last };
            if is_last {
                break;
            }
        }
        if repaired > 0 {
            self.engine().show().await?;
            tracing::warn!(
                repaired,
                total,
                wanted,
                "{repaired} entries of the search index differed from the database; they were read once more"
            );
        }
        Ok(is_done)
    }
}

/// Row ids that only one of two lists has, or that have different revisions.
fn differing(indexed: &[(i64, i64)], stored: &[(i64, i64)]) -> Vec<i64> {
    let indexed: BTreeMap<i64, i64> = indexed.iter().copied().collect();
    let stored: BTreeMap<i64, i64> = stored.iter().copied().collect();
    let wrong = stored.iter().filter(|(id, revision)| indexed.get(id) != Some(revision)).map(|(id, _)| *id);
    let gone = indexed.keys().filter(|id| !stored.contains_key(id)).copied();
    wrong.chain(gone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_old_or_gone_differs() {
        let indexed = [(1, 1), (2, 1), (3, 1)];
        let stored = [(1, 1), (2, 2), (4, 1)];
        assert_eq!(differing(&indexed, &stored), [2, 4, 3]);
        assert_eq!(differing(&stored, &stored), [0; 0]);
    }
}
