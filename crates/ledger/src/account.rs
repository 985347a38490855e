//! An account: monotone counters, a floor, and what it accepts.

use crate::customer::CustomerStatus;
use crate::id::{AccountNumber, CustomerNumber};
use crate::money::{Balance, Currency};
use crate::operation::Refusal;

/// What kind of account a customer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountKind {
    /// For daily payments; may have an overdraft.
    Current,
    /// For saving; never below zero.
    Savings,
}

impl AccountKind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Current, Self::Savings];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Savings => "savings",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Whether an account takes part in business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountStatus {
    /// Takes debits and credits.
    Open,
    /// At zero, takes nothing until it is reactivated.
    Closed,
}

impl AccountStatus {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Closed].into_iter().find(|status| status.as_str() == text)
    }
}

/// A customer's account as the posting sees it. All money in minor units of `currency`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub number: AccountNumber,
    /// Whose it is.
    pub customer: CustomerNumber,
    /// Current or savings.
    pub kind: AccountKind,
    /// The one currency it holds.
    pub currency: Currency,
    /// Open or closed.
    pub status: AccountStatus,
    /// Whether the customer is active.
    pub customer_status: CustomerStatus,
    /// How far below zero the balance may go; the floor is its negative. Not below zero.
    pub overdraft_minor: i64,
    /// The sum of all debits that were posted; only grows.
    pub debits_posted: i64,
    /// The sum of all credits that were posted; only grows.
    pub credits_posted: i64,
    /// The sum of the open holds against the account.
    pub debits_pending: i64,
    /// How many entries it has; the next one is numbered one higher.
    pub entry_count: i64,
}

impl Account {
    /// Credits less debits.
    #[must_use]
    pub const fn balance_minor(&self) -> i64 {
        self.credits_posted.saturating_sub(self.debits_posted)
    }

    /// The balance with its currency.
    #[must_use]
    pub const fn balance(&self) -> Balance {
        Balance::new(self.balance_minor(), self.currency)
    }

    /// What could be taken out now: balance and overdraft less holds.
    #[must_use]
    pub const fn available(&self) -> Balance {
        let minor = self
            .balance_minor()
            .saturating_sub(self.debits_pending)
            .saturating_add(self.overdraft_minor);
        Balance::new(minor, self.currency)
    }

    /// Whether the account takes part in any posting at all.
    ///
    /// # Errors
    /// [`Refusal::AccountClosed`], [`Refusal::CustomerDeactivated`].
    pub const fn accepts_postings(&self) -> Result<(), Refusal> {
        match (self.status, self.customer_status) {
            (AccountStatus::Closed, _) => Err(Refusal::AccountClosed),
            (AccountStatus::Open, CustomerStatus::Deactivated) => Err(Refusal::CustomerDeactivated),
            (AccountStatus::Open, CustomerStatus::Active) => Ok(()),
        }
    }

    /// Whether it may be closed now.
    ///
    /// # Errors
    /// [`Refusal::AccountClosed`] if it is, [`Refusal::BalanceNotZero`], [`Refusal::HoldsOpen`].
    pub const fn may_close(&self) -> Result<(), Refusal> {
        match self.status {
            AccountStatus::Closed => Err(Refusal::AccountClosed),
            AccountStatus::Open if self.balance_minor() != 0 => Err(Refusal::BalanceNotZero),
            AccountStatus::Open if self.debits_pending != 0 => Err(Refusal::HoldsOpen),
            AccountStatus::Open => Ok(()),
        }
    }

    /// Takes money out and numbers the entry.
    ///
    /// # Errors
    /// [`Refusal::InsufficientFunds`] below the floor; [`Refusal::BooksFull`] past 64 bits.
    pub fn debit(&mut self, minor: i64) -> Result<(), Refusal> {
        if self.available().minor() < minor {
            return Err(Refusal::InsufficientFunds);
        }
        self.debits_posted = self.debits_posted.checked_add(minor).ok_or(Refusal::BooksFull)?;
        self.entry_count = self.entry_count.saturating_add(1);
        Ok(())
    }

    /// Puts money in and numbers the entry.
    ///
    /// # Errors
    /// [`Refusal::BooksFull`] past 64 bits.
    pub fn credit(&mut self, minor: i64) -> Result<(), Refusal> {
        self.credits_posted = self.credits_posted.checked_add(minor).ok_or(Refusal::BooksFull)?;
        self.entry_count = self.entry_count.saturating_add(1);
        Ok(())
    }
}
