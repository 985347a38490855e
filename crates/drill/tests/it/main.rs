//! What the drills do against a small bank made for these tests, over real connections.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails says so by panicking; clippy spares only the test functions"
)]

mod bench;
mod client;
mod fake_bank;
mod files;
mod generate;
mod replay;
