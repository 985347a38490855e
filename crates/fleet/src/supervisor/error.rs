//! Why a deployment did not start.
//!
//! Guarantees: whoever dies or hangs is named, with the end of its log.
//!
//! Deliberately not here: what is known before the start (`claim`).

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cluster::ClusterError;

/// Why a deployment did not become ready.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file could not be written.
    #[error("could not write {}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The control socket could not be opened.
    #[error("could not listen on {}", path.display())]
    NoControl {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database's cluster could not be set up.
    #[error("could not set the database's cluster up")]
    Cluster(#[from] ClusterError),
    /// A process left before it was ready.
    #[error("{name} left before it was ready{}", quote(log, log_tail))]
    Died {
        /// The process.
        name: String,
        /// Its log.
        log: PathBuf,
        /// The last lines of it.
        log_tail: Vec<String>,
    },
    /// A process is not ready in time.
    #[error("{name} was not ready within {} s{}", within.as_secs_f32(), quote(log, log_tail))]
    NotReady {
        /// The process.
        name: String,
        /// The limit.
        within: Duration,
        /// Its log.
        log: PathBuf,
        /// The last lines of it.
        log_tail: Vec<String>,
    },
}

fn quote(log: &Path, lines: &[String]) -> String {
    if lines.is_empty() {
        return format!("; its log {} is empty", log.display());
    }
    let indented: String = lines.iter().map(|line| format!("\n    {line}")).collect();
    format!("; the end of {}:{indented}", log.display())
}
