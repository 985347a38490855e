//! The deployment on one machine: what should run (`topology`, `plan`), what keeps it running
//! (`supervisor`), how other commands talk to it (`control`, `local`).
//!
//! Guarantees: the only crate that starts, stops or kills processes; it signals only processes it
//! started itself, and listens and connects only on loopback addresses and one Unix socket.
//!
//! Deliberately not here: what the processes do. Servers and balancers are the same executable
//! with other arguments; their configuration files are written as plain JSON, so that this crate
//! knows neither the bank nor the balancer.

pub mod cluster;
pub mod control;
pub mod data_folder;
pub mod detach;
pub mod fault;
mod http;
pub mod link;
pub mod local;
pub mod plan;
pub mod process;
pub mod roll;
pub mod supervisor;
pub mod tls;
pub mod topology;
