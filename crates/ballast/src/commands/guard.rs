//! `ballast guard`: what stands between the supervisor and etcd or Patroni (`fleet::cluster`).

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

/// Run a foreign program, and end all that it has started when it leaves or standard input ends.
#[derive(Debug, clap::Args)]
pub(crate) struct GuardArgs {
    /// What to run, as `up` writes it
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Runs the command; the exit code is the program's.
///
/// # Errors
/// When the program cannot be started.
pub(crate) async fn run(args: GuardArgs) -> anyhow::Result<ExitCode> {
    let code = fleet::cluster::guard::run(&args.config)
        .await
        .with_context(|| format!("could not run what {} says", args.config.display()))?;
    // A thread still waits for standard input; the runtime would wait for it.
    std::process::exit(i32::from(code))
}
