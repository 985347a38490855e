//! What goes into the store and comes out: plain values without any driver's type.

use ledger::customer::{CustomerDetails, Ssn};
use ledger::receipt::{Effect, Moved, Position};
use ledger::reversal::Past;
use ledger::statement::Line;
use ledger::{
    AccountKind, AccountNumber, AccountStatus, Answer, Balance, Currency, CustomerNumber,
    CustomerStatus, IdempotencyKey, OperationId, TransferId, UserId,
};

mod access;
mod operations;

pub use access::*;
pub use operations::*;

/// A point in time: milliseconds since 1970-01-01 UTC.
pub type UnixMs = i64;

/// The fate of a posted operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was decided, now or when the key was first used.
    Decided(Decided),
    /// The key names another request; nothing happened.
    KeyReused,
}

/// A decided operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Its id.
    pub operation: OperationId,
    /// When it was booked.
    pub booked_at: UnixMs,
    /// Whether this is the stored answer of an earlier call.
    pub replayed: bool,
    /// What was decided.
    pub answer: Answer,
    /// A point of the database's log at or after the commit; `None` if the database has no log
    /// that others follow.
    pub position: Option<Position>,
}

/// What is known of the database behind a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Whether what takes changes answers.
    pub primary_answers: bool,
    /// Whether there are replicas to read from.
    pub has_replicas: bool,
    /// The nearest replica that answers.
    pub replica: Option<Replica>,
}

/// A replica, or the primary where it is the nearest to read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replica {
    /// `false`: it is the primary.
    pub is_standby: bool,
    /// The timeline it is on, or an earlier one if it does not say.
    pub timeline: u32,
    /// How far it is behind where the primary was last seen.
    pub lag_bytes: Option<u64>,
    /// How old what it shows is at most; `None` when that cannot be proved.
    pub lag_ms: Option<u64>,
}

/// An operation as the books hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    /// Its id.
    pub operation: OperationId,
    /// The key it was asked under.
    pub key: IdempotencyKey,
    /// The word of [`ledger::Request::kind`].
    pub kind: String,
    /// When it was booked.
    pub booked_at: UnixMs,
    /// What was decided.
    pub answer: Answer,
    /// What its accepted transfers moved, in their order.
    pub moved: Vec<Moved>,
}

impl Booked {
    /// What it did to the books; `None` if it was refused, or if its rows do not fit together.
    #[must_use]
    pub fn effect(&self) -> Option<Effect> {
        Effect::of(&self.kind, &self.answer, &self.moved)
    }
}

/// A customer as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Customer {
    /// From 110110000 up.
    pub number: CustomerNumber,
    /// Unique.
    pub ssn: Ssn,
    /// Name, address, age.
    pub details: CustomerDetails,
    /// State of residence.
    pub state: String,
    /// City of residence.
    pub city: String,
    /// Active or deactivated.
    pub status: CustomerStatus,
    /// The latest message of the customer's log.
    pub message: String,
    /// When that was.
    pub updated_at: UnixMs,
}

/// A customer's account as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView {
    /// The account with its counters.
    pub account: ledger::Account,
    /// When it was opened.
    pub opened_at: UnixMs,
    /// The latest message of the account's log.
    pub message: String,
    /// When that was.
    pub updated_at: UnixMs,
}

/// An entry: a transfer seen from one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From 1 without gaps.
    pub number: i64,
    /// The transfer.
    pub transfer: TransferId,
    /// The operation it is part of.
    pub operation: OperationId,
    /// When it was booked.
    pub booked_at: UnixMs,
    /// What for.
    pub description: String,
    /// `deposit`, `withdrawal`, `transfer`, `batch`, `open_account` or `reversal`.
    pub kind: String,
    /// The other account.
    pub counterparty: AccountNumber,
    /// Above zero: credit; below zero: debit.
    pub amount: Balance,
    /// The balance after it.
    pub balance: Balance,
    /// Who booked it.
    pub user: UserId,
    /// The transfer that it takes back, if it is a reversal.
    pub reverses: Option<TransferId>,
    /// The transfer that takes it back, if one does.
    pub reversed_by: Option<TransferId>,
}

/// A transfer as the books hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferView {
    /// Its id.
    pub transfer: TransferId,
    /// The operation it is part of.
    pub operation: OperationId,
    /// The word of [`ledger::Request::kind`].
    pub kind: String,
    /// Who booked it.
    pub user: UserId,
    /// When.
    pub booked_at: UnixMs,
    /// What for; of a reversal the reason.
    pub description: String,
    /// From where to where, and the transfer that it takes back.
    pub moved: Moved,
    /// The transfer that takes it back, if one does.
    pub reversed_by: Option<TransferId>,
}

/// Which entries a statement shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// The newest so many.
    Last(u32),
    /// From the first to the last of these numbers, as far as they are there.
    Numbers {
        /// From 1.
        first: i64,
        /// Not before the first.
        last: i64,
    },
    /// Those of a time.
    Booked {
        /// Booked at or after this.
        from: UnixMs,
        /// Booked before this.
        until: UnixMs,
        /// And numbered no higher than this.
        up_to: Option<i64>,
    },
}

/// What the books hold of a period, read from one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extract {
    /// The account as it is now.
    pub account: AccountView,
    /// The number of the entry before the period; 0 if there is none.
    pub before: i64,
    /// The balance after that entry.
    pub opening: Balance,
    /// How many entries the period has.
    pub entry_count: i64,
    /// All of them, oldest first; `None` if there are more than [`crate::STATEMENT_ENTRIES_MAX`]:
    /// a statement is whole or it is none.
    pub entries: Option<Vec<Entry>>,
    /// Whether the account has entries behind the period. Booking times never go back along the
    /// numbers, so that a time before such an entry gets no more of them.
    pub is_passed: bool,
}

/// A row of a customer's or account's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerLog {
    /// The row's id; grows with time.
    pub id: i64,
    /// Whose.
    pub customer: CustomerNumber,
    /// The customer's social security number; `Debug` masks it.
    pub ssn: Ssn,
    /// Such as "Customer created".
    pub message: String,
    /// When.
    pub at: UnixMs,
}

/// A row of an account's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountLog {
    /// The row's id; grows with time.
    pub id: i64,
    /// Which account.
    pub account: AccountNumber,
    /// Whose.
    pub customer: CustomerNumber,
    /// Current or savings.
    pub kind: AccountKind,
    /// The account's status now.
    pub status: AccountStatus,
    /// Such as "Account opened".
    pub message: String,
    /// When.
    pub at: UnixMs,
}

/// A page of a list with where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Hand this back for the next page; `None` at the end.
    pub next: Option<i64>,
}

/// What a house account holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HouseBalance {
    /// Its number.
    pub account: AccountNumber,
    /// Credits less debits.
    pub balance: Balance,
    /// Its currency.
    pub currency: Currency,
}

impl<T> Page<T> {
    /// A page of at most `limit` rows out of one more than that.
    pub(crate) fn cut(mut rows: Vec<T>, limit: u32, position: impl Fn(&T) -> i64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(position) } else { None };
        Self { rows, next }
    }
}

impl TransferView {
    /// What the rule of reversals asks about it.
    #[must_use]
    pub fn past(&self) -> Past {
        Past {
            debit: self.moved.debit,
            credit: self.moved.credit,
            amount: self.moved.amount,
            user: self.user.clone(),
            booked_at_ms: self.booked_at,
            is_reversal: self.moved.reverses.is_some(),
            is_reversed: self.reversed_by.is_some(),
        }
    }
}

impl From<Entry> for Line {
    fn from(entry: Entry) -> Self {
        Self {
            number: entry.number,
            transfer: entry.transfer,
            operation: entry.operation,
            booked_at: entry.booked_at,
            description: entry.description,
            kind: entry.kind,
            counterparty: entry.counterparty,
            amount: entry.amount,
            balance: entry.balance,
            reverses: entry.reverses,
        }
    }
}
