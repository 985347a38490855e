//! `ballast roll`: replaces the processes of a running deployment without a failed request.
//!
//! Guarantees: exit code 0 only when everything asked for was replaced; stopped halfway is 1, with
//! what was replaced, what was not, and why. Ctrl-C finishes the process at hand.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use fleet::control::Client;
use fleet::data_folder;
use fleet::roll::{RollOnly, RollRequest, RollStage, RollStep, RollSummary};

use crate::duration;
use crate::leave::Leave;
use crate::output;

/// The roll stopped halfway.
const EXIT_STOPPED: u8 = 1;

/// Replace the processes of the running deployment by new ones, one at a time, without a failed
/// request: the standby region first, in each region the servers and then the balancer, the front
/// door last. The new processes run whatever program lies at the path of the old one: to deploy,
/// move the new program there (`mv`, not `cp`) and roll.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ballast roll                          everything
  ballast roll --only servers west      the servers of a region
  ballast roll ALB-east front-door      these two
  ballast roll --warm-up 5s             five seconds between servers

Exit codes: 0 all replaced, 1 stopped halfway, 2 not begun.")]
pub(crate) struct RollArgs {
    /// Processes, zones or regions [default: everything]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,

    /// Replace only the servers, or only the balancers and the front door
    #[arg(long, value_enum, value_name = "KIND")]
    only: Option<Only>,

    /// Pause after a new server is in use
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = WARM_UP)]
    warm_up: Duration,

    /// Roll although faults are active
    #[arg(long)]
    force: bool,

    /// Folder of the deployment, as given to `ballast up`
    #[arg(long, value_name = "DIR", default_value = data_folder::DEFAULT)]
    data: PathBuf,

    /// Print a JSON object: what was replaced, what was left, and why it stopped
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Only {
    Servers,
    Balancers,
}

/// `fleet::roll::WARM_UP_MS` as it is written on a command line.
const WARM_UP: &str = "500ms";

/// Runs the command.
///
/// # Errors
/// When no deployment runs there, or the roll does not begin.
pub(crate) async fn run(args: RollArgs) -> anyhow::Result<ExitCode> {
    let mut leave = Leave::try_new().context("could not listen to signals")?;
    let request = RollRequest {
        only: args.only.map(|only| match only {
            Only::Servers => RollOnly::Servers,
            Only::Balancers => RollOnly::Balancers,
        }),
        targets: args.targets,
        warm_up_ms: u64::try_from(args.warm_up.as_millis())?,
        is_forced: args.force,
    };
    let client = Client::connect(&args.data).await?;
    let stop = async {
        leave.asked().await;
        output::note("finishing the process at hand, then stopping…");
    };
    let summary = client.roll(request, |step| output::note(&line(step)), stop).await?;
    if args.json {
        output::data(&serde_json::to_string_pretty(&summary)?);
    } else {
        output::data(&words(&summary));
    }
    Ok(match summary.stopped {
        None => ExitCode::SUCCESS,
        Some(_) => ExitCode::from(EXIT_STOPPED),
    })
}

fn line(step: &RollStep) -> String {
    let name = &step.process;
    match step.stage {
        RollStage::Draining => format!("{name}: its balancer sends it nothing new"),
        RollStage::Drained { outstanding: 0 } => format!("{name}: idle, told to leave"),
        RollStage::Drained { outstanding } => {
            format!("{name}: told to leave with {outstanding} requests that took too long")
        }
        RollStage::TakingOver => format!("{name}: a new process takes over"),
        RollStage::Ready { pid } => format!("{name}: the new process {pid} is ready"),
        RollStage::InUse => format!("{name}: in use"),
    }
}

fn words(summary: &RollSummary) -> String {
    let RollSummary { replaced, left, stopped, took_ms } = summary;
    let seconds = Duration::from_millis(*took_ms).as_secs_f64();
    match stopped {
        None => format!("replaced {} in {seconds:.1} s", processes(replaced.len())),
        Some(why) => format!(
            "stopped: {why}\n{} replaced: {}\n{} not replaced: {}",
            processes(replaced.len()),
            list(replaced),
            processes(left.len()),
            list(left),
        ),
    }
}

fn processes(count: usize) -> String {
    format!("{count} {}", if count == 1 { "process" } else { "processes" })
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use fleet::roll::WARM_UP_MS;

    use super::*;

    #[test]
    fn the_default_warm_up_is_that_of_the_fleet() {
        assert_eq!(duration::parse(WARM_UP), Ok(Duration::from_millis(WARM_UP_MS)));
    }
}
