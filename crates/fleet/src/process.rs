//! One process of the deployment as `ballast ps` shows it.
//!
//! Guarantees: the JSON form is the one of the control socket and of `deployment.json`.
//!
//! Deliberately not here: the process itself; only its keeper in `supervisor` holds that.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cluster::view::Member;
use crate::fault::ActiveFault;

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Serves the bank.
    Server,
    /// Spreads the requests of one region over its servers.
    Balancer,
    /// Chooses between regions.
    FrontDoor,
    /// Remembers who is the primary database.
    Etcd,
    /// PostgreSQL and its agent.
    Database,
}

/// Where a process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not ready yet.
    Starting,
    /// It has answered that it is ready.
    Running,
    /// It died; the next start is a moment away.
    Restarting,
    /// It died again and again without doing its work; it is still tried, slowly.
    CrashLooping,
    /// A fault keeps it down.
    Down,
    /// It was told to leave, and left.
    Stopped,
}

/// A row of `ballast ps`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// As in `applicationServer01-east`, `ALB-east`, `front-door`.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Its region; the front door has none.
    pub region: Option<String>,
    /// Its zone; only servers have one.
    pub zone: Option<String>,
    /// Where it listens.
    pub address: SocketAddr,
    /// The certificate it shows, where it speaks TLS: a client has to trust it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// Its process id while it lives.
    pub pid: Option<u32>,
    /// Where it is in its life.
    pub state: State,
    /// How often it was started again.
    pub restarts: u32,
    /// When the present process was started: RFC 3339, UTC, milliseconds.
    pub started_at: Option<String>,
    /// The faults that have not ended.
    #[serde(default)]
    pub faults: Vec<ActiveFault>,
    /// What the balancer before it says of it. Only `ps` asks; `null` in `deployment.json`, and
    /// when that balancer does not answer.
    #[serde(default)]
    pub rotation: Option<Rotation>,
    /// What a member of the database's cluster says of itself. Only `ps` asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Member>,
}

impl Process {
    /// One that has not been started; of no region.
    pub(crate) fn new(name: String, role: Role, address: SocketAddr) -> Self {
        Self {
            name,
            role,
            region: None,
            zone: None,
            address,
            certificate: None,
            pid: None,
            state: State::Starting,
            restarts: 0,
            started_at: None,
            faults: Vec::new(),
            rotation: None,
            member: None,
        }
    }
}

/// A process as the balancer before it sees it; the front door has none before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// The balancer or front door that says so.
    pub balancer: String,
    /// Whether it sends requests there.
    pub in_use: bool,
    /// Its word for that: `healthy`, `slow_start`, `new`, `ejected`, `unhealthy`, `draining`.
    pub state: String,
    /// Why; empty when there is nothing to explain.
    pub why: String,
    /// Requests of this balancer in flight there.
    pub outstanding: u32,
}

impl Role {
    /// Whether it belongs to the database's cluster; then it runs behind a guard, and no balancer
    /// stands before it.
    #[must_use]
    pub fn is_of_cluster(self) -> bool {
        matches!(self, Self::Etcd | Self::Database)
    }

    /// The word that people read.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Balancer => "balancer",
            Self::FrontDoor => "front door",
            Self::Etcd => "etcd",
            Self::Database => "database",
        }
    }
}

impl State {
    /// The word that people read.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::CrashLooping => "crash looping",
            Self::Down => "down",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}
