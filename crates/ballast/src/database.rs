//! Which database a command means.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use fleet::data_folder::DataFolder;
use store::{DatabaseUrl, Store};

/// The file of the embedded database inside a data folder.
const EMBEDDED: &str = "bank.db";

/// Where the books are.
#[derive(Args)]
pub(crate) struct DatabaseArgs {
    /// Folder of the local deployment
    #[arg(long, value_name = "DIR", default_value = fleet::data_folder::DEFAULT, global = true)]
    data: PathBuf,
    /// Database instead of the local deployment's, such as sqlite:/srv/bank.db
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
            Some(url) => DatabaseUrl::parse(url).with_context(|| format!("--database {url}")),
            None => Ok(DatabaseUrl::file(self.data.join(EMBEDDED))),
        }
    }

    /// Opens a database that must exist, at this program's version.
    pub(crate) fn open(&self) -> anyhow::Result<Store> {
        let url = self.existing()?;
        store::migrate(&url).with_context(|| format!("{url}"))?;
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
