//! The numbers of statements: each names an account and a period, and thereby everything that the
//! statement says.
//!
//! | number | is of |
//! | --- | --- |
//! | `360110000-202611` | a month |
//! | `360110000-20261101-20261115` | days, both ends included |
//! | `360110000-e41-60` | entries 41 to 60 |
//! | `360110000-202611p60` | a month that was not over yet, up to entry 60: *provisional* |
//!
//! A day is a day of the bank ([`Day`]). One statement has one number: days that are a whole month
//! are that month, and [`StatementNumber::parse`] reads exactly what is written here.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::Date;

use super::Line;
use crate::day::Day;
use crate::id::AccountNumber;

const EPOCH: Date = Date::constant(1970, 1, 1);

/// What a statement is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// From the first to the last of these days of UTC.
    Days {
        /// The first day.
        from: Date,
        /// The last day, not before the first.
        until: Date,
    },
    /// From the first to the last of these entries; the last is one below the first if the
    /// account has none.
    Entries {
        /// From 1.
        first: i64,
        /// The last number.
        last: i64,
    },
}

impl Period {
    /// The month of a day.
    #[must_use]
    pub fn month_of(day: Date) -> Self {
        Self::Days { from: day.first_of_month(), until: day.last_of_month() }
    }

    /// Whether this can be a period at all.
    fn is_sound(self) -> bool {
        match self {
            Self::Days { from, until } => from <= until && from.year() >= 1970,
            Self::Entries { first, last } => first >= 1 && last >= first.saturating_sub(1),
        }
    }
}

/// The name of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementNumber {
    account: AccountNumber,
    period: Period,
    up_to: Option<i64>,
}

impl StatementNumber {
    /// The number of a statement. `up_to` is the account's last entry when days of the period were
    /// still to come; entries need none. `None`: no such period.
    #[must_use]
    pub fn try_new(account: AccountNumber, period: Period, up_to: Option<i64>) -> Option<Self> {
        let fits = match period {
            Period::Days { .. } => up_to.is_none_or(|number| number >= 0),
            Period::Entries { .. } => up_to.is_none(),
        };
        (fits && period.is_sound()).then_some(Self { account, period, up_to })
    }

    /// Reads a number as it is written, blanks around it and capitals aside.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // Longer than any number that is written.
        const LENGTH_MAX: usize = 80;
        if text.len() > LENGTH_MAX {
            return None;
        }
        let text = text.trim().to_ascii_lowercase();
        let (account, rest) = text.split_once('-')?;
        let account = AccountNumber::parse(account).ok()?;
        let number = if let Some(entries) = rest.strip_prefix('e') {
            let (first, last) = entries.split_once('-')?;
            let period = Period::Entries { first: digits(first)?, last: digits(last)? };
            Self::try_new(account, period, None)
        } else {
            let (days, up_to) = match rest.split_once('p') {
                None => (rest, None),
                Some((days, up_to)) => (days, Some(digits(up_to)?)),
            };
            let period = match days.split_once('-') {
                Some((from, until)) => Period::Days { from: day(from)?, until: day(until)? },
                None => Period::month_of(day(&format!("{days}01"))?),
            };
            Self::try_new(account, period, up_to)
        };
        number.filter(|number| number.to_string() == text)
    }

    /// Whose statement it is.
    #[must_use]
    pub const fn account(self) -> AccountNumber {
        self.account
    }

    /// What it is of.
    #[must_use]
    pub const fn period(self) -> Period {
        self.period
    }

    /// The last entry of a provisional statement.
    #[must_use]
    pub const fn up_to(self) -> Option<i64> {
        self.up_to
    }

    /// Whether entries of the period may have been booked after it was made.
    #[must_use]
    pub const fn is_provisional(self) -> bool {
        self.up_to.is_some()
    }

    /// The first day of the month that it is of.
    #[must_use]
    pub fn month(self) -> Option<Date> {
        match self.period {
            Period::Days { from, until } => {
                (Period::month_of(from) == Period::Days { from, until }).then_some(from)
            }
            Period::Entries { .. } => None,
        }
    }

    /// Whether an entry belongs into it.
    pub(super) fn holds(self, entry: &Line) -> bool {
        match self.period {
            Period::Days { from, until } => {
                let day = day_of(entry.booked_at);
                let known = self.up_to.is_none_or(|up_to| entry.number <= up_to);
                from <= day && day <= until && known
            }
            Period::Entries { first, last } => (first..=last).contains(&entry.number),
        }
    }

    /// Whether entries from behind `before` to `last` are all that it names. Of days only the
    /// books know that.
    pub(super) fn is_whole(self, before: i64, last: i64) -> bool {
        match self.period {
            Period::Days { .. } => self.up_to.is_none_or(|up_to| last == up_to.max(before)),
            Period::Entries { first, last: end } => {
                before.checked_add(1) == Some(first) && last == end
            }
        }
    }
}

impl fmt::Display for StatementNumber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-", self.account)?;
        match (self.period, self.month()) {
            (Period::Entries { first, last }, _) => write!(out, "e{first}-{last}")?,
            (Period::Days { .. }, Some(month)) => write!(out, "{}", month.strftime("%Y%m"))?,
            (Period::Days { from, until }, None) => {
                write!(out, "{}-{}", from.strftime("%Y%m%d"), until.strftime("%Y%m%d"))?;
            }
        }
        self.up_to.map_or(Ok(()), |up_to| write!(out, "p{up_to}"))
    }
}

/// The date of the bank's day in which a time lies, in milliseconds since 1970-01-01 UTC.
#[must_use]
pub fn day_of(at: i64) -> Date {
    let since = SignedDuration::from_hours(Day::of(at).number().saturating_mul(24));
    EPOCH.checked_add(since).unwrap_or(Date::MAX)
}

/// When the bank's day of a date begins, in milliseconds since 1970-01-01 UTC.
#[must_use]
pub fn start_of_day(day: Date) -> i64 {
    Day::new(day.duration_since(EPOCH).as_hours().div_euclid(24)).begins_at_ms()
}

fn digits(text: &str) -> Option<i64> {
    let plain = text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// Eight digits.
fn day(text: &str) -> Option<Date> {
    let number = digits(text).filter(|_| text.len() == 8)?;
    let part = |divisor: i64, modulus: i64| number.checked_div(divisor)?.checked_rem(modulus);
    let year = i16::try_from(part(10_000, 10_000)?).ok()?;
    let month = i8::try_from(part(100, 100)?).ok()?;
    Date::new(year, month, i8::try_from(part(1, 100)?).ok()?).ok()
}
