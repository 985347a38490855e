//! The store from outside: each test owns its database.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy knows tests by their attribute only; their helpers may fail the test too"
)]

mod audit;
mod bank;
mod booked;
mod migration;
mod posting;
mod sessions;
