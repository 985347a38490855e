//! Rolling replacement as commands and the control socket say it.
//!
//! Guarantees: the JSON form is the one of the control socket.
//!
//! Deliberately not here: doing it (`supervisor`).

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What to replace, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollRequest {
    /// Only these; both when there is none.
    #[serde(default)]
    pub only: Option<RollOnly>,
    /// Processes, zones and regions; everything when it is empty.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Pause after a new server is in use, before the next process is replaced, in milliseconds.
    pub warm_up_ms: u64,
    /// Roll although faults are active.
    #[serde(default)]
    pub is_forced: bool,
}

/// A part of the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollOnly {
    /// The servers.
    Servers,
    /// The balancers and the front door.
    Balancers,
}

/// Something that happened on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollStep {
    /// To which process.
    pub process: String,
    /// What.
    #[serde(flatten)]
    pub stage: RollStage,
    /// When: RFC 3339, UTC, microseconds.
    pub at: String,
}

/// What happened to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum RollStage {
    /// Its balancer sends it nothing new.
    Draining,
    /// What it had is finished, but for this many requests that took too long.
    Drained {
        /// Requests still in flight.
        outstanding: u32,
    },
    /// The new process is ready.
    Ready {
        /// Its process id.
        pid: u32,
    },
    /// Its balancer uses it.
    InUse,
    /// A second process is started to take over.
    TakingOver,
}

/// What became of a roll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollSummary {
    /// The processes that were replaced, in order.
    pub replaced: Vec<String>,
    /// Those that were to be replaced and were not.
    pub left: Vec<String>,
    /// Why it stopped halfway, if it did.
    pub stopped: Option<String>,
    /// How long it took.
    pub took_ms: u64,
}

impl Default for RollRequest {
    fn default() -> Self {
        Self { only: None, targets: Vec::new(), warm_up_ms: WARM_UP_MS, is_forced: false }
    }
}

/// On one machine a new server is warm in no time; in AWS the topology says how long it takes.
pub const WARM_UP_MS: u64 = 500;

/// The pause is for people who watch; longer than this is another roll.
pub const WARM_UP_MAX: Duration = Duration::from_secs(600);
