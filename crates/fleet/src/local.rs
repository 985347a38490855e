//! What other commands know of a running deployment: `deployment.json` and `credentials.json`.
//!
//! Guarantees: `deployment.json` is replaced in one step, so a reader never sees half of it; a
//! file that a killed supervisor left behind is not taken for a running deployment; tokens do not
//! show in `Debug` output.
//!
//! Deliberately not here: making the tokens (the binary does that with the bank's help).

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::{fmt, result};

use serde::{Deserialize, Serialize};

use crate::control::socket;
use crate::data_folder::DataFolder;
use crate::process::{Process, Role};

/// A running deployment of this machine.
#[derive(Debug, Clone)]
pub struct LocalDeployment {
    /// The one address to open.
    pub url: String,
    /// Process id of the supervisor.
    pub pid: u32,
    /// URL of the database.
    pub database: String,
    /// The processes when the file was written; `control` gives them as they are now.
    pub processes: Vec<Process>,
    credentials: Option<Credentials>,
    credentials_file: PathBuf,
}

/// Bearer tokens of the local tools.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// Acts as an executive.
    pub executive: Token,
    /// Acts as a teller.
    pub teller: Token,
    /// Somebody who can sign in with a password, for measuring sign-ins.
    pub sign_in: Option<SignIn>,
}

/// A user id and its password.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The user id.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for SignIn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SignIn").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A secret for the `Authorization` header.
#[derive(Clone, Deserialize)]
pub struct Token(String);

/// Why nothing is known.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// There is no running deployment on this data folder.
    #[error(
        "no deployment runs on {0}; start one with `ballast up --data {0}`",
        data.display()
    )]
    NotRunning {
        /// The data folder.
        data: PathBuf,
    },
    /// A file is there and cannot be used.
    #[error("could not read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The deployment runs, and no tokens were made for it.
    #[error("there are no tokens in {}", path.display())]
    NoCredentials {
        /// The file that should hold them.
        path: PathBuf,
    },
}

/// The form of `deployment.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) url: String,
    pub(crate) pid: u32,
    pub(crate) database: String,
    pub(crate) processes: Vec<Process>,
}

impl LocalDeployment {
    /// Reads what the deployment on this data folder has written about itself.
    ///
    /// # Errors
    /// [`LocalError::NotRunning`] and [`LocalError::Unreadable`].
    pub fn read(data: &Path) -> Result<Self, LocalError> {
        let unreadable = |path: &Path, source| LocalError::Unreadable { path: path.into(), source };
        let not_running = || LocalError::NotRunning { data: data.to_owned() };
        let folder = DataFolder::at(data).map_err(|source| unreadable(data, source))?;
        let path = folder.deployment_file();
        let record: Record = read_json(&path)
            .map_err(|source| unreadable(&path, source))?
            .ok_or_else(not_running)?;
        if !socket::is_answered(&folder) {
            return Err(not_running());
        }
        let credentials_file = folder.credentials_file();
        let credentials =
            read_json(&credentials_file).map_err(|source| unreadable(&credentials_file, source))?;
        let Record { url, pid, database, processes } = record;
        Ok(Self { url, pid, database, processes, credentials, credentials_file })
    }

    /// The certificate that its one address shows, where that speaks TLS.
    #[must_use]
    pub fn certificate(&self) -> Option<&Path> {
        let door = self.processes.iter().find(|process| process.role == Role::FrontDoor)?;
        door.certificate.as_deref()
    }

    /// The tokens of the local tools.
    ///
    /// # Errors
    /// [`LocalError::NoCredentials`].
    pub fn credentials(&self) -> Result<&Credentials, LocalError> {
        let path = &self.credentials_file;
        self.credentials.as_ref().ok_or_else(|| LocalError::NoCredentials { path: path.clone() })
    }
}

impl Token {
    /// The secret itself, for the request that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

/// Replaces `deployment.json`.
pub(crate) fn write(folder: &DataFolder, record: &Record) -> io::Result<()> {
    let path = folder.deployment_file();
    let fresh = path.with_extension("json.new");
    let mut options = OpenOptions::new();
    // Only for the owner: the URL of a database may hold a password.
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    serde_json::to_writer_pretty(&mut file, record)?;
    file.write_all(b"\n")?;
    fs::rename(&fresh, &path)
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> result::Result<Option<T>, io::Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
