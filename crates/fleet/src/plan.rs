//! Which processes a topology means on this machine.
//!
//! Guarantees: pure; the same topology and options give the same plan. Names follow the convention
//! of the AWS deployment (`applicationServer01-east`, `ALB-east`); every address is on loopback;
//! processes stand in the order in which they are started.
//!
//! Deliberately not here: ports being free, files, processes (`supervisor`).

mod configs;
mod database;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::data_folder::DataFolder;
use crate::process::Role;
use crate::topology::{RegionRole, Topology};
use configs::Upstream;

/// The database first. Servers before balancers, because a balancer is ready only when a server
/// is; the front door last.
/// Stopping goes the other way, so that nothing sends requests to what has left.
pub const START_ORDER: [Role; 5] =
    [Role::Etcd, Role::Database, Role::Server, Role::Balancer, Role::FrontDoor];

/// A cold start takes under 5 s; four times that is a failure and not a slow machine.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// The bar is 5 s for the whole stop; the rest is for removing files and answering.
const STOP_WITHIN: Duration = Duration::from_millis(4_500);

/// Which ports the processes take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ports {
    /// As the topology says.
    AsWritten,
    /// All moved by the same distance, so that the front door has this one.
    From(u16),
    /// These, in the order front door, then each region's balancer and its servers.
    These(Vec<u16>),
}

/// What a plan depends on besides the topology.
#[derive(Debug, Clone)]
pub struct PlanOptions {
    /// Where the deployment keeps its files.
    pub data_folder: DataFolder,
    /// URL of the database, as servers read it.
    pub database: String,
    /// URLs of replicas that the servers of a region read, by the region's key.
    pub database_readers: BTreeMap<String, String>,
    /// The program that every process runs.
    pub executable: PathBuf,
    /// Which ports to take.
    pub ports: Ports,
    /// Makes the front door speak TLS.
    pub tls: Option<TlsFiles>,
}

/// A certificate and its private key, as PEM.
#[derive(Debug, Clone, Serialize)]
pub struct TlsFiles {
    /// The certificate, made out to 127.0.0.1, and those that signed it.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Everything the supervisor needs to know.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the deployment keeps its files.
    pub data_folder: DataFolder,
    /// The one address to open.
    pub url: String,
    /// URL of the database.
    pub database: String,
    /// The program that every process runs.
    pub executable: PathBuf,
    /// The processes, in start order.
    pub processes: Vec<PlannedProcess>,
    /// The database's cluster, if this deployment runs one.
    pub cluster: Option<Arc<Cluster>>,
    /// How processes are replaced.
    pub rollout: Rollout,
    /// How long the start may take until everything is ready.
    pub ready_within: Duration,
    /// How long the stop may take until everything is gone.
    pub stop_within: Duration,
}

/// How processes are replaced, from the topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollout {
    /// The regions in the order in which they are replaced.
    pub regions: Vec<String>,
    /// Servers of a region that stay in use while one is replaced.
    pub healthy_minimum: u32,
    /// How long requests under way may take to finish.
    pub drain: Duration,
}

/// One process to start.
#[derive(Debug, Clone)]
pub struct PlannedProcess {
    /// By the convention.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Its region; the front door has none.
    pub region: Option<String>,
    /// Its zone; only servers have one.
    pub zone: Option<String>,
    /// Where it will listen.
    pub address: SocketAddr,
    /// The certificate it will show, where it speaks TLS.
    pub certificate: Option<PathBuf>,
    /// The processes it sends requests to; none for a server.
    pub upstreams: Vec<String>,
    /// Path that answers 200 once it is ready.
    pub ready_path: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its configuration, to be written to its file.
    pub config: Value,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The wish moves a port out of range.
    #[error(
        "with the front door on port {wish}, {name} would be on port {port}; \
         ports are between 1024 and 65535"
    )]
    PortOutOfRange {
        /// The wished port of the front door.
        wish: u16,
        /// The process whose port is out of range.
        name: String,
        /// That port.
        port: i32,
    },
    /// [`Ports::These`] holds fewer ports than there are processes.
    #[error("the topology needs {needed} ports, {given} were given")]
    TooFewPorts {
        /// How many processes listen.
        needed: usize,
        /// How many ports were given.
        given: usize,
    },
}

impl Plan {
    /// Makes the plan.
    ///
    /// # Errors
    /// [`PlanError`] when the options leave a process without a port.
    pub fn try_new(topology: &Topology, options: &PlanOptions) -> Result<Self, PlanError> {
        let mut ports = PortSource::try_new(topology, &options.ports)?;
        let front_door_address = ports.next("front-door", topology.front_door.local_port)?;
        let mut regions = Vec::new();
        for region in &topology.regions {
            let balancer = format!("ALB-{}", region.key);
            let address = ports.next(&balancer, region.local_port)?;
            let mut balancer = process(topology, options, balancer, Role::Balancer, address);
            balancer.region = Some(region.key.clone());
            let mut servers = Vec::new();
            for (zone, number) in region.zones.iter().zip(1_u32..) {
                let name = server_name(number, &region.key);
                let address = ports.next(&name, zone.local_port)?;
                let mut server = process(topology, options, name, Role::Server, address);
                server.region = Some(region.key.clone());
                server.zone = Some(zone.name.clone());
                servers.push(server);
            }
            regions.push((balancer, servers));
        }
        let name = "front-door".to_owned();
        let mut door = process(topology, options, name, Role::FrontDoor, front_door_address);
        door.certificate = options.tls.as_ref().map(|files| files.certificate.clone());
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        configure(topology, options, &mut regions, &mut door);
        let (mut balancers, servers): (Vec<_>, Vec<_>) = regions.into_iter().unzip();
        let mut processes: Vec<PlannedProcess> = servers.into_iter().flatten().collect();
        processes.append(&mut balancers);
        processes.push(door);
        Ok(Self {
            data_folder: options.data_folder.clone(),
            url: format!("{scheme}://{front_door_address}"),
            database: options.database.clone(),
            executable: options.executable.clone(),
            processes,
            cluster: None,
            rollout: rollout(topology),
            ready_within: READY_WITHIN,
            stop_within: STOP_WITHIN,
        })
    }
}

/// By the convention of the AWS deployment.
pub(crate) fn server_name(number: u32, region: &str) -> String {
    format!("applicationServer{number:02}-{region}")
}

fn rollout(topology: &Topology) -> Rollout {
    let order = topology.rollout.order.iter();
    let regions = order.flat_map(|role: &RegionRole| {
        topology.regions.iter().filter(move |region| region.role == *role)
    });
    Rollout {
        regions: regions.map(|region| region.key.clone()).collect(),
        healthy_minimum: topology.rollout.healthy_minimum,
        drain: Duration::from_secs(topology.drain_seconds.into()),
    }
}

/// Writes the configurations, once everybody's address is known.
fn configure(
    topology: &Topology,
    options: &PlanOptions,
    regions: &mut [(PlannedProcess, Vec<PlannedProcess>)],
    door: &mut PlannedProcess,
) {
    let balancers: Vec<Upstream> =
        regions.iter().map(|(balancer, _)| Upstream::of(balancer)).collect();
    for (balancer, servers) in regions {
        for server in &mut *servers {
            server.config = configs::server(topology, options, server);
        }
        let others = balancers.iter().filter(|other| other.name != balancer.name).cloned();
        let others: Vec<Upstream> = others.collect();
        balancer.config = configs::balancer(topology, options, balancer, servers, &others);
        balancer.upstreams = servers.iter().map(|server| server.name.clone()).collect();
        balancer.upstreams.extend(others.into_iter().map(|other| other.name));
    }
    door.config = configs::front_door(topology, options, door, &balancers);
    door.upstreams = balancers.into_iter().map(|balancer| balancer.name).collect();
}

fn process(
    topology: &Topology,
    options: &PlanOptions,
    name: String,
    role: Role,
    address: SocketAddr,
) -> PlannedProcess {
    let command = match role {
        Role::Server => "serve",
        Role::Balancer | Role::FrontDoor => "balancer",
        Role::Etcd | Role::Database => "guard",
    };
    let config_file = options.data_folder.config_file(&name).display().to_string();
    PlannedProcess {
        arguments: vec![command.to_owned(), "--config".to_owned(), config_file],
        name,
        role,
        region: None,
        zone: None,
        address,
        certificate: None,
        upstreams: Vec::new(),
        ready_path: topology.application.ready_path.clone(),
        config: Value::Null,
    }
}

/// Hands out ports in the order front door, then each region's balancer and its servers.
enum PortSource {
    Shifted { wish: u16, by: i32 },
    Given(std::vec::IntoIter<u16>, usize),
}

impl PortSource {
    fn try_new(topology: &Topology, ports: &Ports) -> Result<Self, PlanError> {
        let written = topology.front_door.local_port;
        match ports {
            Ports::AsWritten => Ok(Self::Shifted { wish: written, by: 0 }),
            Ports::From(wish) => {
                Ok(Self::Shifted { wish: *wish, by: i32::from(*wish) - i32::from(written) })
            }
            Ports::These(given) => {
                let needed = topology.local_process_count();
                if given.len() < needed {
                    return Err(PlanError::TooFewPorts { needed, given: given.len() });
                }
                Ok(Self::Given(given.clone().into_iter(), given.len()))
            }
        }
    }

    fn next(&mut self, name: &str, written: u16) -> Result<SocketAddr, PlanError> {
        let port = match self {
            Self::Shifted { wish, by } => {
                let port = i32::from(written) + *by;
                u16::try_from(port).ok().filter(|port| *port >= 1024).ok_or_else(|| {
                    PlanError::PortOutOfRange { wish: *wish, name: name.to_owned(), port }
                })?
            }
            Self::Given(rest, given) => {
                rest.next().ok_or(PlanError::TooFewPorts { needed: *given + 1, given: *given })?
            }
        };
        Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }
}
