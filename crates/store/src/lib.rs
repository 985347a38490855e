//! All SQL of the bank, and the one task that posts money.
//!
//! Guarantees: a posting is answered after its commit; one idempotency key has at most one effect
//! (I3); no driver's type leaves this crate; two databases, embedded and PostgreSQL, stand behind
//! it with the same functions and give the same answers (I10). Reads see a snapshot, of a
//! replica only where a visit allows it; money is never decided on one.
//! Deliberately not here: HTTP, passwords in clear, the rules of posting (they are in `ledger`).

pub mod audit;
mod clock;
mod error;
pub mod model;
mod postgres;
mod queue;
mod sign_in;
mod sqlite;
mod ssn;
mod store;
mod url;
mod vault;
mod visit;

pub use clock::now_ms;
pub use error::Error;
pub use model::*;
pub use store::{Sealed, Store, migrate};
pub use url::{DatabaseUrl, DatabaseUrlError};
pub use vault::{Vault, VaultError};
pub use visit::{Purpose, Visit};

/// The most rows of one page of a list: a screenful for people, a bounded read for the database.
pub const PAGE_ROWS_MAX: u32 = 500;

/// The most entries of one statement: a thousand a working day for a quarter, and some 25 MiB of
/// memory while it is read. Beyond it a statement is refused, never cut.
pub const STATEMENT_ENTRIES_MAX: u32 = 65_000;

/// The most keys of one look-up of [`Store::booked`]: some milliseconds of reading when each is
/// a single posting.
pub const BOOKED_KEYS_MAX: usize = 1_000;

/// The most log rows of one answer (the old bank's log API gave 50).
pub const LOG_ROWS_MAX: u32 = 50;
