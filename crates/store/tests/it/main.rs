//! The store from outside: each test owns its database.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy knows tests by their attribute only; their helpers may fail the test too"
)]

mod audit;
mod bank;
mod booked;
mod cluster;
mod conformance;
mod connections;
mod cuts;
mod factors;
mod hosts;
mod migration;
mod near;
mod operations;
mod posting;
mod relay;
mod reversals;
mod sealing;
mod search;
mod sessions;
mod statements;

/// Runs each test on a bank in either database.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(crate::bank::Bank::embedded().await).await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(crate::bank::Bank::postgres().await).await;
            })*
        }
    };
}

use on_both;
