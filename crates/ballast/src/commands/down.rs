//! `ballast down`: stops the deployment of a data folder.
//!
//! Guarantees: when it returns 0 every process is gone and the folder can be used again.

use std::path::PathBuf;
use std::process::ExitCode;

use fleet::control::Client;
use fleet::data_folder;

use crate::output;

/// Stop a deployment: front door, balancers, servers. The books and the logs stay.
#[derive(Debug, clap::Args)]
pub(crate) struct DownArgs {
    /// Folder of the deployment, as given to `ballast up`
    #[arg(long, value_name = "DIR", default_value = data_folder::DEFAULT)]
    pub(crate) data: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// When no deployment runs there, or it does not stop.
pub(crate) async fn run(args: DownArgs) -> anyhow::Result<ExitCode> {
    Client::connect(&args.data).await?.down().await?;
    output::note(&format!("stopped; the books are still in {}", args.data.display()));
    Ok(ExitCode::SUCCESS)
}
