//! The end of a process's log, for messages about its death.
//!
//! Guarantees: reads a bounded piece; a log that cannot be read is an empty one.
//!
//! Deliberately not here: writing; the processes hold the file as their standard error.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// A screen shows them all; an error chain with its cause fits.
const LINES_MAX: usize = 6;

/// Six long log lines.
const BYTES_MAX: u64 = 4 * 1024;

/// The last lines, oldest first.
pub(super) fn read(path: &Path) -> Vec<String> {
    let Ok(bytes) = last_bytes(path) else { return Vec::new() };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let skipped = lines.len().saturating_sub(LINES_MAX);
    lines.into_iter().skip(skipped).map(str::to_owned).collect()
}

fn last_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(BYTES_MAX)))?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}
