//! The bulk upsert: up to 1,000 records of a platform at once, each found by its platform's identifier.

mod batch;
mod record;

use aiod_schema::ResourceType;
use aiod_schema::validate::MAX_RECORDS;
use aiod_schema::wire::RecordResult;
use serde_json::Value;

use super::error::unknown_platform_with_hint;
use super::permission::{Action, Subject, is_allowed, require_user};
use super::write::Actor;
use super::{Catalogue, Error, Result};
use crate::catalogue::transaction::transaction;
use crate::identity::Caller;
use batch::Batch;
use record::prepare_all;

/// How often a batch is written again because another connector registered one of its records meanwhile.
const MAX_REPEATS: u32 = 3;

impl Catalogue {
    /// Writes records of a platform: created, updated, or left alone when they say what is there. One answer for each, in order.
    ///
    /// # Errors
    /// When nobody is logged in, the caller is not the platform's connector, the platform is unknown, there are too many
    /// records, or the store fails. A faulty record is no error: its answer says what is wrong with it.
    pub async fn upsert_batch(
        &self,
        caller: &Caller,
        platform: &str,
        resource: &'static ResourceType,
        records: &[Value],
    ) -> Result<Vec<RecordResult>> {
        require_user(caller)?;
        let subject = Subject { resource: Some(resource), platform: Some(platform), ..Subject::default() };
        if !is_allowed(&self.roles, caller, Action::UpsertBatch, subject) {
            return Err(Error::Forbidden(format!(
                "No permission to write resources of platform '{platform}': role platform_{platform} is needed."
            )));
        }
        if records.len() > MAX_RECORDS {
            return Err(Error::body("records", format!("ensure this value has at most {MAX_RECORDS} items")));
        }
        let prepared = prepare_all(platform, resource, records);
        let actor = Actor { caller, roles: &self.roles, brings_terms: true, keeps_inverse_links: true };
        let batch = Batch { platform, resource, actor, records: &prepared };
        let mut repeats = 0;
        loop {
            match self.write_batch(&batch).await {
                // The next attempt finds what another connector registered meanwhile.
                Err(Error::Store(error)) if error.is_duplicate() && repeats < MAX_REPEATS => repeats += 1,
                Err(error) => return Err(error),
                Ok(mut results) => {
                    for (result, record) in results.iter_mut().zip(records) {
                        result.platform_resource_identifier = own_identifier(record);
                    }
                    return Ok(results);
                }
            }
        }
    }

    async fn write_batch(&self, batch: &Batch<'_>) -> Result<Vec<RecordResult>> {
        transaction!(self.db, tx => {
            let platform = batch.platform;
            if tx.known_platforms(&[platform.to_owned()]).await?.is_empty() {
                return Err(Error::Precondition(format!("{}.", unknown_platform_with_hint(platform))));
            }
            batch.write(&mut tx).await
        })
    }
}

/// The platform's identifier, as the record names itself, whether the record is right or not.
fn own_identifier(record: &Value) -> Option<String> {
    let own = record.get("resource")?.get("platform_resource_identifier")?;
    own.as_str().map(str::to_owned)
}
