//! The measured window: connections that work, and the two looks at the processes' CPU time.
//!
//! Guarantees that an operation counts when its answer came inside the window. Requests still
//! under way when the window closes are waited for: their times belong to the latencies (a stall
//! must show), but they do not count as operations.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::Context;
use hdrhistogram::Histogram;
use http::HeaderValue;
use indicatif::ProgressBar;
use tokio::{task::JoinSet, time::Instant};

use super::{BenchOptions, processes::CpuTimes, source::Source};
use crate::{client::Client, target::Target};

/// Pause after a request without an answer, so that a bank that is away is not asked in a tight
/// loop that takes the CPU it needs to come back.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(10);

/// Connections whose figures are reported together.
pub(super) struct Group {
    pub(super) sources: Vec<Source>,
}

/// What a group of connections has seen in the window.
pub(super) struct Tally {
    /// Microseconds from sending to the last byte of the answer.
    pub(super) latencies: Histogram<u64>,
    pub(super) operations: u64,
    pub(super) requests: u64,
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) servers: Vec<(HeaderValue, u64)>,
}

/// Everything that was measured.
pub(super) struct Measured {
    /// In the order of the groups.
    pub(super) tallies: Vec<Tally>,
    /// Real length of the window.
    pub(super) window: Duration,
    /// CPU time used in the window, and memory at its end.
    pub(super) cpu: CpuTimes,
}

#[derive(Clone, Copy)]
struct Window {
    start: Instant,
    end: Instant,
}

impl Tally {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            // One microsecond to ten minutes with three digits.
            latencies: Histogram::new_with_bounds(1, 600_000_000, 3)?,
            operations: 0,
            requests: 0,
            errors: BTreeMap::new(),
            servers: Vec::new(),
        })
    }

    fn add(&mut self, other: Self) -> anyhow::Result<()> {
        self.latencies.add(&other.latencies)?;
        self.operations += other.operations;
        self.requests += other.requests;
        for (reason, count) in other.errors {
            *self.errors.entry(reason).or_default() += count;
        }
        for (server, count) in other.servers {
            self.count_server(server, count);
        }
        Ok(())
    }

    fn count_server(&mut self, server: HeaderValue, count: u64) {
        match self.servers.iter_mut().find(|(name, _)| *name == server) {
            Some((_, sum)) => *sum += count,
            None => self.servers.push((server, count)),
        }
    }
}

/// Lets the groups work, through the warm-up and the window.
pub(super) async fn measure(
    target: &Target,
    options: &BenchOptions,
    groups: Vec<Group>,
    progress: &ProgressBar,
) -> anyhow::Result<Measured> {
    let start = Instant::now() + options.warm_up;
    let window = Window { start, end: start + options.window };
    let mut tallies = Vec::new();
    let mut running = JoinSet::new();
    for (index, group) in groups.into_iter().enumerate() {
        tallies.push(Tally::new()?);
        for source in group.sources {
            let client = Client::new(Arc::clone(&target.address), options.timeout);
            running.spawn(async move { (index, work(source, client, window).await) });
        }
    }

    progress.set_message("warming up");
    tokio::time::sleep_until(window.start).await;
    let before = CpuTimes::now(&target.processes);
    let opened = Instant::now();
    progress.set_message("measuring, second");
    progress.set_length(options.window.as_secs());
    for second in 0..options.window.as_secs() {
        progress.set_position(second + 1);
        tokio::time::sleep_until(window.start + Duration::from_secs(second + 1)).await;
    }
    tokio::time::sleep_until(window.end).await;
    let cpu = CpuTimes::now(&target.processes).since(&before);
    let length = opened.elapsed();

    while let Some(finished) = running.join_next().await {
        let (index, seen) = finished.context("a connection of the measurement ended early")?;
        if let Some(tally) = tallies.get_mut(index) {
            tally.add(seen?)?;
        }
    }
    progress.finish_and_clear();
    Ok(Measured { tallies, window: length, cpu })
}

async fn work(mut source: Source, mut client: Client, window: Window) -> anyhow::Result<Tally> {
    let mut tally = Tally::new()?;
    loop {
        let call = source.next_call();
        let sent = Instant::now();
        if sent >= window.end {
            return Ok(tally);
        }
        let answer = client.send(&call).await;
        let done = Instant::now();
        if done < window.start {
            continue;
        }
        match answer {
            Ok(answer) => match source.judge(&answer) {
                Ok(operations) => {
                    let micros = u64::try_from((done - sent).as_micros()).unwrap_or(u64::MAX);
                    tally.latencies.saturating_record(micros);
                    if done <= window.end {
                        tally.operations += operations;
                        tally.requests += 1;
                        if let Some(server) = answer.server {
                            tally.count_server(server, 1);
                        }
                    }
                }
                Err(reason) => *tally.errors.entry(reason).or_default() += 1,
            },
            Err(error) => {
                *tally.errors.entry(error.reason().to_owned()).or_default() += 1;
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }
}
