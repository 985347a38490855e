//! The files of the cluster: who may read what.
//!
//! Guarantees: a process of the cluster reads its own folder and the authority's certificate, and
//! nothing else of the deployment; when the supervisor is root, the data folder can be passed, not
//! listed, by the group of that process.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::certificates::Certificates;
use super::programs::{Owner, may_enter};
use super::secrets::Secrets;
use super::{Cluster, ClusterError, configs};
use crate::data_folder::DataFolder;
use crate::supervisor::ports::Held;
use crate::topology::Topology;

/// In the cluster's folder.
const PORTS: &str = "ports.json";

impl Cluster {
    /// Makes folders, certificates and configurations.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub fn write_files(
        &self,
        data: &DataFolder,
        home_region: &str,
    ) -> Result<Secrets, ClusterError> {
        let owner = self.options.programs.owner;
        folder(&self.folder, 0o700)?;
        if let Some(owner) = owner {
            for passable in [data.root(), &self.folder] {
                let file = ClusterError::file;
                chown(passable, None, Some(owner.gid)).map_err(file(passable))?;
                fs::set_permissions(passable, Permissions::from_mode(0o710))
                    .map_err(file(passable))?;
            }
            let remedy = "choose another one with --data, as in --data /var/lib/ballast";
            may_enter(&self.authority_file(), owner, remedy)?;
        }
        let secrets = Secrets::load_or_make(&self.folder.join("secrets.json"))?;
        let names: Vec<&str> = self.places().map(|(name, _)| name).collect();
        for name in &names {
            let home = self.home(name);
            folder(&home, 0o700)?;
            if let Some(Owner { uid, gid }) = owner {
                chown(&home, Some(uid), Some(gid)).map_err(ClusterError::file(&home))?;
            }
        }
        // Written last, so its presence says that the others are there.
        let authority = self.authority_file();
        if !authority.exists() {
            let made = Certificates::make(&names)?;
            for (name, identity) in names.iter().zip(&made.identities) {
                let home = self.home(name);
                write_private(&home.join("own.pem"), identity.certificate.as_bytes(), owner)?;
                write_private(&home.join("own.key"), identity.key.as_bytes(), owner)?;
            }
            write_private(&authority, made.authority.as_bytes(), None)?;
            fs::set_permissions(&authority, Permissions::from_mode(0o644))
                .map_err(ClusterError::file(&authority))?;
        }
        for voter in &self.voters {
            let path = self.home(&voter.name).join("etcd.yml");
            write_config(&path, &configs::etcd(self, voter), owner)?;
        }
        for node in &self.nodes {
            let path = self.home(&node.name).join("patroni.yml");
            write_config(&path, &configs::patroni(self, node, &secrets, home_region), owner)?;
        }
        self.write_access(home_region, &secrets)?;
        Ok(secrets)
    }

    /// The ports that the cluster in this folder took when it was made: the members of etcd
    /// remember each other by them. `None` when there is no cluster yet.
    ///
    /// # Errors
    /// [`ClusterError::File`].
    pub fn kept_ports(data: &DataFolder) -> Result<Option<Held>, ClusterError> {
        Ok(read_kept(&data.cluster_folder().join(PORTS))?.map(Held::again))
    }

    /// Draws the ports of a new cluster, which keeps them.
    ///
    /// # Errors
    /// [`ClusterError::File`], also when too few are free.
    pub fn draw_ports(topology: &Topology, data: &DataFolder) -> Result<Held, ClusterError> {
        let root = data.cluster_folder();
        let path = root.join(PORTS);
        let drawn = Held::draw(Self::port_count(topology)).map_err(ClusterError::file(&path))?;
        data.create().map_err(ClusterError::file(data.root()))?;
        folder(&root, 0o700)?;
        write_private(&path, format!("{:?}\n", drawn.ports()).as_bytes(), None)?;
        Ok(drawn)
    }
}

/// Reads a file of JSON that the cluster keeps; `None` while there is none.
pub(super) fn read_kept<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ClusterError> {
    let read = match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::from),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    read.map_err(ClusterError::file(path))
}

fn folder(path: &Path, mode: u32) -> Result<(), ClusterError> {
    let file = ClusterError::file;
    fs::create_dir_all(path).map_err(file(path))?;
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(file(path))
}

fn write_config(path: &Path, config: &Value, owner: Option<Owner>) -> Result<(), ClusterError> {
    write_private(path, format!("{config:#}\n").as_bytes(), owner)
}

/// Writes a file that only one user reads; it is complete when it has its name.
pub(crate) fn write_private(
    path: &Path,
    bytes: &[u8],
    owner: Option<Owner>,
) -> Result<(), ClusterError> {
    let fresh = path.with_extension("new");
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(bytes)?;
        if let Some(Owner { uid, gid }) = owner {
            chown(&fresh, Some(uid), Some(gid))?;
        }
        fs::rename(&fresh, path)
    };
    write().map_err(ClusterError::file(path))
}
