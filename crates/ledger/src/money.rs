//! Money as integer minor units with a currency.
//!
//! Guarantees: an [`Amount`] is above zero and at most [`Amount::MAX_MINOR`]; arithmetic is
//! checked; currencies never mix. Outside the bank money is a decimal string with a currency, as
//! in Open Banking and ISO 20022. Not here: rounding (nothing in this bank rounds), exchange.

use std::fmt;

/// A currency of ISO 4217 that the bank keeps books in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Currency {
    /// Swiss franc.
    Chf,
    /// Czech koruna.
    Czk,
    /// Euro.
    Eur,
    /// Pound sterling.
    Gbp,
    /// Japanese yen: no minor unit.
    Jpy,
    /// Kuwaiti dinar: three decimals.
    Kwd,
    /// United States dollar.
    Usd,
}

impl Currency {
    /// Every currency the bank keeps books in.
    pub const ALL: [Self; 7] =
        [Self::Chf, Self::Czk, Self::Eur, Self::Gbp, Self::Jpy, Self::Kwd, Self::Usd];

    /// The alphabetic code of ISO 4217.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Chf => "CHF",
            Self::Czk => "CZK",
            Self::Eur => "EUR",
            Self::Gbp => "GBP",
            Self::Jpy => "JPY",
            Self::Kwd => "KWD",
            Self::Usd => "USD",
        }
    }

    /// The numeric code of ISO 4217; house accounts carry it in their number.
    #[must_use]
    pub const fn numeric(self) -> i64 {
        match self {
            Self::Chf => 756,
            Self::Czk => 203,
            Self::Eur => 978,
            Self::Gbp => 826,
            Self::Jpy => 392,
            Self::Kwd => 414,
            Self::Usd => 840,
        }
    }

    /// Digits after the decimal point (the exponent of ISO 4217).
    #[must_use]
    pub const fn exponent(self) -> u32 {
        match self {
            Self::Jpy => 0,
            Self::Kwd => 3,
            Self::Chf | Self::Czk | Self::Eur | Self::Gbp | Self::Usd => 2,
        }
    }

    /// Reads an alphabetic code in capitals.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyUnknown`] for anything the bank does not keep books in.
    pub fn parse(code: &str) -> Result<Self, MoneyError> {
        Self::ALL.into_iter().find(|each| each.code() == code).ok_or(MoneyError::CurrencyUnknown)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code())
    }
}

/// Why a text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Nothing was given.
    #[error("must not be empty")]
    Empty,
    /// A character that is neither a digit nor the one decimal point.
    #[error("must be digits with at most one decimal point, without sign, exponent or spaces")]
    Malformed,
    /// More decimals than the currency has.
    #[error("has more decimals than the currency, which has {0}")]
    TooPrecise(u32),
    /// Zero moves nothing.
    #[error("must be above zero")]
    Zero,
    /// Above [`Amount::MAX_MINOR`].
    #[error("must be at most 99999999999.99 (9999999999999 minor units)")]
    TooLarge,
    /// A sum left the range of the books.
    #[error("leaves the range of the books")]
    Overflow,
    /// Not one of [`Currency::ALL`].
    #[error("must be one of CHF, CZK, EUR, GBP, JPY, KWD, USD")]
    CurrencyUnknown,
}

/// What moves: minor units above zero, with their currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Amount {
    minor: i64,
    currency: Currency,
}

impl Amount {
    /// The largest amount of one transfer in minor units: 10^13 − 1. A counter of 64 bits holds
    /// 900,000 of them, and a spreadsheet's double still holds each one exactly.
    pub const MAX_MINOR: i64 = 9_999_999_999_999;

    /// An amount from minor units.
    ///
    /// # Errors
    /// [`MoneyError::Zero`] below one, [`MoneyError::TooLarge`] above [`Self::MAX_MINOR`].
    pub const fn try_new(minor: i64, currency: Currency) -> Result<Self, MoneyError> {
        if minor < 1 {
            return Err(MoneyError::Zero);
        }
        if minor > Self::MAX_MINOR {
            return Err(MoneyError::TooLarge);
        }
        Ok(Self { minor, currency })
    }

    /// Reads a decimal text such as `165.88`.
    ///
    /// # Errors
    /// The rule that the text breaks.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        Self::try_new(parse_minor(text, currency)?, currency)
    }

    /// Minor units, above zero.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        Balance::new(self.minor, self.currency).fmt(out)
    }
}

/// What is: signed minor units with their currency. Displays as a decimal without the currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Balance {
    minor: i64,
    currency: Currency,
}

impl Balance {
    /// A balance of so many minor units.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Signed minor units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor < 0 { "-" } else { "" };
        let digits = self.minor.unsigned_abs();
        match self.currency.exponent() {
            0 => write!(out, "{sign}{digits}"),
            exponent => {
                let unit = 10_u64.saturating_pow(exponent);
                let whole = digits.checked_div(unit).unwrap_or(0);
                let rest = digits.checked_rem(unit).unwrap_or(0);
                let width = usize::try_from(exponent).unwrap_or(0);
                write!(out, "{sign}{whole}.{rest:0width$}")
            }
        }
    }
}

/// Reads a decimal text of zero or more as minor units; limits as [`Amount::MAX_MINOR`].
///
/// # Errors
/// The rule that the text breaks.
pub fn parse_minor(text: &str, currency: Currency) -> Result<i64, MoneyError> {
    if text.is_empty() {
        return Err(MoneyError::Empty);
    }
    let (whole, fraction) = match text.split_once('.') {
        None => (text, ""),
        Some((whole, fraction)) if !whole.is_empty() && !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err(MoneyError::Malformed),
    };
    if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return Err(MoneyError::Malformed);
    }
    let exponent = usize::try_from(currency.exponent()).unwrap_or(0);
    let padding =
        exponent.checked_sub(fraction.len()).ok_or(MoneyError::TooPrecise(currency.exponent()))?;
    let digits = whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', padding));
    let mut minor = 0_i64;
    for byte in digits {
        minor = minor
            .checked_mul(10)
            .and_then(|minor| minor.checked_add(i64::from(byte.saturating_sub(b'0'))))
            .filter(|minor| *minor <= Amount::MAX_MINOR)
            .ok_or(MoneyError::TooLarge)?;
    }
    Ok(minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_by_the_rule() {
        use Currency::{Jpy, Kwd, Usd};
        let cases = [
            ("165.88", Usd, Ok(16_588)),
            ("0.01", Usd, Ok(1)),
            ("7", Usd, Ok(700)),
            ("7.5", Usd, Ok(750)),
            ("7", Jpy, Ok(7)),
            ("7.5", Jpy, Err(MoneyError::TooPrecise(0))),
            ("1.005", Kwd, Ok(1_005)),
            ("1.005", Usd, Err(MoneyError::TooPrecise(2))),
            ("99999999999.99", Usd, Ok(Amount::MAX_MINOR)),
            ("100000000000.00", Usd, Err(MoneyError::TooLarge)),
            ("9".repeat(400).leak(), Usd, Err(MoneyError::TooLarge)),
            ("", Usd, Err(MoneyError::Empty)),
            ("0", Usd, Err(MoneyError::Zero)),
            ("0.00", Usd, Err(MoneyError::Zero)),
            ("-1", Usd, Err(MoneyError::Malformed)),
            ("+1", Usd, Err(MoneyError::Malformed)),
            ("1_000", Usd, Err(MoneyError::Malformed)),
            ("1,000", Usd, Err(MoneyError::Malformed)),
            ("1e3", Usd, Err(MoneyError::Malformed)),
            (" 1", Usd, Err(MoneyError::Malformed)),
            ("1.", Usd, Err(MoneyError::Malformed)),
            (".5", Usd, Err(MoneyError::Malformed)),
            ("1.2.3", Usd, Err(MoneyError::Malformed)),
            ("٣", Usd, Err(MoneyError::Malformed)),
            ("NaN", Usd, Err(MoneyError::Malformed)),
        ];
        for (text, currency, expect) in cases {
            assert_eq!(Amount::parse(text, currency).map(Amount::minor), expect, "{text:?}");
        }
    }

    #[test]
    fn balances_are_written_with_the_decimals_of_the_currency() {
        let cases = [
            (0, Currency::Usd, "0.00"),
            (-1, Currency::Usd, "-0.01"),
            (16_588, Currency::Usd, "165.88"),
            (7, Currency::Jpy, "7"),
            (-1_005, Currency::Kwd, "-1.005"),
            (i64::MIN, Currency::Usd, "-92233720368547758.08"),
        ];
        for (minor, currency, expect) in cases {
            assert_eq!(Balance::new(minor, currency).to_string(), expect);
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(minor in 1..=Amount::MAX_MINOR, which in 0..7_usize) {
            let amount = Amount::try_new(minor, Currency::ALL[which]).unwrap();
            proptest::prop_assert_eq!(
                Amount::parse(&amount.to_string(), amount.currency()), Ok(amount));
        }
    }
}
