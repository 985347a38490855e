//! What every long-running role shares: the log on stderr, the signals, and leaving when the
//! supervisor has died.

use std::ffi::{CString, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
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

/// Ours at `info`; refinery reports each start.
const LOG_DEFAULT: &str = "info,refinery_core=warn,refinery=warn";

/// Logs as JSON lines on stderr; `BALLAST_LOG` sets the levels.
pub(crate) fn log_to_stderr() {
    let filter =
        EnvFilter::try_from_env("BALLAST_LOG").unwrap_or_else(|_| EnvFilter::new(LOG_DEFAULT));
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// What the allocator is told. It returns freed memory at once, where it would keep the 19 MiB of a
/// password hash (measured: 45 MiB at rest instead of 21); and it gets no huge pages, of which one
/// used byte costs 2 MiB (measured: a balancer 9.6 MiB at rest instead of 4.5, and 41 at 512
/// connections instead of 28, at the same speed).
const ALLOCATOR: [(&str, &str); 2] = [("MIMALLOC_PURGE_DELAY", "0"), ("MIMALLOC_ALLOW_THP", "0")];

/// Starts this program over, in the same process, with an allocator that is sparing; the processes
/// it starts inherit that. The allocator reads its settings before `main`. What the environment
/// sets already is kept.
pub(crate) fn be_sparing_with_memory() {
    let unset = ALLOCATOR.iter().filter(|(name, _)| std::env::var_os(name).is_none());
    let settings: Vec<_> =
        unset.map(|(name, value)| OsString::from(format!("{name}={value}"))).collect();
    if settings.is_empty() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let text = |value: OsString| CString::new(value.into_vec());
    let arguments: Result<Vec<_>, _> = std::env::args_os().map(text).collect();
    let assigned = std::env::vars_os().map(|(mut name, value)| {
        name.push("=");
        name.push(value);
        name
    });
    let environment: Result<Vec<_>, _> = assigned.chain(settings).map(text).collect();
    if let (Ok(program), Ok(arguments), Ok(environment)) =
        (text(program.into_os_string()), arguments, environment)
    {
        // If it fails the bank runs all the same, with more memory.
        let _ = nix::unistd::execve(&program, &arguments, &environment);
    }
}

/// Leaves at once when stdin ends: the supervisor holds its other end and has died.
pub(crate) fn exit_with_parent() {
    thread::spawn(|| {
        let mut rest = [0; 64];
        while matches!(std::io::stdin().read(&mut rest), Ok(1..)) {}
        std::process::exit(0);
    });
}
