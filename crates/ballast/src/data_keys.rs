//! The file of the bank's data keys: made once, read by every server.
//!
//! Guarantees: those of a [`private_file`]; its content reaches no log and no message. Whoever
//! loses it loses what it sealed, so it is never overwritten.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use store::Vault;

use crate::private_file;

/// Makes the file unless it is there.
pub(crate) fn make_if_missing(path: &Path) -> anyhow::Result<()> {
    if path.exists() {
        return Ok(());
    }
    private_file::replace(path, Vault::generate()?.as_bytes())
}

/// Reads the file.
pub(crate) fn read(path: &Path) -> anyhow::Result<Arc<Vault>> {
    let text = private_file::read(path, "the bank's data keys")?;
    let vault =
        Vault::parse(&text).with_context(|| format!("{} cannot be used", path.display()))?;
    Ok(Arc::new(vault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data-keys.json");
        make_if_missing(&path).unwrap();
        let sealed = read(&path).unwrap().seal("a", b"x").unwrap();
        make_if_missing(&path).unwrap();
        assert_eq!(read(&path).unwrap().open("a", &sealed).unwrap(), b"x");
        std::fs::write(&path, "{}").unwrap();
        let error = format!("{:#}", read(&path).unwrap_err());
        assert!(error.contains("must hold an index key"), "{error}");
    }
}
