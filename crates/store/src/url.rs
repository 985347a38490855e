//! Where the books are: `sqlite:PATH` or `postgres://…`.

use std::fmt;
use std::path::PathBuf;

use crate::postgres::ServerUrl;

/// The address of a database. Its text never shows a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseUrl(pub(crate) Place);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    File(PathBuf),
    Server(Box<ServerUrl>),
}

/// A text that is no address of a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// Neither kind of database.
    #[error(
        "the database must be sqlite:PATH or postgres://USER@HOST/DATABASE, such as \
         sqlite:.ballast/bank.db or postgres://bank@db1,db2/bank?sslmode=verify-full"
    )]
    Unknown,
    /// A PostgreSQL address with something in it that is not understood.
    #[error("the address of the PostgreSQL database: {0}")]
    Server(String),
}

impl DatabaseUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// [`DatabaseUrlError`] for anything but `sqlite:PATH` and `postgres://…`.
    pub fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let server = ServerUrl::parse(text).map_err(DatabaseUrlError::Server)?;
            return Ok(Self(Place::Server(Box::new(server))));
        }
        match text.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(Self::file(path)),
            _ => Err(DatabaseUrlError::Unknown),
        }
    }

    /// The embedded database in a file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Place::File(path.into()))
    }

    /// Whether a password stands in the address itself, where other users of the machine see it
    /// when it is an argument of a command.
    #[must_use]
    pub fn has_password(&self) -> bool {
        match &self.0 {
            Place::File(_) => false,
            Place::Server(server) => server.has_password(),
        }
    }

    /// The same address with a password, unless it has one or needs none.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        if let Place::Server(server) = &mut self.0 {
            server.set_password(password);
        }
        self
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::File(path) => write!(out, "sqlite:{}", path.display()),
            Place::Server(server) => server.fmt(out),
        }
    }
}
