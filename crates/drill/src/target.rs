//! Which bank to speak to, and as whom: the deployment of a data folder, or what the flags say.
//!
//! Guarantees one clear sentence when something is missing, and that the tokens of this machine's
//! bank go to this machine only. Starts nothing.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, bail};
use fleet::local::LocalDeployment;
pub use fleet::local::SignIn;
use fleet::process::{Process, Role};

use crate::client::{BankAddress, Token, is_loopback};

/// What the flags say; everything left out comes from the data folder.
#[derive(Debug, Clone, Default)]
pub struct TargetOptions {
    /// The folder of a local deployment.
    pub data: PathBuf,
    /// Another address than the deployment's.
    pub url: Option<String>,
    /// The region whose balancer is asked instead of the front door.
    pub region: Option<String>,
    /// The bearer token of a teller or cashier.
    pub token: Option<String>,
    /// The bearer token of an executive.
    pub executive_token: Option<String>,
    /// A staff member for measuring sign-ins.
    pub sign_in: Option<SignIn>,
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
    /// The processes of the deployment; empty when the bank is not on this machine.
    pub processes: Vec<Process>,
    /// A staff member that may be used to measure sign-ins, if there is one.
    pub sign_in: Option<SignIn>,
}

impl Target {
    /// Finds the bank.
    ///
    /// # Errors
    /// When no deployment is in the folder and the flags do not say enough; the sentence says
    /// what to do.
    pub fn resolve(options: &TargetOptions) -> anyhow::Result<Self> {
        let url = options.url.as_deref();
        // Tokens of this machine's bank are never sent to another machine.
        let is_local = url.is_none_or(is_loopback);
        let local = match LocalDeployment::read(&options.data) {
            Ok(deployment) => Some(deployment).filter(|_| is_local),
            Err(_) if url.is_some() => None,
            Err(error) => return Err(error).context("say where the bank is with --url, or"),
        };
        let stored = local.as_ref().and_then(|deployment| deployment.credentials().ok());
        let certificate = local.as_ref().and_then(LocalDeployment::certificate);
        let address = match (url, &local) {
            (Some(url), _) => BankAddress::parse(url, certificate)?,
            (None, Some(deployment)) => BankAddress::parse(&deployment.url, certificate)?,
            (None, None) => bail!("say where the bank is with --url"),
        };
        let target = Self {
            address: Arc::new(address),
            teller: token(&options.token, stored.map(|stored| &stored.teller), "--token")?,
            executive: token(
                &options.executive_token,
                stored.map(|stored| &stored.executive),
                "--executive-token",
            )?,
            sign_in: options
                .sign_in
                .clone()
                .or_else(|| stored.and_then(|stored| stored.sign_in.clone())),
            processes: local.map(|deployment| deployment.processes).unwrap_or_default(),
        };
        match &options.region {
            Some(region) => target.through(region),
            None => Ok(target),
        }
    }

    /// The same bank through the balancer of a region.
    ///
    /// # Errors
    /// When this machine's deployment has no such region.
    pub fn through(mut self, region: &str) -> anyhow::Result<Self> {
        let is_it = |process: &&Process| {
            process.role == Role::Balancer && process.region.as_deref() == Some(region)
        };
        let balancer = self.processes.iter().find(is_it).with_context(|| {
            format!("no balancer of a region `{region}` is known here; `ballast ps` shows them")
        })?;
        let certificate = balancer.certificate.as_deref();
        let scheme = if certificate.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", balancer.address);
        self.address = Arc::new(BankAddress::parse(&url, certificate)?);
        Ok(self)
    }
}

fn token(
    said: &Option<String>,
    stored: Option<&fleet::local::Token>,
    flag: &str,
) -> anyhow::Result<Token> {
    let text = said.as_deref().or(stored.map(fleet::local::Token::expose)).with_context(|| {
        format!("there is no token for this bank: make one with `ballast staff token`, say {flag}")
    })?;
    Token::parse(text)
}
