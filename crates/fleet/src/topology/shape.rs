//! The fields of `topology.json`, as they are written.
//!
//! Guarantees: nothing beyond types; unknown and missing fields are errors. `topology.schema.json`
//! says the same for editors, and a test holds the two together.
//!
//! Deliberately not here: the rules between fields (`rules`).

use std::fmt;

use serde::{Deserialize, Serialize};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Where the schema is; for editors only.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
    /// First part of every resource name in AWS.
    pub project: String,
    /// The application servers.
    pub application: Application,
    /// The balancers' checks of the servers.
    pub health_check: HealthCheck,
    /// How long a leaving process may finish what it has.
    pub drain_seconds: u32,
    /// The program before the regions.
    pub front_door: FrontDoor,
    /// The regions, in the order in which they are shown.
    pub regions: Vec<Region>,
    /// How a new version replaces the old one.
    pub rollout: Rollout,
    /// The database in AWS.
    pub database: Database,
    /// Delay one way between two regions in cluster mode, in milliseconds.
    pub link_ms: u32,
}

/// The application servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Their port in AWS.
    pub port: u16,
    /// Path of the liveness check.
    pub live_path: String,
    /// Path of the readiness check.
    pub ready_path: String,
}

/// The balancers' checks of the servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// Time between two checks.
    pub interval_seconds: u32,
    /// Hard limit of one check.
    pub timeout_seconds: u32,
    /// Passes in a row that make a server healthy.
    pub healthy_threshold: u32,
    /// Failures in a row that make a server unhealthy.
    pub unhealthy_threshold: u32,
}

/// The program before the regions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontDoor {
    /// The one address to open.
    pub local_port: u16,
    /// Failed checks in a row after which a region is left.
    pub leave_after_failures: u32,
    /// Time between two checks of a region.
    pub check_interval_seconds: u32,
    /// Health without a break before a region is used again.
    pub return_after_seconds: u32,
}

/// One region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Last part of names: `ALB-east`.
    pub key: String,
    /// Its name in AWS.
    pub aws_region: String,
    /// Whether it holds the primary database.
    pub role: RegionRole,
    /// Its private network.
    pub cidr: String,
    /// Port of its balancer on this machine.
    pub local_port: u16,
    /// Fewest servers in AWS.
    pub servers_min: u32,
    /// Most servers in AWS.
    pub servers_max: u32,
    /// Its zones; on this machine each has one server.
    pub zones: Vec<Zone>,
}

/// Whether a region holds the primary database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionRole {
    /// It does; clients are sent here first.
    Primary,
    /// It follows, and takes over when the primary is lost.
    Standby,
}

/// One zone of a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Its name in AWS: the region and one letter.
    pub name: String,
    /// Port of its server on this machine.
    pub local_port: u16,
}

/// How a new version replaces the old one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// Servers of a region that stay in use while one is replaced.
    pub healthy_minimum: u32,
    /// Time a new server gets before the next one is replaced.
    pub warm_up_seconds: u32,
    /// Time between the regions.
    pub bake_seconds: u32,
    /// Which role is replaced first.
    pub order: Vec<RegionRole>,
}

/// The database in AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Version of PostgreSQL.
    pub engine_version: String,
    /// A standby in a second zone of the primary region.
    pub multi_az: bool,
    /// A replica in the other region.
    pub replica: bool,
    /// How long backups are kept, in days.
    pub backup_days: u32,
    /// Never true: the database has no public address.
    pub public: bool,
}

impl Shape {
    /// How many processes listen on this machine: front door, balancers, servers.
    #[must_use]
    pub fn local_process_count(&self) -> usize {
        1 + self.regions.len() + self.regions.iter().map(|region| region.zones.len()).sum::<usize>()
    }
}

impl fmt::Display for RegionRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Primary => "primary",
            Self::Standby => "standby",
        })
    }
}
