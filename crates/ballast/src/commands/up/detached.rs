//! `ballast up --detach`: this program again, without the terminal.
//!
//! Guarantees: what the supervisor prints until it is ready is printed here; its failure is the
//! failure of this command; Ctrl-C while it starts stops it.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Context;
use fleet::control::Client;
use fleet::detach::Detached;
use tokio::io::{stderr, stdout};

use super::UpArgs;
use crate::leave::Leave;

/// The deployment could not run; the supervisor has said why.
const COULD_NOT_RUN: u8 = 2;

pub(super) async fn run(args: &UpArgs) -> anyhow::Result<ExitCode> {
    let mut leave = Leave::try_new().context("could not listen to signals")?;
    let program = std::env::current_exe().context("could not find this program")?;
    let mut supervisor = Detached::start(&program, arguments(args))
        .with_context(|| format!("could not start {}", program.display()))?;
    let pid = supervisor.pid();
    let forwarded = tokio::select! {
        forwarded = supervisor.forward(stdout(), stderr()) => Some(forwarded),
        () = leave.asked() => None,
    };
    match forwarded {
        Some(forwarded) => {
            forwarded.context("could not read what the supervisor says")?;
            // Its output ends when it is ready and when it dies. Ready, it answers.
            if is_ready(args, pid).await {
                return Ok(ExitCode::SUCCESS);
            }
        }
        None => supervisor.interrupt(),
    }
    supervisor.wait().await.context("could not wait for the supervisor")?;
    Ok(ExitCode::from(COULD_NOT_RUN))
}

async fn is_ready(args: &UpArgs, pid: Option<u32>) -> bool {
    let Ok(mut client) = Client::connect(&args.data).await else { return false };
    client.status().await.is_ok_and(|status| Some(status.supervisor) == pid)
}

fn arguments(args: &UpArgs) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["up".into(), "--detached-child".into()];
    arguments.extend(["--data".into(), args.data.clone().into_os_string()]);
    if let Some(database) = &args.database {
        arguments.extend(["--database".into(), database.into()]);
    }
    for reader in &args.database_reader {
        arguments.extend(["--database-reader".into(), reader.into()]);
    }
    if let Some(topology) = &args.topology {
        arguments.extend(["--topology".into(), topology.clone().into_os_string()]);
    }
    arguments.extend(["--durability".into(), args.durability.clone().into()]);
    arguments.extend(["--patroni".into(), args.patroni.clone().into_os_string()]);
    if args.only_database {
        arguments.push("--only-database".into());
    }
    if let Some(link_ms) = args.link_ms {
        arguments.extend(["--link-ms".into(), link_ms.to_string().into()]);
    }
    if let Some(port) = args.port {
        arguments.extend(["--port".into(), port.to_string().into()]);
    }
    if args.tls_self_signed {
        arguments.push("--tls-self-signed".into());
    }
    arguments
}
