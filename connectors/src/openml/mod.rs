//! OpenML: its datasets, listed page by page and fetched one by one.
//!
//! The whole listing is read first, since pages come in no guaranteed order and may overlap: it is sorted and freed of repetitions. It is
//! short (a few thousand entries), and brings the number of instances of most datasets, which saves a request for each.

pub mod api;
pub mod convert;

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};

use aiod_schema::model::Resource;
use aiod_schema::resource::Dataset;
use clap::Parser;
use reqwest::Url;
use tokio_util::sync::CancellationToken;

use self::api::{Api, ApiError, Entry, Listed};
use crate::cli::{self, Common};
use crate::engine::{AnyError, Connector, Listing, RecordError, Report, RunError};
use crate::http::Polite;
use crate::record::Record;

/// The platform's name in the catalogue.
pub const PLATFORM: &str = aiod_schema::platform::OPENML.name;

/// How many pages in a row may bring nothing new before the listing counts as stuck: a server that ignores the offset would never end.
const STUCK: usize = 3;

/// Keeps the datasets of the catalogue in step with OpenML
#[derive(Clone, Debug, Parser)]
#[command(name = "openml", version, after_help = cli::AFTER_HELP)]
pub struct Args {
    /// Options that every connector has.
    #[command(flatten)]
    pub common: Common,

    /// Address of the OpenML server; pages of its datasets are expected at URL/d/ID
    #[arg(long, env = "OPENML_BASE_URL", value_name = "URL", default_value = "https://www.openml.org", value_parser = cli::http_url)]
    pub base_url: Url,

    /// How many datasets one page of OpenML's list has
    #[arg(long, env = "OPENML_PAGE_SIZE", value_name = "N", default_value = "1000")]
    pub page_size: NonZeroUsize,

    /// The most requests a minute to OpenML, evenly spaced; a dataset takes one, two when the list lacks its size
    #[arg(long, env = "OPENML_REQUESTS_PER_MINUTE", value_name = "N", default_value = "240")]
    pub requests_per_minute: NonZeroU32,
}

/// Runs the connector as the command line says; see [`cli::serve`].
pub async fn run(args: &Args, stop: &CancellationToken) -> Report {
    let http = match Polite::new(args.common.platform_http(args.requests_per_minute)) {
        Ok(http) => http,
        Err(error) => return Report::not_started(RunError::Start(error)),
    };
    let connector = OpenMl { api: Api::new(http, args.base_url.clone()), page_size: args.page_size.get() };
    cli::serve(&args.common, connector, stop).await
}

/// The connector.
#[derive(Debug)]
pub struct OpenMl {
    api: Api,
    page_size: usize,
}

/// What was read of the listing.
#[derive(Default)]
struct Read {
    /// By number, so that they are sorted and stand once.
    entries: BTreeMap<u64, Entry>,
    /// Entries that are not understood: where they stand, and why.
    broken: Vec<(String, String)>,
}

impl Connector for OpenMl {
    type Listed = Entry;

    fn platform(&self) -> &'static str {
        PLATFORM
    }

    fn type_path(&self) -> &'static str {
        Dataset::resource_type().path
    }

    fn identifier(&self, listed: &Entry) -> String {
        listed.id.to_string()
    }

    async fn list(&self, mut listing: Listing<Entry>) -> Result<(), AnyError> {
        let mut read = Read::default();
        let ended = self.read_listing(&mut read, listing.limit().unwrap_or(usize::MAX)).await;
        tracing::info!(platform = PLATFORM, "{PLATFORM}: {} datasets are listed", read.entries.len());
        listing.announce(read.entries.len() + read.broken.len());
        for (place, reason) in read.broken {
            listing.report(place, reason).await;
        }
        for entry in read.entries.into_values() {
            if !listing.give(entry).await {
                break;
            }
        }
        Ok(ended?)
    }

    async fn record(&self, listed: &Entry) -> Result<Record, RecordError> {
        let description = self.api.dataset(listed.id).await?;
        let instances = match listed.instances {
            Some(instances) => Some(instances),
            None => self.api.instances(listed.id).await?,
        };
        convert::dataset(listed.id, &description, instances, self.api.base()).map_err(|e| RecordError::Bad(e.into()))
    }
}

impl OpenMl {
    /// Reads pages until one is empty or enough are read. What was read stays in `read` when a page fails.
    async fn read_listing(&self, read: &mut Read, wanted: usize) -> Result<(), ApiError> {
        let page_size = self.page_size.min(wanted);
        let (mut offset, mut nothing_new) = (0, 0);
        while read.entries.len() < wanted {
            let page = self.api.page(page_size, offset).await?;
            if page.is_empty() {
                break;
            }
            let before = read.entries.len();
            // By what came, not by what was asked for: a server may give shorter pages, and a repetition does no harm.
            let here = offset;
            offset += page.len();
            for (index, listed) in page.into_iter().enumerate() {
                match listed {
                    Listed::Entry(entry) => drop(read.entries.entry(entry.id).or_insert(entry)),
                    Listed::Broken(reason) => read.broken.push((format!("(list entry {})", here + index), reason)),
                }
            }
            nothing_new = if read.entries.len() > before { 0 } else { nothing_new + 1 };
            if nothing_new >= STUCK {
                return Err(ApiError::Stuck { offset });
            }
        }
        Ok(())
    }
}

impl From<ApiError> for RecordError {
    fn from(error: ApiError) -> Self {
        if error.is_passing() { Self::Unavailable(error.into()) } else { Self::Bad(error.into()) }
    }
}
