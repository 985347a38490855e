//! `/status.json`: what this process knows of itself and of every server, in one answer; and, below
//! this module, the page for people that is made of such answers.
//!
//! The types are read as well as written: a front door asks the balancers behind it for theirs.
//! Unknown fields are skipped and missing ones are empty, so versions may differ. Not here:
//! customers, clients, paths.

mod curve;
mod deployment;
mod map;
mod page;
mod words;

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::access_log::utc;
use crate::history::Series;
use crate::policy::{Moment, RegionView, ServerView};
use crate::shared::Shared;
use crate::stats::Snapshot;
use crate::upstream::Upstream;

pub(crate) use deployment::Cache;
pub(crate) use page::{ICON, SCRIPT, STYLE, map, page};

/// One process. Rates are over the last 10 s, latency over the last 10 to 20 s.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    pub(crate) name: String,
    /// `balancer` or `front_door`.
    pub(crate) role: String,
    pub(crate) region: Option<String>,
    pub(crate) deployment: Option<String>,
    pub(crate) version: String,
    /// When this was said, RFC 3339 in UTC.
    pub(crate) at: String,
    /// `ready`, `not_ready` or `draining`.
    pub(crate) state: String,
    /// No server is usable, so requests go to any that ever passed a check.
    pub(crate) failing_open: bool,
    pub(crate) uptime_seconds: u64,
    pub(crate) connections: u64,
    pub(crate) requests: u64,
    /// Answers to clients with 500 to 599.
    pub(crate) errors: u64,
    pub(crate) requests_per_second: f64,
    pub(crate) errors_per_second: f64,
    /// Requests that a server works on.
    pub(crate) outstanding: u32,
    pub(crate) latency_ms: Latency,
    pub(crate) retries: u64,
    pub(crate) retries_over_budget: u64,
    pub(crate) failed_open: u64,
    pub(crate) other_region: u64,
    pub(crate) ejections: u64,
    /// In the order of preference; empty when regions make no difference.
    pub(crate) regions: Vec<RegionStatus>,
    pub(crate) upstreams: Vec<UpstreamStatus>,
    pub(crate) history: Series,
}

/// One region as this process uses it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RegionStatus {
    pub(crate) name: String,
    pub(crate) preferred: bool,
    /// New requests go there.
    pub(crate) serving: bool,
    /// It lost its last usable server and has not been well again for long enough.
    pub(crate) left: bool,
    /// Time until it is used again, once it is well.
    pub(crate) back_in_ms: Option<u64>,
}

/// One server, or one balancer behind the front door.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct UpstreamStatus {
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) region: Option<String>,
    pub(crate) zone: Option<String>,
    pub(crate) state: String,
    pub(crate) why: String,
    /// How long it has been in that state.
    pub(crate) state_ms: u64,
    /// The word of the evidence that ejected it.
    pub(crate) evidence: Option<String>,
    /// Time that its ejection lasts at least.
    pub(crate) back_in_ms: Option<u64>,
    /// New requests go to it.
    pub(crate) serving: bool,
    pub(crate) outstanding: u32,
    pub(crate) requests: u64,
    /// Attempts without an answer, and answers with 500 to 599.
    pub(crate) errors: u64,
    pub(crate) requests_per_second: f64,
    pub(crate) errors_per_second: f64,
    /// Its part of the requests of the last 10 s, 0 to 1.
    pub(crate) share: f64,
    pub(crate) latency_ms: Latency,
    pub(crate) ejections: u64,
    pub(crate) check: Option<CheckStatus>,
    pub(crate) history: Series,
}

/// The last check of a server.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CheckStatus {
    pub(crate) passed: bool,
    pub(crate) ms_ago: u64,
    pub(crate) failure: Option<String>,
}

/// Quantiles in milliseconds; 0 without any request.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
}

/// The status as JSON.
pub(crate) fn json(shared: &Shared) -> String {
    serde_json::to_string(&own(shared)).unwrap_or_default()
}

/// This process with the balancers behind it, as JSON.
pub(crate) async fn deployment_json(shared: &Shared) -> String {
    serde_json::to_string(&deployment::picture(shared).await).unwrap_or_default()
}

/// The status of this process.
fn own(shared: &Shared) -> Status {
    let now = shared.now();
    let (counters, views, regions, serving, failing_open) = {
        let policy = shared.policy();
        let regions = policy.view_of_regions(now);
        let serving = policy.serving(now);
        (policy.counters(), policy.view(now), regions, serving, policy.fails_open())
    };
    let outstanding = views.iter().map(|view| view.outstanding).sum();
    let mut upstreams: Vec<_> = shared
        .upstreams
        .iter()
        .zip(views)
        .enumerate()
        .map(|(position, (up, view))| upstream(up, view, serving.contains(position), now))
        .collect();
    share_out(&mut upstreams);
    let serves = |region: &str| {
        upstreams
            .iter()
            .any(|up: &UpstreamStatus| up.serving && up.region.as_deref() == Some(region))
    };
    let regions = regions.into_iter().map(|view| region(&serves, view, now)).collect();
    let rates = shared.history().rates();
    let history = shared.history().series();
    let stats = &shared.stats;
    Status {
        name: shared.config.name.clone(),
        role: if shared.is_front_door() { "front_door" } else { "balancer" }.to_owned(),
        region: shared.config.preferred_region().map(str::to_owned),
        deployment: shared.config.deployment.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        at: timestamp(SystemTime::now()),
        state: state(shared).to_owned(),
        failing_open,
        uptime_seconds: now.as_secs(),
        connections: stats.connections_open.load(Relaxed),
        requests: stats.requests.load(Relaxed),
        errors: stats.errors.load(Relaxed),
        requests_per_second: rates.requests,
        errors_per_second: rates.errors,
        outstanding,
        latency_ms: latency(&recent_latency(shared)),
        retries: counters.retries,
        retries_over_budget: counters.retries_over_budget,
        failed_open: counters.failed_open,
        other_region: counters.other_region,
        ejections: counters.ejections,
        regions,
        upstreams,
        history,
    }
}

fn state(shared: &Shared) -> &'static str {
    match (shared.is_draining(), shared.is_ready()) {
        (true, _) => "draining",
        (false, true) => "ready",
        (false, false) => "not_ready",
    }
}

fn region(serves: &impl Fn(&str) -> bool, view: RegionView, now: Moment) -> RegionStatus {
    RegionStatus {
        serving: serves(&view.name),
        name: view.name,
        preferred: view.preferred,
        left: view.left,
        back_in_ms: view.returns_at.map(|at| ms(at.saturating_sub(now))),
    }
}

fn upstream(upstream: &Upstream, view: ServerView, serving: bool, now: Moment) -> UpstreamStatus {
    let (rates, history) = {
        let past = upstream.past();
        (past.history.rates(), past.history.series())
    };
    UpstreamStatus {
        name: upstream.name.clone(),
        address: upstream.address().to_string(),
        region: upstream.region.clone(),
        zone: upstream.zone.clone(),
        state: view.state.word().to_owned(),
        why: view.why,
        state_ms: ms(now.saturating_sub(view.since)),
        evidence: view.ejection.map(|(evidence, _)| evidence.word().to_owned()),
        back_in_ms: view.ejection.map(|(_, until)| ms(until.saturating_sub(now))),
        serving,
        outstanding: view.outstanding,
        requests: upstream.stats.attempts(),
        errors: upstream.stats.errors(),
        requests_per_second: rates.requests,
        errors_per_second: rates.errors,
        share: 0.0,
        latency_ms: latency(&upstream.recent_latency()),
        ejections: view.ejections.iter().sum(),
        check: view.last_check.map(|(at, result)| CheckStatus {
            passed: result.is_ok(),
            ms_ago: ms(now.saturating_sub(at)),
            failure: result.err().map(|failure| failure.to_string()),
        }),
        history,
    }
}

fn share_out(upstreams: &mut [UpstreamStatus]) {
    let all: f64 = upstreams.iter().map(|upstream| upstream.requests_per_second).sum();
    for upstream in upstreams {
        let share = if all > 0.0 { upstream.requests_per_second / all } else { 0.0 };
        upstream.share = (share * 1_000.0).round() / 1_000.0;
    }
}

fn recent_latency(shared: &Shared) -> Snapshot {
    let mut each = shared.upstreams.iter().map(Upstream::recent_latency);
    let first = each.next().unwrap_or_default();
    each.fold(first, |all, one| all.and(&one))
}

fn latency(recent: &Snapshot) -> Latency {
    let ms = |per_mille| {
        let us = u32::try_from(recent.quantile_us(per_mille)).unwrap_or(u32::MAX);
        f64::from(us) / 1_000.0
    };
    Latency { p50: ms(500), p95: ms(950), p99: ms(990) }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn timestamp(at: SystemTime) -> String {
    format!("{}Z", utc(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()))
}
