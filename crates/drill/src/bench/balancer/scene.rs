//! The deployment of a scenario: its load, its faults, and what its balancers say.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail, ensure};
use fleet::{
    control,
    fault::Fault,
    process::{Process, Role},
    roll::{RollRequest, RollStep},
};
use indicatif::ProgressBar;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::time::Instant;

use super::{
    BalancerOptions,
    load::{Load, Pace},
};
use crate::{
    bench::{BenchOptions, source::SourcePlan},
    client::{BankAddress, Call, Client},
    target::Target,
};

/// How often a balancer is asked for its view while a change is awaited.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Longest wait for a server to be taken out.
const OUT_WITHIN: Duration = Duration::from_secs(20);
/// Longest wait for the preferred region to be in use: it returns once it was well for 60 s.
const PREFERRED_WITHIN: Duration = Duration::from_secs(90);
/// Of a look at the deployment.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Scene {
    pub(super) target: Target,
    pub(super) rate: u64,
    /// A server of the region in use.
    pub(super) victim: Process,
    control: control::Client,
    data: std::path::PathBuf,
    bench: BenchOptions,
    accounts: Arc<[String]>,
    progress: ProgressBar,
}

/// What is read of `/status.json`.
#[derive(Deserialize)]
struct Status {
    upstreams: Vec<UpstreamStatus>,
    regions: Vec<RegionStatus>,
}

#[derive(Deserialize)]
struct RegionStatus {
    name: String,
    preferred: bool,
    serving: bool,
}

#[derive(Deserialize)]
struct UpstreamStatus {
    name: String,
    state: String,
}

impl Scene {
    pub(super) async fn open(
        target: &Target,
        options: &BalancerOptions,
        bench: BenchOptions,
        accounts: Arc<[String]>,
        progress: &ProgressBar,
    ) -> anyhow::Result<Self> {
        if options.scenario.breaks_a_region() {
            until_preferred(target, progress).await?;
        }
        let mut control = control::Client::connect(&options.data).await?;
        let processes = control.status().await?.processes;
        let name = serving(target, accounts.first().context("no accounts")?).await?;
        let victim = processes
            .into_iter()
            .find(|process| process.name == name)
            .with_context(|| format!("{name} answered, and is no process of the deployment"))?;
        Ok(Self {
            target: target.clone(),
            rate: options.rate,
            victim,
            control,
            data: options.data.clone(),
            bench,
            accounts,
            progress: progress.clone(),
        })
    }

    pub(super) fn plan(&self) -> anyhow::Result<SourcePlan> {
        SourcePlan::new(&self.target, &self.bench, Arc::clone(&self.accounts))
    }

    /// The load of the scenario.
    pub(super) fn load(&self) -> anyhow::Result<Load> {
        Ok(Load::start(&self.target, self.plan()?, Pace::PerSecond(self.rate)))
    }

    pub(super) async fn wait(&self, what: &'static str, time: Duration) {
        self.progress.set_message(what);
        self.progress.set_length(time.as_secs());
        let end = Instant::now() + time;
        let mut second = 0;
        while Instant::now() < end {
            self.progress.set_position(second);
            second += 1;
            let next = Instant::now() + Duration::from_secs(1);
            tokio::time::sleep_until(next.min(end)).await;
        }
    }

    pub(super) async fn processes(&mut self) -> anyhow::Result<Vec<Process>> {
        Ok(self.control.status().await?.processes)
    }

    /// The servers of a region, and its balancer, by name.
    pub(super) async fn region(&mut self, name: &str) -> anyhow::Result<(Vec<String>, String)> {
        let all = self.processes().await?;
        let of = |role| {
            let its = |process: &&Process| process.region.as_deref() == Some(name);
            let its = all.iter().filter(its).filter(move |process| process.role == role);
            its.map(|process| process.name.clone()).collect::<Vec<_>>()
        };
        let balancer = of(Role::Balancer).pop();
        Ok((of(Role::Server), balancer.with_context(|| format!("{name} has no balancer"))?))
    }

    /// Begins a fault; the moment at which it was so.
    pub(super) async fn fault(&mut self, fault: Fault, name: &str) -> anyhow::Result<Timestamp> {
        let report = self.control.fault(fault, name, None).await?;
        let action =
            report.actions.first().with_context(|| format!("nothing happened to {name}"))?;
        action.at.parse().context("the supervisor's time is not one")
    }

    pub(super) async fn heal(&mut self, name: &str) -> anyhow::Result<()> {
        self.control.heal(Some(name)).await?;
        Ok(())
    }

    /// Ends every fault, on a connection of its own: the other may be what failed.
    pub(super) async fn heal_all(&mut self) -> anyhow::Result<()> {
        control::Client::connect(&self.data).await?.heal(None).await?;
        Ok(())
    }

    /// Waits until the server's balancer sends it nothing more; how long that took.
    pub(super) async fn until_out(
        &mut self,
        server: &Process,
        since: Timestamp,
    ) -> anyhow::Result<Duration> {
        let balancer = self
            .processes()
            .await?
            .into_iter()
            .find(|process| process.role == Role::Balancer && process.region == server.region)
            .with_context(|| format!("{} has no balancer", server.name))?;
        let address = BankAddress::parse(&format!("http://{}", balancer.address), None)?;
        let mut client = Client::new(Arc::new(address), TIMEOUT);
        let call = Call::anonymous_get("/status.json");
        let end = Instant::now() + OUT_WITHIN;
        while Instant::now() < end {
            let status: Status = client.send(&call).await?.json()?;
            let state = status.upstreams.iter().find(|found| found.name == server.name);
            let state = state.with_context(|| format!("no word of {}", server.name))?;
            if !["healthy", "slow_start"].contains(&state.state.as_str()) {
                let took = Timestamp::now().duration_since(since);
                return Ok(Duration::try_from(took).unwrap_or_default());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        bail!("{} was not taken out within {} s", server.name, OUT_WITHIN.as_secs())
    }

    /// Replaces every process; how many.
    pub(super) async fn roll(&mut self) -> anyhow::Result<usize> {
        let control = control::Client::connect(&self.data).await?;
        let progress = self.progress.clone();
        let on_step = |step: &RollStep| progress.set_message(format!("rolling {}", step.process));
        let forever = std::future::pending();
        let summary = control.roll(RollRequest::default(), on_step, forever).await?;
        match summary.stopped {
            None => Ok(summary.replaced.len()),
            Some(why) => bail!("the roll stopped halfway: {why}"),
        }
    }

    /// Waits until one of these servers answers.
    pub(super) async fn until_served_by(
        &mut self,
        servers: &[String],
        within: Duration,
    ) -> anyhow::Result<()> {
        self.progress.set_message("until the region is in use again");
        let end = Instant::now() + within;
        let account = self.accounts.first().context("no accounts")?.clone();
        while Instant::now() < end {
            if servers.contains(&serving(&self.target, &account).await?) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("no server of the region was in use again within {} s", within.as_secs())
    }
}

/// Waits until the region that the front door prefers is in use: after it was broken before, say.
/// Another region's requests would not come back to it.
async fn until_preferred(target: &Target, progress: &ProgressBar) -> anyhow::Result<()> {
    progress.set_message("until the preferred region is in use");
    let mut client = Client::new(Arc::clone(&target.address), TIMEOUT);
    let call = Call::anonymous_get("/status.json");
    let end = Instant::now() + PREFERRED_WITHIN;
    loop {
        let status: Status = client.send(&call).await?.json()?;
        let Some(away) = status.regions.iter().find(|region| region.preferred && !region.serving)
        else {
            return Ok(());
        };
        ensure!(
            Instant::now() < end,
            "the preferred region {} was not in use within {} s; `ballast ps` tells why",
            away.name,
            PREFERRED_WITHIN.as_secs()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The name of the server that answers now.
async fn serving(target: &Target, account: &str) -> anyhow::Result<String> {
    let mut client = Client::new(Arc::clone(&target.address), TIMEOUT);
    let call = Call::get(format!("/api/v1/accounts/{account}"), &target.teller);
    let answer = client.send(&call).await?;
    ensure!(answer.status.is_success(), "the bank answered {}", answer.excerpt());
    let server = answer.server.context("the answer does not say which server it is from")?;
    Ok(server.to_str()?.to_owned())
}
