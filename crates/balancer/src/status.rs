//! `/status.json`: every server, its state and why, in one answer.

use std::sync::atomic::Ordering::Relaxed;

use serde::Serialize;

use crate::policy::ServerView;
use crate::shared::Shared;
use crate::stats::Snapshot;
use crate::upstream::Upstream;

#[derive(Serialize)]
struct Status<'a> {
    name: &'a str,
    role: &'static str,
    region: Option<&'a str>,
    state: &'static str,
    uptime_seconds: u64,
    connections: u64,
    requests: u64,
    retries: u64,
    retries_over_budget: u64,
    failed_open: u64,
    other_region: u64,
    ejections: u64,
    upstreams: Vec<UpstreamStatus<'a>>,
}

#[derive(Serialize)]
struct UpstreamStatus<'a> {
    name: &'a str,
    address: String,
    region: Option<&'a str>,
    zone: Option<&'a str>,
    state: &'static str,
    why: String,
    outstanding: u32,
    requests: u64,
    /// Attempts without an answer, and answers with 500 to 599.
    errors: u64,
    /// Over the last 10 to 20 seconds.
    latency_ms: Latency,
}

#[derive(Serialize)]
struct Latency {
    p50: f64,
    p95: f64,
    p99: f64,
}

/// The status as JSON.
pub(crate) fn json(shared: &Shared) -> String {
    let now = shared.now();
    let (counters, views) = {
        let policy = shared.policy();
        (policy.counters(), policy.view(now))
    };
    let state = match (shared.is_draining(), shared.is_ready()) {
        (true, _) => "draining",
        (false, true) => "ready",
        (false, false) => "not_ready",
    };
    let status = Status {
        name: &shared.config.name,
        role: if shared.is_front_door() { "front_door" } else { "balancer" },
        region: shared.config.preferred_region(),
        state,
        uptime_seconds: now.as_secs(),
        connections: shared.stats.connections_open.load(Relaxed),
        requests: shared.stats.requests.load(Relaxed),
        retries: counters.retries,
        retries_over_budget: counters.retries_over_budget,
        failed_open: counters.failed_open,
        other_region: counters.other_region,
        ejections: counters.ejections,
        upstreams: shared.upstreams.iter().zip(views).map(upstream).collect(),
    };
    serde_json::to_string(&status).unwrap_or_default()
}

fn upstream((upstream, view): (&Upstream, ServerView)) -> UpstreamStatus<'_> {
    let answers = upstream.stats.answers();
    let failures = upstream.stats.failures.load(Relaxed);
    let [.., server_errors] = answers;
    UpstreamStatus {
        name: &upstream.name,
        address: upstream.address().to_string(),
        region: upstream.region.as_deref(),
        zone: upstream.zone.as_deref(),
        state: view.state.word(),
        why: view.why,
        outstanding: view.outstanding,
        requests: answers.iter().sum::<u64>() + failures,
        errors: failures + server_errors,
        latency_ms: latency(&upstream.recent_latency()),
    }
}

fn latency(recent: &Snapshot) -> Latency {
    let ms = |per_mille| {
        let us = u32::try_from(recent.quantile_us(per_mille)).unwrap_or(u32::MAX);
        f64::from(us) / 1_000.0
    };
    Latency { p50: ms(500), p95: ms(950), p99: ms(990) }
}
