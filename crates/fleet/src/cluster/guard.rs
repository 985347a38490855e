//! The process between the supervisor and a foreign program: ends everything that the program has
//! started when the program leaves, or when the supervisor does.
//!
//! Guarantees: orphans of the program are adopted (`PR_SET_CHILD_SUBREAPER`, prctl(2)), so none
//! gets away; the guard leaves only when the last one is gone.
//!
//! Not guaranteed: a guard that is itself killed by a stranger leaves its program behind.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use super::family;
use super::programs::Owner;

/// How often the last ones are looked for after they were killed.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a guard runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardConfig {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// As whom, if not as the guard's user.
    pub owner: Option<Owner>,
}

/// Runs the program until it leaves, SIGTERM has ended it, or standard input ends; returns its exit
/// code, 0 when it was told to leave.
///
/// # Errors
/// When the configuration cannot be read or the program not be started.
pub async fn run(config: &Path) -> io::Result<u8> {
    let config: GuardConfig = serde_json::from_slice(&fs::read(config)?)?;
    nix::sys::prctl::set_child_subreaper(true)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut children = signal(SignalKind::child())?;
    let program = start(&config)?;
    let mut lifeline = tokio::io::stdin();
    let mut rest = [0; 16];
    let mut is_told = false;
    let code = loop {
        tokio::select! {
            _ = terminate.recv() => {
                is_told = true;
                // It may have left a moment ago.
                let _ = kill(program, Signal::SIGTERM);
            }
            _ = children.recv() => {
                if let Some(code) = reap(program) {
                    break if is_told { 0 } else { code };
                }
            }
            read = lifeline.read(&mut rest) => if !matches!(read, Ok(1..)) { break 0 },
        }
    };
    while !family::Family::look().descendants(std::process::id()).is_empty() {
        family::signal_descendants(std::process::id(), Signal::SIGKILL);
        reap(program);
        sleep(LOOK_EVERY).await;
    }
    Ok(code)
}

fn start(config: &GuardConfig) -> io::Result<Pid> {
    // Both of its outputs go to the log, which is the guard's standard error.
    let log = || io::stderr().as_fd().try_clone_to_owned().map(Stdio::from);
    let mut command = Command::new(&config.program);
    command.args(&config.arguments).current_dir(&config.folder).stdin(Stdio::null());
    command.stdout(log()?).stderr(log()?);
    // What the caller's environment says about databases is not meant for this one.
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LC_ALL", "C.UTF-8");
    if let Some(Owner { uid, gid }) = config.owner {
        command.uid(uid).gid(gid);
    }
    let child = command.spawn().map_err(|source| {
        io::Error::new(source.kind(), format!("{}: {source}", config.program.display()))
    })?;
    i32::try_from(child.id()).map(Pid::from_raw).map_err(io::Error::other)
}

/// Takes note of everybody who has left; says how the program did, if it was among them: its exit
/// code, and 255 for a signal.
fn reap(program: Pid) -> Option<u8> {
    let mut left = None;
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        match status {
            WaitStatus::Exited(pid, code) if pid == program => {
                left = Some(u8::try_from(code).unwrap_or(u8::MAX));
            }
            WaitStatus::Signaled(pid, ..) if pid == program => left = Some(u8::MAX),
            WaitStatus::StillAlive => break,
            _ => {}
        }
    }
    left
}
