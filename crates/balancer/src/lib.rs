//! The load balancer of a region, and the front door between regions: one program, two roles.
//!
//! [`policy`] decides (pure, with time passed in); hyper speaks HTTP to clients and servers. The
//! wall of this crate: it knows HTTP but not the bank, so it cannot understand what it carries and
//! cannot cheat. Not here: starting and stopping processes, arguments, log output.
//!
//! [`run`] is a whole process; [`Balancer`] is the same inside a runtime, for tests and drills.

pub mod config;
pub mod policy;

mod access_log;
mod check;
mod client;
mod connection;
mod control;
mod error;
mod handover;
mod history;
mod metrics;
mod proxy;
mod reason;
mod run;
mod serve;
mod shared;
mod stats;
mod status;
mod tls;
mod upstream;

pub use config::{Config, ConfigError, TlsFiles};
pub use error::Error;
pub use run::{Start, run};
pub use serve::Balancer;
pub use tls::self_signed::self_signed;
