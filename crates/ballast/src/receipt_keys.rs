//! The file of the keys that sign receipts: made once, read by servers, changed by rotation.
//!
//! Guarantees: those of a [`private_file`]; its content reaches no log and no message.

use std::fs;
use std::path::Path;

use anyhow::Context;
use ledger::receipt::{PublicKeys, SigningKeys};
use rand::TryRngCore as _;
use rand::rngs::OsRng;

use crate::private_file;

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
    let text = private_file::read(path, "the key that signs receipts")?;
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

fn replace(path: &Path, keys: &SigningKeys) -> anyhow::Result<()> {
    private_file::replace(path, keys.to_secret_json().as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

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
