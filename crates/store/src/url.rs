//! Where the books are: `sqlite:PATH`.

use std::fmt;
use std::path::{Path, PathBuf};

/// The address of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseUrl(PathBuf);

/// A text that is no address of a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the database must be sqlite:PATH, such as sqlite:.ballast/bank.db")]
pub struct DatabaseUrlError;

impl DatabaseUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// [`DatabaseUrlError`] for anything but `sqlite:PATH`.
    pub fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        match text.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(Self::file(path)),
            _ => Err(DatabaseUrlError),
        }
    }

    /// The embedded database in a file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "sqlite:{}", self.0.display())
    }
}
