//! `ballast bench database distance|house`: what the bank on the cluster does a second, and what
//! the distance to the primary costs.
//!
//! Guarantees: round trips are those that the wires counted between the servers of the region that
//! is asked and the nodes of the others, call by call. What the servers ask by themselves (where
//! the primary is, four times a second each) is counted while nobody asks them, and taken out of
//! the mean.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use fleet::cluster::Durability;
use fleet::control;
use fleet::process::{Process, Role};
use indicatif::ProgressBar;
use tokio::time::Instant;

use super::primary;
use crate::bench::report::Figures;
use crate::bench::scenario::{Bar, ScenarioReport, ms, quantile};
use crate::bench::source::{Source, SourcePlan};
use crate::bench::{BenchOptions, Workload, accounts, run_on_this_thread};
use crate::client::Client;
use crate::rate::float;
use crate::target::Target;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measurement {
    /// Views, deposits and transfers through the region that is far from the primary.
    Distance,
    /// Deposits into 1,000 accounts, which all debit one house account.
    House,
}

/// How to measure.
#[derive(Debug, Clone)]
pub struct SpeedOptions {
    /// What.
    pub measurement: Measurement,
    /// The data folder of the deployment.
    pub data: PathBuf,
    /// Accounts the traffic is spread over; [`Measurement::House`] has 1,000.
    pub accounts: usize,
    /// Where the prepared accounts are remembered.
    pub memory: PathBuf,
    /// What the choice of accounts and amounts depends on.
    pub seed: u64,
    /// Calls of each kind, one after the other.
    pub calls: usize,
    /// Length of a measurement with many clients.
    pub window: Duration,
}

/// The accounts of the bar.
const HOUSE_ACCOUNTS: usize = 1_000;

/// Deposits a second.
const HOUSE_RATE_MIN: f64 = 500.0;

/// Clients at once, for the throughput.
const CLIENTS: usize = 64;

/// Transfers a second of that many clients far from the primary.
const FAR_RATE_MIN: f64 = 1_000.0;

/// A view from a copy nearby, at p50.
const VIEW_MAX_MS: f64 = 5.0;

/// How long it is counted what servers ask by themselves.
const IDLE: Duration = Duration::from_secs(5);

/// Calls that open connections and prepare statements, on each server of a region.
const WARM_UP_CALLS: usize = 20;

/// Measures. Blocks: it brings a runtime of its own.
///
/// # Errors
/// When the deployment has no cluster of its own, cannot be reached, or a call fails.
pub fn run(
    target: &Target,
    options: &SpeedOptions,
    progress: &ProgressBar,
) -> anyhow::Result<ScenarioReport> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    runtime.block_on(async {
        let report = match options.measurement {
            Measurement::Distance => distance(target, options, progress).await,
            Measurement::House => house(target, options, progress).await,
        };
        progress.finish_and_clear();
        report
    })
}

async fn house(
    target: &Target,
    options: &SpeedOptions,
    progress: &ProgressBar,
) -> anyhow::Result<ScenarioReport> {
    let traffic = control::Client::connect(&options.data).await?.traffic().await?;
    let mut bench = bench(options, Workload::Deposits);
    bench.accounts = HOUSE_ACCOUNTS;
    let measured = run_on_this_thread(target, &bench, progress).await?.figures;
    let story = format!(
        "{CLIENTS} clients deposit into {HOUSE_ACCOUNTS} accounts, profile {}, {} ms one way",
        traffic.durability.name(),
        traffic.link_ms
    );
    let mut report = ScenarioReport::new("house", story);
    let rate = measured.operations_per_second;
    report.barred("deposits a second", rate, "/s", Bar::AtLeast(HOUSE_RATE_MIN));
    report.figure("deposit p50", measured.p50_ms, "ms");
    report.figure("deposit p99", measured.p99_ms, "ms");
    failures(&mut report, measured);
    Ok(report)
}

async fn distance(
    target: &Target,
    options: &SpeedOptions,
    progress: &ProgressBar,
) -> anyhow::Result<ScenarioReport> {
    let mut control = control::Client::connect(&options.data).await?;
    let (traffic, processes) = (control.traffic().await?, control.status().await?.processes);
    let far = Far::find(target, &processes)?;
    let round_trip = float(traffic.link_ms) * 2.0;
    let story = format!(
        "through region {} with the primary in {}, {} ms one way, profile {}",
        far.region,
        far.primary_region,
        traffic.link_ms,
        traffic.durability.name()
    );
    let mut report = ScenarioReport::new("distance", story);
    let workload = bench(options, Workload::Transfers);
    let accounts = accounts::prepare(target, &workload, progress).await?;
    progress.set_message("what servers ask by themselves");
    let own = far.own_turns_per_second(&mut control).await?;
    report.figure("round trips of the servers' own", own, "/s");
    // In profile `region` a commit waits for the far region a second time.
    let posting = (traffic.durability == Durability::Zone).then_some(round_trip * 1.1 + 5.0);
    for (workload, turns, limit) in [
        (Workload::Views, 0.0, Some(VIEW_MAX_MS)),
        (Workload::Deposits, 1.0, posting),
        (Workload::Transfers, 1.0, posting),
    ] {
        let bench = bench(options, workload);
        progress.set_message(workload.name());
        let mut calls = far.calls(&bench, &accounts, &mut control, options.calls).await?;
        let p50 = ms(quantile(&mut calls.times, 50));
        let name = workload.name();
        match limit {
            Some(limit) => {
                report.barred(format!("{name}: p50"), p50, "ms", Bar::AtMost(limit));
            }
            None => report.figure(format!("{name}: p50"), p50, "ms"),
        }
        report.figure(format!("{name}: p99"), ms(quantile(&mut calls.times, 99)), "ms");
        let mean = calls.turns_of_one(own)?;
        let most = Bar::AtMost(turns);
        report.barred(format!("{name}: round trips"), mean.max(0.0).round(), "", most);
        report.figure(format!("{name}: round trips, mean"), mean, "");
    }
    let measured = run_on_this_thread(&far.target, &workload, progress).await?.figures;
    let name = format!("transfers a second, {CLIENTS} clients");
    report.barred(name, measured.operations_per_second, "/s", Bar::AtLeast(FAR_RATE_MIN));
    if round_trip > 0.0 {
        let most = float(u64::try_from(CLIENTS)?) * 1_000.0 / round_trip;
        report.figure("the most that the round trip leaves them", most, "/s");
    }
    failures(&mut report, measured);
    let crowd = BenchOptions { connections: CLIENTS * 4, ..workload };
    let measured = run_on_this_thread(&far.target, &crowd, progress).await?.figures;
    let name = format!("transfers a second, {} clients", CLIENTS * 4);
    report.figure(name, measured.operations_per_second, "/s");
    failures(&mut report, measured);
    Ok(report)
}

fn bench(options: &SpeedOptions, workload: Workload) -> BenchOptions {
    BenchOptions {
        connections: CLIENTS,
        window: options.window,
        accounts: options.accounts,
        seed: options.seed,
        memory: Some(options.memory.clone()),
        ..BenchOptions::new(workload)
    }
}

/// Every request that failed is a bar missed.
fn failures(report: &mut ScenarioReport, measured: Figures) {
    let failed: u64 = measured.errors.values().sum();
    report.barred("failed requests", float(failed), "", Bar::AtMost(0.0));
    report.failures.extend(measured.errors);
}

/// The region that is asked.
struct Far {
    target: Target,
    region: String,
    primary_region: String,
    servers: Vec<String>,
    /// Nodes of the other regions.
    nodes: Vec<String>,
}

struct Calls {
    times: Vec<Duration>,
    turns: u64,
}

impl Calls {
    /// Round trips of one call on average, without those that servers make by themselves.
    fn turns_of_one(&self, own_per_second: f64) -> anyhow::Result<f64> {
        let seconds = self.times.iter().sum::<Duration>().as_secs_f64();
        let calls = float(u64::try_from(self.times.len())?);
        Ok((float(self.turns) - own_per_second * seconds) / calls)
    }
}

impl Far {
    fn find(target: &Target, processes: &[Process]) -> anyhow::Result<Self> {
        let mut nodes = processes.to_vec();
        nodes.retain(|process| process.role == Role::Database);
        let primary = primary(&nodes).context("there is not one primary now")?;
        let primary_region = primary.region.context("the primary is in no region")?;
        let is_far =
            |process: &&Process| process.region.as_ref().is_some_and(|it| *it != primary_region);
        let balancers = processes.iter().filter(|process| process.role == Role::Balancer);
        let Some(region) = balancers.filter(is_far).find_map(|it| it.region.clone()) else {
            bail!("there is no other region than {primary_region}")
        };
        let names = |role: Role, is_there: bool| -> Vec<String> {
            let of_role = processes.iter().filter(move |process| process.role == role);
            let there = |it: &&Process| (it.region.as_deref() == Some(&*region)) == is_there;
            of_role.filter(there).map(|process| process.name.clone()).collect()
        };
        let (servers, nodes) = (names(Role::Server, true), names(Role::Database, false));
        let target = target.clone().through(&region)?;
        Ok(Self { target, region, primary_region, servers, nodes })
    }

    /// One call after the other, and what each cost.
    async fn calls(
        &self,
        bench: &BenchOptions,
        accounts: &[String],
        control: &mut control::Client,
        count: usize,
    ) -> anyhow::Result<Calls> {
        let plan = SourcePlan::new(&self.target, bench, accounts.into())?;
        let mut source = Source::new(&plan, bench.workload, 0);
        let mut client = Client::new(self.target.address.clone(), bench.timeout);
        let mut calls = Calls { times: Vec::new(), turns: 0 };
        for number in 0..count + WARM_UP_CALLS {
            let before = self.turns(control).await?;
            let began = Instant::now();
            let answer = client.send(&source.next_call()).await?;
            let took = began.elapsed();
            if let Err(reason) = source.judge(&answer) {
                bail!("a call of `{}` failed: {reason}", bench.workload.name());
            }
            if number >= WARM_UP_CALLS {
                calls.times.push(took);
                calls.turns += self.turns(control).await?.saturating_sub(before);
            }
        }
        Ok(calls)
    }

    async fn own_turns_per_second(&self, control: &mut control::Client) -> anyhow::Result<f64> {
        let (before, began) = (self.turns(control).await?, Instant::now());
        tokio::time::sleep(IDLE).await;
        let turns = self.turns(control).await?.saturating_sub(before);
        Ok(float(turns) / began.elapsed().as_secs_f64())
    }

    async fn turns(&self, control: &mut control::Client) -> anyhow::Result<u64> {
        let is_in = |names: &[String], name: &str| names.iter().any(|it| it == name);
        let traffic = control.traffic().await?;
        Ok(traffic.between(|from| is_in(&self.servers, from), |to| is_in(&self.nodes, to)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_ask_by_themselves_is_no_round_trip_of_a_call() {
        let calls = Calls { times: vec![Duration::from_millis(100); 50], turns: 90 };
        let of_one = calls.turns_of_one(8.0).unwrap();
        assert!((of_one - 1.0).abs() < 1e-9, "{of_one}");
    }
}
