//! Files of secrets.
//!
//! Guarantees: such a file is its owner's alone from the first byte on, is replaced as a whole or
//! not at all, and one that others could read is refused.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Reads a file; `what` it holds is said if others may read it.
pub(crate) fn read(path: &Path, what: &str) -> anyhow::Result<Vec<u8>> {
    let describe = || format!("could not read {}", path.display());
    let mode = fs::metadata(path).with_context(describe)?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!("{} holds {what} and others may read it: chmod 600 it", path.display());
    }
    fs::read(path).with_context(describe)
}

/// Writes beside the file and renames: a crash leaves the old one or the new one.
pub(crate) fn replace(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let fresh = PathBuf::from(name);
    let write = || {
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        // The new name must survive a power failure: what the secret makes will outlive it.
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().with_context(|| format!("could not write {}", path.display()))
}
