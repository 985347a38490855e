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
    /// Take the place of the balancer that runs with this configuration: share its listening
    /// socket, and make it leave as soon as this one can serve. Exits 2 when it cannot; the
    /// running one then goes on
    #[arg(long)]
    take_over: bool,
    /// Speak TLS with a certificate for localhost, 127.0.0.1 and ::1 that no authority has signed,
    /// kept in this folder and made when there is none; for local use
    #[arg(long, value_name = "FOLDER")]
    tls_self_signed: Option<PathBuf>,
}

pub(crate) fn run(args: &BalancerArgs) -> anyhow::Result<ExitCode> {
    let text = std::fs::read_to_string(&args.config)
        .with_context(|| format!("could not read {}", args.config.display()))?;
    let mut config = balancer::Config::parse(&text)
        .with_context(|| format!("{} is not valid", args.config.display()))?;
    if let Some(folder) = &args.tls_self_signed {
        let files = balancer::self_signed(folder)
            .with_context(|| format!("could not make a certificate in {}", folder.display()))?;
        config.tls = Some(files);
    }
    process::log_to_stderr();
    let start = if args.take_over { balancer::Start::TakeOver } else { balancer::Start::Fresh };
    balancer::run(config, start)?;
    Ok(ExitCode::SUCCESS)
}
