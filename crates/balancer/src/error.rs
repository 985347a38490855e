//! Why a balancer could not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a balancer could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on; usually something else does.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address of the configuration.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file of the access log cannot be opened.
    #[error("cannot open the access log {}", path.display())]
    AccessLog {
        /// The path of the configuration.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The control socket cannot be made.
    #[error("cannot listen on the control socket {}", path.display())]
    ControlSocket {
        /// The path of the configuration.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file of the certificate cannot be used.
    #[error("`{field}` {}: {problem}", path.display())]
    Tls {
        /// The field of the configuration.
        field: &'static str,
        /// Its value.
        path: PathBuf,
        /// What is wrong with the file.
        problem: String,
    },
    /// The running process cannot be replaced; it goes on.
    #[error("cannot take over: {problem}; the running process goes on")]
    TakeOver {
        /// What is in the way.
        problem: String,
    },
    /// The system refused threads, timers or signals.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
}
