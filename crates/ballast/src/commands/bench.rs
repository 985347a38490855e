//! `ballast bench`: measure the bank.

mod database;
mod pages;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use drill::bench::balancer::{BalancerOptions, Scenario};
use drill::bench::{BenchOptions, Workload, balancer, compare_unknown};
use drill::target::{SignIn, Target};
use indicatif::{ProgressBar, ProgressStyle};

use crate::commands::replay::TargetArgs;
use crate::output;

/// The most pairs of wrong sign-ins; the bank limits failures of one address, so more would only
/// measure that.
const UNKNOWN_PAIRS: usize = 20;
/// A user of the sample staff, when nobody else is named.
const KNOWN_USER: &str = "C00000003";

/// Measure the bank with the numbers that make it comparable.
///
/// Every connection sends its next request when the last one is answered. The report has
/// operations a second, latencies, failed requests by reason, CPU time per operation and memory
/// for each process of the deployment (and for the measuring client, which shares the machine),
/// and how the requests were spread over the servers. The accounts are made by the first run and
/// remembered in the data folder.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ballast bench transfers                          64 connections, 10 s, 10,000 accounts
  ballast bench transfers --connections 1          what one patient client sees
  ballast bench views --hot                        90 % of the traffic on 1 % of the accounts
  ballast bench batch --batch-size 1000 --json     a batch of 1,000 counts as 1,000 operations
  ballast bench logins --clients 8 --while-views 64 --user C00000003
  ballast bench logins --compare-unknown           do unknown users take the same time?

  ballast bench pages                              how long staff wait; see its --help
  ballast bench balancer kill                      a server dies under load; see its --help
  ballast bench database postgres                  the primary dies under load; see its --help

Exit codes: 0 fine, 1 a request failed (or the times differ), 2 could not measure.")]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    special: Option<Special>,
    /// What to ask of the bank
    #[arg(value_enum, required = true)]
    workload: Option<WorkloadArg>,

    /// Requests under way at the same time [default: 64; 8 for batch and logins]
    #[arg(
        long,
        visible_alias = "clients", value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=10_000)
    )]
    connections: Option<u16>,
    /// Length of the measurement, after a second of warm-up
    #[arg(
        long,
        value_name = "N", default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..=3_600)
    )]
    seconds: u64,
    /// Accounts the traffic is spread over
    #[arg(
        long,
        value_name = "N", default_value_t = 10_000,
        value_parser = clap::value_parser!(u32).range(2..=1_000_000)
    )]
    accounts: u32,
    /// Put 90 % of the traffic on 1 % of the accounts
    #[arg(long)]
    hot: bool,
    /// Transfers in a batch
    #[arg(
        long,
        value_name = "N", default_value_t = 1_000,
        value_parser = clap::value_parser!(u16).range(1..=8_000)
    )]
    batch_size: u16,
    /// The same seed chooses the same accounts and amounts
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// View accounts over so many more connections meanwhile, and report them apart
    #[arg(long, value_name = "N", default_value_t = 0)]
    while_views: u16,
    /// Logins: compare the times of wrong sign-ins of known and unknown users
    #[arg(long)]
    compare_unknown: bool,
    /// Logins: the user who signs in; with --compare-unknown, the one who is known
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Logins: the password of that user; better set in the environment
    #[arg(long, env = "BALLAST_BENCH_PASSWORD", hide_env_values = true)]
    password: Option<String>,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetArgs,
}

#[derive(Subcommand)]
enum Special {
    Balancer(BalancerArgs),
    Database(database::DatabaseArgs),
    Pages(pages::PagesArgs),
}

/// Break the deployment under load and hold what clients saw against the bars.
///
/// The load is an open loop: 70 % views, 30 % transfers with a key, one request in twenty on a
/// connection of its own, nothing repeated by the client; each time counts from the moment at
/// which the request was due. What was broken is healed at the end. The bars, and the figures of a
/// quiet machine, are in docs/balancer.md.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ballast bench balancer kill          SIGKILL to a server at 300 requests/s
  ballast bench balancer roll --rate 700
  ballast bench balancer overload      finds the peak first, then offers twice as much

Exit codes: 0 every bar is met, 1 one is missed, 2 could not measure.")]
struct BalancerArgs {
    /// What happens
    #[arg(value_enum)]
    scenario: ScenarioArg,
    /// Requests a second [default: 300; 700 for roll; overload finds its own]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rate: Option<u64>,
    /// Accounts the traffic is spread over
    #[arg(
        long,
        value_name = "N", default_value_t = 10_000,
        value_parser = clap::value_parser!(u32).range(2..=1_000_000)
    )]
    accounts: u32,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScenarioArg {
    /// A server is killed; the supervisor starts it again
    Kill,
    /// A server is frozen for 30 s of a minute
    Freeze,
    /// A server answers 500 ms later
    Slow,
    /// Every server, balancer and the front door are replaced
    Roll,
    /// The balancer of the region in use is killed; the supervisor starts it again
    Balancer,
    /// Both servers of the region in use are killed for 15 s
    Region,
    /// Twice the load that the deployment can carry, for 30 s
    Overload,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum WorkloadArg {
    /// Look at one account
    Views,
    /// Deposit to one account
    Deposits,
    /// Transfer between two accounts
    Transfers,
    /// Transfer between many accounts in one request
    Batch,
    /// Sign in with user and password
    Logins,
}

/// Runs the command.
pub(crate) async fn run(args: BenchArgs) -> anyhow::Result<ExitCode> {
    // The measurement has a runtime and a thread of its own.
    tokio::task::spawn_blocking(move || run_blocking(&args))
        .await
        .context("the measurement ended early")?
}

fn run_blocking(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    match &args.special {
        Some(Special::Balancer(args)) => return run_balancer(args),
        Some(Special::Database(args)) => return database::run_database(args),
        Some(Special::Pages(args)) => return pages::run_pages(args),
        None => {}
    }
    let workload = args.workload.context("say what to measure")?;
    let mut target_options = args.target.options();
    if let (Some(user), Some(password)) = (&args.user, &args.password) {
        let sign_in = SignIn { user: user.clone(), password: password.clone() };
        target_options.sign_in = Some(sign_in);
    }
    let target = Target::resolve(&target_options)?;
    if args.compare_unknown {
        anyhow::ensure!(
            matches!(workload, WorkloadArg::Logins),
            "--compare-unknown belongs to `ballast bench logins`"
        );
        let known = target.sign_in.as_ref().map(|known| known.user.as_str());
        let user = args.user.as_deref().or(known).unwrap_or(KNOWN_USER);
        let report = compare_unknown(&target, user, UNKNOWN_PAIRS)?;
        print(args.json, &report, &report.table())?;
        return Ok(ExitCode::from(u8::from(report.found_a_problem())));
    }
    let options = options(args, workload, &target)?;
    let report = drill::bench::run(&target, &options, &progress_bar()?)?;
    print(args.json, &report, &report.table())?;
    Ok(ExitCode::from(u8::from(report.found_a_problem())))
}

fn run_balancer(args: &BalancerArgs) -> anyhow::Result<ExitCode> {
    let target = Target::resolve(&args.target.options())?;
    anyhow::ensure!(
        !target.processes.is_empty(),
        "only a deployment of this machine can be broken on purpose; start one with `ballast up`"
    );
    let scenario = match args.scenario {
        ScenarioArg::Kill => Scenario::Kill,
        ScenarioArg::Freeze => Scenario::Freeze,
        ScenarioArg::Slow => Scenario::Slow,
        ScenarioArg::Roll => Scenario::Roll,
        ScenarioArg::Balancer => Scenario::Balancer,
        ScenarioArg::Region => Scenario::Region,
        ScenarioArg::Overload => Scenario::Overload,
    };
    let usual = if scenario == Scenario::Roll { 700 } else { 300 };
    let options = BalancerOptions {
        scenario,
        rate: args.rate.unwrap_or(usual),
        data: args.target.data.clone(),
        accounts: usize::try_from(args.accounts)?,
        memory: memory(&args.target),
    };
    let report = balancer::run(&target, &options, &progress_bar()?)?;
    print(args.json, &report, &report.table())?;
    Ok(ExitCode::from(u8::from(report.found_a_problem())))
}

fn progress_bar() -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{spinner} {msg} {pos}/{len}")?;
    Ok(ProgressBar::new_spinner().with_style(style))
}

/// Where the accounts of the measurements are remembered.
fn memory(target: &TargetArgs) -> PathBuf {
    target.data.join("bench-accounts.json")
}

fn options(
    args: &BenchArgs,
    workload: WorkloadArg,
    target: &Target,
) -> anyhow::Result<BenchOptions> {
    let mut options = BenchOptions::new(match workload {
        WorkloadArg::Views => Workload::Views,
        WorkloadArg::Deposits => Workload::Deposits,
        WorkloadArg::Transfers => Workload::Transfers,
        WorkloadArg::Batch => Workload::Batch,
        WorkloadArg::Logins => Workload::Logins,
    });
    if let Some(connections) = args.connections {
        options.connections = usize::from(connections);
    }
    options.window = Duration::from_secs(args.seconds);
    options.accounts = usize::try_from(args.accounts)?;
    options.hot = args.hot;
    options.batch_size = usize::from(args.batch_size);
    options.seed = args.seed;
    options.while_views = usize::from(args.while_views);
    // The folder remembers for its own deployment; a bank elsewhere has none.
    let is_local = !target.processes.is_empty();
    options.memory = is_local.then(|| memory(&args.target));
    Ok(options)
}

fn print(json: bool, report: &impl serde::Serialize, table: &str) -> anyhow::Result<()> {
    if json {
        output::data(&serde_json::to_string(report)?);
    } else {
        output::data(table);
    }
    Ok(())
}
