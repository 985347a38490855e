//! The program from outside: deployments of real processes on free ports, each with its own data
//! folder, and a real browser.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy knows tests by their attribute only; their helpers may fail the test too"
)]

mod authenticator;
mod browser;
mod cli;
mod cluster;
mod deployment;
mod desk;
mod exactly_once;
mod faults;
mod http;
mod https;
mod pages;
mod pictures;
mod receipts;
mod secrets;
mod sessions;
mod topology;
