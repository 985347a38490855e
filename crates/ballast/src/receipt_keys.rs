//! The file of the keys that sign receipts: made once, read by servers, changed by rotation.
//!
//! Guarantees: the file is its owner's alone from the first byte on, is replaced as a whole or
//! not at all, and one that others could read is refused; its content reaches no log and no
//! message.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use ledger::receipt::{PublicKeys, SigningKeys};
use rand::TryRngCore as _;
use rand::rngs::OsRng;

/// Makes the file unless it is there.
pub(crate) fn make_if_missing(path: &Path) -> anyhow::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let keys = SigningKeys::from_seeds(seed()?, seed()?)?;
    replace(path, &keys)
}

/// Reads the file.
pub(crate) fn read(path: &Path) -> anyhow::Result<SigningKeys> {
    let text = read_private(path)?;
    SigningKeys::parse(&text).with_context(|| format!("{} cannot be used", path.display()))
}

/// Reads the public keys of the bank's own file, or of a copy of what servers show.
pub(crate) fn read_public(path: &Path) -> anyhow::Result<PublicKeys> {
    let text = fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
    PublicKeys::parse(&text).with_context(|| format!("{} cannot be used", path.display()))
}

/// Lets the next key sign; gives the id of that key.
pub(crate) fn rotate(path: &Path) -> anyhow::Result<String> {
    let keys = read(path)?.rotate(seed()?)?;
    replace(path, &keys)?;
    Ok(keys.signing_id().to_owned())
}

fn seed() -> anyhow::Result<[u8; 32]> {
    let mut seed = [0; 32];
    OsRng.try_fill_bytes(&mut seed).context("the system gave no randomness")?;
    Ok(seed)
}

fn read_private(path: &Path) -> anyhow::Result<Vec<u8>> {
    let describe = || format!("could not read {}", path.display());
    let mode = fs::metadata(path).with_context(describe)?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!(
            "{} holds the key that signs receipts and others may read it: chmod 600 it",
            path.display()
        );
    }
    fs::read(path).with_context(describe)
}

/// Writes beside the file and renames: a crash leaves the old one or the new one.
fn replace(path: &Path, keys: &SigningKeys) -> anyhow::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let fresh = PathBuf::from(name);
    let write = || {
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(keys.to_secret_json().as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        // The new name must survive a power failure: receipts will be signed with these keys.
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().with_context(|| format!("could not write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_private_and_survives_rotations() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipt-keys.json");
        make_if_missing(&path).unwrap();
        let first = read(&path).unwrap();
        make_if_missing(&path).unwrap();
        assert_eq!(read(&path).unwrap().to_secret_json(), first.to_secret_json());
        let id = rotate(&path).unwrap();
        assert_ne!(id, first.signing_id());
        assert!(first.to_public_json().contains(&id), "the next key was not known before");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = read(&path).err().unwrap().to_string();
        assert!(error.ends_with("others may read it: chmod 600 it"), "{error}");
    }
}
