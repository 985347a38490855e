//! `ballast replay`: post a file of transactions and compare every balance; or write such a file.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use drill::generate::{GenerateOptions, Totals, generate};
use drill::receipts::ReceiptFile;
use drill::replay::{Outcome, ReplayFile, ReplayOptions};
use drill::target::{Target, TargetOptions};
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// Larger files than this are refused: the rows are held in memory.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Post a file of transactions through the front door and compare every balance.
///
/// The file is a CSV with the columns account, date, direction, amount, balance; further columns
/// are ignored. Direction is credit or debit; amounts are decimals such as 165.88. Every account
/// of the file starts at zero and gets a customer and a current account of its own, with the
/// deepest balance of the file as its overdraft limit. The rows of an account are posted in their
/// order, many accounts at once.
///
/// Posting a file again changes nothing: customers, accounts and idempotency keys are derived
/// from its content. So a run that was stopped goes on where it was. A file with any other byte
/// is another file, with accounts of its own.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ballast replay --generate 50 --seed 1 --output town.csv   write a synthetic file
  ballast replay town.csv                                   post it to the bank that runs here
  ballast replay town.csv --json                            the result as JSON

Exit codes: 0 every balance equal, 1 a balance differs, 2 the file is bad or the bank away.")]
pub(crate) struct ReplayArgs {
    /// The file to post
    #[arg(value_name = "FILE", required_unless_present = "generate", conflicts_with = "generate")]
    file: Option<PathBuf>,

    /// Write a synthetic file with this many accounts (wages, rents, cash, fees, overdrafts)
    #[arg(
        long,
        value_name = "ACCOUNTS",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000)
    )]
    generate: Option<u64>,
    /// The same seed gives the same file, for ever
    #[arg(long, value_name = "N", default_value_t = 1, requires = "generate")]
    seed: u64,
    /// Where to write it [default: standard output]
    #[arg(long, value_name = "FILE", requires = "generate")]
    output: Option<PathBuf>,

    /// Accounts posted at the same time
    #[arg(
        long,
        value_name = "N", default_value_t = 32,
        value_parser = clap::value_parser!(u16).range(1..=1_000)
    )]
    concurrency: u16,
    /// Keep the bank's receipts here, one a line, for `ballast reconcile`; appends
    #[arg(long, value_name = "FILE", conflicts_with = "generate")]
    receipts: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetArgs,
}

/// Which bank, and as whom: shared by `replay` and `bench`.
#[derive(Args)]
pub(crate) struct TargetArgs {
    /// Folder of the local deployment, which knows its address and tokens
    #[arg(long, value_name = "DIR", default_value = fleet::data_folder::DEFAULT)]
    pub(crate) data: PathBuf,
    /// Address of another bank, or of one server [default: the front door of the deployment]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Ask the balancer of this region, past the front door
    #[arg(long, value_name = "REGION", conflicts_with = "url")]
    region: Option<String>,
    /// Bearer token of a teller or cashier, made with `ballast staff token`
    #[arg(long, env = "BALLAST_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Bearer token of an executive: customers and accounts are opened with it
    #[arg(long, env = "BALLAST_EXECUTIVE_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    executive_token: Option<String>,
}

impl TargetArgs {
    /// What `drill` makes of it.
    pub(crate) fn options(&self) -> TargetOptions {
        TargetOptions {
            data: self.data.clone(),
            url: self.url.clone(),
            region: self.region.clone(),
            token: self.token.clone(),
            executive_token: self.executive_token.clone(),
            sign_in: None,
        }
    }
}

/// Runs the command.
pub(crate) async fn run(args: ReplayArgs) -> anyhow::Result<ExitCode> {
    if let Some(accounts) = args.generate {
        write_file(GenerateOptions { accounts, seed: args.seed }, args.output.as_deref())?;
        return Ok(ExitCode::SUCCESS);
    }
    let path = args.file.as_deref().context("no file was named")?;
    let file = read_file(path)?;
    let target = Target::resolve(&args.target.options())?;
    if let Some(line) = file.first_inconsistent_line() {
        output::note(&format!(
            "note: the balance in line {line} does not follow from the line before of that \
             account (accounts start at zero), so the bank will not agree with this file"
        ));
    }
    let style =
        ProgressStyle::with_template("{bar:40} {pos} of {len} rows, {per_sec}, {eta} left")?;
    let progress = ProgressBar::new(file.rows).with_style(style);
    let receipts = args.receipts.as_deref().map(ReceiptFile::open).transpose()?.map(Arc::new);
    let options = ReplayOptions {
        concurrency: usize::from(args.concurrency),
        receipts: receipts.clone(),
        ..ReplayOptions::default()
    };
    let outcome = drill::replay::run(file, target, options, progress).await?;
    if let (Some(receipts), Some(path)) = (receipts, &args.receipts) {
        output::note(&format!("{} receipts kept in {}", receipts.kept(), path.display()));
    }
    report(&outcome, args.json)?;
    Ok(ExitCode::from(u8::from(outcome.found_a_problem())))
}

fn read_file(path: &Path) -> anyhow::Result<ReplayFile> {
    let describe = || format!("{}", path.display());
    let size = fs::metadata(path).with_context(describe)?.len();
    anyhow::ensure!(size <= FILE_BYTES_MAX, "{} is larger than 1 GiB: split it", path.display());
    let content = fs::read(path).with_context(describe)?;
    ReplayFile::parse(&content).with_context(describe)
}

fn report(outcome: &Outcome, json: bool) -> anyhow::Result<()> {
    for mismatch in &outcome.mismatches {
        output::note(&mismatch.to_string());
    }
    let listed = u64::try_from(outcome.mismatches.len())?;
    if outcome.mismatched > listed {
        output::note(&format!("and {} more", outcome.mismatched - listed));
    }
    if json {
        output::data(&serde_json::to_string(outcome)?);
        return Ok(());
    }
    let Outcome { rows, matched, mismatched, replayed, accounts, .. } = outcome;
    output::data(&format!(
        "{rows} rows of {accounts} accounts in {:.1} s, {:.0} rows/s\n\
         {matched} balances equal, {mismatched} different\n\
         {replayed} rows had been posted before and were not posted again",
        outcome.seconds, outcome.rows_per_second
    ));
    Ok(())
}

fn write_file(options: GenerateOptions, path: Option<&Path>) -> anyhow::Result<()> {
    let written = match path {
        None => generate(options, &mut BufWriter::new(io::stdout().lock())),
        Some(path) => {
            let file = File::create(path).with_context(|| format!("{}", path.display()))?;
            generate(options, &mut BufWriter::new(file))
        }
    };
    let totals = match written {
        // `ballast replay --generate 1000 | head` is a fine way to look at a file.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        written => written.context("could not write the file")?,
    };
    let Totals { rows, credits, debits, balances, overdrawn } = totals;
    output::note(&format!(
        "{rows} rows; credits {credits}, debits {debits}, balances {balances}; \
         {overdrawn} accounts below zero at some time"
    ));
    Ok(())
}
