//! `ballast topology`: prove, show and draw the topology file.
//!
//! Guarantees: starts nothing and needs nothing that runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use fleet::data_folder::{self, DataFolder};
use fleet::plan::{Plan, PlanOptions, Ports};
use fleet::topology::{Topology, TopologyError, diagram};
use serde_json::json;

use crate::output::{self, EXIT_COULD_NOT_RUN, Table};

/// The topology was read and breaks a rule.
const EXIT_BROKEN: u8 = 1;

/// Arguments of `topology`.
#[derive(Debug, Args)]
pub(crate) struct TopologyArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the file against every rule; exit 1 if one is broken
    ///
    /// Terraform checks the same rules and says the same sentences.
    Check(FileArgs),
    /// Show what the file says should run: on this machine and in AWS
    Show(ShowArgs),
    /// Draw the file as an SVG picture
    Diagram(DiagramArgs),
}

/// Which file is meant.
#[derive(Debug, Args)]
struct FileArgs {
    /// The file; without it ./topology.json, and without that the built-in one
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Arguments of `topology show`.
#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    file: FileArgs,

    /// Print one JSON object: the topology, and the processes of the local deployment
    #[arg(long)]
    json: bool,
}

/// Arguments of `topology diagram`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  ballast topology diagram --output docs/pictures/topology.svg")]
struct DiagramArgs {
    #[command(flatten)]
    file: FileArgs,

    /// Write the picture here and not to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &TopologyArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Check(args) => Ok(check(args)),
        Command::Show(args) => show(args),
        Command::Diagram(args) => draw(args),
    }
}

fn check(args: &FileArgs) -> ExitCode {
    let topology = match Topology::load(args.file.as_deref()) {
        Ok(topology) => topology,
        Err(TopologyError::Invalid { source_name, problems }) => {
            for problem in &problems {
                output::data(&format!("{source_name}: {problem}"));
            }
            return ExitCode::from(EXIT_BROKEN);
        }
        Err(error @ TopologyError::Malformed { .. }) => {
            output::problem(&format!("{:#}", anyhow::Error::from(error)));
            return ExitCode::from(EXIT_BROKEN);
        }
        Err(error) => {
            output::problem(&format!("{:#}", anyhow::Error::from(error)));
            return ExitCode::from(EXIT_COULD_NOT_RUN);
        }
    };
    let regions = topology.regions.len();
    let zones: usize = topology.regions.iter().map(|region| region.zones.len()).sum();
    output::note(&format!("every rule is kept: {regions} regions, {zones} zones"));
    ExitCode::SUCCESS
}

fn show(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let topology = Topology::load(args.file.file.as_deref())?;
    let options = PlanOptions {
        data_folder: DataFolder::at(Path::new(data_folder::DEFAULT))?,
        database: String::new(),
        database_readers: BTreeMap::new(),
        executable: PathBuf::new(),
        ports: Ports::AsWritten,
        tls: None,
    };
    let plan = Plan::try_new(&topology, &options)?;
    if args.json {
        let processes = plan.processes.iter().map(|process| {
            json!({
                "name": process.name, "role": process.role, "region": process.region,
                "zone": process.zone, "address": process.address, "upstreams": process.upstreams,
            })
        });
        let shown = json!({ "topology": *topology, "processes": processes.collect::<Vec<_>>() });
        output::data(&serde_json::to_string_pretty(&shown)?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&["WHAT", "ROLE", "REGION", "ZONE", "HERE", "NETWORK", "IN AWS"]);
    for process in &plan.processes {
        let dash = || "-".to_owned();
        let region = topology.regions.iter().find(|it| Some(&it.key) == process.region.as_ref());
        let is_region = process.zone.is_none();
        table.row([
            process.name.clone(),
            process.role.to_string(),
            process.region.clone().unwrap_or_else(dash),
            process.zone.clone().unwrap_or_else(dash),
            process.address.to_string(),
            region.filter(|_| is_region).map_or_else(dash, |region| region.cidr.clone()),
            region.filter(|_| is_region).map_or_else(dash, |region| {
                format!(
                    "{}, {}, {} to {} servers",
                    region.aws_region, region.role, region.servers_min, region.servers_max
                )
            }),
        ]);
    }
    output::data(&table.render());
    Ok(ExitCode::SUCCESS)
}

fn draw(args: &DiagramArgs) -> anyhow::Result<ExitCode> {
    let picture = diagram::svg(&Topology::load(args.file.file.as_deref())?);
    match &args.output {
        Some(file) => std::fs::write(file, picture)
            .with_context(|| format!("could not write {}", file.display()))?,
        None => output::data(&picture),
    }
    Ok(ExitCode::SUCCESS)
}
