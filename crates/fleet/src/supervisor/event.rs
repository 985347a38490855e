//! What a supervisor tells while it works.
//!
//! Guarantees: each change of a process's life is told once, in its order for that process.
//!
//! Deliberately not here: words for people; the binary prints.

use std::time::Duration;

/// Something happened to a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The process.
    pub name: String,
    /// What happened.
    pub kind: EventKind,
}

/// What happened to a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// It was started for the first time.
    Started {
        /// Its process id.
        pid: u32,
    },
    /// It answered that it is ready.
    Ready {
        /// Time since it was started.
        after: Duration,
    },
    /// It left without being told to.
    Died {
        /// How, in words: `exit status 1`, `killed by SIGKILL`.
        how: String,
        /// When it will be started again; a fault may keep it down.
        restart_in: Option<Duration>,
    },
    /// It died again and again without doing its work.
    CrashLooping {
        /// Deaths in a row.
        deaths: u32,
        /// The last lines of its log.
        log_tail: Vec<String>,
    },
    /// It was started again.
    Restarted {
        /// Its process id.
        pid: u32,
        /// How often by now.
        restarts: u32,
    },
    /// A new process has taken its place, as was asked for.
    Replaced {
        /// The new process id.
        pid: u32,
    },
    /// It was told to leave, and left.
    Stopped,
}
