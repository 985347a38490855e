//! `ballast up`: the whole deployment on this machine.
//!
//! Guarantees: a data folder in use, a port in use or a broken topology is found before anything
//! is started or written to the books; on Ctrl-C, SIGTERM, SIGHUP or `ballast down` nothing is left
//! behind; passwords of new sample staff are shown even when the start fails, because they are
//! made once.
//!
//! Deliberately not here: processes (`fleet`), the books (`crate::bank`).

mod detached;
mod report;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use fleet::cluster::access::Access;
use fleet::cluster::{Cluster, ClusterOptions, Durability, Programs, programs};
use fleet::data_folder::{self, DataFolder};
use fleet::plan::{Plan, PlanOptions, Ports, TlsFiles};
use fleet::supervisor::ports::Held;
use fleet::supervisor::{Claim, Deployment, EVENTS_MAX};
use fleet::topology::Topology;
use store::DatabaseUrl;
use tokio::sync::mpsc;

use crate::bank::{self, Books, SampleStaff};
use crate::data_keys;
use crate::database;
use crate::leave::Leave;
use crate::output;
use crate::receipt_keys;

/// What `--database` says to have a cluster of the deployment's own.
const CLUSTER: &str = "cluster";

/// Start the whole deployment on this machine: front door, a balancer for each region, a server
/// for each zone. Runs until Ctrl-C or `ballast down`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  ballast up                                  in the foreground, http://127.0.0.1:8080
  ballast up --detach                         returns when everything is ready
  ballast up --data /tmp/second --port 9080   a second deployment beside the first
  ballast up --database cluster               on PostgreSQL in four zones (docs/database.md)
  ballast up --data /tmp/third --port 0       on free ports; `ballast ps` shows them")]
pub(crate) struct UpArgs {
    /// Folder for the books, logs and sockets; made when missing, readable by you only
    #[arg(long, value_name = "DIR", default_value = data_folder::DEFAULT)]
    pub(crate) data: PathBuf,

    /// Where the books are, instead of a file in the folder: postgres://USER@HOST/DATABASE (its
    /// password comes from PGPASSWORD), sqlite:PATH, or `cluster`: PostgreSQL under Patroni with
    /// etcd, in every zone, started here
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,

    /// Replicas that the servers of a region read, nearest first, when the database is your own:
    /// REGION=postgres://…, once for each region; without REGION= for all
    #[arg(long, value_name = "[REGION=]URL", requires = "database")]
    pub(crate) database_reader: Vec<String>,

    /// What runs where [default: ./topology.json when present, else the one built in]
    #[arg(long, value_name = "FILE")]
    pub(crate) topology: Option<PathBuf>,

    /// Port of the front door; all other ports move by the same distance. 0 takes free ports
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,

    /// Start the cluster alone, without servers and balancers
    #[arg(long, requires = "database")]
    pub(crate) only_database: bool,

    /// Where a commit is when it is acknowledged: in two zones of a region, or in two regions
    #[arg(long, value_name = "PROFILE", value_parser = ["zone", "region"],
        default_value = "region")]
    pub(crate) durability: String,

    /// One way between two regions, in milliseconds [default: link_ms of the topology]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(..=1_000))]
    pub(crate) link_ms: Option<u32>,

    /// The Patroni that the cluster runs
    #[arg(long, value_name = "FILE", default_value = programs::PATRONI_HOME)]
    pub(crate) patroni: PathBuf,

    /// Speak https, with a certificate for localhost, 127.0.0.1 and ::1 that no authority has
    /// signed; it is kept in the folder
    #[arg(long)]
    pub(crate) tls_self_signed: bool,

    /// Return when everything is ready, and leave it running
    #[arg(long)]
    pub(crate) detach: bool,

    /// How `--detach` calls itself
    #[arg(long, hide = true, conflicts_with = "detach")]
    pub(crate) detached_child: bool,
}

/// Runs the command.
///
/// # Errors
/// When the deployment cannot run: the sentence that says why.
pub(crate) async fn run(args: UpArgs) -> anyhow::Result<ExitCode> {
    if args.detach {
        return detached::run(&args).await;
    }
    if args.detached_child {
        fleet::detach::leave_terminal().context("could not leave the terminal")?;
    }
    // From here on a signal waits until something listens to it, instead of ending the process.
    let mut leave = Leave::try_new().context("could not listen to signals")?;
    // The ports are held as long as it runs.
    let (plan, _held) = plan(&args)?;
    let claim = Claim::take(&plan).await?;
    if args.tls_self_signed {
        let folder = plan.data_folder.root();
        balancer::self_signed(folder)
            .with_context(|| format!("could not make a certificate in {}", folder.display()))?;
    }
    receipt_keys::make_if_missing(&plan.data_folder.receipt_keys_file())?;
    data_keys::make_if_missing(&plan.data_folder.data_keys_file())?;
    let (events, heard) = mpsc::channel(EVENTS_MAX);
    let reporter = tokio::spawn(report::follow(heard));
    let mut deployment = Deployment::prepare(claim, plan.clone(), events)?;
    let mut staff = Vec::new();
    let start = start(&mut deployment, &plan, args.only_database, &mut staff);
    let ready = tokio::select! {
        ready = start => Some(ready),
        () = leave.asked() => None,
    };
    match ready {
        Some(Ok(())) => {
            output::data(&report::ready(&deployment, &staff));
            if args.detached_child {
                let log = plan.data_folder.log_file("supervisor");
                fleet::detach::hand_over_output(&log).context("could not open the log")?;
            } else {
                output::note("Ctrl-C stops everything.");
            }
            tokio::select! {
                () = leave.asked() => {}
                () = deployment.down_requested() => {}
            }
            output::note("stopping…");
        }
        None => output::note("stopping before everything was ready…"),
        Some(Err(error)) => {
            deployment.stop().await;
            let _ = reporter.await;
            if staff.iter().any(|one| one.password.is_some()) {
                output::note(&report::staff(&staff));
            }
            return Err(error);
        }
    }
    deployment.stop().await;
    // It ends with the last process; its own failure would already be on the screen.
    let _ = reporter.await;
    Ok(ExitCode::SUCCESS)
}

/// The database first, then the bank in it, then those who serve it.
async fn start(
    deployment: &mut Deployment,
    plan: &Plan,
    only_database: bool,
    staff: &mut Vec<SampleStaff>,
) -> anyhow::Result<()> {
    deployment.database_ready().await?;
    if !only_database {
        let prepared = bank::prepare(&books(plan)?, &plan.data_folder).await;
        *staff = prepared.context("could not prepare the bank")?;
    }
    Ok(deployment.ready().await?)
}

fn books(plan: &Plan) -> anyhow::Result<Books> {
    let cluster = if plan.cluster.is_some() { Access::read(&plan.data_folder)? } else { None };
    match cluster {
        Some(access) => Ok(Books {
            owner: database::signed_in(&access.owner, &access.owner_password_file)?,
            server: database::signed_in(&access.writer, &access.password_file)?,
        }),
        None => Ok(Books::of_one(database::with_password(DatabaseUrl::parse(&plan.database)?))),
    }
}

fn plan(args: &UpArgs) -> anyhow::Result<(Plan, Vec<Held>)> {
    let topology = Topology::load(args.topology.as_deref())?;
    let data_folder = DataFolder::at(&args.data)
        .with_context(|| format!("could not find the folder {}", args.data.display()))?;
    let database = match &args.database {
        Some(url) if url != CLUSTER => {
            database::from_argument(url)?;
            url.clone()
        }
        _ => format!("sqlite:{}", data_folder.database_file().display()),
    };
    let is_cluster = args.database.as_deref() == Some(CLUSTER);
    if is_cluster && !args.database_reader.is_empty() {
        bail!("`--database cluster` has readers of its own: leave --database-reader out");
    }
    // Held before others are drawn, which must be none of these.
    let kept = if is_cluster { Cluster::kept_ports(&data_folder)? } else { None };
    let mut held = Vec::new();
    let ports = match args.port {
        None => Ports::AsWritten,
        Some(0) => {
            let drawn = Held::draw(topology.local_process_count());
            let drawn = drawn.context("could not find ports")?;
            let ports = Ports::These(drawn.ports().to_vec());
            held.push(drawn);
            ports
        }
        Some(port) => Ports::From(port),
    };
    let executable = std::env::current_exe().context("could not find this program")?;
    let tls = args.tls_self_signed.then(|| tls_files(&data_folder));
    let database_readers = readers(args, &topology)?;
    let options = PlanOptions { data_folder, database, database_readers, executable, ports, tls };
    let plan = Plan::try_new(&topology, &options)?;
    if !is_cluster {
        return Ok((plan, held));
    }
    let ports = plan.processes.iter().map(|process| process.address.port());
    held.push(Held::again(ports.collect()));
    let (plan, ports) = with_cluster(args, &topology, plan, kept)?;
    held.push(ports);
    Ok((plan, held))
}

/// The readers of each region.
fn readers(args: &UpArgs, topology: &Topology) -> anyhow::Result<BTreeMap<String, String>> {
    let keys = || topology.regions.iter().map(|region| region.key.as_str());
    let mut readers = BTreeMap::new();
    for given in &args.database_reader {
        let own = given.split_once('=').filter(|(before, _)| !before.contains(':'));
        let (regions, url) = match own {
            Some((region, url)) if keys().any(|key| key == region) => (vec![region], url),
            Some((region, _)) => bail!(
                "--database-reader: there is no region `{region}`; there are {}",
                keys().collect::<Vec<_>>().join(", ")
            ),
            None => (keys().collect(), given.as_str()),
        };
        database::from_argument(url).context("--database-reader")?;
        for region in regions {
            if readers.insert(region.to_owned(), url.to_owned()).is_some() {
                bail!("--database-reader: region {region} is given twice");
            }
        }
    }
    Ok(readers)
}

fn with_cluster(
    args: &UpArgs,
    topology: &Topology,
    plan: Plan,
    kept: Option<Held>,
) -> anyhow::Result<(Plan, Held)> {
    let durability = if args.durability == "zone" { Durability::Zone } else { Durability::Region };
    let programs = Programs::find(&args.patroni)?;
    let distance = Duration::from_millis(args.link_ms.unwrap_or(topology.link_ms).into());
    let options = ClusterOptions { durability, distance, programs };
    let ports = match kept {
        Some(kept) => kept,
        None => Cluster::draw_ports(topology, &plan.data_folder)?,
    };
    let cluster = Cluster::try_new(topology, &plan.data_folder, options, ports.ports())?;
    let plan = plan.with_cluster(cluster);
    Ok((if args.only_database { plan.only_database() } else { plan }, ports))
}

fn tls_files(data_folder: &DataFolder) -> TlsFiles {
    let balancer::TlsFiles { certificate, key } = balancer::TlsFiles::in_folder(data_folder.root());
    TlsFiles { certificate, key }
}
