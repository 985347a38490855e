//! `ballast bench`: how much the bank does, how fast it answers, and what that costs in CPU time.
//!
//! A closed loop: each connection sends its next request when the answer to the last one is here,
//! so the rates are what this many patient clients get, and a stall of the bank shows in p99 and
//! max but is not multiplied by the requests that would have arrived meanwhile. Guarantees: only
//! answers inside the measured window count; every failure is counted under its reason; the
//! client's own CPU time is shown beside the bank's, because it shares the machine.
//!
//! The client runs on one thread of its own: more would take cores from the bank.

mod accounts;
pub mod balancer;
pub mod database;
mod measure;
mod names;
pub mod pages;
mod processes;
mod report;
mod scenario;
mod source;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use indicatif::ProgressBar;

use self::{
    measure::{Group, measure},
    source::{Source, SourcePlan},
};
pub use self::{
    names::{NamesReport, compare_unknown},
    report::{Figures, ProcessFigures, Report, ServerShare},
    scenario::{Bar, Figure, ScenarioReport},
};
use crate::target::Target;

/// What is asked of the bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// `GET /accounts/{number}`.
    Views,
    /// `POST /accounts/{number}/deposits`.
    Deposits,
    /// `POST /transfers` between two random accounts.
    Transfers,
    /// `POST /transfers/batch`.
    Batch,
    /// `POST /sessions` with the right password.
    Logins,
}

impl Workload {
    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Views => "views",
            Self::Deposits => "deposits",
            Self::Transfers => "transfers",
            Self::Batch => "batch",
            Self::Logins => "logins",
        }
    }
}

/// How to measure.
#[derive(Debug, Clone)]
pub struct BenchOptions {
    /// What.
    pub workload: Workload,
    /// Requests under way at the same time, each on a connection of its own.
    pub connections: usize,
    /// Length of the measured window.
    pub window: Duration,
    /// Time before the window, in which nothing counts: connections, caches, code pages.
    pub warm_up: Duration,
    /// Accounts the traffic is spread over.
    pub accounts: usize,
    /// 90 % of the traffic on 1 % of the accounts.
    pub hot: bool,
    /// Transfers in a batch.
    pub batch_size: usize,
    /// What the choice of accounts and amounts depends on.
    pub seed: u64,
    /// Connections that view accounts at the same time; reported apart.
    pub while_views: usize,
    /// How long one request may take.
    pub timeout: Duration,
    /// Where the prepared accounts are remembered; nowhere when `None`.
    pub memory: Option<PathBuf>,
}

impl BenchOptions {
    /// The defaults of the command line.
    pub fn new(workload: Workload) -> Self {
        Self {
            workload,
            connections: match workload {
                Workload::Views | Workload::Deposits | Workload::Transfers => 64,
                Workload::Batch | Workload::Logins => 8,
            },
            window: Duration::from_secs(10),
            warm_up: Duration::from_secs(1),
            accounts: 10_000,
            hot: false,
            batch_size: 1_000,
            seed: 1,
            while_views: 0,
            timeout: Duration::from_secs(30),
            memory: None,
        }
    }
}

/// Prepares the accounts and measures. Blocks: it brings a runtime of its own, so call it where
/// blocking is allowed.
///
/// # Errors
/// When the bank cannot be reached, refuses the tokens, or the accounts cannot be prepared.
/// Failing requests inside the window are not an error but part of the report.
pub fn run(
    target: &Target,
    options: &BenchOptions,
    progress: &ProgressBar,
) -> anyhow::Result<Report> {
    ensure!(options.connections > 0, "a measurement needs at least one connection");
    ensure!(options.accounts >= 2, "a measurement needs at least two accounts");
    ensure!(
        (1..=8_000).contains(&options.batch_size),
        "a batch holds 1 to 8,000 transfers; the bank takes no more"
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    runtime.block_on(run_on_this_thread(target, options, progress))
}

async fn run_on_this_thread(
    target: &Target,
    options: &BenchOptions,
    progress: &ProgressBar,
) -> anyhow::Result<Report> {
    let needs_accounts = options.workload != Workload::Logins || options.while_views > 0;
    let accounts: Arc<[String]> = if needs_accounts {
        accounts::prepare(target, options, progress).await?.into()
    } else {
        Arc::new([])
    };
    let plan = SourcePlan::new(target, options, accounts)?;
    let group = |workload, first: usize, connections: usize| Group {
        sources: (first..first + connections).map(|n| Source::new(&plan, workload, n)).collect(),
    };
    let mut groups = vec![group(options.workload, 0, options.connections)];
    if options.while_views > 0 {
        groups.push(group(Workload::Views, options.connections, options.while_views));
    }
    let measured = measure(target, options, groups, progress).await?;
    Ok(Report::new(options, &target.processes, measured))
}
