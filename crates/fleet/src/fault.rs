//! Faults as commands, the control socket and `ballast ps` say them.
//!
//! Guarantees: the JSON form is the one of the control socket and of `deployment.json`.
//!
//! Deliberately not here: doing them (`supervisor`).

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What can be done to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// SIGKILL.
    Kill {
        /// Not started again until it is healed. Otherwise the fault is over with the death.
        stay_down: bool,
    },
    /// SIGSTOP until it is healed or dies.
    Freeze,
    /// Its answers come later.
    Slow {
        /// By this many milliseconds.
        by_ms: u64,
    },
    /// The balancers before it send it no new requests.
    Drain,
    /// A partition: what is sent to it, and what it sends, waits.
    Isolate,
}

/// A part of a database node, as in `database01-east/postgres`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// PostgreSQL with all of its processes.
    Postgres,
    /// What decides for it: Patroni.
    Agent,
}

/// A fault that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveFault {
    /// Which.
    #[serde(flatten)]
    pub fault: Fault,
    /// Of what, if not of the whole process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// Since when: RFC 3339, UTC, microseconds.
    pub since: String,
    /// When it ends by itself, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// What a fault or a healing did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FaultReport {
    /// In the order in which it was done.
    pub actions: Vec<Action>,
    /// The processes of the target to which it could not be done.
    pub skipped: Vec<Skipped>,
}

/// One thing that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// To which process, or to which part of it, as in `database01-east/agent`.
    pub process: String,
    /// What.
    pub what: ActionKind,
    /// The balancer that was told; none for what the supervisor does itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balancer: Option<String>,
    /// When the signal was sent or the balancer confirmed the order: RFC 3339, UTC, microseconds.
    pub at: String,
    /// Why a balancer has not confirmed; it is told again until it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed: Option<String>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// SIGKILL was sent.
    Killed,
    /// SIGSTOP was sent.
    Frozen,
    /// SIGCONT was sent.
    Thawed,
    /// It is started again.
    Started,
    /// A balancer sends it nothing new.
    Drained,
    /// A balancer may send it requests again.
    Undrained,
    /// A balancer reaches it through a link.
    ThroughLink,
    /// A balancer reaches it directly again.
    Direct,
    /// The link in front of it delays its answers.
    Slowed,
    /// The link in front of it delays no more.
    Unslowed,
    /// The link in front of it lets nothing through.
    Held,
    /// The link in front of it lets everything through again.
    Released,
}

/// A process to which nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Which.
    pub process: String,
    /// Why not, as the end of a sentence that begins with its name.
    pub why: String,
}

impl Fault {
    /// Whether these two are the same but for their numbers.
    #[must_use]
    pub fn is_same_kind(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl Part {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Postgres, Self::Agent];

    /// The word behind the slash.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Agent => "agent",
        }
    }
}

impl ActionKind {
    /// The words that people read, to be put behind a name.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Killed => "killed (SIGKILL)",
            Self::Frozen => "frozen (SIGSTOP)",
            Self::Thawed => "thawed (SIGCONT)",
            Self::Started => "started again",
            Self::Drained => "gets no new requests",
            Self::Undrained => "gets requests again",
            Self::ThroughLink => "reached through a link",
            Self::Direct => "reached directly again",
            Self::Slowed => "slow: its answers are delayed",
            Self::Unslowed => "no longer slow",
            Self::Held => "isolated: nothing passes",
            Self::Released => "no longer isolated",
        }
    }
}

impl fmt::Display for ActiveFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            Some(part) => write!(formatter, "{} {}", part.name(), self.fault),
            None => self.fault.fmt(formatter),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { .. } => formatter.write_str("kept down"),
            Self::Freeze => formatter.write_str("frozen"),
            Self::Slow { by_ms } => {
                write!(formatter, "slow by {:?}", Duration::from_millis(*by_ms))
            }
            Self::Drain => formatter.write_str("draining"),
            Self::Isolate => formatter.write_str("isolated"),
        }
    }
}
