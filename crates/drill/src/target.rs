//! Which bank to speak to, and as whom: the deployment of a data folder, or what the flags say.
//!
//! Guarantees one clear sentence when something is missing. Reads `deployment.json` and
//! `credentials.json`; starts nothing.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::client::{BankAddress, Token};

/// What the flags say; everything left out comes from the data folder.
#[derive(Debug, Clone, Default)]
pub struct TargetOptions {
    /// The folder of a local deployment.
    pub data: PathBuf,
    /// Another address than the deployment's.
    pub url: Option<String>,
    /// The bearer token of a teller or cashier.
    pub token: Option<String>,
    /// The bearer token of an executive.
    pub executive_token: Option<String>,
}

/// A bank and the tokens to use it.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it listens.
    pub address: Arc<BankAddress>,
    /// For what tellers do: deposits, withdrawals, transfers.
    pub teller: Token,
    /// For what executives do: customers, opening accounts.
    pub executive: Token,
    /// The processes of the deployment; empty when the bank is not the data folder's.
    pub processes: Vec<Process>,
    /// A staff member that may be used to measure sign-ins, when the deployment has one.
    pub sign_in: Option<SignIn>,
}

/// One process of a local deployment, as in `ballast ps --json`.
#[derive(Debug, Clone, Deserialize)]
pub struct Process {
    /// Its name, such as `applicationServer01-east`.
    pub name: String,
    /// `server`, `balancer` or `front_door`.
    #[serde(default)]
    pub role: String,
    /// Its region, if it belongs to one.
    #[serde(default)]
    pub region: Option<String>,
    /// Its process id, while it runs.
    #[serde(default)]
    pub pid: Option<u32>,
}

/// A user and the password.
#[derive(Clone, Deserialize)]
pub struct SignIn {
    /// The user id.
    pub user: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SignIn").field("user", &self.user).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct DeploymentFile {
    url: String,
    #[serde(default)]
    processes: Vec<Process>,
}

#[derive(Default, Deserialize)]
struct CredentialsFile {
    executive: Option<String>,
    teller: Option<String>,
    #[serde(default)]
    sign_in: Option<SignIn>,
}

impl Target {
    /// Finds the bank.
    ///
    /// # Errors
    /// When no deployment is in the folder and the flags do not say enough; the sentence says
    /// what to do.
    pub fn resolve(options: &TargetOptions) -> anyhow::Result<Self> {
        let data = &options.data;
        let deployment: Option<DeploymentFile> = read(&data.join("deployment.json"))?;
        let credentials: CredentialsFile =
            read(&data.join("credentials.json"))?.unwrap_or_default();
        let local = deployment
            .filter(|d| options.url.as_deref().is_none_or(|u| u.trim_end_matches('/') == d.url));
        let (url, processes) = match (&options.url, local) {
            (Some(url), local) => (url.clone(), local.map(|d| d.processes).unwrap_or_default()),
            (None, Some(deployment)) => (deployment.url, deployment.processes),
            (None, None) => bail!(
                "no deployment runs from {}: start one with `ballast up`, or say --url",
                data.display()
            ),
        };
        let token = |flag: &Option<String>, stored: Option<String>, name: &str| {
            let text = flag.clone().or(stored).with_context(|| {
                format!(
                    "no {name} in {}: say it, as made with `ballast staff token`",
                    data.join("credentials.json").display()
                )
            })?;
            Token::parse(&text)
        };
        Ok(Self {
            address: Arc::new(BankAddress::parse(&url)?),
            teller: token(&options.token, credentials.teller, "--token")?,
            executive: token(
                &options.executive_token,
                credentials.executive,
                "--executive-token",
            )?,
            processes,
            sign_in: credentials.sign_in,
        })
    }
}

/// Reads a JSON file; `None` when there is no such file.
fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> anyhow::Result<Option<T>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let value = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not what `ballast up` writes", path.display()))?;
    Ok(Some(value))
}
