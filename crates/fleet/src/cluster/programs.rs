//! The programs of the cluster: where they are, and as whom they run.
//!
//! Guarantees: each is there in a version that is used, or the error says what is wrong and what
//! to do.
//!
//! Deliberately not here: installing them (`./dev`).

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ClusterError;

/// Where Debian puts PostgreSQL, one folder a version.
const POSTGRES_ROOT: &str = "/usr/lib/postgresql";

/// Where `./dev` puts Patroni, seen from the repository.
pub const PATRONI_HOME: &str = ".dev/patroni/bin/patroni";

/// Where Debian puts programs; the search path may be short of them.
const ETCD: &str = "/usr/bin/etcd";

const POSTGRES_MIN: u32 = 15;
const PATRONI_MIN: u32 = 4;
const ETCD_MIN: (u32, u32) = (3, 4);

/// What the cluster runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// The folder of `postgres`, `psql` and the others.
    pub postgres: PathBuf,
    /// etcd.
    pub etcd: PathBuf,
    /// Patroni.
    pub patroni: PathBuf,
    /// As whom they run; nobody else than us when there is none.
    pub owner: Option<Owner>,
}

/// A user without rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl Programs {
    /// Finds them. `patroni` is where Patroni should be.
    ///
    /// # Errors
    /// [`ClusterError`], naming the program and the remedy.
    pub fn find(patroni: &Path) -> Result<Self, ClusterError> {
        let owner = owner()?;
        let postgres = newest_postgres(Path::new(POSTGRES_ROOT))?;
        let etcd = PathBuf::from(ETCD);
        if !etcd.exists() {
            let remedy = "install it with: apt-get install etcd-server";
            let looked = ETCD.to_owned();
            return Err(ClusterError::Missing { program: "etcd 3.4 or newer", looked, remedy });
        }
        let said = version(&etcd, "--version")?;
        if numbers(&said) < Some(ETCD_MIN) {
            let needed = "the agents need 3.4 or newer (its v3 gateway)";
            return Err(ClusterError::TooOld { path: etcd, found: said, needed });
        }
        let patroni = std::path::absolute(patroni).map_err(ClusterError::file(patroni))?;
        if !patroni.exists() {
            let remedy = "./dev setup makes it";
            let looked = patroni.display().to_string();
            return Err(ClusterError::Missing { program: "Patroni 4 or newer", looked, remedy });
        }
        if let Some(owner) = owner {
            let remedy = "put the repository below a folder that everybody may enter";
            may_enter(&patroni, owner, remedy)?;
        }
        let said = version(&patroni, "--version")?;
        if numbers(&said).map(|(major, _)| major) < Some(PATRONI_MIN) {
            let needed = "4 or newer is needed: with older ones two primaries can live side by \
                          side after an agent was frozen";
            return Err(ClusterError::TooOld { path: patroni, found: said, needed });
        }
        Ok(Self { postgres, etcd, patroni, owner })
    }
}

fn owner() -> Result<Option<Owner>, ClusterError> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(None);
    }
    let user = nix::unistd::User::from_name("postgres").ok().flatten();
    let user = user.ok_or(ClusterError::NoUser)?;
    Ok(Some(Owner { uid: user.uid.as_raw(), gid: user.gid.as_raw() }))
}

fn newest_postgres(root: &Path) -> Result<PathBuf, ClusterError> {
    let versions = fs::read_dir(root).into_iter().flatten().flatten();
    let versions = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has_server = |version: &u32| root.join(version.to_string()).join("bin/postgres").is_file();
    let newest = versions.filter(|it| *it >= POSTGRES_MIN).filter(has_server).max();
    newest.map(|version| root.join(version.to_string()).join("bin")).ok_or_else(|| {
        ClusterError::Missing {
            program: "PostgreSQL 15 or newer",
            looked: root.join("*/bin/postgres").display().to_string(),
            remedy: "install it with: apt-get install postgresql",
        }
    })
}

/// Whether a user may pass every folder on the way to a file.
///
/// # Errors
/// [`ClusterError::Closed`] with the first one that is closed.
pub(crate) fn may_enter(
    path: &Path,
    owner: Owner,
    remedy: &'static str,
) -> Result<(), ClusterError> {
    let mut folders: Vec<&Path> = path.ancestors().skip(1).collect();
    folders.reverse();
    for folder in folders {
        let found = fs::metadata(folder).map_err(ClusterError::file(folder))?;
        let mode = found.permissions().mode();
        let may = match (found.uid() == owner.uid, found.gid() == owner.gid) {
            (true, _) => mode & 0o100 != 0,
            (false, true) => mode & 0o010 != 0,
            (false, false) => mode & 0o001 != 0,
        };
        if !may {
            return Err(ClusterError::Closed { closed: folder.to_owned(), remedy });
        }
    }
    Ok(())
}

fn version(program: &Path, argument: impl AsRef<OsStr>) -> Result<String, ClusterError> {
    let mute = |source| ClusterError::Mute { path: program.to_owned(), source };
    let output = Command::new(program).arg(argument).output().map_err(mute)?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().next().unwrap_or_default().trim().to_owned();
    if !output.status.success() || line.is_empty() {
        return Err(mute(io::Error::other(format!("it ended with {}", output.status))));
    }
    Ok(line)
}

/// The first two numbers of `etcd Version: 3.4.23` or `patroni 4.1.5`.
fn numbers(said: &str) -> Option<(u32, u32)> {
    let word = said.split_ascii_whitespace().find(|word| word.starts_with(char::is_numeric))?;
    let mut parts = word.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_programs_say_them() {
        assert_eq!(numbers("etcd Version: 3.4.23"), Some((3, 4)));
        assert_eq!(numbers("patroni 4.1.5"), Some((4, 1)));
        assert_eq!(numbers("patroni"), None);
    }

    #[test]
    fn the_newest_postgres_from_15_on_is_taken() {
        let root = tempfile::tempdir().unwrap();
        let missing = newest_postgres(root.path()).unwrap_err().to_string();
        assert!(missing.contains("apt-get install postgresql"), "{missing}");
        for version in ["9", "14", "15", "17", "18"] {
            fs::create_dir_all(root.path().join(version).join("bin")).unwrap();
        }
        // Only clients of 18 are installed.
        for version in ["9", "14", "15", "17"] {
            fs::write(root.path().join(version).join("bin/postgres"), "").unwrap();
        }
        assert_eq!(newest_postgres(root.path()).unwrap(), root.path().join("17/bin"));
    }

    #[test]
    fn a_closed_folder_on_the_way_is_named() {
        let root = tempfile::tempdir().unwrap();
        let closed = root.path().join("closed");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        let stranger = Owner { uid: 4_294_967_000, gid: 4_294_967_000 };
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let error = may_enter(&closed.join("file"), stranger, "move it").unwrap_err();
        assert!(matches!(error, ClusterError::Closed { closed: found, .. } if found == closed));
    }
}
