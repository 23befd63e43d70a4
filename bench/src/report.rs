//! What was measured, as a Markdown table.

use std::time::Duration;

use crate::wrk::Load;

/// One line of the table.
#[derive(Clone, Debug)]
struct Line {
    what: String,
    catalogue: String,
    bare: String,
    ratio: String,
    p99: String,
    target: String,
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Report {
    lines: Vec<Line>,
}

/// What a load must reach.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Target {
    /// At least this part of what it is compared with.
    pub(crate) ratio: Option<f64>,
    /// At least so many a second.
    pub(crate) rate: Option<f64>,
    /// At most so many milliseconds.
    pub(crate) p99: Option<u64>,
}

impl Target {
    fn text(self, load: &Load, ratio: Option<f64>) -> String {
        let mut parts = Vec::new();
        let mut met = true;
        if let Some(wanted) = self.ratio {
            parts.push(format!("≥ {wanted}"));
            met &= ratio.is_some_and(|r| r >= wanted);
        }
        if let Some(wanted) = self.rate {
            parts.push(format!("≥ {}/s", grouped(wanted)));
            met &= load.rate >= wanted;
        }
        if let Some(wanted) = self.p99 {
            parts.push(format!("p99 ≤ {wanted} ms"));
            met &= load.p99 <= Duration::from_millis(wanted);
        }
        verdict(parts.join(", "), met)
    }
}

fn verdict(target: String, met: bool) -> String {
    match (target.is_empty(), met) {
        (true, _) => String::new(),
        (false, true) => format!("{target}: met"),
        (false, false) => format!("{target}: **missed**"),
    }
}

impl Report {
    /// A load by itself or beside what it is compared with.
    pub(crate) fn load(&mut self, what: impl Into<String>, load: &Load, bare: Option<&Load>, target: Target) {
        let ratio = bare.map(|b| load.rate / b.rate);
        self.lines.push(Line {
            what: what.into(),
            catalogue: format!("{}/s", grouped(load.rate)),
            bare: bare.map(|b| format!("{}/s", grouped(b.rate))).unwrap_or_default(),
            ratio: ratio.map(|r| format!("{r:.2}")).unwrap_or_default(),
            p99: millis(load.p99),
            target: target.text(load, ratio),
        });
    }

    /// A number that is no load; `met` says whether it is what it should be.
    pub(crate) fn value(&mut self, what: impl Into<String>, value: String, target: &str, met: bool) {
        let (what, target) = (what.into(), verdict(target.to_owned(), met));
        let [bare, ratio, p99] = [String::new(), String::new(), String::new()];
        self.lines.push(Line { what, catalogue: value, bare, ratio, p99, target });
    }

    /// A time that must be shorter than `most`.
    pub(crate) fn time(&mut self, what: impl Into<String>, time: Duration, most: Option<Duration>) {
        let target = most.map(|m| format!("< {}", millis(m))).unwrap_or_default();
        self.value(what, millis(time), &target, most.is_none_or(|m| time < m));
    }

    /// A share of another load.
    pub(crate) fn compared(&mut self, what: impl Into<String>, load: &Load, other: &Load, target: Target) {
        self.load(what, load, Some(other), target);
    }

    /// Everything, as Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut out = String::from("| What | Catalogue | Bare | Ratio | p99 | Target |\n|---|---:|---:|---:|---:|---|\n");
        for Line { what, catalogue, bare, ratio, p99, target } in &self.lines {
            out.push_str(&format!("| {what} | {catalogue} | {bare} | {ratio} | {p99} | {target} |\n"));
        }
        out
    }
}

/// Milliseconds, with as many digits as say something.
pub(crate) fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1_000.0;
    if millis < 10.0 { format!("{millis:.1} ms") } else { format!("{millis:.0} ms") }
}

/// `12,345`; numbers below 100 with one decimal.
pub(crate) fn grouped(number: f64) -> String {
    if number < 100.0 {
        return format!("{number:.1}");
    }
    let digits = format!("{number:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(["5.0", "999", "1,000", "1,234,568"], [5.0, 999.0, 1_000.0, 1_234_567.8].map(grouped).each_ref().map(String::as_str));
    }

    #[test]
    fn targets_say_whether_they_are_met() {
        let load = Load { rate: 80.0, p50: Duration::ZERO, p99: Duration::from_millis(4) };
        let target = Target { ratio: Some(0.8), p99: Some(3), ..Target::default() };
        assert_eq!(target.text(&load, Some(0.8)), "≥ 0.8, p99 ≤ 3 ms: **missed**");
        assert_eq!(Target { p99: Some(4), ..target }.text(&load, Some(0.8)), "≥ 0.8, p99 ≤ 4 ms: met");
        assert_eq!(Target::default().text(&load, None), "");
    }
}
