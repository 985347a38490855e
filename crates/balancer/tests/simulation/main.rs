//! The policy under a simulation: clients, servers and checkers in virtual time.
//!
//! Everything is drawn from one seed: topology, settings, traffic, faults. The simulation makes
//! the calls of the data path and of the checker, in their order, keeps its own books, and compares
//! them with what the policy does. The laws that always hold are in `laws`; what a single fault may
//! cost is in `faults`, what any mixture of faults must end in is in `chaos`.
//!
//! `BALLAST_SIM_SEEDS` sets how many seeds each test runs, `BALLAST_SIM_SEED` runs just one; a
//! broken law names the seed and the command. Not here: sockets, threads, real time (`tests/it`).

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod amplification;
mod chaos;
mod faults;
mod front_door;
mod laws;
mod random;
mod server;
mod shares;
mod world;

use std::time::Duration;

use random::Random;

/// Seeds of each test unless the environment says otherwise: few where the code is not optimised.
const SEEDS: u64 = if cfg!(debug_assertions) { 20 } else { 300 };

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Runs a scenario for every seed. `test` is the path of the test, for the command that repeats.
fn for_every_seed(test: &'static str, scenario: impl Fn(&mut Random)) {
    let number = |name: &str| {
        std::env::var(name).ok().map(|text| text.parse().expect("a seed is a whole number"))
    };
    if let Some(seed) = number("BALLAST_SIM_SEED") {
        return scenario(&mut Random::new(test, seed));
    }
    for seed in 0..number("BALLAST_SIM_SEEDS").unwrap_or(SEEDS) {
        scenario(&mut Random::new(test, seed));
    }
}
