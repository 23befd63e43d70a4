//! Counts how often resources are read. Counting takes no statement: counts are gathered here and written together now and then.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::read::Document;
use super::transaction::transaction;
use super::{Catalogue, Result};

/// Counts that are not in the database yet, by row id. Who read is not kept.
#[derive(Debug, Default)]
pub struct ReadCounter(Mutex<Counts>);

/// How often, by row id and type.
type Counts = HashMap<(i64, &'static str), i64>;

impl ReadCounter {
    fn add(&self, counts: impl IntoIterator<Item = ((i64, &'static str), i64)>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (asset, count) in counts {
            *held.entry(asset).or_default() += count;
        }
    }

    fn take(&self) -> Vec<((i64, &'static str), i64)> {
        let mut counts: Vec<_> = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect();
        // In one order for all processes, so that two of them wait for each other instead of meeting in a deadlock.
        counts.sort_unstable();
        counts
    }
}

impl Catalogue {
    /// Counts one reading of a resource that was answered well. What is not published yet does not count.
    pub fn count_read(&self, document: &Document) {
        if document.is_public {
            self.reads.add([((document.id, document.resource.name), 1)]);
        }
    }

    /// Writes the counts that were gathered; when that fails they are kept for the next time.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn flush_reads(&self) -> Result<()> {
        let mut counts = self.reads.take();
        while !counts.is_empty() {
            let rest = counts.split_off(counts.len().min(500));
            let written = transaction!(self.db, tx => Ok(tx.add_reads(&counts).await?));
            if let Err(error) = written {
                self.reads.add(counts.into_iter().chain(rest));
                return Err(error);
            }
            counts = rest;
        }
        Ok(())
    }
}
