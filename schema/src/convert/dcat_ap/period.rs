//! The periods that data are about, as people write them.

use chrono::{Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use crate::validate::parse_date_time;

/// First and last second of `start/end` or of a single date; `..` or nothing leaves an end open.
pub(super) fn period(text: &str) -> Option<(Option<NaiveDateTime>, Option<NaiveDateTime>)> {
    let Some((start, end)) = text.split_once('/') else {
        return span(text).map(|(first, last)| (Some(first), Some(last)));
    };
    let is_open = |text: &str| matches!(text, "" | "..");
    let (start, end) = (start.trim(), end.trim());
    let first = if is_open(start) { None } else { Some(span(start)?.0) };
    let last = if is_open(end) { None } else { Some(span(end)?.1) };
    let is_period = match (first, last) {
        (Some(first), Some(last)) => first <= last,
        (first, last) => first.is_some() || last.is_some(),
    };
    is_period.then_some((first, last))
}

/// First and last second of a year, a month, a day or a second in ISO 8601.
fn span(text: &str) -> Option<(NaiveDateTime, NaiveDateTime)> {
    if let Some(time) = parse_date_time(text) {
        return Some((time, time));
    }
    // A sign before the year is more than this document's clients read.
    if !text.bytes().all(|b| b.is_ascii_digit() || b == b'-') || text.starts_with('-') {
        return None;
    }
    let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let (first, next) = match text.len() {
        4 => day(&format!("{text}-01-01")).and_then(|d| Some((d, d.checked_add_months(Months::new(12))?)))?,
        7 => day(&format!("{text}-01")).and_then(|d| Some((d, d.checked_add_months(Months::new(1))?)))?,
        10 => day(text).and_then(|d| Some((d, d.checked_add_days(Days::new(1))?)))?,
        _ => return None,
    };
    let last = next.and_time(NaiveTime::MIN) - TimeDelta::seconds(1);
    Some((first.and_time(NaiveTime::MIN), last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::DATE_TIME;

    #[test]
    fn periods_are_read_whatever_their_precision() {
        let written = |text: &str| {
            let write = |t: Option<NaiveDateTime>| t.map_or_else(String::new, |t| t.format(DATE_TIME).to_string());
            period(text).map(|(start, end)| format!("{} {}", write(start), write(end)))
        };
        let expected = [
            ("2011/2012", "2011-01-01T00:00:00 2012-12-31T23:59:59"),
            ("2024-02", "2024-02-01T00:00:00 2024-02-29T23:59:59"),
            ("2020-05-01/2020-05-01", "2020-05-01T00:00:00 2020-05-01T23:59:59"),
            ("2020-05-01T10:00:00Z / 2020-05-01T12:00:00+01:00", "2020-05-01T10:00:00 2020-05-01T11:00:00"),
            ("2020/..", "2020-01-01T00:00:00 "),
            ("../9999", " 9999-12-31T23:59:59"),
        ];
        for (text, period) in expected {
            assert_eq!(written(text).as_deref(), Some(period), "{text}");
        }
        for text in ["", "/", "../..", "last year", "2012/2011", "2011/2012/2013", "2011-13", "+011", "20110101", "-001", "99999"] {
            assert_eq!(written(text), None, "{text}");
        }
    }
}
