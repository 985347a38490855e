//! `ballast bench balancer`: the deployment loses parts under load, and clients are asked how it
//! was.
//!
//! Each scenario is a load in an open loop (`load`), a fault through the supervisor's control
//! socket, and what the requests and the balancers' `/status.json` say about it, against the bars
//! of docs/balancer.md. Every scenario heals what it broke, also when it fails.

mod load;
mod overload;
mod scene;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use fleet::fault::Fault;
use indicatif::ProgressBar;

use self::{
    load::{Outcome, Sample},
    scene::Scene,
};
use super::{
    BenchOptions,
    scenario::{Bar, ScenarioReport, ms, percent, quantile, whole},
};
use crate::target::Target;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// A server is killed.
    Kill,
    /// A server is frozen for half a minute.
    Freeze,
    /// A server answers half a second later.
    Slow,
    /// Every server and balancer is replaced.
    Roll,
    /// The balancer of the region in use is killed.
    Balancer,
    /// Both servers of the region in use are killed, and come back.
    Region,
    /// Twice the load that the deployment can carry.
    Overload,
}

impl Scenario {
    /// Whether requests leave the region in use, and return when it has been well for a while.
    fn breaks_a_region(self) -> bool {
        matches!(self, Self::Balancer | Self::Region)
    }
}

/// How to measure.
#[derive(Debug, Clone)]
pub struct BalancerOptions {
    /// What happens.
    pub scenario: Scenario,
    /// Requests a second; the overload chooses its own.
    pub rate: u64,
    /// The data folder of the deployment.
    pub data: PathBuf,
    /// Accounts the traffic is spread over.
    pub accounts: usize,
    /// Where the prepared accounts are remembered.
    pub memory: PathBuf,
}

/// Before a fault: the load runs undisturbed.
const CALM: Duration = Duration::from_secs(5);
/// The bar for the share of a slow server counts from so long after it became slow.
const SLOW_AFTER: Duration = Duration::from_secs(5);
/// By so much it is slow.
const SLOW_BY_MS: u64 = 500;
/// A request that took longer than this counts as hurt.
const TOO_LONG: Duration = Duration::from_secs(2);
const ELSEWHERE: &str = "the other region answers after";
/// Fewest requests of a roll.
const ROLL_REQUESTS: usize = 20_000;

/// Runs a scenario. Blocks: it brings a runtime of its own.
///
/// # Errors
/// When the deployment cannot be reached or broken. Failing requests are part of the report.
pub fn run(
    target: &Target,
    options: &BalancerOptions,
    progress: &ProgressBar,
) -> anyhow::Result<ScenarioReport> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    runtime.block_on(async {
        let mut bench = BenchOptions::new(super::Workload::Transfers);
        bench.accounts = options.accounts;
        bench.memory = Some(options.memory.clone());
        let accounts: Arc<[String]> =
            super::accounts::prepare(target, &bench, progress).await?.into();
        let mut scene = Scene::open(target, options, bench, accounts, progress).await?;
        let report = match options.scenario {
            Scenario::Kill => kill(&mut scene).await,
            Scenario::Freeze => freeze(&mut scene).await,
            Scenario::Slow => slow(&mut scene).await,
            Scenario::Roll => roll(&mut scene).await,
            Scenario::Balancer => balancer(&mut scene).await,
            Scenario::Region => region(&mut scene).await,
            Scenario::Overload => overload::run(&mut scene).await,
        };
        scene.heal_all().await?;
        progress.finish_and_clear();
        report
    })
}

async fn kill(scene: &mut Scene) -> anyhow::Result<ScenarioReport> {
    let (load, victim) = (scene.load()?, scene.victim.clone());
    scene.wait("undisturbed", CALM).await;
    let killed = scene.fault(Fault::Kill { stay_down: false }, &victim.name).await?;
    let out = scene.until_out(&victim, killed).await?;
    scene.wait("killed, and started again by the supervisor", CALM * 2).await;
    let samples = load.stop().await?;
    let story = format!("{} requests/s, {} killed (SIGKILL)", scene.rate, victim.name);
    let mut report = report("kill", story, &samples);
    failed(&mut report, &samples);
    report.barred("out of rotation after", ms(out), "ms", Bar::AtMost(100.0));
    report.figure("slowest request", ms(slowest(&samples)), "ms");
    Ok(report)
}

async fn freeze(scene: &mut Scene) -> anyhow::Result<ScenarioReport> {
    let (load, victim) = (scene.load()?, scene.victim.clone());
    scene.wait("undisturbed", CALM).await;
    let frozen = scene.fault(Fault::Freeze, &victim.name).await?;
    let out = scene.until_out(&victim, frozen).await?;
    scene.wait("frozen", Duration::from_secs(30)).await;
    scene.heal(&victim.name).await?;
    scene.wait("thawed", Duration::from_secs(60).saturating_sub(load.elapsed())).await;
    let samples = load.stop().await?;
    let story = format!("{} requests/s, {} frozen for 30 s of a minute", scene.rate, victim.name);
    let mut report = report("freeze", story, &samples);
    report.barred("ejected after", ms(out), "ms", Bar::AtMost(2_500.0));
    let hurt = samples.iter().filter(|s| s.outcome != Outcome::Done || s.took > TOO_LONG).count();
    let share = percent(hurt, samples.len());
    report.count("failed", samples.iter().filter(|s| s.outcome != Outcome::Done).count());
    report.count("failed or over 2 s", hurt);
    report.barred("failed or over 2 s, of all", share, "%", Bar::AtMost(1.0));
    report.figure("slowest request", ms(slowest(&samples)), "ms");
    Ok(report)
}

async fn slow(scene: &mut Scene) -> anyhow::Result<ScenarioReport> {
    let (load, victim) = (scene.load()?, scene.victim.clone());
    scene.wait("undisturbed", CALM).await;
    scene.fault(Fault::Slow { by_ms: SLOW_BY_MS }, &victim.name).await?;
    let slowed = load.elapsed();
    scene.wait("slow", SLOW_AFTER + Duration::from_secs(10)).await;
    let end = load.elapsed();
    scene.heal(&victim.name).await?;
    let samples = load.stop().await?;
    let by = SLOW_BY_MS;
    let story = format!("{} requests/s, {} slower by {by} ms", scene.rate, victim.name);
    let mut report = report("slow", story, &samples);
    let name = victim.name.as_str();
    let before = share(&samples, name, Duration::ZERO, slowed);
    let after = share(&samples, name, slowed + SLOW_AFTER, end);
    report.figure("its share before", before, "%");
    report.barred("its share 5 s later", after, "%", Bar::AtMost(10.0));
    failed(&mut report, &samples);
    let mut times: Vec<_> =
        samples.iter().filter(|s| s.due > slowed + SLOW_AFTER).map(|s| s.took).collect();
    report.figure("p50 of all requests then", ms(quantile(&mut times, 50)), "ms");
    report.figure("p99 of all requests then", ms(quantile(&mut times, 99)), "ms");
    Ok(report)
}

async fn roll(scene: &mut Scene) -> anyhow::Result<ScenarioReport> {
    let load = scene.load()?;
    scene.wait("undisturbed", CALM).await;
    let began = load.elapsed();
    let replaced = scene.roll().await?;
    let took = load.elapsed() - began;
    let rate = usize::try_from(scene.rate)?.max(1);
    while usize::try_from(load.elapsed().as_millis())? * rate / 1_000 < ROLL_REQUESTS + rate {
        scene.wait("replaced; until there are enough requests", Duration::from_secs(1)).await;
    }
    let samples = load.stop().await?;
    let story = format!("{} requests/s, {replaced} processes replaced one by one", scene.rate);
    let mut report = report("roll", story, &samples);
    let enough = whole(ROLL_REQUESTS);
    report.barred("requests of the run", whole(samples.len()), "", Bar::AtLeast(enough));
    failed(&mut report, &samples);
    report.figure("the roll took", took.as_secs_f64(), "s");
    report.figure("slowest request", ms(slowest(&samples)), "ms");
    Ok(report)
}

async fn balancer(scene: &mut Scene) -> anyhow::Result<ScenarioReport> {
    let load = scene.load()?;
    let home = scene.victim.region.clone().context("the server in use has no region")?;
    let (servers, balancer) = scene.region(&home).await?;
    scene.wait("undisturbed", CALM).await;
    let killed = load.elapsed();
    scene.fault(Fault::Kill { stay_down: false }, &balancer).await?;
    scene.wait("killed, and started again by the supervisor", CALM * 2).await;
    let samples = load.stop().await?;
    let story = format!("{} requests/s, {balancer} killed (SIGKILL)", scene.rate);
    let mut report = report("balancer", story, &samples);
    failed(&mut report, &samples);
    report.barred(ELSEWHERE, gap(&samples, &servers, killed), "s", Bar::AtMost(3.0));
    report.figure("slowest request", ms(slowest(&samples)), "ms");
    Ok(report)
}

async fn region(scene: &mut Scene) -> anyhow::Result<ScenarioReport> {
    let load = scene.load()?;
    let home = scene.victim.region.clone().context("the server in use has no region")?;
    let (servers, _) = scene.region(&home).await?;
    scene.wait("undisturbed", CALM).await;
    let killed = load.elapsed();
    for server in &servers {
        scene.fault(Fault::Kill { stay_down: true }, server).await?;
    }
    scene.wait("without the servers of the region", Duration::from_secs(15)).await;
    for server in &servers {
        scene.heal(server).await?;
    }
    let healed = load.elapsed();
    let limit = Duration::from_secs(90);
    scene.until_served_by(&servers, limit).await?;
    let back = load.elapsed() - healed;
    scene.wait("back", CALM).await;
    let samples = load.stop().await?;
    let story =
        format!("{} requests/s, all servers of {home} killed, up again 15 s later", scene.rate);
    let mut report = report("region", story, &samples);
    let keyed: Vec<_> = samples.iter().filter(|sample| sample.keyed).collect();
    let lost = keyed.iter().filter(|sample| sample.outcome != Outcome::Done).count();
    report.barred("failed transfers (with a key)", whole(lost), "", Bar::AtMost(0.0));
    failed(&mut report, &samples);
    report.barred(ELSEWHERE, gap(&samples, &servers, killed), "s", Bar::AtMost(3.0));
    report.figure("slowest request", ms(slowest(&samples)), "ms");
    report.barred("the region is in use again after", back.as_secs_f64(), "s", Bar::AtMost(75.0));
    report.barred("and not before it was well for", back.as_secs_f64(), "s", Bar::AtLeast(60.0));
    Ok(report)
}

fn report(scenario: &'static str, story: String, samples: &[Sample]) -> ScenarioReport {
    let mut report = ScenarioReport::new(scenario, story);
    for sample in samples {
        if let Outcome::Failed(reason) = &sample.outcome {
            let kind = if sample.keyed { "transfer" } else { "view" };
            *report.failures.entry(format!("{kind}: {reason}")).or_default() += 1;
        }
    }
    report.count("requests", samples.len());
    report
}

fn failed(report: &mut ScenarioReport, samples: &[Sample]) {
    let failed = samples.iter().filter(|sample| sample.outcome != Outcome::Done).count();
    report.barred("failed requests", whole(failed), "", Bar::AtMost(0.0));
}

fn slowest(samples: &[Sample]) -> Duration {
    samples.iter().map(|sample| sample.took).max().unwrap_or_default()
}

/// Of a hundred answers to requests of that time, how many came from the server.
fn share(samples: &[Sample], server: &str, from: Duration, to: Duration) -> f64 {
    let within: Vec<_> = samples.iter().filter(|s| s.due >= from && s.due < to).collect();
    let its = within.iter().filter(|sample| sample.server.as_deref() == Some(server)).count();
    percent(its, within.len())
}

/// Seconds until the first answer of a server outside the list came.
fn gap(samples: &[Sample], servers: &[String], after: Duration) -> f64 {
    let first = samples
        .iter()
        .filter(|sample| sample.due >= after && sample.outcome == Outcome::Done)
        .filter(|sample| sample.server.as_ref().is_some_and(|name| !servers.contains(name)))
        .map(|sample| sample.due + sample.took)
        .min();
    first.map_or(f64::INFINITY, |at| at.saturating_sub(after).as_secs_f64())
}
