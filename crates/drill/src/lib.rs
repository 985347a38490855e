//! What a client sees: replay and bench; faults and proof follow.
//!
//! Everything here speaks to the bank over HTTP as any client would, and judges it by what the
//! answers say. This crate cannot call `store` or `web` and does not use the arithmetic of
//! `ledger` either: money is added up a second time, in [`cents`], so that one mistake cannot
//! hide on both sides of a comparison. Processes are looked at, never started or stopped: that
//! is the work of `fleet`.

pub mod bench;
pub mod cents;
pub mod client;
mod dice;
pub mod generate;
mod rate;
pub mod receipts;
pub mod replay;
pub mod target;
