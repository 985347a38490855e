//! `ballast bench pages`: how long staff wait for a page.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use drill::bench::pages::{PagesOptions, run};
use drill::target::Target;

use super::{memory, print, progress_bar};
use crate::commands::replay::TargetArgs;

/// Measure the staff's pages at a steady rate and hold them against the bars.
///
/// The load is an open loop of mixed pages, as an executive and a teller see them, a tenth of them
/// deposits that are sent by the form; each time counts from the moment at which the request was
/// due.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ballast bench pages                  200 requests/s for 30 s
  ballast bench pages --rate 1000 --seconds 10

Exit codes: 0 every bar is met, 1 one is missed, 2 could not measure.")]
pub(super) struct PagesArgs {
    /// Requests a second
    #[arg(
        long,
        value_name = "N", default_value_t = 200,
        value_parser = clap::value_parser!(u64).range(1..=100_000)
    )]
    rate: u64,
    /// Length of the measurement, after two seconds of warm-up
    #[arg(
        long,
        value_name = "N", default_value_t = 30,
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
    /// The same seed chooses the same pages and accounts
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetArgs,
}

pub(super) fn run_pages(args: &PagesArgs) -> anyhow::Result<ExitCode> {
    let target = Target::resolve(&args.target.options())?;
    // The folder remembers for its own deployment; a bank elsewhere has none.
    let is_local = !target.processes.is_empty();
    let options = PagesOptions {
        rate: args.rate,
        window: Duration::from_secs(args.seconds),
        accounts: usize::try_from(args.accounts)?,
        memory: is_local.then(|| memory(&args.target)),
        seed: args.seed,
    };
    let report = run(&target, &options, &progress_bar()?)?;
    print(args.json, &report, &report.table())?;
    Ok(ExitCode::from(u8::from(report.found_a_problem())))
}
