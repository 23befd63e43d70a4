//! What the parts of a running catalogue share.

use std::sync::Arc;

use crate::catalogue::{Catalogue, Error};
use crate::config::Config;
use crate::identity::{Identity, ProviderError};

/// Everything that requests need.
#[derive(Debug)]
pub struct App {
    /// The rules over the store.
    pub catalogue: Catalogue,
    /// Who is asking.
    pub identity: Arc<Identity>,
    /// What the operator chose.
    pub config: Config,
}

impl App {
    /// Refuses a page that is larger than the operator allows.
    pub(crate) fn check_page(&self, limit: i64) -> Result<(), Error> {
        let most = i64::from(self.config.limits.page_size);
        if limit > most { Err(Error::query("limit", format!("ensure this value is less than or equal to {most}"))) } else { Ok(()) }
    }

    /// The application over a catalogue.
    ///
    /// # Errors
    /// When the identity provider's configuration makes no sense.
    pub fn new(catalogue: Catalogue, config: Config) -> Result<Self, ProviderError> {
        let identity = Arc::new(Identity::new(&config, catalogue.db.clone())?);
        Ok(Self { catalogue, identity, config })
    }
}
