//! `ballast bench database`: the database's cluster loses parts under load, and clients are asked
//! what they were told.
//!
//! Each scenario is a load of keyed transfers (`load`), a fault or a switchover through the
//! supervisor's control socket, and what the acknowledgements and the balances say about it,
//! against the bars of docs/database.md; beside the transfers accounts are viewed. It ends when the
//! cluster is whole again: one primary, and everybody else a standby on its timeline. What was
//! broken is healed, also when it fails.
//!
//! Deliberately not here: looking into the books (receipts, audit); that is the binary's part.

mod load;
pub mod speed;
mod views;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use fleet::control;
use fleet::fault::Fault;
use fleet::process::{Process, Role};
use indicatif::ProgressBar;
use tokio::time::{Instant, sleep};

use self::load::{Load, Told, balances};
use self::views::{Viewed, Viewing};
use super::scenario::{Bar, ScenarioReport, percent, whole};
use super::{BenchOptions, Workload};
use crate::dice::Dice;
use crate::rate::rounded;
use crate::target::Target;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// The primary's PostgreSQL is killed; its agent goes on.
    Postgres,
    /// The primary's node is killed and kept down.
    Node,
    /// Another node becomes the primary, as planned.
    Switchover,
    /// The primary's region is cut off.
    Region,
    /// The primary's agent is frozen while its PostgreSQL goes on, and thawed when another node has
    /// taken over.
    Agent,
}

/// How to measure.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    /// What happens.
    pub scenario: Scenario,
    /// Transfers a second.
    pub rate: u64,
    /// Views a second, beside them.
    pub views: u64,
    /// The data folder of the deployment.
    pub data: PathBuf,
    /// Accounts the traffic is spread over.
    pub accounts: usize,
    /// Where the prepared accounts are remembered.
    pub memory: PathBuf,
    /// Where the receipts are kept.
    pub receipts: PathBuf,
    /// What the choice of accounts and amounts, and the time of the fault, depend on.
    pub seed: u64,
}

/// Before and after.
const CALM: Duration = Duration::from_secs(5);

/// The fault comes up to so much later, as the seed says: agents look every two seconds.
const FAULT_LATER_MAX_MS: i64 = 3_000;

/// Views are counted over this time from the fault on.
const MINUTE: Duration = Duration::from_secs(60);

/// A new primary comes within the time to live (20 s) and some rounds; a member that was away takes
/// its log back and catches up. Twice that is a failure.
const WHOLE_WITHIN: Duration = Duration::from_secs(120);

/// Between two looks at the cluster.
const LOOK_EVERY: Duration = Duration::from_millis(200);

impl Scenario {
    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Node => "node",
            Self::Switchover => "switchover",
            Self::Region => "region",
            Self::Agent => "agent",
        }
    }

    /// The most seconds without an acknowledged write. A frozen agent costs half of the time to
    /// live until its PostgreSQL is killed, and a node's time at most.
    fn gap_max_seconds(self) -> f64 {
        match self {
            Self::Postgres => 8.0,
            Self::Node | Self::Region | Self::Agent => 27.0,
            Self::Switchover => 5.0,
        }
    }
}

/// Runs a scenario. Blocks: it brings a runtime of its own.
///
/// # Errors
/// When the deployment cannot be reached or broken, or does not become whole again.
pub fn run(
    target: &Target,
    options: &DatabaseOptions,
    progress: &ProgressBar,
) -> anyhow::Result<ScenarioReport> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    runtime.block_on(async {
        let mut stage = Stage::open(target, options, progress).await?;
        let report = stage.play().await;
        // On a connection of its own: the other may be what failed.
        control::Client::connect(&options.data).await?.heal(None).await?;
        progress.finish_and_clear();
        report
    })
}

struct Stage<'a> {
    target: &'a Target,
    options: &'a DatabaseOptions,
    progress: &'a ProgressBar,
    control: control::Client,
    accounts: Vec<String>,
}

impl<'a> Stage<'a> {
    async fn open(
        target: &'a Target,
        options: &'a DatabaseOptions,
        progress: &'a ProgressBar,
    ) -> anyhow::Result<Self> {
        let mut bench = BenchOptions::new(Workload::Transfers);
        bench.accounts = options.accounts;
        bench.memory = Some(options.memory.clone());
        let accounts = super::accounts::prepare(target, &bench, progress).await?;
        let control = control::Client::connect(&options.data).await?;
        Ok(Self { target, options, progress, control, accounts })
    }

    async fn play(&mut self) -> anyhow::Result<ScenarioReport> {
        let scenario = self.options.scenario;
        let primary = self.until_whole().await?;
        let before = balances(self.target, &self.accounts).await?;
        let load = Load::start(self.target, self.options, self.accounts.clone())?;
        let viewing = Viewing::start(self.target, self.options, self.accounts.clone());
        self.progress.set_message("undisturbed");
        let later = Dice::for_part(self.options.seed, 1).between(0, FAULT_LATER_MAX_MS);
        sleep(CALM + Duration::from_millis(later.unsigned_abs())).await;
        let began = load.elapsed();
        let story = self.act(&primary).await?;
        self.progress.set_message("broken; until transfers are acknowledged again");
        load.until_acknowledged(began + CALM, WHOLE_WITHIN).await?;
        if scenario == Scenario::Agent {
            self.until_primary_but(&primary.name).await?;
        }
        self.control.heal(None).await?;
        self.progress.set_message("healed; until the cluster is whole");
        self.until_whole().await?;
        sleep(CALM).await;
        if scenario == Scenario::Region {
            sleep((began + MINUTE).saturating_sub(load.elapsed())).await;
        }
        let told = load.stop().await?;
        let viewed = viewing.stop().await?;
        let after = balances(self.target, &self.accounts).await?;
        let DatabaseOptions { rate, views, seed, .. } = self.options;
        let story = format!("{rate} transfers/s and {views} views/s, seed {seed}, {story}");
        let mut report = report(scenario, story, &told, began, &before, &after);
        report_views(&mut report, scenario, &viewed, began);
        Ok(report)
    }

    async fn act(&mut self, primary: &Process) -> anyhow::Result<String> {
        let name = &primary.name;
        let region = primary.region.as_deref().unwrap_or_default();
        let (fault, at, what) = match self.options.scenario {
            Scenario::Postgres => {
                (Fault::Kill { stay_down: false }, format!("{name}/postgres"), "killed")
            }
            Scenario::Node => (Fault::Kill { stay_down: true }, name.clone(), "killed"),
            Scenario::Region => (Fault::Isolate, region.to_owned(), "cut off"),
            Scenario::Agent => (Fault::Freeze, format!("{name}/agent"), "frozen, then thawed"),
            Scenario::Switchover => {
                let done = self.control.switchover(None).await?;
                let seconds = Duration::from_millis(done.took_ms).as_secs_f64();
                return Ok(format!("{} took over from {name} in {seconds:.1} s", done.to));
            }
        };
        self.control.fault(fault, &at, None).await?;
        Ok(format!("{at} {what}"))
    }

    /// Waits for one primary with standbys only on its timeline; gives the primary.
    async fn until_whole(&mut self) -> anyhow::Result<Process> {
        let is_whole = |nodes: &[Process]| {
            let role = |node: &Process| node.member.as_ref().map(|it| it.role.clone());
            let timeline = |node: &Process| node.member.as_ref().and_then(|it| it.timeline);
            let is_standby = |node: &&Process| role(node).is_some_and(|it| it.ends_with("standby"));
            let standbys = nodes.iter().filter(is_standby).count();
            let first = nodes.first().and_then(timeline);
            standbys + 1 == nodes.len() && nodes.iter().all(|node| timeline(node) == first)
        };
        self.until("the cluster was not whole", |nodes| primary(nodes).filter(|_| is_whole(nodes)))
            .await
    }

    async fn until_primary_but(&mut self, name: &str) -> anyhow::Result<Process> {
        let other = |nodes: &[Process]| primary(nodes).filter(|node| node.name != name);
        self.until("no other node was primary", other).await
    }

    async fn until(
        &mut self,
        what: &str,
        found: impl Fn(&[Process]) -> Option<Process>,
    ) -> anyhow::Result<Process> {
        let end = Instant::now() + WHOLE_WITHIN;
        while Instant::now() < end {
            let mut nodes = self.control.status().await?.processes;
            nodes.retain(|process| process.role == Role::Database);
            if let Some(found) = found(&nodes) {
                return Ok(found);
            }
            sleep(LOOK_EVERY).await;
        }
        bail!("{what} within {} s", WHOLE_WITHIN.as_secs())
    }
}

/// The one that says that it is; nobody when two do.
fn primary(nodes: &[Process]) -> Option<Process> {
    let says_so = |node: &&Process| node.member.as_ref().is_some_and(|it| it.role == "primary");
    let mut primaries = nodes.iter().filter(says_so);
    primaries.next().filter(|_| primaries.next().is_none()).cloned()
}

/// A region that is lost must not take the views of the other one with it. In the other scenarios
/// the servers that are asked stay where they are.
fn report_views(report: &mut ScenarioReport, scenario: Scenario, viewed: &Viewed, began: Duration) {
    let (answered, all) = viewed.within(began, began + MINUTE);
    let share = percent(answered, all);
    let gap = viewed.longest_gap(began).as_secs_f64();
    if all == 0 {
        return;
    }
    let (name, gap_name) = ("views answered in the minute", "longest time without a view");
    if scenario == Scenario::Region {
        report.barred(name, share, "%", Bar::AtLeast(99.0));
        report.barred(gap_name, gap, "s", Bar::AtMost(3.0));
    } else {
        report.figure(name, share, "%");
        report.figure(gap_name, gap, "s");
    }
}

fn report(
    scenario: Scenario,
    story: String,
    told: &Told,
    began: Duration,
    before: &[i64],
    after: &[i64],
) -> ScenarioReport {
    let mut report = ScenarioReport::new(scenario.name(), story);
    let changes = before.iter().zip(&told.changes);
    let expected = changes.map(|(before, change)| before.saturating_add(*change));
    let wrong = expected.zip(after).filter(|(expected, found)| expected != *found).count();
    let gap = told.longest_gap(began).as_secs_f64();
    let gap_max = scenario.gap_max_seconds();
    report.count("acknowledged transfers", told.acknowledged.len());
    let calm = told.acknowledged.iter().filter(|at| **at <= began).count();
    let calm = rounded(whole(calm) / began.as_secs_f64(), 0);
    report.figure("acknowledged transfers a second, undisturbed", calm, "");
    report.barred("longest time without one", gap, "s", Bar::AtMost(gap_max));
    report.barred("without an answer in the end", whole(told.unanswered), "", Bar::AtMost(0.0));
    report.barred("refused", whole(told.refused), "", Bar::AtMost(0.0));
    report.barred("balances that differ from what was told", whole(wrong), "", Bar::AtMost(0.0));
    report
}
