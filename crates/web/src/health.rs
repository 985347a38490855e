//! What the operators of the bank ask a server: is it alive, is it ready, how is it doing.

use axum::body::Body;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use std::time::Duration;

use crate::api::answer::{json, with_status};
use crate::call::Call;
use crate::route::{Access, Handled, Route, handler};

/// How long the database may take to answer before the server is not ready.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

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
    database: &'static str,
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

async fn readiness(call: &Call) -> Readiness<'_> {
    let config = &call.server.config;
    let ping = tokio::time::timeout(PING_TIMEOUT, call.server.store.ping()).await;
    let reachable = matches!(ping, Ok(Ok(())));
    let status = match (call.server.is_draining(), reachable) {
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
        database: if reachable { "reachable" } else { "unreachable" },
    }
}

async fn metrics(call: Call) -> Handled {
    let mut response = Response::new(Body::from(call.server.meters.render()));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    Ok(response)
}
