//! How commands talk to the supervisor: a Unix socket in the data folder, one JSON line a request,
//! one JSON line an answer.
//!
//! Guarantees: only the owner of the data folder can connect (mode 0600 in a folder of 0700); the
//! answer to `down` comes after the last process is gone and the data folder is free again;
//! requests and answers are bounded in size and time.
//!
//! Deliberately not here: stopping things (`supervisor`). Faults and rolling replacement will be
//! further requests; a program that does not know a request refuses it with a sentence.

mod client;
pub(crate) mod server;
pub(crate) mod socket;

use serde::{Deserialize, Serialize};

pub use client::{Client, ControlError, Status};

use crate::process::Process;

/// What a command asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Request {
    /// Show every process.
    Ps,
    /// Stop everything; the answer comes when it is done.
    Down,
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
    /// The request was not understood or cannot be done.
    Refused {
        /// Why, as a sentence without a full stop.
        reason: String,
    },
}
