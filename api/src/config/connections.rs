//! `connections.…`: how many there may be, and how long those may take that are slow.

use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// The longest time that may be configured, in seconds.
const MAX_SECONDS: u64 = 3_600;

/// Connections.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Connections {
    /// The most connections at once. Further ones wait until one of them ends.
    pub most: usize,
    /// The most connections of one address, an IPv6 network of 64 bits counting as one; 0 does not limit them. Behind a proxy they are not
    /// counted, because all of them are the proxy's.
    pub most_by_address: usize,
    /// How long the head of a request may take, in seconds: from the beginning of the connection, or from the end of the last answer.
    pub header_seconds: u64,
    /// How long a body may pause, in seconds; and how long it may take, beside the time for its bytes.
    pub body_seconds: u64,
    /// How long a reader may pause, in seconds; and how long an answer may take, beside the time for its bytes.
    pub answer_seconds: u64,
    /// How many bytes a second a body or an answer gets at least; slower ones are cut off.
    pub least_bytes_per_second: u64,
}

impl Default for Connections {
    fn default() -> Self {
        Self { most: 4_096, most_by_address: 256, header_seconds: 30, body_seconds: 20, answer_seconds: 20, least_bytes_per_second: 4_096 }
    }
}

/// How much time bytes may take: they may pause for a fixed time; all of them together may take this time, and more for each byte.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The longest pause.
    fixed: Duration,
    /// How many bytes have to come in a further second.
    bytes_per_second: u64,
}

impl Patience {
    /// Until when the next byte has to come, after so many bytes since the `beginning`, the `latest` of them at that time.
    pub fn end<I: Add<Duration, Output = I> + Ord>(self, beginning: I, latest: I, bytes: u64) -> I {
        let for_bytes = Duration::from_millis(bytes.saturating_mul(1_000) / self.bytes_per_second.max(1));
        (latest + self.fixed).min(beginning + self.fixed + for_bytes)
    }
}

impl Connections {
    /// How long the head of a request may take.
    pub fn header_time(&self) -> Duration {
        Duration::from_secs(self.header_seconds)
    }

    /// How long the body of a request may take.
    pub fn body_patience(&self) -> Patience {
        self.patience(self.body_seconds)
    }

    /// How long an answer may be left unread.
    pub fn answer_patience(&self) -> Patience {
        self.patience(self.answer_seconds)
    }

    fn patience(&self, seconds: u64) -> Patience {
        Patience { fixed: Duration::from_secs(seconds), bytes_per_second: self.least_bytes_per_second }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.most == 0 {
            return Err(ConfigError::invalid("connections.most", "1 or more", self.most));
        }
        if self.least_bytes_per_second == 0 {
            return Err(ConfigError::invalid("connections.least_bytes_per_second", "1 or more", self.least_bytes_per_second));
        }
        let times = [
            ("connections.header_seconds", self.header_seconds),
            ("connections.body_seconds", self.body_seconds),
            ("connections.answer_seconds", self.answer_seconds),
        ];
        match times.into_iter().find(|(_, seconds)| !(1..=MAX_SECONDS).contains(seconds)) {
            Some((key, seconds)) => Err(ConfigError::invalid(key, "1 to 3600", seconds)),
            None => Ok(()),
        }
    }
}
