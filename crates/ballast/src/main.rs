//! `ballast`: a retail bank that stays up, in one program.
//!
//! This crate reads arguments and the environment, wires the other crates together, prints, and
//! sets exit codes: 0 fine, 1 found a problem, 2 could not run, 64 wrong usage. stdout is data,
//! stderr is for people. Deliberately not here: anything that could be called by another crate.

mod bank;
mod commands;
mod data_keys;
mod database;
mod duration;
mod leave;
mod output;
mod private_file;
mod process;
mod receipt_keys;
#[cfg(test)]
mod reference;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use nix::sys::stat::Mode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Wrong usage, as in BSD's sysexits(3).
const EXIT_USAGE: u8 = 64;

/// A retail bank that stays up: servers, balancers, ledger, and the drills that prove it.
#[derive(Parser)]
#[command(name = "ballast", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Begin with:
  ballast up                      start the whole bank here and open the address it prints
  ballast replay --generate 50 --seed 1 --output day.csv
  ballast replay day.csv          post a file of transactions and compare every balance
  ballast audit                   prove the books
  ballast bench transfers         measure it

Exit codes: 0 fine, 1 found a problem, 2 could not run, 64 wrong usage.";

#[derive(Subcommand)]
enum Command {
    /// Start the whole deployment on this machine
    Up(commands::up::UpArgs),
    /// Stop the deployment that runs here
    Down(commands::down::DownArgs),
    /// Show what runs where
    Ps(commands::ps::PsArgs),
    /// Break a part of the running deployment on purpose, and heal it
    Fault(commands::fault::FaultArgs),
    /// Make another node of the database's cluster the primary
    Switchover(commands::switchover::SwitchoverArgs),
    /// Replace every process by a new one, one at a time, without a failed request
    Roll(commands::roll::RollArgs),
    /// Run one application server (`up` starts these)
    Serve(commands::serve::ServeArgs),
    /// Run one load balancer or the front door (`up` starts these)
    Balancer(commands::balancer::BalancerArgs),
    /// Run a foreign program and end all that it starts (`up` starts these)
    #[command(hide = true)]
    Guard(commands::guard::GuardArgs),
    /// Bring a database to this version
    Migrate(commands::migrate::MigrateArgs),
    /// Seal the social security numbers that earlier programs wrote
    Seal(commands::seal::SealArgs),
    /// Prove the books: every invariant, exit 1 if one is broken
    Audit(commands::audit::AuditArgs),
    /// Prove, show and draw the topology file
    Topology(commands::topology::TopologyArgs),
    /// Say which acknowledged operations the books do not hold
    Reconcile(commands::reconcile::ReconcileArgs),
    /// Show and rotate the keys that sign receipts
    Keys(commands::keys::KeysArgs),
    /// Add, list and disable staff; make tokens for programs
    Staff(commands::staff::StaffArgs),
    /// Post a file of transactions through the front door and compare every balance
    Replay(commands::replay::ReplayArgs),
    /// Measure the bank with the numbers that make it comparable
    Bench(commands::bench::BenchArgs),
}

fn main() -> ExitCode {
    // Books, logs and tokens are their owner's alone, also in a folder that others may enter.
    nix::sys::stat::umask(Mode::from_bits_truncate(0o077));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { EXIT_USAGE } else { 0 };
            // A closed stdout is the reader's choice.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    if matches!(cli.command, Command::Up(_) | Command::Balancer(_)) {
        process::be_sparing_with_memory();
    }
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            output::problem(&format!("{error:#}"));
            ExitCode::from(output::EXIT_COULD_NOT_RUN)
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    // The balancer brings its own runtime; everything else runs on one of ours.
    let command = match command {
        Command::Balancer(args) => return commands::balancer::run(&args),
        other => other,
    };
    // A server shares its machine with its database and neighbours: one thread does its HTTP,
    // and the store has threads of its own.
    let mut runtime = match command {
        Command::Serve(_) | Command::Guard(_) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = runtime.enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Up(args) => commands::up::run(args).await,
            Command::Down(args) => commands::down::run(args).await,
            Command::Ps(args) => commands::ps::run(args).await,
            Command::Fault(args) => commands::fault::run(args).await,
            Command::Switchover(args) => commands::switchover::run(args).await,
            Command::Roll(args) => commands::roll::run(args).await,
            Command::Serve(args) => commands::serve::run(args).await,
            Command::Balancer(args) => commands::balancer::run(&args),
            Command::Guard(args) => commands::guard::run(args).await,
            Command::Migrate(args) => commands::migrate::run(&args).await,
            Command::Seal(args) => commands::seal::run(&args).await,
            Command::Audit(args) => commands::audit::run(&args),
            Command::Topology(args) => commands::topology::run(&args),
            Command::Reconcile(args) => commands::reconcile::run(args).await,
            Command::Keys(args) => commands::keys::run(&args),
            Command::Staff(args) => commands::staff::run(args).await,
            Command::Replay(args) => commands::replay::run(args).await,
            Command::Bench(args) => commands::bench::run(args).await,
        }
    })
}
