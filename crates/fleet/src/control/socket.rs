//! The paths of control sockets: the supervisor's own, and those of balancers.
//!
//! Guarantees: data folders may lie as deep as the file system allows. An address of a Unix socket
//! holds 107 bytes (unix(7)); a longer path is reached through `/proc/self/fd`, which is short.
//!
//! Deliberately not here: what is said on the sockets.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use crate::data_folder::DataFolder;

/// unix(7): `sun_path` has 108 bytes, the last one zero.
const ADDRESS_BYTES_MAX: usize = 107;

/// Listens, after removing a socket that a killed supervisor left behind. Call with the lock held.
pub(crate) fn listen(folder: &DataFolder) -> io::Result<UnixListener> {
    remove(folder)?;
    let listener = {
        let address = Address::of(&folder.control_socket())?;
        UnixListener::bind(address.path())?
    };
    fs::set_permissions(folder.control_socket(), Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Connects to the supervisor.
pub(crate) async fn connect(folder: &DataFolder) -> io::Result<UnixStream> {
    connect_to(&folder.control_socket()).await
}

/// Connects to any socket.
pub(crate) async fn connect_to(path: &Path) -> io::Result<UnixStream> {
    let address = Address::of(path)?;
    UnixStream::connect(address.path()).await
}

/// Whether somebody listens.
pub(crate) fn is_answered(folder: &DataFolder) -> bool {
    Address::of(&folder.control_socket())
        .and_then(|address| std::os::unix::net::UnixStream::connect(address.path()))
        .is_ok()
}

/// Removes the socket unless it is gone.
pub(crate) fn remove(folder: &DataFolder) -> io::Result<()> {
    match fs::remove_file(folder.control_socket()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A path that fits; the folder stays open for as long as it is used.
struct Address {
    path: PathBuf,
    _folder: Option<File>,
}

impl Address {
    fn of(path: &Path) -> io::Result<Self> {
        if path.as_os_str().as_bytes().len() <= ADDRESS_BYTES_MAX {
            return Ok(Self { path: path.to_owned(), _folder: None });
        }
        let open = File::open(path.parent().unwrap_or(Path::new("/")))?;
        let name = path.file_name().unwrap_or_default();
        let path = Path::new("/proc/self/fd").join(open.as_raw_fd().to_string()).join(name);
        Ok(Self { path, _folder: Some(open) })
    }

    fn path(&self) -> &Path {
        &self.path
    }
}
