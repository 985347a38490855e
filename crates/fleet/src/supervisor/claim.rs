//! The right to run a deployment: the data folder is ours and the ports are free.
//!
//! Guarantees: while a [`Claim`] lives nobody else gets one on the same folder; the kernel frees it
//! when the process dies in any way (flock(2)), so it is never stale.
//!
//! Deliberately not here: reserving ports. They are looked at, not held; a stranger that takes one
//! in the next moment is met by the process that wanted it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::ports;
use crate::data_folder::DataFolder;
use crate::plan::Plan;

/// Children of a supervisor that was killed leave at once, but not before it; this long a port
/// may still be theirs.
const LEAVING_WITHIN: Duration = Duration::from_secs(3);

/// How often a port is looked at while its owner leaves.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A locked data folder.
#[derive(Debug)]
pub struct Claim {
    lock: File,
}

/// Why a deployment cannot run here now.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The data folder cannot be made or written.
    #[error("could not use the data folder {}", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another supervisor has the folder.
    #[error(
        "a deployment already runs on {0} ({holder}); \
         stop it with `ballast down --data {0}`, or choose another folder with --data",
        path.display()
    )]
    AlreadyRunning {
        /// The folder.
        path: PathBuf,
        /// The process that holds it: `pid 4711`.
        holder: String,
    },
    /// Somebody listens on a port that a process of ours needs.
    #[error(
        "port {port} is in use, and {name} needs it; \
         choose other ports with --port N, or free ones with --port 0"
    )]
    PortInUse {
        /// The port.
        port: u16,
        /// The process that needs it.
        name: String,
    },
    /// The system does not give us the address.
    #[error("{name} cannot listen on {address}")]
    AddressUnusable {
        /// The process that needs it.
        name: String,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl Claim {
    /// Makes the data folder, locks it, and looks whether the ports of the plan are free.
    ///
    /// # Errors
    /// [`ClaimError`]; nothing was started then.
    pub async fn take(plan: &Plan) -> Result<Self, ClaimError> {
        let claim = Self::lock(&plan.data_folder)?;
        // The file is removed at every orderly end.
        let was_killed = plan.data_folder.deployment_file().exists();
        let patience = if was_killed { LEAVING_WITHIN } else { Duration::ZERO };
        let deadline = Instant::now() + patience;
        for process in &plan.processes {
            let (name, address) = (process.name.clone(), process.address);
            while let Err(source) = ports::check(address) {
                if source.kind() != io::ErrorKind::AddrInUse {
                    return Err(ClaimError::AddressUnusable { name, address, source });
                }
                if Instant::now() >= deadline {
                    return Err(ClaimError::PortInUse { port: address.port(), name });
                }
                sleep(LOOK_EVERY).await;
            }
        }
        Ok(claim)
    }

    fn lock(folder: &DataFolder) -> Result<Self, ClaimError> {
        let path = folder.root().to_owned();
        let unusable = |source| ClaimError::Unusable { path: path.clone(), source };
        folder.create().map_err(unusable)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut lock = options.open(folder.lock_file()).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(ClaimError::AlreadyRunning { holder: holder(&mut lock), path });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        write_pid(&mut lock).map_err(unusable)?;
        Ok(Self { lock })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Closing the file frees the lock anyway; this only keeps the file truthful.
        let _ = self.lock.set_len(0);
        let _ = self.lock.unlock();
    }
}

fn write_pid(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}

fn holder(lock: &mut File) -> String {
    let mut text = String::new();
    // Between its lock and its first write the holder has no number yet.
    let read = lock.read_to_string(&mut text);
    match read.ok().and_then(|_| text.trim().parse::<u32>().ok()) {
        Some(pid) => format!("pid {pid}"),
        None => "it is just starting".to_owned(),
    }
}
