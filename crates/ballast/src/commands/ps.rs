//! `ballast ps`: what runs where.
//!
//! Guarantees: the rows are those of the supervisor at this moment; whether a process is in
//! rotation is what the balancer before it says at this moment.

use std::path::PathBuf;
use std::process::ExitCode;

use fleet::control::Client;
use fleet::data_folder;
use fleet::process::{Process, Role};

use crate::output::{self, Table};

/// Show what runs where: role, region, zone, address, pid and state of every process, whether the
/// balancer before it sends it requests, and the faults that have not ended.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ballast ps
  ballast ps --json | jq -r '.[] | select(.role == \"server\") | .pid'")]
pub(crate) struct PsArgs {
    /// Folder of the deployment, as given to `ballast up`
    #[arg(long, value_name = "DIR", default_value = data_folder::DEFAULT)]
    pub(crate) data: PathBuf,

    /// Print a JSON array, one object for each process
    #[arg(long)]
    pub(crate) json: bool,
}

/// Runs the command. Exit code 2 when no deployment runs there.
///
/// # Errors
/// When the supervisor cannot be asked.
pub(crate) async fn run(args: PsArgs) -> anyhow::Result<ExitCode> {
    let status = Client::connect(&args.data).await?.status().await?;
    if args.json {
        output::data(&serde_json::to_string_pretty(&status.processes)?);
    } else {
        output::data(&table(&status.processes).render());
    }
    Ok(ExitCode::SUCCESS)
}

/// The processes as people read them: front door first, then each region from its balancer down.
pub(crate) fn table(processes: &[Process]) -> Table {
    let mut table = Table::new(&[
        "WHAT", "ROLE", "WHERE", "ADDRESS", "PID", "STATE", "ROTATION", "DATABASE", "FAULTS",
        "RESTARTS", "SINCE",
    ]);
    for process in top_down(processes) {
        let Process { name, role, address, state, restarts, .. } = process;
        let pid = process.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        table.row([
            name.clone(),
            role.to_string(),
            place(process),
            address.to_string(),
            pid,
            state.to_string(),
            rotation(process),
            member(process),
            faults(process),
            restarts.to_string(),
            process.started_at.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    table
}

/// Front door first, then each region from its balancer down.
pub(crate) fn top_down(processes: &[Process]) -> Vec<&Process> {
    let mut rows: Vec<&Process> = processes.iter().collect();
    // The sort is stable: within a group the order is that of the topology.
    rows.sort_by_key(|process| {
        let first_of_region = processes.iter().position(|other| other.region == process.region);
        let depth = match process.role {
            Role::FrontDoor => 0,
            Role::Balancer => 1,
            Role::Server => 2,
            Role::Database => 3,
            Role::Etcd => 4,
        };
        (process.region.is_some(), first_of_region, depth)
    });
    rows
}

/// The zone, or the region, or nothing.
pub(crate) fn place(process: &Process) -> String {
    let place = process.zone.as_ref().or(process.region.as_ref());
    place.cloned().unwrap_or_else(|| "-".to_owned())
}

/// What the balancer before it says: `in`, `out (ejected)`; `?` when it does not answer.
fn rotation(process: &Process) -> String {
    match &process.rotation {
        Some(rotation) if rotation.in_use => "in".to_owned(),
        Some(rotation) => format!("out ({})", rotation.state),
        None if process.role == Role::FrontDoor || process.role.is_of_cluster() => "-".to_owned(),
        None => "?".to_owned(),
    }
}

/// What a member of the database's cluster says: `primary, timeline 1`, `standby, timeline 1, 0 B
/// behind`, `leader`; `?` when it does not answer.
fn member(process: &Process) -> String {
    let Some(member) = &process.member else {
        return if process.role.is_of_cluster() { "?" } else { "-" }.to_owned();
    };
    let mut words = vec![member.role.clone()];
    words.extend(member.timeline.map(|timeline| format!("timeline {timeline}")));
    let lag = member.lag_bytes.filter(|_| member.role != "primary");
    words.extend(lag.map(|bytes| format!("{bytes} B behind")));
    words.join(", ")
}

fn faults(process: &Process) -> String {
    if process.faults.is_empty() {
        return "-".to_owned();
    }
    let faults = process.faults.iter().map(|active| active.to_string());
    faults.collect::<Vec<_>>().join(", ")
}
