//! What a run did.

use std::fmt;
use std::time::Duration;

use super::RunError;

/// How many bad records a summary names.
const NAMED: usize = 20;

/// How many bad records are kept with their reasons; beyond it they are counted only, so that a broken platform cannot fill the memory.
const KEPT: usize = 1_000;

/// A record that did not reach the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// How the platform identifies it.
    pub identifier: String,
    /// Why, on one line.
    pub reason: String,
}

/// What a run did, in records.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Taken from the listing.
    pub listed: usize,
    /// New in the catalogue.
    pub created: usize,
    /// Changed in the catalogue.
    pub updated: usize,
    /// Already in the catalogue as they are.
    pub unchanged: usize,
    /// Could not be read, converted or stored.
    pub bad: usize,
    /// The first of the bad ones.
    pub bad_records: Vec<BadRecord>,
    /// Converted, but not taken by the catalogue before the run ended.
    pub unsent: usize,
    /// How long the run took.
    pub elapsed: Duration,
}

impl Summary {
    /// How many records are done, one way or the other.
    pub fn done(&self) -> usize {
        self.stored() + self.bad
    }

    /// How many records the catalogue took.
    pub fn stored(&self) -> usize {
        self.created + self.updated + self.unchanged
    }

    pub(crate) fn add_bad(&mut self, record: BadRecord) {
        self.bad += 1;
        if self.bad_records.len() < KEPT {
            self.bad_records.push(record);
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { listed, created, updated, unchanged, bad, unsent, .. } = self;
        write!(f, "{listed} listed, {created} created, {updated} updated, {unchanged} unchanged, {bad} failed")?;
        if *unsent > 0 {
            write!(f, ", {unsent} not sent")?;
        }
        write!(f, " in {:.1} s", self.elapsed.as_secs_f64())?;
        if *bad > 0 {
            let named: Vec<&str> = self.bad_records.iter().take(NAMED).map(|r| r.identifier.as_str()).collect();
            write!(f, "; failed: {}", named.join(", "))?;
            if *bad > named.len() {
                write!(f, " and {} more", bad - named.len())?;
            }
        }
        Ok(())
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Report {
    /// What it did.
    pub summary: Summary,
    /// Whether it ended early because stopping was asked for.
    pub stopped: bool,
    /// Why it could not be completed. Bad records alone are no reason.
    pub outcome: Result<(), RunError>,
}

impl Report {
    /// A run that could not even start.
    pub fn not_started(error: RunError) -> Self {
        Self { summary: Summary::default(), stopped: false, outcome: Err(error) }
    }

    /// The process's exit code: 0 when the run was completed, or stopped in good order; otherwise 1.
    pub fn exit_code(&self) -> u8 {
        u8::from(self.outcome.is_err())
    }

    /// Logs the end of the run: its summary in one line, and the error that ended it.
    pub fn log(&self, platform: &str) {
        let state = match (&self.outcome, self.stopped) {
            (Err(_), _) => "not completed",
            (Ok(()), true) => "stopped",
            (Ok(()), false) => "completed",
        };
        if self.summary.bad > 0 || self.outcome.is_err() {
            tracing::warn!(platform, "{platform}: run {state}: {}", self.summary);
        } else {
            tracing::info!(platform, "{platform}: run {state}: {}", self.summary);
        }
        if let Err(error) = &self.outcome {
            tracing::error!(platform, "{platform}: {error}");
        }
    }
}
