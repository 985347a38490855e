//! Why there is no cluster.

use std::io;
use std::path::PathBuf;

/// Why the cluster cannot be set up or asked.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// A program is missing.
    #[error("{program} is missing ({looked}); {remedy}")]
    Missing {
        /// Its name, with the version that is needed.
        program: &'static str,
        /// Where it was looked for.
        looked: String,
        /// What installs it.
        remedy: &'static str,
    },
    /// A program is there in a version that is not used.
    #[error("{} is version {found}, and {needed}", path.display())]
    TooOld {
        /// The program.
        path: PathBuf,
        /// What it said.
        found: String,
        /// The rule and its reason.
        needed: &'static str,
    },
    /// A program is there and does not run.
    #[error("{} does not say its version", path.display())]
    Mute {
        /// The program.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// PostgreSQL refuses to run as root, and there is nobody else to run as.
    #[error(
        "PostgreSQL does not run as root, and there is no user `postgres`; \
         install Debian's postgresql package, or run as another user"
    )]
    NoUser,
    /// The user that runs PostgreSQL cannot get at something.
    #[error(
        "the user `postgres`, as whom PostgreSQL runs when you are root, cannot enter {}; {remedy}",
        closed.display()
    )]
    Closed {
        /// The first folder on the way that is closed.
        closed: PathBuf,
        /// What to do.
        remedy: &'static str,
    },
    /// There are fewer ports than sockets.
    #[error("the cluster needs {needed} ports")]
    Ports {
        /// How many.
        needed: usize,
    },
    /// A file cannot be read or written.
    #[error("could not use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No certificate could be made.
    #[error("could not make a certificate")]
    Certificate(#[source] rcgen::Error),
    /// The relays could not be opened.
    #[error("could not open the link {address}")]
    Link {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The roles and the database could not be made.
    #[error("could not make the roles and the database: {0}")]
    Provision(String),
}

impl ClusterError {
    /// Adds the path to what the system said.
    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}
