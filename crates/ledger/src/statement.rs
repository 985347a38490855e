//! Statements: what moved on an account in a period, and the proof that it adds up.
//!
//! Guarantees: a [`Statement`] cannot be made unless opening balance + entries = closing balance,
//! entry by entry, without a gap in the numbers and with each entry inside the period. What a
//! statement says is a function of its [`StatementNumber`] and the books alone: no name that may
//! be changed later, no balance of today, no time of making. So the same number gives the same
//! [`Statement::digest`] for ever, and consecutive statements chain ([`Statement::follows`]).
//! Deliberately not here: clocks, keys, the look-up in the books, formats.

mod code;
mod number;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use crate::account::AccountKind;
use crate::id::{AccountNumber, CustomerNumber, OperationId, TransferId};
use crate::money::{Balance, Currency};

pub use code::VerificationCode;
pub use number::{Period, StatementNumber, day_of, start_of_day};

/// What a statement says of an entry: nothing that may change later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// From 1 without gaps.
    pub number: i64,
    /// The transfer.
    pub transfer: TransferId,
    /// The operation it is part of.
    pub operation: OperationId,
    /// When it was booked: milliseconds since 1970-01-01 UTC.
    pub booked_at: i64,
    /// What for.
    pub description: String,
    /// The word of the operation's kind, such as `deposit`.
    pub kind: String,
    /// The other account.
    pub counterparty: AccountNumber,
    /// Above zero: credit; below zero: debit.
    pub amount: Balance,
    /// The balance after it.
    pub balance: Balance,
    /// The transfer that it takes back, if it is a reversal.
    pub reverses: Option<TransferId>,
}

/// What of an account never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// Its number.
    pub account: AccountNumber,
    /// Whose it is.
    pub customer: CustomerNumber,
    /// Current or savings.
    pub kind: AccountKind,
    /// The one currency it holds.
    pub currency: Currency,
    /// When it was opened: milliseconds since 1970-01-01 UTC.
    pub opened_at: i64,
}

/// Why entries are not a statement: the books are not as they must be, or the number names
/// entries that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The number is of another account.
    #[error("the statement is of another account")]
    AccountOther,
    /// An entry is missing or there twice.
    #[error("entry {0} does not follow the one before it")]
    Gap(i64),
    /// A balance is not the one before it and the amount.
    #[error("the balance after entry {0} is not the one before it and the amount")]
    BalanceWrong(i64),
    /// An entry that was booked before or after the period.
    #[error("entry {0} is not of the period")]
    OutsidePeriod(i64),
    /// Not the entries that the number names.
    #[error("the entries that the number names are not there")]
    EntriesMissing,
}

/// Entries in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// How many.
    pub count: usize,
    /// Their sum, zero or more.
    pub sum: Balance,
}

/// A statement that adds up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    number: StatementNumber,
    holding: Holding,
    before: i64,
    opening: Balance,
    entries: Vec<Line>,
    closing: Balance,
    credits: Total,
    debits: Total,
}

impl Statement {
    /// A statement of what was read: the balance after entry number `before` (zero if that is 0)
    /// and the entries behind it.
    ///
    /// # Errors
    /// [`StatementError`]: the first law that is broken.
    pub fn try_new(
        number: StatementNumber,
        holding: Holding,
        before: i64,
        opening: Balance,
        entries: Vec<Line>,
    ) -> Result<Self, StatementError> {
        if number.account() != holding.account {
            return Err(StatementError::AccountOther);
        }
        let zero = Total { count: 0, sum: Balance::new(0, holding.currency) };
        let (mut credits, mut debits) = (zero, zero);
        let (mut last, mut balance) = (before, opening);
        for entry in &entries {
            if last.checked_add(1) != Some(entry.number) {
                return Err(StatementError::Gap(entry.number));
            }
            let after = balance.minor().checked_add(entry.amount.minor());
            let same = [entry.amount, entry.balance, opening].map(Balance::currency);
            if after != Some(entry.balance.minor()) || same != [holding.currency; 3] {
                return Err(StatementError::BalanceWrong(entry.number));
            }
            if !number.holds(entry) {
                return Err(StatementError::OutsidePeriod(entry.number));
            }
            let total = if entry.amount.minor() < 0 { &mut debits } else { &mut credits };
            *total = total.and(entry)?;
            (last, balance) = (entry.number, entry.balance);
        }
        if !number.is_whole(before, last) {
            return Err(StatementError::EntriesMissing);
        }
        Ok(Self { number, holding, before, opening, entries, closing: balance, credits, debits })
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> StatementNumber {
        self.number
    }

    /// The account.
    #[must_use]
    pub const fn holding(&self) -> Holding {
        self.holding
    }

    /// The balance before the first entry.
    #[must_use]
    pub const fn opening(&self) -> Balance {
        self.opening
    }

    /// Oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Line] {
        &self.entries
    }

    /// The balance after the last entry.
    #[must_use]
    pub const fn closing(&self) -> Balance {
        self.closing
    }

    /// What came in.
    #[must_use]
    pub const fn credits(&self) -> Total {
        self.credits
    }

    /// What went out; the sum is above zero.
    #[must_use]
    pub const fn debits(&self) -> Total {
        self.debits
    }

    /// The number of the account's entry before this statement; 0 if there is none.
    #[must_use]
    pub const fn before(&self) -> i64 {
        self.before
    }

    /// The number of the account's last entry up to the end of this statement.
    #[must_use]
    pub fn last(&self) -> i64 {
        self.entries.last().map_or(self.before, |entry| entry.number)
    }

    /// Whether this one begins where another ends: the same account, closing balance = opening
    /// balance, and no entry between.
    #[must_use]
    pub fn follows(&self, earlier: &Self) -> bool {
        self.holding == earlier.holding
            && self.opening == earlier.closing
            && self.before == earlier.last()
    }

    /// Of a month: its place among the account's monthly statements, from 1 for the month in
    /// which it was opened.
    #[must_use]
    pub fn sequence(&self) -> Option<i64> {
        let months = |day: Date| {
            i64::from(day.year()).saturating_mul(12).saturating_add(i64::from(day.month()))
        };
        let month = self.number.month()?;
        let place = months(month).checked_sub(months(day_of(self.holding.opened_at)))?;
        place.checked_add(1).filter(|place| *place > 0)
    }

    /// The time that stands for the making of it, from the books alone: the end of the period,
    /// or, where the number ends at an entry, when that was booked.
    #[must_use]
    pub fn as_of(&self) -> i64 {
        let last = self.entries.last().map(|entry| entry.booked_at);
        match self.number.period() {
            Period::Days { until, .. } if !self.number.is_provisional() => {
                start_of_day(until.tomorrow().unwrap_or(Date::MAX))
            }
            Period::Days { from, .. } => {
                last.unwrap_or(start_of_day(from).max(self.holding.opened_at))
            }
            Period::Entries { .. } => last.unwrap_or(self.holding.opened_at),
        }
    }

    /// The first and the last day.
    #[must_use]
    pub fn days(&self) -> (Date, Date) {
        match self.number.period() {
            Period::Days { from, until } => (from, until),
            Period::Entries { .. } => {
                let first = self.entries.first().map_or(self.as_of(), |entry| entry.booked_at);
                (day_of(first), day_of(self.as_of()))
            }
        }
    }

    /// SHA-256 over all that it says, as lines of text each ended by a line feed: `statement 1`
    /// and the number; account, customer, kind, currency, opening time; opening and closing
    /// balance with the number of the entry each is after; then of each entry number, transfer,
    /// operation, time, kind, other account, amount, balance, the transfer that it takes back (0 if
    /// none), description. Times in milliseconds, one space between.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let Holding { account, customer, kind, currency, opened_at } = self.holding;
        hash.update(format!(
            "statement 1 {}\n{account} {customer} {} {currency} {opened_at}\n{} {} {} {}\n",
            self.number,
            kind.as_str(),
            self.opening,
            self.before,
            self.closing,
            self.last()
        ));
        let mut line = String::new();
        for entry in &self.entries {
            line.clear();
            // Writing into a text cannot fail.
            let _ = writeln!(
                line,
                "{} {} {} {} {} {} {} {} {} {}",
                entry.number,
                entry.transfer,
                entry.operation,
                entry.booked_at,
                entry.kind,
                entry.counterparty,
                entry.amount,
                entry.balance,
                entry.reverses.map_or(0, TransferId::get),
                entry.description,
            );
            hash.update(&line);
        }
        hash.finalize().into()
    }
}

impl Total {
    fn and(self, entry: &Line) -> Result<Self, StatementError> {
        let broken = StatementError::BalanceWrong(entry.number);
        let absolute = entry.amount.minor().checked_abs().ok_or(broken)?;
        let sum = self.sum.minor().checked_add(absolute).ok_or(broken)?;
        Ok(Self {
            count: self.count.saturating_add(1),
            sum: Balance::new(sum, self.sum.currency()),
        })
    }
}
