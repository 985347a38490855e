//! The control socket as a file.
//!
//! Guarantees: only the owner can connect, from the first moment on; a socket that is replaced is
//! replaced in one step, so at every moment somebody answers at the path; nothing but a socket is
//! ever replaced or removed. Paths may be longer than the 107 bytes that an address of a Unix
//! socket holds (unix(7)): such a path is reached through `/proc/self/fd`, which is short.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// unix(7): `sun_path` has 108 bytes, the last one zero.
const ADDRESS_BYTES_MAX: usize = 107;
/// Commands that may wait to be accepted; a person or a supervisor sends one at a time.
const BACKLOG: i32 = 16;

/// A listening control socket. When it is dropped, its file goes, unless another one is there.
pub(crate) struct ControlSocket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    file: (u64, u64),
}

impl ControlSocket {
    /// Listens at a path where nobody does.
    pub(crate) fn listen(path: &Path) -> io::Result<Self> {
        let taken = Address::of(path)
            .and_then(|address| std::os::unix::net::UnixStream::connect(address.path()))
            .is_ok();
        if taken {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        Self::replace(path)
    }

    /// Listens at a path in the place of whoever does. Theirs stays open, without a name.
    pub(crate) fn replace(path: &Path) -> io::Result<Self> {
        if fs::symlink_metadata(path).is_ok_and(|found| !found.file_type().is_socket()) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file is there"));
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{:08x}", rand::random::<u32>()));
        let temporary = path.with_file_name(name);
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        let address = Address::of(&temporary)?;
        socket.bind(&socket2::SockAddr::unix(address.path())?)?;
        let moved = fs::set_permissions(&temporary, Permissions::from_mode(0o600))
            // Nobody can connect before this, so nobody did before the mode was set.
            .and_then(|()| socket.listen(BACKLOG))
            .and_then(|()| fs::symlink_metadata(&temporary))
            .and_then(|file| fs::rename(&temporary, path).map(|()| file));
        let file = moved.inspect_err(|_| {
            // The first error is the one to tell.
            let _ = fs::remove_file(&temporary);
        })?;
        let listener = UnixListener::from_std(std::os::unix::net::UnixListener::from(
            std::os::fd::OwnedFd::from(socket),
        ))?;
        Ok(Self { listener, path: path.to_owned(), file: (file.dev(), file.ino()) })
    }

    /// Is it still this one that answers at the path?
    pub(super) fn is_in_place(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|file| (file.dev(), file.ino()) == self.file)
    }

    /// Puts a new socket at the path when this one's file is gone.
    pub(super) fn restore(&mut self) -> io::Result<()> {
        if !self.is_in_place() {
            let path = self.path.clone();
            *self = Self::replace(&path)?;
        }
        Ok(())
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if self.is_in_place() {
            // A file that stays is replaced by the next process.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Connects to the process that listens at a path.
pub(crate) async fn connect(path: &Path) -> io::Result<UnixStream> {
    let address = Address::of(path)?;
    UnixStream::connect(address.path()).await
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
        let folder = File::open(path.parent().unwrap_or(Path::new("/")))?;
        let name = path.file_name().unwrap_or_default();
        let path = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
        Ok(Self { path, _folder: Some(folder) })
    }

    fn path(&self) -> &Path {
        &self.path
    }
}
