//! `ballast bench database`: what clients saw, and then what the books say about it; and what the
//! distance to the primary costs.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use drill::bench::database::speed::{self, Measurement, SpeedOptions};
use drill::bench::database::{DatabaseOptions, Scenario, run};
use drill::bench::{Bar, ScenarioReport};
use drill::target::Target;
use fleet::cluster::access::Access;
use fleet::data_folder::DataFolder;
use ledger::receipt::PublicKeys;
use store::DatabaseUrl;

use super::{memory, print, progress_bar};
use crate::commands::reconcile;
use crate::commands::replay::TargetArgs;
use crate::{database, receipt_keys};

/// Break the database's cluster under load and hold what clients were told against the books; or
/// measure what the distance to the primary costs.
///
/// The load is an open loop of transfers, each under a key and asked again until it is answered,
/// and of views, each sent once. What was broken is healed; when the cluster is whole again, every
/// balance is compared with what was told, every receipt with the books, and the copy on each node
/// is audited.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ballast up --database cluster --detach
  ballast bench database postgres          SIGKILL to the primary's PostgreSQL
  ballast bench database region --seed 2   the primary's region is cut off
  ballast bench database node --seeds 3    three times, with the seeds 1, 2 and 3
  ballast bench database distance          through the region that is far from the primary

Exit codes: 0 every bar is met, 1 one is missed, 2 could not measure.")]
pub(super) struct DatabaseArgs {
    /// What happens
    #[arg(value_enum)]
    scenario: ScenarioArg,
    /// Transfers a second
    #[arg(
        long,
        value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u64).range(1..=10_000)
    )]
    rate: u64,
    /// Views a second, beside them
    #[arg(
        long,
        value_name = "N", default_value_t = 50,
        value_parser = clap::value_parser!(u64).range(0..=10_000)
    )]
    views: u64,
    /// Accounts the traffic is spread over
    #[arg(
        long,
        value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(2..=10_000)
    )]
    accounts: u32,
    /// The same seed chooses the same accounts and amounts, and the time of the fault
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Repeat it with so many seeds, from that one on
    #[arg(
        long,
        value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u64).range(1..=100)
    )]
    seeds: u64,
    /// Calls of each kind, one after the other, for `distance`
    #[arg(
        long,
        value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    calls: u32,
    /// Length of the measurements of `distance` and `house`
    #[arg(
        long,
        value_name = "N", default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..=3_600)
    )]
    seconds: u64,
    /// Where the receipts are kept; appends [default: bench-receipts in the data folder]
    #[arg(long, value_name = "FILE")]
    receipts: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScenarioArg {
    /// The primary's PostgreSQL is killed
    Postgres,
    /// The primary's node is killed and kept down
    Node,
    /// Another node becomes the primary, as planned
    Switchover,
    /// The primary's region is cut off: servers, balancer, nodes and etcd
    Region,
    /// The primary's agent is frozen while PostgreSQL goes on, and thawed later
    Agent,
    /// Views, deposits and transfers through the region that is far from the primary
    Distance,
    /// Deposits into 1,000 accounts, which all debit one house account
    House,
}

pub(super) fn run_database(args: &DatabaseArgs) -> anyhow::Result<ExitCode> {
    let data = &args.target.data;
    let folder = DataFolder::at(data).context("could not find the data folder")?;
    let access = Access::read(&folder)?.context(
        "only a cluster of this machine can be broken on purpose; start one with \
         `ballast up --database cluster`",
    )?;
    let target = Target::resolve(&args.target.options())?;
    let scenario = match args.scenario {
        ScenarioArg::Postgres => Scenario::Postgres,
        ScenarioArg::Node => Scenario::Node,
        ScenarioArg::Switchover => Scenario::Switchover,
        ScenarioArg::Region => Scenario::Region,
        ScenarioArg::Agent => Scenario::Agent,
        ScenarioArg::Distance => return measure(args, &target, Measurement::Distance),
        ScenarioArg::House => return measure(args, &target, Measurement::House),
    };
    let mut options = DatabaseOptions {
        scenario,
        rate: args.rate,
        views: args.views,
        data: data.clone(),
        accounts: usize::try_from(args.accounts)?,
        memory: memory(&args.target),
        receipts: args.receipts.clone().unwrap_or_else(|| folder.root().join("bench-receipts")),
        seed: args.seed,
    };
    let mut found_a_problem = false;
    for seed in args.seed..args.seed.saturating_add(args.seeds) {
        options.seed = seed;
        let mut report = run(&target, &options, &progress_bar()?)?;
        let keys = receipt_keys::read_public(&folder.receipt_keys_file())?;
        look_into_books(&mut report, &access, &keys, &options)?;
        print(args.json, &report, &report.table())?;
        found_a_problem |= report.found_a_problem();
    }
    Ok(ExitCode::from(u8::from(found_a_problem)))
}

fn measure(
    args: &DatabaseArgs,
    target: &Target,
    measurement: Measurement,
) -> anyhow::Result<ExitCode> {
    let options = SpeedOptions {
        measurement,
        data: args.target.data.clone(),
        accounts: usize::try_from(args.accounts)?,
        memory: memory(&args.target),
        seed: args.seed,
        calls: usize::try_from(args.calls)?,
        window: Duration::from_secs(args.seconds),
    };
    let report = speed::run(target, &options, &progress_bar()?)?;
    print(args.json, &report, &report.table())?;
    Ok(ExitCode::from(u8::from(report.found_a_problem())))
}

/// Every receipt that was ever kept here, and every copy.
fn look_into_books(
    report: &mut ScenarioReport,
    access: &Access,
    keys: &PublicKeys,
    options: &DatabaseOptions,
) -> anyhow::Result<()> {
    let none = Bar::AtMost(0.0);
    let writer = database::signed_in(&access.writer, &access.password_file)?;
    let runtime = tokio::runtime::Handle::current();
    let judged = runtime.block_on(reconcile::judge_file(&writer, keys, &options.receipts))?;
    report.count("receipts the books hold", usize::try_from(judged.held)?);
    let problems = f64::from(u32::try_from(judged.problems())?);
    report.barred("receipts they do not hold, or otherwise", problems, "", none);
    for (node, url) in &access.nodes {
        let url: DatabaseUrl = database::signed_in(url, &access.password_file)?;
        let audit = store::audit::run(&url, |_| {}).with_context(|| format!("{url}"))?;
        let broken = f64::from(u32::try_from(audit.findings().count())?);
        report.barred(format!("broken rules of the books on {node}"), broken, "", none);
    }
    Ok(())
}
