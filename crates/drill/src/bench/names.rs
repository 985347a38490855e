//! Whether a wrong sign-in takes the same time for a user that exists and one that does not.
//!
//! If it does not, the time tells an attacker which users there are (parity.md §3.15: the old bank
//! refused an unknown user in 4 ms and a known one in 253 ms). Known and unknown take turns on
//! one connection, so whatever else the machine does hits both alike.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail};
use http::StatusCode;
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    client::{Call, Client},
    rate::rounded,
    target::{SignIn, Target},
};

/// Medians farther apart than this are told apart from outside with some patience.
const DIFFERENCE_MAX_PERCENT: f64 = 10.0;
/// Fewer pairs than this say nothing.
const PAIRS_MIN: usize = 3;
/// How long one sign-in may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct NamesReport {
    /// Pairs of sign-ins behind the medians.
    pub pairs: usize,
    /// A user that exists, with a wrong password.
    pub known_median_ms: f64,
    /// A user that does not exist.
    pub unknown_median_ms: f64,
    /// How far the unknown's median is from the known's.
    pub difference_percent: f64,
    /// Whether the bank's limit of attempts ended the measurement early.
    pub limited: bool,
}

impl NamesReport {
    /// Whether the times tell users apart, so that the command exits 1.
    pub fn found_a_problem(&self) -> bool {
        self.difference_percent.abs() > DIFFERENCE_MAX_PERCENT
    }

    /// The report for people.
    pub fn table(&self) -> String {
        format!(
            "median of {} wrong sign-ins\nknown user    {:>8.2} ms\nunknown user  {:>8.2} ms\n\
             difference    {:>8.1} %\n",
            self.pairs, self.known_median_ms, self.unknown_median_ms, self.difference_percent
        )
    }
}

/// Tries wrong passwords for `user` and for users that do not exist, at most `pairs_max` times.
/// Blocks, as [`super::run`] does.
///
/// # Errors
/// When the bank answers a wrong sign-in with anything but 401, or limits attempts at once.
pub fn compare_unknown(
    target: &Target,
    user: &str,
    pairs_max: usize,
) -> anyhow::Result<NamesReport> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    runtime.block_on(compare(target, user, pairs_max))
}

async fn compare(target: &Target, user: &str, pairs_max: usize) -> anyhow::Result<NamesReport> {
    let mut client = Client::new(Arc::clone(&target.address), TIMEOUT);
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    let mut limited = false;
    // The first pair opens the connection and is thrown away.
    for pair in 0..=pairs_max {
        let nobody = format!("X{:08}", rand::random_range(0..100_000_000_u32));
        // The limit of attempts counts failures in a row; a good sign-in begins the count anew.
        if let Some(SignIn { user, password }) = &target.sign_in {
            client.send(&Call::sign_in(user, password)).await?;
        }
        let time_known = try_wrong(&mut client, user).await?;
        let time_unknown = try_wrong(&mut client, &nobody).await?;
        let (Some(time_known), Some(time_unknown)) = (time_known, time_unknown) else {
            limited = true;
            break;
        };
        if pair > 0 {
            known.push(time_known);
            unknown.push(time_unknown);
        }
    }
    if known.len() < PAIRS_MIN {
        bail!("the bank limits attempts: only {} pairs could be measured", known.len());
    }
    let (known_median, unknown_median) = (median(&mut known), median(&mut unknown));
    let ratio = unknown_median.as_secs_f64() / known_median.as_secs_f64();
    Ok(NamesReport {
        pairs: known.len(),
        known_median_ms: rounded(known_median.as_secs_f64() * 1e3, 3),
        unknown_median_ms: rounded(unknown_median.as_secs_f64() * 1e3, 3),
        difference_percent: rounded((ratio - 1.0) * 100.0, 2),
        limited,
    })
}

/// The time a refusal took; `None` when the bank limits attempts.
async fn try_wrong(client: &mut Client, user: &str) -> anyhow::Result<Option<Duration>> {
    let call = Call::sign_in(user, "not the password 1!");
    let sent = Instant::now();
    let answer = client.send(&call).await?;
    match answer.status {
        StatusCode::UNAUTHORIZED => Ok(Some(sent.elapsed())),
        StatusCode::TOO_MANY_REQUESTS => Ok(None),
        _ => bail!("a wrong sign-in was answered with {}", answer.excerpt()),
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
