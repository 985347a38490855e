//! `ballast keys`: the keys that sign receipts.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use fleet::data_folder::{self, DataFolder};

use crate::{output, receipt_keys};

/// Arguments of `keys`.
#[derive(Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    what: What,
    /// Folder of the local deployment
    #[arg(long, value_name = "DIR", default_value = data_folder::DEFAULT, global = true)]
    data: PathBuf,
    /// File of the keys [default: receipt-keys.json in the data folder]
    #[arg(long, value_name = "FILE", global = true)]
    keys: Option<PathBuf>,
}

#[derive(Subcommand)]
enum What {
    /// Print the public keys as a JWK set: what verifies receipts, without secrets
    Show,
    /// Let the next key sign from each server's next start on (see `ballast roll`)
    Rotate,
}

pub(crate) fn run(args: &KeysArgs) -> anyhow::Result<ExitCode> {
    let path = match &args.keys {
        Some(path) => path.clone(),
        None => DataFolder::at(&args.data)?.receipt_keys_file(),
    };
    match args.what {
        What::Show => output::data(&receipt_keys::read(&path)?.to_public_json()),
        What::Rotate => {
            let id = receipt_keys::rotate(&path)?;
            output::data(&id);
            output::note("servers sign with this key from their next start on: `ballast roll`");
        }
    }
    Ok(ExitCode::SUCCESS)
}
