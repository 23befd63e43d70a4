//! Counts that are kept, see `store::count`, and terms in use, see `store::term_use`.

use super::transaction::transaction;
use super::{Catalogue, Result};

impl Catalogue {
    /// Adds up what has changed of the counts, and checks which terms are in use. What is left when it fails, the next time does.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn fold_counts(&self) -> Result<()> {
        if !self.db.has_count_changes().await? {
            return Ok(());
        }
        while transaction!(self.db, tx => Ok(tx.fold_counts().await?))? {}
        let mut after = Some(0);
        while let Some(last) = after {
            after = transaction!(self.db, tx => Ok(tx.check_terms(last).await?))?;
        }
        Ok(())
    }

    /// Counts everything anew: resources by type and platform, and which terms are in use.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn recount(&self) -> Result<()> {
        transaction!(self.db, tx => Ok(tx.recount().await?))?;
        self.fold_counts().await
    }
}
