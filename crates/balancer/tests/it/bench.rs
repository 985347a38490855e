//! A balancer over hand-made servers, and waiting for conditions.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use balancer::{Balancer, Config};

use crate::client::get;
use crate::origin::Origin;

/// Longest time that any condition of these tests may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// A balancer and its servers.
pub(crate) struct Bench {
    pub(crate) balancer: Balancer,
    pub(crate) address: SocketAddr,
    pub(crate) origins: Vec<Origin>,
}

/// What differs between tests; the rest is the same for all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setup {
    pub(crate) servers: usize,
    /// Further fields of the configuration, each with a comma behind it.
    pub(crate) fields: String,
}

/// A balancer over this many servers, all of them in use.
pub(crate) async fn start(servers: usize) -> Result<Bench> {
    start_with(Setup { servers, ..Setup::default() }).await
}

pub(crate) async fn start_with(setup: Setup) -> Result<Bench> {
    let mut origins = Vec::new();
    for number in 0..setup.servers {
        origins.push(Origin::start(&format!("server{number}")).await?);
    }
    let upstreams: Vec<_> = origins
        .iter()
        .enumerate()
        .map(|(number, origin)| (format!("server{number}"), origin.address, "east"))
        .collect();
    let balancer = balancer("balancer", "east", "/livez", &upstreams, &setup.fields).await?;
    let address = balancer.address();
    let bench = Bench { balancer, address, origins };
    for number in 0..setup.servers {
        bench.await_state(number, "healthy").await?;
    }
    Ok(bench)
}

/// Starts a balancer or front door over the given servers.
pub(crate) async fn balancer(
    role: &str,
    region: &str,
    path: &str,
    upstreams: &[(String, SocketAddr, &str)],
    fields: &str,
) -> Result<Balancer> {
    Ok(Balancer::start(config(role, region, path, upstreams, fields)?).await?)
}

/// The configuration of a balancer or front door that takes any port.
pub(crate) fn config(
    role: &str,
    region: &str,
    path: &str,
    upstreams: &[(String, SocketAddr, &str)],
    fields: &str,
) -> Result<Config> {
    let upstreams: Vec<_> = upstreams
        .iter()
        .map(|(name, address, region)| {
            serde_json::json!({"name": name, "address": address, "region": region}).to_string()
        })
        .collect();
    let home = if role == "front_door" { "home_region" } else { "region" };
    let json = format!(
        r#"{{"name":"{role}-{region}","role":"{role}","{home}":"{region}",
            "listen":"127.0.0.1:0",{fields}"upstreams":[{}],
            "health":{{"path":"{path}","interval_ms":200,"timeout_ms":500,
            "healthy_threshold":2,"unhealthy_threshold":3,"return_after_ms":1500}}}}"#,
        upstreams.join(",")
    );
    Ok(Config::parse(&json)?)
}

impl Bench {
    pub(crate) async fn status(&self) -> Result<serde_json::Value> {
        Ok(get(self.address, "/status.json").await?.json())
    }

    /// Waits until a server is in a state.
    pub(crate) async fn await_state(&self, server: usize, state: &str) -> Result<()> {
        let began = Instant::now();
        loop {
            let status = self.status().await?;
            let found = &status["upstreams"][server];
            if found["state"] == state {
                return Ok(());
            }
            if began.elapsed() > DEADLINE {
                bail!("server {server} did not become {state}: {found}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until a server is no longer in slow start.
    pub(crate) fn total(&self) -> usize {
        self.origins.iter().map(Origin::count).sum()
    }
}

/// Waits until a condition holds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) -> Result<()> {
    let began = Instant::now();
    while !holds().await {
        if began.elapsed() > DEADLINE {
            bail!("never happened: {what}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Ends a test that hangs with the place where it does.
pub(crate) async fn in_time<T>(what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(DEADLINE, work).await.with_context(|| format!("timed out: {what}"))?
}
