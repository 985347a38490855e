//! The files of one deployment: what lies where under `--data`.
//!
//! Guarantees: the path is absolute, so that children and later commands mean the same files;
//! a folder made here can be read by its owner only.
//!
//! Deliberately not here: the contents of the files.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The folder that commands use unless told otherwise.
pub const DEFAULT: &str = ".ballast";

/// Paths under one data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFolder {
    root: PathBuf,
}

impl DataFolder {
    /// Names the folder; touches nothing.
    ///
    /// # Errors
    /// When the working directory is gone or the path is empty.
    pub fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { root: std::path::absolute(path)? })
    }

    /// Makes the folder and its subfolders unless they exist.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(&self) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(self.root.join("run"))?;
        builder.create(self.root.join("logs"))
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Locked by the supervisor for as long as it lives.
    #[must_use]
    pub fn lock_file(&self) -> PathBuf {
        self.root.join("deployment.lock")
    }

    /// Where the supervisor listens for commands.
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        self.root.join("control.sock")
    }

    /// Where a balancer or the front door listens for orders.
    #[must_use]
    pub fn balancer_socket(&self, name: &str) -> PathBuf {
        self.root.join("run").join(format!("{name}.sock"))
    }

    /// Address, database and processes of the running deployment.
    #[must_use]
    pub fn deployment_file(&self) -> PathBuf {
        self.root.join("deployment.json")
    }

    /// Tokens of the local tools.
    #[must_use]
    pub fn credentials_file(&self) -> PathBuf {
        self.root.join("credentials.json")
    }

    /// The keys that sign receipts, private parts too.
    #[must_use]
    pub fn receipt_keys_file(&self) -> PathBuf {
        self.root.join("receipt-keys.json")
    }

    /// The keys that seal what is secret in the books.
    #[must_use]
    pub fn data_keys_file(&self) -> PathBuf {
        self.root.join("data-keys.json")
    }

    /// What the database's cluster keeps.
    #[must_use]
    pub fn cluster_folder(&self) -> PathBuf {
        self.root.join("cluster")
    }

    /// The embedded database.
    #[must_use]
    pub fn database_file(&self) -> PathBuf {
        self.root.join("bank.db")
    }

    /// The configuration of a process.
    #[must_use]
    pub fn config_file(&self, name: &str) -> PathBuf {
        self.root.join("run").join(format!("{name}.json"))
    }

    /// What a process says on standard error.
    #[must_use]
    pub fn log_file(&self, name: &str) -> PathBuf {
        self.root.join("logs").join(format!("{name}.log"))
    }

    /// The requests that a balancer or the front door has answered.
    #[must_use]
    pub fn access_log_file(&self, name: &str) -> PathBuf {
        self.root.join("logs").join(format!("{name}.access.log"))
    }
}
