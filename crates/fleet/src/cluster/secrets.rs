//! The passwords of the cluster's roles.
//!
//! Guarantees: made once, 256 random bits each, in one file of the supervisor's user; they do not
//! show in `Debug` output.

use std::fmt;
use std::io;
use std::path::Path;

use rand::TryRngCore;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};

use super::ClusterError;
use super::files;

/// One password for each role.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// `postgres`: the agents and the supervisor.
    pub superuser: String,
    /// `replicator`: streaming.
    pub replication: String,
    /// `rewinder`: taking a former primary back into the cluster.
    pub rewind: String,
    /// `bank_owner`: owns the tables, migrates them.
    pub migration: String,
    /// `bank`: what servers do.
    pub application: String,
    /// The REST interface of the agents, for orders.
    pub agents: String,
}

impl Secrets {
    /// Reads them, or makes them when there are none.
    ///
    /// # Errors
    /// [`ClusterError::File`].
    pub fn load_or_make(path: &Path) -> Result<Self, ClusterError> {
        if let Some(kept) = files::read_kept(path)? {
            return Ok(kept);
        }
        let made = Self::make().map_err(ClusterError::file(path))?;
        let text = serde_json::to_vec_pretty(&made).map_err(io::Error::from);
        files::write_private(path, &text.map_err(ClusterError::file(path))?, None)?;
        Ok(made)
    }

    fn make() -> io::Result<Self> {
        Ok(Self {
            superuser: password()?,
            replication: password()?,
            rewind: password()?,
            migration: password()?,
            application: password()?,
            agents: password()?,
        })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Secrets").finish_non_exhaustive()
    }
}

/// Hexadecimal: it needs no quoting anywhere.
fn password() -> io::Result<String> {
    let mut bytes = [0; 32];
    OsRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
