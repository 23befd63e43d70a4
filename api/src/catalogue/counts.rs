//! Counts that are kept, see `store::count`.

use super::transaction::transaction;
use super::{Catalogue, Result};

impl Catalogue {
    /// Adds up what has changed of the counts. What is left when it fails, the next time adds up.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn fold_counts(&self) -> Result<()> {
        if !self.db.has_count_changes().await? {
            return Ok(());
        }
        while transaction!(self.db, tx => Ok(tx.fold_counts().await?))? {}
        Ok(())
    }

    /// Counts everything anew: resources by type and platform, and uses of terms.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn recount(&self) -> Result<()> {
        transaction!(self.db, tx => Ok(tx.recount().await?))
    }
}
