//! `ballast serve`: one application server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use ledger::receipt::Durability;
use serde::Deserialize;
use store::{DatabaseUrl, Store};
use tokio::signal::unix::{SignalKind, signal};

use crate::{data_keys, database, process, receipt_keys};

/// Arguments of `serve`.
#[derive(Args)]
pub(crate) struct ServeArgs {
    /// JSON file with name, region, zone, listen and database
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// The file of one server; `ballast up` writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerConfig {
    name: String,
    region: String,
    zone: String,
    listen: SocketAddr,
    database: String,
    /// Replicas near this server, nearest first: what is only shown is read there.
    #[serde(default)]
    database_reader: Option<String>,
    /// Holds the password of the database's user; without it PGPASSWORD does.
    #[serde(default)]
    database_password_file: Option<PathBuf>,
    /// What a commit has reached when the database acknowledges it: `machine`, `zone`, `region`, or
    /// `server` when only its administrator knows, which is what a PostgreSQL of one's own has.
    #[serde(default)]
    durability: Option<String>,
    drain_seconds: u64,
    /// The keys that sign receipts; without it answers carry none.
    #[serde(default)]
    receipt_keys: Option<PathBuf>,
    /// What seals what is secret in the books; without it there are no second factors.
    #[serde(default)]
    data_keys: Option<PathBuf>,
    #[serde(default)]
    secure_cookies: bool,
    /// For production: administrators do nothing before they have a second factor.
    #[serde(default)]
    administrators_need_second_factor: bool,
    #[serde(default)]
    exit_with_parent: bool,
}

pub(crate) async fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let config: ServerConfig = process::read_config(&args.config)?;
    process::log_to_stderr();
    if config.exit_with_parent {
        process::exit_with_parent();
    }
    let receipts = receipts(config.receipt_keys.as_deref())?;
    let mut store = open(&config).await?;
    let durability = match &config.durability {
        Some(word) => Durability::parse(word).with_context(|| format!("durability: {word}"))?,
        // An embedded commit is durable on this machine and nowhere else.
        None if config.database.starts_with("sqlite:") => Durability::Machine,
        None => Durability::Server,
    };
    if let Some(path) = &config.data_keys {
        store = store.with_vault(data_keys::read(path)?);
    }
    if config.administrators_need_second_factor && config.data_keys.is_none() {
        bail!("administrators_need_second_factor needs data_keys, which seal the secrets");
    }
    let listener = tokio::net::TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("could not listen on {}", config.listen))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
    };
    let config = web::Config {
        name: config.name,
        region: config.region,
        zone: config.zone,
        secure_cookies: config.secure_cookies,
        administrators_need_second_factor: config.administrators_need_second_factor,
        drain: Duration::from_secs(config.drain_seconds),
        receipts,
        durability,
        ..web::Config::default()
    };
    web::serve(listener, store, config, shutdown).await?;
    Ok(ExitCode::SUCCESS)
}

/// The books, at this program's version.
async fn open(config: &ServerConfig) -> anyhow::Result<Store> {
    let signed_in = |url: &str| match &config.database_password_file {
        Some(file) => database::signed_in(url, file),
        None => Ok(database::with_password(DatabaseUrl::parse(url)?)),
    };
    let url = signed_in(&config.database)?;
    let near = config.database_reader.as_deref().map(signed_in).transpose()?;
    store::migrate(&url).await.with_context(|| url.to_string())?;
    let store = Store::open_with_replicas(&url, near.as_ref()).with_context(|| url.to_string())?;
    store.warm_up().await;
    Ok(store)
}

/// What signs receipts.
fn receipts(keys: Option<&Path>) -> anyhow::Result<Option<Arc<web::Receipts>>> {
    let Some(path) = keys else { return Ok(None) };
    let keys = receipt_keys::read(path)?;
    Ok(Some(Arc::new(web::Receipts::try_new(&keys)?)))
}
