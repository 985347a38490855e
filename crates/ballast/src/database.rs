//! Which database a command means.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use fleet::cluster::access::Access;
use fleet::data_folder::DataFolder;
use fleet::local::LocalDeployment;
use store::{DatabaseUrl, Store};

/// The file of the embedded database inside a data folder.
const EMBEDDED: &str = "bank.db";

/// Where the books are.
#[derive(Args)]
pub(crate) struct DatabaseArgs {
    /// Folder of the local deployment
    #[arg(long, value_name = "DIR", default_value = fleet::data_folder::DEFAULT, global = true)]
    data: PathBuf,
    /// Database instead of the local deployment's: sqlite:PATH or postgres://USER@HOST/DATABASE
    /// (its password comes from PGPASSWORD)
    #[arg(long, value_name = "URL", global = true)]
    database: Option<String>,
}

impl DatabaseArgs {
    /// The folder of the local deployment.
    pub(crate) fn data_folder(&self) -> anyhow::Result<DataFolder> {
        let describe = || format!("could not find the folder {}", self.data.display());
        DataFolder::at(&self.data).with_context(describe)
    }

    /// The address of the database; it need not exist.
    pub(crate) fn url(&self) -> anyhow::Result<DatabaseUrl> {
        match &self.database {
            Some(url) => from_argument(url),
            None => self.deployment(),
        }
    }

    /// The copy of the books on one node of the deployment's cluster.
    pub(crate) fn on_node(&self, node: &str) -> anyhow::Result<DatabaseUrl> {
        let folder = self.data_folder()?;
        let access = Access::read(&folder)?.with_context(|| {
            format!("there is no cluster in {}; `--node` needs one", folder.root().display())
        })?;
        let url = access.nodes.get(node).with_context(|| {
            let known: Vec<&str> = access.nodes.keys().map(String::as_str).collect();
            format!("there is no node `{node}`; there are {}", known.join(", "))
        })?;
        signed_in(url, &access.password_file)
    }

    /// What the deployment that runs here uses; else the file that is here; else the cluster.
    fn deployment(&self) -> anyhow::Result<DatabaseUrl> {
        let folder = self.data_folder()?;
        let access = Access::read(&folder)?;
        let embedded = self.data.join(EMBEDDED);
        let running = LocalDeployment::read(&self.data).ok().map(|running| running.database);
        match (running, access) {
            (Some(url), Some(access)) if url == access.writer => {
                signed_in(&access.writer, &access.password_file)
            }
            (Some(url), _) => Ok(with_password(DatabaseUrl::parse(&url)?)),
            (None, Some(access)) if !embedded.exists() => {
                signed_in(&access.writer, &access.password_file)
            }
            (None, _) => Ok(DatabaseUrl::file(embedded)),
        }
    }

    /// Opens a database that must exist, at this program's version.
    pub(crate) async fn open(&self) -> anyhow::Result<Store> {
        let url = self.existing()?;
        store::migrate(&url).await.with_context(|| format!("{url}"))?;
        Store::open(&url).with_context(|| format!("{url}"))
    }

    /// The address of a database that must exist: nobody wants an empty bank made by a typo.
    pub(crate) fn existing(&self) -> anyhow::Result<DatabaseUrl> {
        let url = self.url()?;
        if let Some(path) = url.to_string().strip_prefix("sqlite:")
            && !PathBuf::from(path).exists()
        {
            anyhow::bail!(
                "there is no database {path}; `ballast up` makes one, or name it with --data or \
                 --database"
            );
        }
        Ok(url)
    }
}

/// Reads `--database`. Arguments are seen by everybody on the machine, so a password there is
/// refused before it can become a habit.
pub(crate) fn from_argument(text: &str) -> anyhow::Result<DatabaseUrl> {
    let url = DatabaseUrl::parse(text).context("--database")?;
    if url.has_password() {
        anyhow::bail!(
            "--database must not hold a password, for others can read the arguments of a command; \
             give it in the environment variable PGPASSWORD"
        );
    }
    Ok(with_password(url))
}

/// Adds the password that a file holds.
pub(crate) fn signed_in(url: &str, password_file: &Path) -> anyhow::Result<DatabaseUrl> {
    let password = std::fs::read_to_string(password_file)
        .with_context(|| format!("could not read {}", password_file.display()))?;
    Ok(DatabaseUrl::parse(url)?.with_password(password.trim_end_matches('\n')))
}

/// Adds the password of the environment, if the address has none.
pub(crate) fn with_password(url: DatabaseUrl) -> DatabaseUrl {
    match std::env::var("PGPASSWORD") {
        Ok(password) => url.with_password(&password),
        Err(_) => url,
    }
}
