//! The law of the bank: money, ids, accounts, operations and the decision that posts them.
//!
//! Guarantees: everything here is a pure function of its arguments, so the same operations on the
//! same books give the same answers on every database, and the rules can be tested in
//! milliseconds. Deliberately not here: IO, clocks, randomness, async, SQL, HTTP.

pub mod account;
pub mod answer;
pub mod audit;
pub mod customer;
pub mod day;
pub mod house;
pub mod id;
pub mod money;
pub mod operation;
pub mod posting;
pub mod receipt;
pub mod reversal;
pub mod staff;
pub mod statement;

pub use account::{Account, AccountKind, AccountStatus};
pub use answer::{Answer, LegAnswer};
pub use customer::{CustomerStatus, NewCustomer};
pub use day::Day;
pub use id::{AccountNumber, CustomerNumber, IdempotencyKey, OperationId, TransferId};
pub use money::{Amount, Balance, Currency};
pub use operation::{Actor, Fingerprint, Leg, Operation, Refusal, Request};
pub use reversal::{Reach, Reason, Reversal};
pub use staff::{Role, UserId};
pub use statement::{Statement, StatementNumber, VerificationCode};
