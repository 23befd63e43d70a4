//! `aiod-api search …`: the search index.
//!
//! A command writes to the database what the servers have to do. It works whichever process keeps the index.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use clap::Subcommand;

use super::{CliError, say};
use crate::search::{BUILDING, FOLLOWER};
use crate::store::Db;

#[derive(Subcommand)]
pub(super) enum SearchStep {
    /// Say how far the index is.
    Status,
    /// Have the servers make the index anew, beside the one that is searched meanwhile.
    Reindex {
        /// Do not wait until it is done.
        #[arg(long)]
        detach: bool,
    },
    /// Have resources that the index refused read once more.
    Retry,
}

pub(super) async fn run(db: &Db, step: SearchStep) -> Result<(), CliError> {
    match step {
        SearchStep::Status => status(db).await,
        SearchStep::Reindex { detach } => reindex(db, detach).await,
        SearchStep::Retry => retry(db).await,
    }
}

async fn status(db: &Db) -> Result<(), CliError> {
    let last = db.last_position().await?;
    match db.follower_position(FOLLOWER).await? {
        None => say("no server has made an index of this catalogue yet")?,
        Some(position) => say(format_args!("change {position} of {last} can be found"))?,
    }
    if let Some(percent) = db.progress(BUILDING).await? {
        say(format_args!("a new index is made: {percent} % are done"))?;
    }
    let failures = db.search_failures(0, 1_000).await?;
    say(format_args!("{} resources were refused by the index", failures.len()))?;
    for (_, identifier, reason, _) in failures.iter().take(20) {
        say(format_args!("  {identifier}: {reason}"))?;
    }
    Ok(())
}

async fn reindex(db: &Db, detach: bool) -> Result<(), CliError> {
    const LOOK: Duration = Duration::from_millis(500);
    db.note_reindex().await?;
    if detach {
        return say("the servers make the index anew; `aiod-api search status` says how far they are");
    }
    let newest = db.newest_unmoved().await?;
    let mut shown = None;
    let mut waited = Duration::ZERO;
    let mut wanted = None;
    loop {
        let is_moved = match newest {
            Some(newest) => !db.has_unmoved_up_to(newest).await?,
            None => true,
        };
        if is_moved && wanted.is_none() {
            wanted = Some(db.last_position().await?);
        }
        let percent = match db.follower_position(BUILDING).await? {
            Some(_) => Some(db.progress(BUILDING).await?.unwrap_or_default()),
            None => None,
        };
        let position = db.follower_position(FOLLOWER).await?.unwrap_or_default();
        if percent.is_none() && wanted.is_some_and(|wanted| position >= wanted) {
            return say("done");
        }
        if percent.is_some() && percent != shown {
            shown = percent;
            progress(percent.unwrap_or_default())?;
        }
        if percent.is_none() && waited == Duration::from_secs(10) {
            say("waiting for a server: `aiod-api serve` makes the index")?;
        }
        tokio::time::sleep(LOOK).await;
        waited += LOOK;
    }
}

/// Says how far it is: on a terminal on one line.
fn progress(percent: i64) -> Result<(), CliError> {
    let mut out = std::io::stdout();
    if !out.is_terminal() {
        return say(format_args!("{percent} %"));
    }
    write!(out, "\r{percent} % ").and_then(|()| out.flush()).map_err(CliError::Output)
}

async fn retry(db: &Db) -> Result<(), CliError> {
    let mut after = 0;
    let mut all = 0;
    loop {
        let failures = db.search_failures(after, 1_000).await?;
        let Some((last, ..)) = failures.last() else { break };
        after = *last;
        all += failures.len();
        let ids: Vec<i64> = failures.iter().map(|(id, ..)| *id).collect();
        db.note_for_search(&ids).await?;
    }
    say(format_args!("{all} resources are read once more"))
}
