//! `ballast serve`: one application server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde::Deserialize;
use store::{DatabaseUrl, Store};
use tokio::signal::unix::{SignalKind, signal};

use crate::process;

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
    drain_seconds: u64,
    #[serde(default)]
    secure_cookies: bool,
    #[serde(default)]
    exit_with_parent: bool,
}

pub(crate) async fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let config: ServerConfig = process::read_config(&args.config)?;
    process::log_to_stderr();
    if config.exit_with_parent {
        process::exit_with_parent();
    }
    let url = DatabaseUrl::parse(&config.database)?;
    store::migrate(&url).with_context(|| config.database.clone())?;
    let store = Store::open(&url).with_context(|| config.database.clone())?;
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
        drain: Duration::from_secs(config.drain_seconds),
        ..web::Config::default()
    };
    web::serve(listener, store, config, shutdown).await?;
    Ok(ExitCode::SUCCESS)
}
