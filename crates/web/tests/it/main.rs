//! The bank through HTTP: the router is called in the process, over a real database of its own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy knows tests by their attribute only; their helpers may fail the test too"
)]

mod access;
mod bank;
#[path = "../../../store/tests/it/cluster.rs"]
mod cluster;
mod concurrency;
mod defects;
mod errors;
mod exports;
mod health;
mod near;
mod pages;
mod postings;
mod reading;
mod receipts;
#[path = "../../../store/tests/it/relay.rs"]
mod relay;
mod reversals;
mod second_factor;
mod sessions;
mod staff;
mod statements;
mod today;
