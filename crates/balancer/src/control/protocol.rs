//! What is said on the control socket: one JSON line a command, one JSON line an answer.
//!
//! Fields that this version does not know are ignored, on both sides, so that a process can be
//! replaced by one of another version.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Longest command in bytes, with its end of line. 4 KiB: the longest real one has about 200.
pub(crate) const COMMAND_BYTES_MAX: u64 = 4 * 1_024;
/// Longest answer in bytes. 64 KiB: the state of 64 servers with long names.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 * 1_024;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub(crate) enum Command {
    /// The server gets no new request and finishes what it has.
    Drain { server: String },
    /// The server is chosen again.
    Undrain { server: String },
    /// The server is now reached at another address.
    Move { server: String, address: SocketAddr },
    /// Give away the listening socket: a new process is about to replace this one.
    TakeOver,
    /// Stop accepting, finish, exit.
    Leave,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(crate) enum Answer {
    /// Done.
    Ok {
        /// With the listening socket: what the commands so far have changed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        servers: Vec<ServerState>,
    },
    /// Nothing was done.
    Refused {
        /// Why, as a sentence.
        reason: String,
    },
}

/// What commands have made of a server, for the process that takes over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerState {
    /// The name in the configuration.
    pub(crate) name: String,
    /// Where it is reached, when a command moved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) moved_to: Option<SocketAddr>,
    /// It gets no new request.
    #[serde(default)]
    pub(crate) draining: bool,
}

impl Answer {
    pub(crate) const DONE: Self = Self::Ok { servers: Vec::new() };

    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }

    pub(crate) fn line(&self) -> Vec<u8> {
        // Strings, booleans and addresses always become JSON.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

impl Command {
    pub(crate) fn line(&self) -> Vec<u8> {
        // As above.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}
