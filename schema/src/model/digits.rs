//! How long decimal numbers may be.

/// How long a decimal number may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits {
    /// The most digits before the point.
    pub before: u8,
    /// The most digits after it.
    pub after: u8,
}

impl Digits {
    /// The greatest number that is short enough: 99.99 for two digits before and two after the point.
    pub fn greatest(self) -> f64 {
        10_f64.powi(self.before.into()) - 10_f64.powi(-i32::from(self.after))
    }

    /// The digits that a number has, without zeros at either end.
    pub(crate) fn of(number: f64) -> (usize, usize) {
        // As a decimal, however large or small: never with an exponent.
        let text = number.abs().to_string();
        let (before, after) = text.split_once('.').unwrap_or((&text, ""));
        (before.trim_start_matches('0').len(), after.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_decimal() {
        let cases = [(0.0, (0, 0)), (-99.5, (2, 1)), (100.0, (3, 0)), (0.05, (0, 2)), (1e21, (22, 0)), (1e-7, (0, 7)), (-0.0, (0, 0))];
        for (number, digits) in cases {
            assert_eq!(Digits::of(number), digits, "{number}");
        }
    }
}
