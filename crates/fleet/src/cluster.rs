//! The replicated database on one machine: etcd in three places, PostgreSQL under Patroni in every
//! zone, and the distances between them.
//!
//! Guarantees
//! - A commit is acknowledged as the [`Durability`] says, by PostgreSQL itself.
//! - Programs that are missing or too old are named before anything is started.
//! - Every connection between two of these processes goes through `network`, which delays what
//!   crosses a region and can cut a place off.
//! - Secrets and keys lie in files of their reader only, and on no command line.
//! - The processes are ended by a guard of their own (`guard`), whatever they have forked.
//!
//! Deliberately not here: failing over. Patroni decides who is primary, etcd remembers it.

pub mod access;
pub mod caller;
pub mod certificates;
pub mod configs;
pub mod error;
pub mod family;
pub mod files;
pub mod guard;
pub(crate) mod leadership;
pub mod network;
pub mod programs;
pub mod provision;
pub mod secrets;
pub mod traffic;
pub mod view;
pub(crate) mod watch;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

pub use error::ClusterError;
pub use programs::Programs;

use crate::data_folder::DataFolder;
use crate::plan::server_name;
use crate::topology::Topology;

/// Where the third etcd member votes. It holds no customer's data.
pub const WITNESS: &str = "witness";

/// Patroni's name of the cluster, and the first part of its keys in etcd.
pub const SCOPE: &str = "ballast";

/// Where acknowledged commits are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// On the primary and its neighbour in the same region; other regions follow. The loss of a
    /// region can lose acknowledged commits.
    Zone,
    /// In two regions: on the primary and on two of the standbys, of which one is elsewhere.
    Region,
}

/// What a cluster depends on besides the topology.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Where acknowledged commits are.
    pub durability: Durability,
    /// One way between two regions.
    pub distance: Duration,
    /// What it runs.
    pub programs: Programs,
}

/// Everything that the supervisor needs to know about the cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// What it depends on.
    pub options: ClusterOptions,
    /// The members of etcd.
    pub voters: Vec<Voter>,
    /// The nodes: PostgreSQL and its agent.
    pub nodes: Vec<Node>,
    /// The ways of servers to nodes.
    pub ways: Vec<Way>,
    /// Where its files are.
    pub folder: PathBuf,
}

/// The way of one server to one node: a relay that need not find out who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The server, as in `applicationServer01-east`.
    pub server: String,
    /// The node.
    pub node: String,
    /// Where the node's PostgreSQL listens.
    pub target: SocketAddr,
    /// Where the server connects.
    pub link: SocketAddr,
}

/// A member of etcd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voter {
    /// As in `etcd-east`.
    pub name: String,
    /// Its region, or [`WITNESS`].
    pub region: String,
    /// For agents.
    pub client: Endpoint,
    /// For the other members.
    pub peer: Endpoint,
    /// Health and metrics, without TLS and without secrets.
    pub metrics: SocketAddr,
}

/// PostgreSQL and its agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// As in `database01-east`.
    pub name: String,
    /// Its region.
    pub region: String,
    /// Its zone.
    pub zone: String,
    /// PostgreSQL.
    pub postgres: Endpoint,
    /// The agent's REST interface.
    pub agent: Endpoint,
}

/// One listening socket, and the way to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// Where the process listens.
    pub listen: SocketAddr,
    /// Where everybody else connects: a relay of `network` that leads there.
    pub link: SocketAddr,
}

impl Durability {
    /// The word that people read and write.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::Region => "region",
        }
    }
}

impl Cluster {
    /// How many ports the cluster of a topology takes.
    fn port_count(topology: &Topology) -> usize {
        let zones: usize = topology.regions.iter().map(|region| region.zones.len()).sum();
        // Voters: client and peer with a link each, and metrics. Nodes: PostgreSQL and agent.
        // Servers, one in each zone: a way to each node.
        (topology.regions.len() + 1) * 5 + zones * 4 + zones * zones
    }

    /// Says what runs where.
    ///
    /// # Errors
    /// [`ClusterError::Ports`] when there are too few.
    pub fn try_new(
        topology: &Topology,
        folder: &DataFolder,
        options: ClusterOptions,
        ports: &[u16],
    ) -> Result<Self, ClusterError> {
        let mut ports = ports.iter().copied();
        let mut address = || match ports.next() {
            Some(port) => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            None => Err(ClusterError::Ports { needed: Self::port_count(topology) }),
        };
        let mut endpoint =
            || Ok::<_, ClusterError>(Endpoint { listen: address()?, link: address()? });
        let keys = topology.regions.iter().map(|region| region.key.as_str());
        let mut voters = Vec::new();
        for region in keys.chain([WITNESS]) {
            let (client, peer) = (endpoint()?, endpoint()?);
            voters.push((region.to_owned(), client, peer));
        }
        let mut nodes = Vec::new();
        for region in &topology.regions {
            for (zone, number) in region.zones.iter().zip(1_u32..) {
                let (postgres, agent) = (endpoint()?, endpoint()?);
                nodes.push(Node {
                    name: format!("database{number:02}-{}", region.key),
                    region: region.key.clone(),
                    zone: zone.name.clone(),
                    postgres,
                    agent,
                });
            }
        }
        let mut ways = Vec::new();
        for region in &topology.regions {
            for (_, number) in region.zones.iter().zip(1_u32..) {
                let server = server_name(number, &region.key);
                for node in &nodes {
                    let (node, target) = (node.name.clone(), node.postgres.listen);
                    ways.push(Way { server: server.clone(), node, target, link: address()? });
                }
            }
        }
        let voter = |(region, client, peer)| {
            Ok(Voter { name: format!("etcd-{region}"), region, client, peer, metrics: address()? })
        };
        let voters = voters.into_iter().map(voter).collect::<Result<_, ClusterError>>()?;
        Ok(Self { options, voters, nodes, ways, folder: folder.cluster_folder() })
    }

    /// The folder of one process.
    #[must_use]
    pub fn home(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The certificate of the authority that signed everybody's.
    #[must_use]
    pub fn authority_file(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// Everything that listens, and whose it is.
    pub fn endpoints(&self) -> impl Iterator<Item = (&str, Endpoint)> {
        let voters = self.voters.iter();
        let voters = voters.flat_map(|it| [(&*it.name, it.client), (&*it.name, it.peer)]);
        let nodes = self.nodes.iter();
        voters.chain(nodes.flat_map(|it| [(&*it.name, it.postgres), (&*it.name, it.agent)]))
    }

    /// Everybody's name and region.
    pub fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        let voters = self.voters.iter().map(|it| (&*it.name, &*it.region));
        voters.chain(self.nodes.iter().map(|it| (&*it.name, &*it.region)))
    }

    /// Where the clients of a region find the primary: every node, theirs first. Without password.
    #[must_use]
    pub fn writer_url(&self, region: &str, user: &str) -> String {
        let near = self.nodes.iter().filter(|node| node.region == region);
        let far = self.nodes.iter().filter(|node| node.region != region);
        let hosts = near.chain(far).map(|node| node.postgres.link);
        self.url(&format!("{user}@"), hosts, "read-write")
    }

    /// Where a server finds the primary: every node, those of its region first.
    #[must_use]
    pub fn server_url(&self, server: &str, region: &str) -> String {
        let is_near = |way: &&Way| {
            self.nodes.iter().any(|node| node.name == way.node && node.region == region)
        };
        let ways = || self.ways.iter().filter(|way| way.server == server);
        let hosts = ways().filter(is_near).chain(ways().filter(|way| !is_near(way)));
        let user = format!("{}@", access::SERVER_ROLE);
        self.url(&user, hosts.map(|way| way.link), "read-write")
    }

    /// Where a server finds copies near it: the node of its zone, then those of its region.
    #[must_use]
    pub fn server_reader_url(&self, server: &str, region: &str, zone: &str) -> String {
        let near = self.nodes.iter().filter(|node| node.region == region);
        let (own, others): (Vec<_>, Vec<_>) = near.partition(|node| node.zone == zone);
        let way = |node: &Node| {
            self.ways.iter().find(|way| way.server == server && way.node == node.name)
        };
        let hosts = own.into_iter().chain(others).filter_map(way).map(|way| way.link);
        self.url(&format!("{}@", access::SERVER_ROLE), hosts, "any")
    }

    /// Where people and libpq's programs find the primary: past the relays. Behind one a dead node
    /// takes the connection and closes it, and libpq tries the next host only when none was made.
    #[must_use]
    pub fn direct_url(&self) -> String {
        self.url("", self.nodes.iter().map(|node| node.postgres.listen), "read-write")
    }

    /// Where the clients of a region find a copy near them.
    #[must_use]
    pub fn reader_url(&self, region: &str) -> String {
        let near = self.nodes.iter().filter(|node| node.region == region);
        let user = format!("{}@", access::SERVER_ROLE);
        self.url(&user, near.map(|node| node.postgres.link), "any")
    }

    /// Where one node is, whatever its role.
    #[must_use]
    pub fn node_url(&self, node: &Node) -> String {
        let user = format!("{}@", access::SERVER_ROLE);
        self.url(&user, [node.postgres.link].into_iter(), "any")
    }

    fn url(&self, user: &str, hosts: impl Iterator<Item = SocketAddr>, session: &str) -> String {
        let hosts: Vec<String> = hosts.map(|host| host.to_string()).collect();
        format!(
            "postgresql://{user}{}/bank?target_session_attrs={session}&sslmode=verify-full\
             &sslrootcert={}",
            hosts.join(","),
            self.authority_file().display()
        )
    }
}
