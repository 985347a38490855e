//! How commands talk to the supervisor: a Unix socket in the data folder, one JSON line a request,
//! one JSON line an answer.
//!
//! Guarantees: only the owner of the data folder can connect (mode 0600 in a folder of 0700); the
//! answer to `down` comes after the last process is gone and the data folder is free again;
//! requests and answers are bounded in size and time.
//!
//! Deliberately not here: doing what is asked (`supervisor`). A supervisor that does not know a
//! request refuses it with a sentence.

mod client;
pub(crate) mod server;
pub(crate) mod socket;

use serde::{Deserialize, Serialize};

pub use client::{Client, ControlError, Status};

use crate::cluster::traffic::Traffic;
use crate::fault::{Fault, FaultReport};
use crate::process::Process;
use crate::roll::{RollRequest, RollStep, RollSummary};

/// What a command asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Request {
    /// Show every process.
    Ps,
    /// Stop everything; the answer comes when it is done.
    Down,
    /// Begin a fault; the answer comes when it is so.
    Fault {
        /// Which.
        fault: Fault,
        /// A process, a zone or a region.
        target: String,
        /// How long, if it shall end by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_ms: Option<u64>,
    },
    /// End faults.
    Heal {
        /// Of whom; of everybody when there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
    },
    /// Replace processes one by one. Each step is answered, and then the whole. The end of the
    /// request's stream asks it to finish the process at hand and stop.
    Roll(RollRequest),
    /// Make another node of the database's cluster the primary; the answer comes when it is.
    Switchover {
        /// Which; another one of the same region when none is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    },
    /// Say what has passed between the processes of the database's cluster and those who ask it.
    Traffic,
}

/// A planned change of the primary that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switchover {
    /// The primary before.
    pub from: String,
    /// The primary now.
    pub to: String,
    /// Its timeline.
    pub timeline: u64,
    /// From the order to the first answer of the new primary that it is one.
    pub took_ms: u64,
}

/// What the supervisor answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Response {
    /// Every process, in start order.
    Processes {
        /// Process id of the supervisor.
        supervisor: u32,
        /// The one address to open.
        url: String,
        /// The rows.
        processes: Vec<Process>,
    },
    /// Everything is stopped.
    Stopped,
    /// A fault began or ended.
    Done {
        /// What was done.
        report: FaultReport,
    },
    /// A roll has come this far.
    Rolling {
        /// The step.
        #[serde(flatten)]
        step: RollStep,
    },
    /// A roll is over.
    Rolled {
        /// What became of it.
        summary: RollSummary,
    },
    /// Another node is primary.
    Switched {
        /// Which, and how long it took.
        #[serde(flatten)]
        done: Switchover,
    },
    /// What has passed.
    Passed {
        /// Since the start.
        traffic: Traffic,
    },
    /// The request was not understood or cannot be done.
    Refused {
        /// Why, as a sentence without a full stop.
        reason: String,
    },
}
