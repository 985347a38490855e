//! `/metrics` in the text format of Prometheus (version 0.0.4), with help texts.

mod process;

use std::fmt::{Display, Write};
use std::sync::atomic::Ordering::Relaxed;

use crate::policy::{Evidence, ServerState};
use crate::reason::REASONS;
use crate::shared::Shared;

/// Upper bounds of the latency buckets in microseconds: 0.5 ms to 10 s, about three a decade.
const BOUNDS_US: [u64; 14] = [
    500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000,
    2_000_000, 5_000_000, 10_000_000,
];

/// One number without labels: its name, kind and help.
type Single = (&'static str, &'static str, &'static str, u64);

/// The metrics of this process. Writing to a string cannot fail, so results are not looked at.
pub(crate) fn text(shared: &Shared) -> String {
    let mut out = String::with_capacity(16 * 1024);
    process::text(shared.started_at, &mut out);
    build(shared, &mut out);
    for (name, kind, help, value) in requests(shared).into_iter().chain(decisions(shared)) {
        head(&mut out, name, kind, help);
        let _ = writeln!(out, "ballast_balancer_{name} {value}");
    }
    retries(shared, &mut out);
    reasons(shared, &mut out);
    upstream_states(shared, &mut out);
    upstream_counts(shared, &mut out);
    upstream_latency(shared, &mut out);
    out
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP ballast_balancer_{name} {help}");
    let _ = writeln!(out, "# TYPE ballast_balancer_{name} {kind}");
}

fn series(out: &mut String, name: &str, labels: &[(&str, &str)], value: impl Display) {
    let _ = write!(out, "ballast_balancer_{name}{{");
    for (position, (label, text)) in labels.iter().enumerate() {
        let comma = if position > 0 { "," } else { "" };
        let _ = write!(out, "{comma}{label}=\"{}\"", escaped(text));
    }
    let _ = writeln!(out, "}} {value}");
}

/// In values of labels a backslash, a quote and a line feed are escaped.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn build(shared: &Shared, out: &mut String) {
    head(out, "build_info", "gauge", "Always 1; what runs here.");
    let labels = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("name", shared.config.name.as_str()),
        ("role", if shared.is_front_door() { "front_door" } else { "balancer" }),
        ("region", shared.config.preferred_region().unwrap_or_default()),
    ];
    series(out, "build_info", &labels, 1);
}

fn requests(shared: &Shared) -> [Single; 11] {
    let stats = &shared.stats;
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed);
    let in_flight: u32 = shared.policy().view(shared.now()).iter().map(|v| v.outstanding).sum();
    [
        (
            "ready",
            "gauge",
            "1 when a server is usable and the process is not leaving.",
            u64::from(shared.is_ready()),
        ),
        ("requests_total", "counter", "Requests of clients.", read(&stats.requests)),
        (
            "errors_total",
            "counter",
            "Requests of clients that ended with a status of 500 to 599.",
            read(&stats.errors),
        ),
        ("requests_in_flight", "gauge", "Requests that a server works on.", in_flight.into()),
        ("connections", "gauge", "Client connections open now.", read(&stats.connections_open)),
        ("connections_total", "counter", "Client connections accepted.", read(&stats.connections)),
        (
            "connections_refused_total",
            "counter",
            "Client connections turned away at the limit.",
            read(&stats.connections_refused),
        ),
        (
            "connections_evicted_total",
            "counter",
            "Client connections without a request that made room for others.",
            shared.connections.evicted(),
        ),
        (
            "connections_flooding_total",
            "counter",
            "HTTP/2 connections cut off because of frames that ask for nothing.",
            read(&stats.connections_flooding),
        ),
        (
            "log_lines_dropped_total",
            "counter",
            "Lines of the access log lost to a slow disk.",
            read(&stats.log_lines_dropped),
        ),
        (
            "replay_bytes",
            "gauge",
            "Memory of request bodies that are kept for a repeat.",
            read(&shared.replay_bytes),
        ),
    ]
}

fn decisions(shared: &Shared) -> [Single; 8] {
    let (counters, fails_open, retries_left) = {
        let mut policy = shared.policy();
        (policy.counters(), policy.fails_open(), policy.retries_left(shared.now()))
    };
    [
        (
            "requests_queued",
            "gauge",
            "Requests that wait for a server with a free slot.",
            u64::try_from(shared.queue.len()).unwrap_or(u64::MAX),
        ),
        (
            "failing_open",
            "gauge",
            "1 while no server is usable and every known one is tried.",
            u64::from(fails_open),
        ),
        (
            "failed_open_total",
            "counter",
            "Requests sent although no server was usable.",
            counters.failed_open,
        ),
        (
            "other_region_total",
            "counter",
            "Requests sent to another region.",
            counters.other_region,
        ),
        (
            "ejections_withheld_total",
            "counter",
            "Evidence that took nobody out, because half of the servers were out already.",
            counters.ejections_withheld,
        ),
        (
            "retries_over_budget_total",
            "counter",
            "Repeats that the budget refused.",
            counters.retries_over_budget,
        ),
        (
            "retries_behind_total",
            "counter",
            "Repeats that balancers behind this one made of requests from here.",
            counters.retries_behind,
        ),
        ("retries_left", "gauge", "Repeats that the budget allows now.", retries_left),
    ]
}

fn retries(shared: &Shared, out: &mut String) {
    let counters = shared.policy().counters();
    head(out, "retries_total", "counter", "Requests sent again, by what the last server saw.");
    let unsent = counters.retries.saturating_sub(counters.retries_after_sent);
    series(out, "retries_total", &[("sent", "nothing")], unsent);
    series(out, "retries_total", &[("sent", "something")], counters.retries_after_sent);
}

fn reasons(shared: &Shared, out: &mut String) {
    head(out, "failures_total", "counter", "Requests that got no answer of a server, by reason.");
    for reason in REASONS {
        let count = shared.stats.reason(reason);
        series(out, "failures_total", &[("reason", reason.word())], count);
    }
}

fn upstream_states(shared: &Shared, out: &mut String) {
    let now = shared.now();
    let (views, usable, serving) = {
        let policy = shared.policy();
        (policy.view(now), policy.usable(), policy.serving(now))
    };
    head(out, "upstream_usable", "gauge", "1 when the server may get requests.");
    for (position, view) in views.iter().enumerate() {
        let value = u8::from(usable.contains(position));
        series(out, "upstream_usable", &[("server", &view.name)], value);
    }
    head(out, "upstream_serving", "gauge", "1 when new requests go to the server.");
    for (position, view) in views.iter().enumerate() {
        let value = u8::from(serving.contains(position));
        series(out, "upstream_serving", &[("server", &view.name)], value);
    }
    head(out, "upstream_state", "gauge", "1 for the state that the server is in.");
    for view in &views {
        for state in ServerState::ALL {
            let labels = [("server", view.name.as_str()), ("state", state.word())];
            series(out, "upstream_state", &labels, u8::from(view.state == state));
        }
    }
    head(out, "upstream_outstanding", "gauge", "Requests in flight on the server.");
    for view in &views {
        series(out, "upstream_outstanding", &[("server", &view.name)], view.outstanding);
    }
    head(out, "upstream_ejections_total", "counter", "Ejections of the server by evidence.");
    for view in &views {
        for (evidence, count) in Evidence::ALL.iter().zip(view.ejections) {
            let labels = [("server", view.name.as_str()), ("evidence", evidence.word())];
            series(out, "upstream_ejections_total", &labels, count);
        }
    }
}

fn upstream_counts(shared: &Shared, out: &mut String) {
    head(out, "upstream_answers_total", "counter", "Answers of the server by class of status.");
    for upstream in &shared.upstreams {
        let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
        for (class, count) in classes.into_iter().zip(upstream.stats.answers()) {
            let labels = [("server", upstream.name.as_str()), ("class", class)];
            series(out, "upstream_answers_total", &labels, count);
        }
    }
    head(out, "upstream_failures_total", "counter", "Attempts on the server without an answer.");
    for upstream in &shared.upstreams {
        let count = upstream.stats.failures.load(Relaxed);
        series(out, "upstream_failures_total", &[("server", &upstream.name)], count);
    }
    head(out, "upstream_checks_total", "counter", "Checks of the server by result.");
    for upstream in &shared.upstreams {
        let stats = &upstream.stats;
        for (result, counter) in
            [("passed", &stats.checks_passed), ("failed", &stats.checks_failed)]
        {
            let labels = [("server", upstream.name.as_str()), ("result", result)];
            series(out, "upstream_checks_total", &labels, counter.load(Relaxed));
        }
    }
}

fn upstream_latency(shared: &Shared, out: &mut String) {
    head(
        out,
        "upstream_duration_seconds",
        "histogram",
        "From the choice of the server to the last byte of its answer.",
    );
    for upstream in &shared.upstreams {
        let (server, latency) = (upstream.name.as_str(), upstream.stats.latency.snapshot());
        for bound in BOUNDS_US {
            let le = f64::from(u32::try_from(bound).unwrap_or(u32::MAX)) / 1e6;
            let labels = [("server", server), ("le", &le.to_string())];
            series(out, "upstream_duration_seconds_bucket", &labels, latency.at_most(bound));
        }
        let count = latency.count();
        let seconds = std::time::Duration::from_micros(latency.sum_us).as_secs_f64();
        let labels = [("server", server), ("le", "+Inf")];
        series(out, "upstream_duration_seconds_bucket", &labels, count);
        series(out, "upstream_duration_seconds_sum", &[("server", server)], seconds);
        series(out, "upstream_duration_seconds_count", &[("server", server)], count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_labels_are_escaped() {
        let mut out = String::new();
        series(&mut out, "x", &[("server", "a\"b\\c"), ("state", "new")], 1);
        assert_eq!(out, "ballast_balancer_x{server=\"a\\\"b\\\\c\",state=\"new\"} 1\n");
    }
}
