//! The figures of a measurement, as JSON and as a table.

mod table;

use std::{collections::BTreeMap, time::Duration};

use fleet::process::{Process, Role};
use serde::Serialize;

use super::{
    BenchOptions, Workload,
    measure::{Measured, Tally},
    processes::CpuTime,
};
use crate::rate::{float, per_second, rounded};

/// Everything a measurement says.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What was measured.
    pub workload: &'static str,
    /// Requests under way at the same time.
    pub connections: usize,
    /// Length of the window.
    pub seconds: f64,
    /// Accounts the traffic was spread over.
    pub accounts: usize,
    /// Whether 90 % of the traffic went to 1 % of them.
    pub hot: bool,
    /// Transfers in a batch, if batches were measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<usize>,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// The figures of the views that ran beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub while_views: Option<Figures>,
    /// CPU time of each process over operations of the measured workload.
    pub processes: Vec<ProcessFigures>,
    /// The sum over all processes, the client included.
    pub cpu_us_per_operation: f64,
    /// How the requests were spread.
    pub servers: Vec<ServerShare>,
    /// The largest distance of a server's count from an equal share, in percent of that share.
    pub share_deviation_percent: Option<f64>,
}

/// The figures of one group of connections.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Operations whose good answer came inside the window.
    pub operations: u64,
    /// The same, a second.
    pub operations_per_second: f64,
    /// Good answers a second: fewer than operations only for batches.
    pub requests_per_second: f64,
    /// Half of the answers came within this time.
    pub p50_ms: f64,
    /// 95 % of them.
    pub p95_ms: f64,
    /// 99 % of them.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
    /// Failed requests by status and problem, or by what happened to the connection.
    pub errors: BTreeMap<String, u64>,
}

/// One process.
#[derive(Debug, Clone, Serialize)]
pub struct ProcessFigures {
    /// Its name; `client` is the measuring process.
    pub name: String,
    /// CPU time, user and system, over operations.
    pub cpu_us_per_operation: f64,
    /// CPU time over the window's length: 100 is one core.
    pub cpu_percent: f64,
    /// Resident memory at the end.
    pub memory_mib: f64,
}

/// How many requests one server answered.
#[derive(Debug, Clone, Serialize)]
pub struct ServerShare {
    /// From `x-ballast-server`.
    pub name: String,
    /// Good answers in the window.
    pub requests: u64,
    /// Of all of them.
    pub share_percent: f64,
}

impl Report {
    pub(super) fn new(options: &BenchOptions, processes: &[Process], measured: Measured) -> Self {
        let Measured { tallies, window, cpu } = measured;
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for (server, count) in tallies.iter().flat_map(|tally| &tally.servers) {
            let name = String::from_utf8_lossy(server.as_bytes()).into_owned();
            *counts.entry(name).or_default() += count;
        }
        add_idle_neighbours(&mut counts, processes);
        let mut groups = tallies.iter().map(|tally| Figures::new(tally, window));
        let figures = groups.next().unwrap_or_else(Figures::nothing);
        let processes: Vec<_> = cpu
            .0
            .iter()
            .map(|process| ProcessFigures::new(process, figures.operations, window))
            .collect();
        let sum = processes.iter().map(|process| process.cpu_us_per_operation).sum();
        Self {
            workload: options.workload.name(),
            connections: options.connections,
            seconds: rounded(window.as_secs_f64(), 3),
            accounts: options.accounts,
            hot: options.hot,
            batch_size: (options.workload == Workload::Batch).then_some(options.batch_size),
            while_views: groups.next(),
            figures,
            processes,
            cpu_us_per_operation: rounded(sum, 1),
            share_deviation_percent: deviation_percent(&counts),
            servers: shares(counts),
        }
    }

    /// Whether any request failed, so that the command exits 1.
    pub fn found_a_problem(&self) -> bool {
        let views = self.while_views.iter();
        std::iter::once(&self.figures).chain(views).any(|figures| !figures.errors.is_empty())
    }

    /// The report for people.
    pub fn table(&self) -> String {
        table::render(self)
    }
}

impl Figures {
    fn new(tally: &Tally, window: Duration) -> Self {
        let quantile = |quantile: f64| milliseconds(tally.latencies.value_at_quantile(quantile));
        Self {
            operations: tally.operations,
            operations_per_second: rounded(per_second(tally.operations, window), 1),
            requests_per_second: rounded(per_second(tally.requests, window), 1),
            p50_ms: quantile(0.50),
            p95_ms: quantile(0.95),
            p99_ms: quantile(0.99),
            max_ms: milliseconds(tally.latencies.max()),
            errors: tally.errors.clone(),
        }
    }

    fn nothing() -> Self {
        Self {
            operations: 0,
            operations_per_second: 0.0,
            requests_per_second: 0.0,
            p50_ms: 0.0,
            p95_ms: 0.0,
            p99_ms: 0.0,
            max_ms: 0.0,
            errors: BTreeMap::new(),
        }
    }
}

impl ProcessFigures {
    fn new(process: &CpuTime, operations: u64, window: Duration) -> Self {
        let micros = process.cpu.as_secs_f64() * 1e6;
        Self {
            name: process.name.clone(),
            cpu_us_per_operation: rounded(micros / float(operations.max(1)), 1),
            cpu_percent: rounded(100.0 * process.cpu.as_secs_f64() / window.as_secs_f64(), 1),
            memory_mib: rounded(float(process.memory_kib) / 1024.0, 1),
        }
    }
}

/// A server that got nothing while its region was at work must show as zero, not be missing. The
/// servers of a region on standby are idle by design and stay out.
fn add_idle_neighbours(counts: &mut BTreeMap<String, u64>, processes: &[Process]) {
    let busy: Vec<_> = processes
        .iter()
        .filter(|process| counts.contains_key(&process.name))
        .map(|process| process.region.clone())
        .collect();
    for process in processes {
        if process.role == Role::Server && busy.contains(&process.region) {
            counts.entry(process.name.clone()).or_default();
        }
    }
}

fn deviation_percent(counts: &BTreeMap<String, u64>) -> Option<f64> {
    let servers = u64::try_from(counts.len()).ok().filter(|&servers| servers > 0)?;
    let mean = float(counts.values().sum()) / float(servers);
    if mean == 0.0 {
        return None;
    }
    let distance = |count: &u64| 100.0 * (float(*count) - mean).abs() / mean;
    Some(rounded(counts.values().map(distance).fold(0.0, f64::max), 2))
}

fn shares(counts: BTreeMap<String, u64>) -> Vec<ServerShare> {
    let all = float(counts.values().sum::<u64>().max(1));
    let share = |requests: u64| rounded(100.0 * float(requests) / all, 2);
    counts
        .into_iter()
        .map(|(name, requests)| ServerShare { share_percent: share(requests), name, requests })
        .collect()
}

fn milliseconds(micros: u64) -> f64 {
    rounded(float(micros) / 1_000.0, 3)
}
