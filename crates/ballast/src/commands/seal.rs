//! `ballast seal`: seal the social security numbers that earlier programs wrote.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::database::DatabaseArgs;
use crate::{data_keys, output};

/// Seal the social security numbers that earlier programs wrote, and from then on write none that
/// is not. Run it once no server of an earlier version runs any more; `ballast up` does it itself.
#[derive(Args)]
pub(crate) struct SealArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// File of the data keys [default: data-keys.json in the data folder]
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

pub(crate) async fn run(args: &SealArgs) -> anyhow::Result<ExitCode> {
    let path = match &args.keys {
        Some(path) => path.clone(),
        None => args.database.data_folder()?.data_keys_file(),
    };
    let store = args.database.open().await?.with_vault(data_keys::read(&path)?);
    let sealed = store.seal_ssns().await?;
    output::note(&format!("{} social security numbers were sealed", sealed.done));
    if sealed.left > 0 {
        output::note(&format!(
            "{} were not: another customer has the same number, added by a server of an earlier \
             version",
            sealed.left
        ));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
