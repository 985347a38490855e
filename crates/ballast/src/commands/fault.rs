//! `ballast fault`: breaks parts of a running deployment on purpose, and heals them.
//!
//! Guarantees: what is printed was done by the supervisor, with the time at which it did it; what
//! could not be done is said too, and nothing done at all is exit code 2.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use fleet::control::Client;
use fleet::data_folder;
use fleet::fault::{Action, Fault, FaultReport};

use crate::duration;
use crate::output::{self, Table};

/// Break a part of the running deployment on purpose, and heal it. A TARGET is a process
/// (`applicationServer01-east`, `ALB-east`, `front-door`), a zone (`us-east-1a`: its servers) or a
/// region (`east`); the beginning of a name is enough when nothing else begins so. A node of the
/// database's cluster has the parts `database01-east/postgres` and `database01-east/agent`.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  ballast fault kill applicationServer01-east           it is started again at once
  ballast fault kill us-east-1a --stay-down --for 30s   a zone is lost for half a minute
  ballast fault freeze ALB-west                         it hangs until it is healed
  ballast fault slow applicationServer02-east --by 500ms
  ballast fault isolate east --for 10s                  a partition
  ballast fault drain applicationServer01-west          no new requests; it finishes the old ones
  ballast fault kill database01-east/postgres           PostgreSQL alone; its agent goes on
  ballast fault freeze database01-east/agent            the agent alone; PostgreSQL goes on
  ballast fault heal                                    end all faults
  ballast ps                                            what is broken now, and what is in use"
)]
pub(crate) struct FaultArgs {
    #[command(subcommand)]
    command: FaultCommand,

    /// Folder of the deployment, as given to `ballast up`
    #[arg(long, value_name = "DIR", default_value = data_folder::DEFAULT, global = true)]
    data: PathBuf,

    /// Print a JSON object: what was done, when, and what could not be done
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum FaultCommand {
    /// End processes at once (SIGKILL); they are started again as after any crash
    Kill {
        #[command(flatten)]
        on: On,
        /// Do not start them again before they are healed
        #[arg(long)]
        stay_down: bool,
    },
    /// Freeze processes (SIGSTOP): they hold their connections and say nothing
    Freeze {
        #[command(flatten)]
        on: On,
    },
    /// Delay the answers of servers or balancers
    Slow {
        #[command(flatten)]
        on: On,
        /// By how much, as in 500ms
        #[arg(long, value_name = "TIME", value_parser = duration::parse)]
        by: Duration,
    },
    /// Send servers or balancers no new requests; they finish what they have
    Drain {
        #[command(flatten)]
        on: On,
    },
    /// Cut servers or balancers off: what is sent to them and what they send waits
    Isolate {
        #[command(flatten)]
        on: On,
    },
    /// End faults: thaw, start again, connect again
    Heal {
        /// A process, a zone or a region [default: everything]
        target: Option<String>,
    },
}

#[derive(Debug, Args)]
struct On {
    /// A process, a zone or a region
    target: String,
    /// Heal by itself after this time, as in 30s
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse)]
    lasting: Option<Duration>,
}

/// Runs the command.
///
/// # Errors
/// When no deployment runs there, the target is unknown, or nothing could be done.
pub(crate) async fn run(args: FaultArgs) -> anyhow::Result<ExitCode> {
    let mut client = Client::connect(&args.data).await?;
    let (fault, on) = match args.command {
        FaultCommand::Kill { on, stay_down } => (Fault::Kill { stay_down }, on),
        FaultCommand::Freeze { on } => (Fault::Freeze, on),
        FaultCommand::Slow { on, by } => {
            let by_ms = u64::try_from(by.as_millis())?;
            (Fault::Slow { by_ms }, on)
        }
        FaultCommand::Drain { on } => (Fault::Drain, on),
        FaultCommand::Isolate { on } => (Fault::Isolate, on),
        FaultCommand::Heal { target } => {
            let report = client.heal(target.as_deref()).await?;
            if report == FaultReport::default() && !args.json {
                output::note("nothing to heal");
                return Ok(ExitCode::SUCCESS);
            }
            return say(&report, args.json);
        }
    };
    let report = client.fault(fault, &on.target, on.lasting).await?;
    say(&report, args.json)
}

fn say(report: &FaultReport, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        output::data(&serde_json::to_string_pretty(report)?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&["WHAT", "NOW", "BY", "AT"]);
    for Action { process, what, balancer, at, unconfirmed } in &report.actions {
        let by = balancer.clone().unwrap_or_else(|| "-".to_owned());
        let at = match unconfirmed {
            None => at.clone(),
            Some(why) => format!("not confirmed yet: {why}"),
        };
        table.row([process.clone(), what.words().to_owned(), by, at]);
    }
    if !report.actions.is_empty() {
        output::data(&table.render());
    }
    for skipped in &report.skipped {
        output::note(&format!("{} {}", skipped.process, skipped.why));
    }
    Ok(ExitCode::SUCCESS)
}
