//! `ballast bench pages`: how long staff wait for a page while everybody is at work.
//!
//! An open loop: each request has the moment at which it is due and its time counts from there, so
//! a stall is charged to everybody who would have come meanwhile. Half of the pages are those that
//! a teller sees between two customers, a tenth of the requests are deposits sent by the form.
//! Nothing is repeated: a failed request is a failed request. Not here: sign-ins, which cost a
//! password hash by design (`bench logins`).

mod mix;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use indicatif::ProgressBar;
use tokio::{task::JoinSet, time::Instant};

use self::mix::{KINDS, Mix, Visit};
use super::{
    BenchOptions, Workload,
    scenario::{Bar, ScenarioReport, ms, quantile, whole},
};
use crate::{client::Client, target::Target};

/// A person looks away when a page takes longer (Card, Moran, Newell: 0.1 s feels immediate), and
/// half of it is the browser's.
const P99_MS_MAX: f64 = 50.0;
/// Of a page, uncompressed.
const KIB_MAX: f64 = 60.0;
/// Connections, caches and code pages get ready in it; nothing counts.
const WARM_UP: Duration = Duration::from_secs(2);
/// Longest time of one request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How to measure.
#[derive(Debug, Clone)]
pub struct PagesOptions {
    /// Requests a second.
    pub rate: u64,
    /// Length of the measured window.
    pub window: Duration,
    /// Accounts the traffic is spread over.
    pub accounts: usize,
    /// Where the prepared accounts are remembered; nowhere when `None`.
    pub memory: Option<PathBuf>,
    /// What the choice of pages and accounts depends on.
    pub seed: u64,
}

/// What became of one request.
struct Sample {
    kind: usize,
    counts: bool,
    /// From the moment it was due to the last byte.
    took: Duration,
    bytes: usize,
    failure: Option<String>,
}

/// Measures. Blocks: it brings a runtime of its own.
///
/// # Errors
/// When the bank cannot be reached or the accounts cannot be prepared. Failing requests are part
/// of the report.
pub fn run(
    target: &Target,
    options: &PagesOptions,
    progress: &ProgressBar,
) -> anyhow::Result<ScenarioReport> {
    ensure!(options.rate > 0, "a measurement needs at least one request a second");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    runtime.block_on(async {
        let mut bench = BenchOptions::new(Workload::Views);
        bench.accounts = options.accounts;
        bench.memory.clone_from(&options.memory);
        let accounts = super::accounts::prepare(target, &bench, progress).await?;
        let mut client = Client::new(Arc::clone(&target.address), TIMEOUT);
        let mut mix = Mix::new(target, &mut client, accounts, options.seed).await?;
        progress.set_message("measuring");
        let samples = load(target, options, &mut mix).await?;
        progress.finish_and_clear();
        Ok(report(options, &samples))
    })
}

async fn load(
    target: &Target,
    options: &PagesOptions,
    mix: &mut Mix,
) -> anyhow::Result<Vec<Sample>> {
    let gap = Duration::from_secs(1) / u32::try_from(options.rate)?;
    let began = Instant::now();
    let (mut due, end) = (began, began + WARM_UP + options.window);
    let (mut idle, mut samples) = (Vec::new(), Vec::new());
    let mut running = JoinSet::new();
    while due < end {
        tokio::time::sleep_until(due).await;
        while let Some(finished) = running.try_join_next() {
            let (client, sample) = finished.context("a request of the load ended early")?;
            idle.push(client);
            samples.push(sample);
        }
        let spare = idle.pop();
        let client = spare.unwrap_or_else(|| Client::new(Arc::clone(&target.address), TIMEOUT));
        running.spawn(visit(client, mix.next(), due, due >= began + WARM_UP));
        due += gap;
    }
    while let Some(finished) = running.join_next().await {
        samples.push(finished.context("a request of the load ended early")?.1);
    }
    Ok(samples)
}

async fn visit(mut client: Client, visit: Visit, due: Instant, counts: bool) -> (Client, Sample) {
    let answer = client.send(&visit.call).await;
    let took = due.elapsed();
    let (bytes, failure) = match answer {
        Ok(answer) if answer.status == visit.expect => (answer.body.len(), None),
        Ok(answer) => {
            let page = KINDS.get(visit.kind).map_or("", |kind| kind.name);
            (0, Some(format!("{} {page}", answer.status.as_u16())))
        }
        Err(error) => (0, Some(error.reason().to_owned())),
    };
    (client, Sample { kind: visit.kind, counts, took, bytes, failure })
}

fn report(options: &PagesOptions, samples: &[Sample]) -> ScenarioReport {
    let counted: Vec<_> = samples.iter().filter(|sample| sample.counts).collect();
    let story = format!(
        "{} requests/s for {} s over {} accounts, as signed-in staff",
        options.rate,
        options.window.as_secs(),
        options.accounts
    );
    let mut report = ScenarioReport::new("pages", story);
    report.count("requests", counted.len());
    for failure in counted.iter().filter_map(|sample| sample.failure.as_ref()) {
        *report.failures.entry(failure.clone()).or_default() += 1;
    }
    let failed: u64 = report.failures.values().sum();
    report.barred("failed", crate::rate::float(failed), "", Bar::AtMost(0.0));
    for (position, kind) in KINDS.iter().enumerate() {
        let of_kind = counted.iter().filter(|sample| sample.kind == position);
        let mut times: Vec<_> = of_kind.map(|sample| sample.took).collect();
        report.figure(format!("p99 of {}", kind.name), ms(quantile(&mut times, 99)), "ms");
    }
    let mut times: Vec<_> = counted.iter().map(|sample| sample.took).collect();
    report.figure("p50", ms(quantile(&mut times, 50)), "ms");
    report.barred("p99", ms(quantile(&mut times, 99)), "ms", Bar::AtMost(P99_MS_MAX));
    report.figure("slowest", ms(quantile(&mut times, 100)), "ms");
    let largest = counted.iter().map(|sample| sample.bytes).max().unwrap_or_default();
    report.barred("largest page", whole(largest) / 1_024.0, "KiB", Bar::AtMost(KIB_MAX));
    report
}
