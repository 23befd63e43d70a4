//! What the parts of a running catalogue share.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::catalogue::Catalogue;
use crate::catalogue::room::Room;
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
    /// A permit for each KiB of a body that is worked on: JSON takes many times its size when it is parsed.
    pub bodies: Semaphore,
    /// Room for each KiB of a body that has come, until it is answered.
    pub incoming: Room,
    /// The same for bodies of those who are not logged in: they leave the other room to the others.
    pub incoming_of_unknown: Room,
}

impl App {
    /// How many KiB of bodies are worked on at once.
    pub const BODIES_KIB: u32 = 32 << 10;

    /// How many KiB of bodies may have come, beside one as large as any may be.
    const INCOMING_KIB: usize = 16 << 10;

    /// How many KiB of them may be of those who are not logged in.
    const INCOMING_OF_UNKNOWN_KIB: usize = Self::INCOMING_KIB / 4;

    /// The application over a catalogue.
    ///
    /// # Errors
    /// When the identity provider's configuration makes no sense.
    pub fn new(catalogue: Catalogue, config: Config) -> Result<Self, ProviderError> {
        let identity = Arc::new(Identity::new(&config, catalogue.db.clone())?);
        let bodies = Semaphore::new(usize::try_from(Self::BODIES_KIB).unwrap_or(Semaphore::MAX_PERMITS));
        let largest = config.limits.batch_bytes.max(config.limits.body_bytes).div_ceil(1024);
        let room = |kib| Room::new(kib, config.reads.wait());
        let incoming = room(Self::INCOMING_KIB - Self::INCOMING_OF_UNKNOWN_KIB + largest);
        let incoming_of_unknown = room(Self::INCOMING_OF_UNKNOWN_KIB);
        Ok(Self { catalogue, identity, config, bodies, incoming, incoming_of_unknown })
    }
}
