//! `ballast switchover`: another node of the database's cluster becomes the primary, as planned.
//!
//! Guarantees: when it returns 0 the new primary takes writes; what Patroni refuses is said.

use std::path::PathBuf;
use std::process::ExitCode;

use fleet::control::{Client, Switchover};
use fleet::data_folder;

use crate::output;

/// Make another node of the database's cluster the primary, wait until it is, and say how long that
/// took. Nothing acknowledged is lost: the old primary has stopped before the new one begins.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ballast switchover                         to another node of the same region
  ballast switchover --to database02-east")]
pub(crate) struct SwitchoverArgs {
    /// The new primary [default: another node of the same region]
    #[arg(long, value_name = "NODE")]
    to: Option<String>,

    /// Folder of the deployment, as given to `ballast up`
    #[arg(long, value_name = "DIR", default_value = data_folder::DEFAULT)]
    data: PathBuf,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// When no deployment with a cluster runs there, or Patroni refuses.
pub(crate) async fn run(args: SwitchoverArgs) -> anyhow::Result<ExitCode> {
    let mut client = Client::connect(&args.data).await?;
    let done = client.switchover(args.to.as_deref()).await?;
    if args.json {
        output::data(&serde_json::to_string_pretty(&done)?);
    } else {
        let Switchover { from, to, timeline, took_ms } = done;
        output::data(&format!(
            "{to} is the primary, on timeline {timeline}; it took over from {from} in {took_ms} ms"
        ));
    }
    Ok(ExitCode::SUCCESS)
}
