//! What a careful client keeps: the bank's receipts, one a line.
//!
//! Guarantees: a receipt is with the operating system before the next request of its worker
//! leaves, so a client that is killed has kept what it was told; lines are never mixed.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;

/// A file that receipts are appended to.
#[derive(Debug)]
pub struct ReceiptFile {
    path: PathBuf,
    file: Mutex<File>,
    kept: AtomicU64,
}

impl ReceiptFile {
    /// Opens the file to append to it; makes it if it is not there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.with_context(|| format!("could not write {}", path.display()))?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file), kept: AtomicU64::new(0) })
    }

    /// Appends a receipt.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, receipt: &str) -> anyhow::Result<()> {
        let line = format!("{receipt}\n");
        // One call writes a whole line, so the file is whole whoever panicked.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes())
            .with_context(|| format!("could not write {}", self.path.display()))?;
        self.kept.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// How many were kept since it was opened.
    pub fn kept(&self) -> u64 {
        self.kept.load(Ordering::Relaxed)
    }
}
