//! Dates and times, as bodies bring them.

use chrono::{DateTime, Datelike, NaiveDateTime, Timelike};

/// How date-times look on the wire and in stored documents: whole seconds, UTC, no zone.
pub const DATE_TIME: &str = "%Y-%m-%dT%H:%M:%S";

/// Reads a date-time in any zone (none is UTC); a bare date is not one.
pub fn parse_date_time(text: &str) -> Option<NaiveDateTime> {
    let bytes = text.as_bytes();
    // Four digits for the year: chrono would take more, and databases and clients would not.
    let looks_right = bytes.len() >= 16
        && bytes.len() <= 40
        && bytes.get(..4)?.iter().all(u8::is_ascii_digit)
        && matches!(bytes.get(10)?, b'T' | b't' | b' ');
    if !looks_right {
        return None;
    }
    let text = text.replacen([' ', 't'], "T", 1);
    // `%#z` takes `Z`, `+01`, `+0100` and `+01:00`.
    let zoned = |format| DateTime::parse_from_str(&text, format).map(|t| t.naive_utc());
    let time = zoned("%Y-%m-%dT%H:%M:%S%.f%#z")
        .or_else(|_| zoned("%Y-%m-%dT%H:%M%#z"))
        .or_else(|_| NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f"))
        .or_else(|_| NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M"))
        .ok()?;
    // chrono keeps a leap second as a fraction beyond one: without it 23:59:60, which few can read, becomes 23:59:59.
    time.with_nanosecond(0).filter(has_common_year)
}

/// Whether the year is one that databases and clients know: many begin with year 1 and end with 9999.
pub(super) fn has_common_year(time: &impl Datelike) -> bool {
    (1..=9999).contains(&time.year())
}
