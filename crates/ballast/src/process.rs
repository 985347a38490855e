//! What every long-running role shares: the log on stderr, the signals, and leaving when the
//! supervisor has died.

use std::io::Read;
use std::path::Path;
use std::thread;

use anyhow::Context;
use serde::de::DeserializeOwned;
use tracing_subscriber::EnvFilter;

/// Reads a role's configuration file.
pub(crate) fn read_config<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("could not read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not valid", path.display()))
}

/// Ours at `info`; Pingora reports each client that hangs up as an error, and refinery each start.
const LOG_DEFAULT: &str =
    "info,pingora_core=off,pingora_proxy=off,refinery_core=warn,refinery=warn";

/// Logs as JSON lines on stderr; `BALLAST_LOG` sets the levels.
pub(crate) fn log_to_stderr() {
    let filter =
        EnvFilter::try_from_env("BALLAST_LOG").unwrap_or_else(|_| EnvFilter::new(LOG_DEFAULT));
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// Leaves at once when stdin ends: the supervisor holds its other end and has died.
pub(crate) fn exit_with_parent() {
    thread::spawn(|| {
        let mut rest = [0; 64];
        while matches!(std::io::stdin().read(&mut rest), Ok(1..)) {}
        std::process::exit(0);
    });
}
