//! Running the supervisor without a terminal, for `ballast up --detach`.
//!
//! Guarantees: the detached process is in a session of its own, so closing the terminal does not
//! reach it; what it prints until it is ready comes back to the caller, what it prints later goes
//! to a file.
//!
//! Deliberately not here: deciding that it is ready; the control socket answers then.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, dup2_stderr, dup2_stdout, setsid};
use tokio::io::{AsyncRead, AsyncWrite, copy};
use tokio::process::{Child, Command};

/// A supervisor that was started by this process and will outlive it.
#[derive(Debug)]
pub struct Detached {
    child: Child,
}

impl Detached {
    /// Starts `executable` with these arguments. It has to call [`leave_terminal`] first of all.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(executable: &Path, arguments: Vec<OsString>) -> io::Result<Self> {
        let child = Command::new(executable)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        Ok(Self { child })
    }

    /// Its process id, unless it has been waited for.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Forwards what it prints until it hands its output over or dies.
    ///
    /// # Errors
    /// When reading or writing fails.
    pub async fn forward<O, E>(&mut self, mut out: O, mut err: E) -> io::Result<()>
    where
        O: AsyncWrite + Unpin,
        E: AsyncWrite + Unpin,
    {
        let (stdout, stderr) = (self.child.stdout.take(), self.child.stderr.take());
        let (out, err) = tokio::join!(pipe(stdout, &mut out), pipe(stderr, &mut err));
        out.and(err)
    }

    /// Asks it to stop everything, as Ctrl-C would.
    pub fn interrupt(&self) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid {
            // It may be gone already; then there is nothing to ask.
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
    }

    /// Waits until it is gone.
    ///
    /// # Errors
    /// What the system says.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }
}

/// In the detached process: leave the session of the terminal (setsid(2)).
///
/// # Errors
/// When the process leads a process group already.
pub fn leave_terminal() -> io::Result<()> {
    setsid().map(|_| ()).map_err(io::Error::from)
}

/// In the detached process: from now on print to this file, and let the caller go.
///
/// # Errors
/// When the file cannot be opened.
pub fn hand_over_output(log: &Path) -> io::Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(log)?;
    dup2_stdout(&file)?;
    dup2_stderr(&file)?;
    Ok(())
}

async fn pipe<R, W>(reader: Option<R>, writer: &mut W) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    if let Some(mut reader) = reader {
        copy(&mut reader, writer).await?;
    }
    Ok(())
}
