//! The bank's own accounts: cash, fees, interest and clearing, one of each in every currency.
//!
//! House accounts have no floor and no row that every posting locks: a deposit at each counter
//! touches cash, and one locked row would cap the bank at one commit at a time. Their entries
//! carry no balance; the balance is a rolled-up mark plus the entries behind it. Their numbers
//! are `series × 1000 + ISO 4217 numeric code`, so that no look-up is needed to find one.

use crate::id::AccountNumber;
use crate::money::Currency;

/// What a house account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum House {
    /// Notes and coins in the branches: the other side of deposits and withdrawals.
    Cash,
    /// What the bank charges.
    Fees,
    /// Interest paid and earned.
    Interest,
    /// On its way to or from another bank.
    Clearing,
}

impl House {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Cash, Self::Fees, Self::Interest, Self::Clearing];

    /// The number of this house account in a currency, such as 100840 for cash in USD.
    #[must_use]
    pub const fn account(self, currency: Currency) -> AccountNumber {
        let series: i64 = match self {
            Self::Cash => 100_000,
            Self::Fees => 200_000,
            Self::Interest => 300_000,
            Self::Clearing => 400_000,
        };
        AccountNumber::new(series.saturating_add(currency.numeric()))
    }

    /// The name in the books.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Fees => "fees",
            Self::Interest => "interest",
            Self::Clearing => "clearing",
        }
    }
}
