//! `ballast keys`: the keys that sign receipts, and those that seal what is secret in the books.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use fleet::data_folder::{self, DataFolder};

use crate::{data_keys, output, receipt_keys};

/// Arguments of `keys`.
#[derive(Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    what: What,
    /// Folder of the local deployment
    #[arg(long, value_name = "DIR", default_value = data_folder::DEFAULT, global = true)]
    data: PathBuf,
    /// File of the keys [default: receipt-keys.json in the data folder; data-keys.json for
    /// make-data]
    #[arg(long, value_name = "FILE", global = true)]
    keys: Option<PathBuf>,
}

#[derive(Subcommand)]
enum What {
    /// Print the public keys as a JWK set: what verifies receipts, without secrets
    Show,
    /// Let the next key sign from each server's next start on (see `ballast roll`)
    Rotate,
    /// Make the file of the keys that sign receipts, which all servers share, unless it is there
    MakeReceipt,
    /// Make the file of data keys that all servers share, unless it is there: they seal social
    /// security numbers and second factors in the books
    MakeData,
}

pub(crate) fn run(args: &KeysArgs) -> anyhow::Result<ExitCode> {
    let folder = DataFolder::at(&args.data)?;
    let path = match (&args.keys, &args.what) {
        (Some(path), _) => path.clone(),
        (None, What::Show | What::Rotate | What::MakeReceipt) => folder.receipt_keys_file(),
        (None, What::MakeData) => folder.data_keys_file(),
    };
    match args.what {
        What::Show => output::data(&receipt_keys::read(&path)?.to_public_json()),
        What::Rotate => {
            let id = receipt_keys::rotate(&path)?;
            output::data(&id);
            output::note("servers sign with this key from their next start on: `ballast roll`");
        }
        What::MakeReceipt => {
            receipt_keys::make_if_missing(&path)?;
            output::data(&path.display().to_string());
            output::note("name it as receipt_keys in each server's configuration, and keep a copy");
        }
        What::MakeData => {
            data_keys::make_if_missing(&path)?;
            output::data(&path.display().to_string());
            output::note("name it as data_keys in each server's configuration, and keep a copy");
        }
    }
    Ok(ExitCode::SUCCESS)
}
