//! How the servers and the tools of this machine sign in to the cluster's database.
//!
//! Guarantees: addresses hold no password; each password is in a file of its own that only the
//! supervisor's user reads.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::secrets::Secrets;
use super::{Cluster, ClusterError, files};
use crate::data_folder::DataFolder;

/// The servers' role: it reads, and posts through the functions that are made for it.
pub const SERVER_ROLE: &str = "bank";

/// The role that owns the tables and migrates them.
pub const OWNER_ROLE: &str = "bank_owner";

/// The role whose rights the servers' role has; migrations say what they are.
pub const RIGHTS_ROLE: &str = "ballast_app";

/// The cluster's database as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// Where the primary is found, as the servers' role.
    pub writer: String,
    /// The same, as the owner of the tables.
    pub owner: String,
    /// Each node by its name, whatever its role, as the servers' role.
    pub nodes: BTreeMap<String, String>,
    /// The password of the servers' role.
    pub password_file: PathBuf,
    /// The password of the owner.
    pub owner_password_file: PathBuf,
}

impl Access {
    /// What the cluster of a data folder offers; `None` when it has none.
    ///
    /// # Errors
    /// [`ClusterError::File`].
    pub fn read(folder: &DataFolder) -> Result<Option<Self>, ClusterError> {
        files::read_kept(&folder.cluster_folder().join("access.json"))
    }
}

impl Cluster {
    /// Says how clients sign in; without a region's preference of its own, `home_region`'s.
    #[must_use]
    pub fn access(&self, home_region: &str) -> Access {
        let nodes = self.nodes.iter();
        Access {
            writer: self.writer_url(home_region, SERVER_ROLE),
            owner: self.writer_url(home_region, OWNER_ROLE),
            nodes: nodes.map(|node| (node.name.clone(), self.node_url(node))).collect(),
            password_file: self.folder.join("bank.password"),
            owner_password_file: self.folder.join("bank_owner.password"),
        }
    }

    /// Writes it down, and the passwords.
    pub(super) fn write_access(
        &self,
        home_region: &str,
        secrets: &Secrets,
    ) -> Result<(), ClusterError> {
        let access = self.access(home_region);
        files::write_private(&access.password_file, secrets.application.as_bytes(), None)?;
        files::write_private(&access.owner_password_file, secrets.migration.as_bytes(), None)?;
        let path = self.folder.join("access.json");
        let text = serde_json::to_vec_pretty(&access).map_err(io::Error::from);
        files::write_private(&path, &text.map_err(ClusterError::file(&path))?, None)
    }
}
