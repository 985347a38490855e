//! Money as a client counts it: signed cents, exact, with the decimal form of the API.
//!
//! Guarantees that nothing is rounded and that a text is either one amount or refused with the
//! rule it breaks. Deliberately not the `ledger` type: the checker must not share the arithmetic
//! of what it checks. Two decimals only, because files and workloads are in US dollars.

use std::fmt;

/// Digits before the point that are accepted: keeps sums of many rows far inside an `i64`.
const WHOLE_DIGITS_MAX: usize = 12;

/// An amount or a balance in cents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cents(i64);

impl Cents {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Money from a number of cents.
    pub const fn new(cents: i64) -> Self {
        Self(cents)
    }

    /// The number of cents.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Reads an amount that moves: digits, at most two decimals, no sign, above zero.
    ///
    /// # Errors
    /// The rule that is broken, as half a sentence.
    pub fn parse_amount(text: &str) -> Result<Self, &'static str> {
        if text.starts_with(['-', '+']) {
            return Err("must not carry a sign: the direction says which way it goes");
        }
        match parse_digits(text)? {
            0 => Err("must be above zero"),
            cents => Ok(Self(cents)),
        }
    }

    /// Reads a balance: as an amount, but zero and a leading minus are allowed.
    ///
    /// # Errors
    /// The rule that is broken, as half a sentence.
    pub fn parse_balance(text: &str) -> Result<Self, &'static str> {
        match text.strip_prefix('-') {
            Some(rest) => parse_digits(rest).map(|cents| Self(-cents)),
            None => parse_digits(text).map(Self),
        }
    }

    /// The sum, or nothing when it leaves the range.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or nothing when it leaves the range.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let size = self.0.unsigned_abs();
        write!(formatter, "{sign}{}.{:02}", size / 100, size % 100)
    }
}

fn parse_digits(text: &str) -> Result<i64, &'static str> {
    const SHAPE: &str = "must be a decimal such as 165.88, with at most two decimals";
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "00"));
    let only_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !only_digits(whole) || !only_digits(decimals) || decimals.len() > 2 {
        return Err(SHAPE);
    }
    if whole.len() > WHOLE_DIGITS_MAX {
        return Err("must have at most 12 digits before the point");
    }
    let whole: i64 = whole.parse().map_err(|_| SHAPE)?;
    let decimals: i64 = format!("{decimals:0<2}").parse().map_err(|_| SHAPE)?;
    Ok(whole * 100 + decimals)
}

#[cfg(test)]
mod tests {
    use super::Cents;

    #[test]
    fn amounts_are_exact_or_refused() {
        let cases: &[(&str, Option<i64>)] = &[
            ("900", Some(90_000)),
            ("900.5", Some(90_050)),
            ("0.01", Some(1)),
            ("999999999999.99", Some(99_999_999_999_999)),
            ("1000000000000", None),
            ("0.00", None),
            ("0", None),
            ("", None),
            (".5", None),
            ("1.", None),
            ("1.005", None),
            ("1_000", None),
            ("1e3", None),
            ("-1", None),
            ("+1", None),
            (" 1", None),
            ("1,00", None),
            ("٣", None),
        ];
        for (text, expect) in cases {
            assert_eq!(Cents::parse_amount(text).ok().map(Cents::get), *expect, "{text:?}");
        }
    }

    #[test]
    fn balances_print_as_they_are_read() {
        for text in ["-0.05", "-12.30", "0.00", "7.01"] {
            assert_eq!(Cents::parse_balance(text).unwrap().to_string(), text);
        }
        assert!(Cents::parse_balance("--1").is_err());
    }
}
