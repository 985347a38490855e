//! `ballast balancer`: one load balancer, or the front door.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::process;

/// Arguments of `balancer`.
#[derive(Args)]
pub(crate) struct BalancerArgs {
    /// JSON file with name, role, listen, upstreams and health checks
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(crate) fn run(args: &BalancerArgs) -> anyhow::Result<ExitCode> {
    let text = std::fs::read_to_string(&args.config)
        .with_context(|| format!("could not read {}", args.config.display()))?;
    let config = balancer::Config::parse(&text)
        .with_context(|| format!("{} is not valid", args.config.display()))?;
    process::log_to_stderr();
    balancer::run(config)?;
    Ok(ExitCode::SUCCESS)
}
