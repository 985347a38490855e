//! `ballast migrate`: bring a database to this version.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::database::DatabaseArgs;
use crate::output;

/// Arguments of `migrate`.
#[derive(Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(crate) async fn run(args: &MigrateArgs) -> anyhow::Result<ExitCode> {
    let url = args.database.url()?;
    let applied = store::migrate(&url).await.with_context(|| url.to_string())?;
    match applied {
        0 => output::note(&format!("{url} is at this version")),
        applied => output::note(&format!("{url}: {applied} migrations applied")),
    }
    Ok(ExitCode::SUCCESS)
}
