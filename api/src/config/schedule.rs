//! When work is done that is done again and again.

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds};

use super::ConfigError;

/// What a schedule must be.
const EXPECTED: &str =
    "a cron expression of six fields (second, minute, hour, day of the month, month, day of the week) such as 0 30 3 * * *";

/// A cron expression with seconds, in UTC.
#[derive(Clone, Debug)]
pub struct Schedule(Cron);

impl Schedule {
    /// Reads a cron expression.
    ///
    /// # Errors
    /// When it is none; the error says what one looks like.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        // When both the day of the month and the day of the week are given, both must hold.
        let parser = CronParser::builder().seconds(Seconds::Required).dom_and_dow(true).build();
        parser.parse(text).map(Self).map_err(|_| EXPECTED)
    }

    /// Checks the value of a key that holds a schedule.
    pub(super) fn check(key: &'static str, text: &str) -> Result<(), ConfigError> {
        Self::parse(text).map(drop).map_err(|expected| ConfigError::invalid(key, expected, text))
    }

    /// The first time after this one, if there is any: 30 February never comes.
    pub fn next_after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.0.find_next_occurrence(&time, false).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(schedule: &str, after: &str) -> Option<String> {
        let after: DateTime<Utc> = after.parse().unwrap();
        Schedule::parse(schedule).unwrap().next_after(after).map(|time| time.to_rfc3339())
    }

    #[test]
    fn the_next_time_is_in_utc_and_never_the_present_one() {
        assert_eq!(next("0 30 3 * * *", "2026-01-31T03:29:59Z").unwrap(), "2026-01-31T03:30:00+00:00");
        assert_eq!(next("0 30 3 * * *", "2026-01-31T03:30:00Z").unwrap(), "2026-02-01T03:30:00+00:00");
        assert_eq!(next("*/10 * * * * *", "2026-01-31T03:30:01Z").unwrap(), "2026-01-31T03:30:10+00:00");
        assert_eq!(next("0 0 0 13 * FRI", "2026-01-31T00:00:00Z").unwrap(), "2026-02-13T00:00:00+00:00");
        assert_eq!(next("0 0 0 30 2 *", "2026-01-31T00:00:00Z"), None);
    }

    #[test]
    fn an_expression_without_seconds_is_refused() {
        for wrong in ["30 3 * * *", "daily", "", "0 61 3 * * *"] {
            assert!(Schedule::parse(wrong).unwrap_err().starts_with("a cron expression of six fields"), "{wrong}");
        }
    }
}
