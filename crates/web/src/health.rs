//! What the operators of the bank ask a server: is it alive, is it ready, how is it doing.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use store::{Health, Replica};

use crate::api::answer::{json, with_status};
use crate::call::Call;
use crate::route::{Access, Handled, Route, handler};

/// How long the database may take to answer before the server is not ready.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) static ROUTES: &[Route] = &[
    Route::get("/livez", Access::Public, handler!(live)),
    Route::get("/readyz", Access::Public, handler!(ready)),
    Route::get("/metrics", Access::Operator, handler!(metrics)),
    Route::get("/status.json", Access::Operator, handler!(status)),
];

#[derive(Serialize)]
struct Readiness<'a> {
    status: &'static str,
    name: &'a str,
    region: &'a str,
    zone: &'a str,
    version: &'static str,
    /// `reachable` when the books can be read, from whatever copy.
    database: &'static str,
    /// Whether changes are taken: `reachable` or `unreachable`.
    primary: &'static str,
    /// What is read near here; left out on servers that read the primary.
    #[serde(skip_serializing_if = "Option::is_none")]
    replica: Option<ReplicaOut>,
    /// What a commit has reached when it is acknowledged.
    durability: &'static str,
}

#[derive(Serialize, Default)]
struct ReplicaOut {
    status: &'static str,
    /// `standby`, or `primary` where that is the nearest.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_bytes: Option<u64>,
    /// How old what it shows is at most, as far as it can be proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_ms: Option<u64>,
}

#[derive(Serialize)]
struct Status<'a> {
    #[serde(flatten)]
    readiness: Readiness<'a>,
    role: &'static str,
    uptime_seconds: u64,
    requests: u64,
    errors: u64,
    in_flight: i64,
    latency_p50_ms: f64,
    latency_p95_ms: f64,
    latency_p99_ms: f64,
}

/// Never asks the database: a blink of the shared database must not empty both regions.
async fn live(_call: Call) -> Handled {
    Ok(json(&serde_json::json!({ "status": "live" })))
}

async fn ready(call: Call) -> Handled {
    let readiness = readiness(&call).await;
    let status =
        if readiness.status == "ready" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok(with_status(status, &readiness))
}

async fn status(call: Call) -> Handled {
    let summary = call.server.meters.summary();
    let [latency_p50_ms, latency_p95_ms, latency_p99_ms] = summary.quantiles_ms;
    Ok(json(&Status {
        readiness: readiness(&call).await,
        role: "server",
        uptime_seconds: summary.uptime.as_secs(),
        requests: summary.requests,
        errors: summary.errors,
        // Without this request itself.
        in_flight: summary.in_flight.saturating_sub(1),
        latency_p50_ms,
        latency_p95_ms,
        latency_p99_ms,
    }))
}

/// A server without a primary is ready as long as it can show the books: taking it out would help
/// nobody, for those who want a change are told to come back in a moment.
async fn readiness(call: &Call) -> Readiness<'_> {
    let config = &call.server.config;
    let health = tokio::time::timeout(HEALTH_TIMEOUT, call.server.store.health()).await;
    let health = health.unwrap_or(NOTHING_ANSWERS);
    let readable = health.primary_answers || health.replica.is_some();
    let status = match (call.server.is_draining(), readable) {
        (true, _) => "draining",
        (false, true) => "ready",
        (false, false) => "unready",
    };
    Readiness {
        status,
        name: &config.name,
        region: &config.region,
        zone: &config.zone,
        version: env!("CARGO_PKG_VERSION"),
        database: reachable(readable),
        primary: reachable(health.primary_answers),
        replica: health.has_replicas.then(|| replica(health.replica)),
        durability: config.durability.as_str(),
    }
}

const NOTHING_ANSWERS: Health =
    Health { primary_answers: false, has_replicas: false, replica: None };

fn replica(found: Option<Replica>) -> ReplicaOut {
    let status = reachable(found.is_some());
    let Some(found) = found else { return ReplicaOut { status, ..ReplicaOut::default() } };
    ReplicaOut {
        status,
        role: Some(if found.is_standby { "standby" } else { "primary" }),
        timeline: Some(found.timeline),
        lag_bytes: found.lag_bytes,
        lag_ms: found.lag_ms,
    }
}

const fn reachable(answers: bool) -> &'static str {
    if answers { "reachable" } else { "unreachable" }
}

async fn metrics(call: Call) -> Handled {
    let mut response = Response::new(Body::from(call.server.meters.render()));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    Ok(response)
}
