//! `/metrics` in the text format of Prometheus (version 0.0.4), with help texts.

use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

use crate::reason::REASONS;
use crate::shared::Shared;

/// Upper bounds of the latency buckets in microseconds: 0.5 ms to 10 s, about three a decade.
const BOUNDS_US: [u64; 14] = [
    500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000,
    2_000_000, 5_000_000, 10_000_000,
];

/// The metrics of this process. Writing to a string cannot fail, so results are not looked at.
pub(crate) fn text(shared: &Shared) -> String {
    let mut out = String::with_capacity(8 * 1024);
    process(shared, &mut out);
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

fn process(shared: &Shared, out: &mut String) {
    let stats = &shared.stats;
    let counters = shared.policy().counters();
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed);
    for (name, kind, help, value) in [
        (
            "ready",
            "gauge",
            "1 when a server is usable and the process is not leaving.",
            u64::from(shared.is_ready()),
        ),
        ("requests_total", "counter", "Requests of clients.", read(&stats.requests)),
        ("connections", "gauge", "Client connections open now.", read(&stats.connections_open)),
        ("connections_total", "counter", "Client connections accepted.", read(&stats.connections)),
        (
            "connections_refused_total",
            "counter",
            "Client connections turned away at the limit.",
            read(&stats.connections_refused),
        ),
        ("retries_total", "counter", "Requests sent again to another server.", counters.retries),
        (
            "retries_over_budget_total",
            "counter",
            "Repeats that the budget refused.",
            counters.retries_over_budget,
        ),
        ("replays_total", "counter", "Repeats of bodies above 64 KiB.", read(&stats.replays)),
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
            "ejections_total",
            "counter",
            "Servers taken out by passive evidence.",
            counters.ejections,
        ),
        (
            "ejections_withheld_total",
            "counter",
            "Evidence that took nobody out, because half of the servers were out already.",
            counters.ejections_withheld,
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
    ] {
        head(out, name, kind, help);
        let _ = writeln!(out, "ballast_balancer_{name} {value}");
    }
}

fn reasons(shared: &Shared, out: &mut String) {
    head(out, "failures_total", "counter", "Requests that got no answer of a server, by reason.");
    for reason in REASONS {
        let (word, count) = (reason.word(), shared.stats.reason(reason));
        let _ = writeln!(out, "ballast_balancer_failures_total{{reason=\"{word}\"}} {count}");
    }
}

fn upstream_states(shared: &Shared, out: &mut String) {
    let views = shared.policy().view(shared.now());
    let usable = shared.policy().usable();
    head(out, "upstream_usable", "gauge", "1 when the server gets requests.");
    for (position, view) in views.iter().enumerate() {
        let value = u8::from(usable.contains(position));
        let (name, state) = (&view.name, view.state.word());
        let _ = writeln!(
            out,
            "ballast_balancer_upstream_usable{{server=\"{name}\",state=\"{state}\"}} {value}"
        );
    }
    head(out, "upstream_outstanding", "gauge", "Requests in flight on the server.");
    for view in &views {
        let (name, value) = (&view.name, view.outstanding);
        let _ = writeln!(out, "ballast_balancer_upstream_outstanding{{server=\"{name}\"}} {value}");
    }
}

fn upstream_counts(shared: &Shared, out: &mut String) {
    head(out, "upstream_answers_total", "counter", "Answers of the server by class of status.");
    for upstream in &shared.upstreams {
        for (class, count) in (1..).zip(upstream.stats.answers()) {
            let _ = writeln!(
                out,
                "ballast_balancer_upstream_answers_total\
                 {{server=\"{}\",class=\"{class}xx\"}} {count}",
                upstream.name
            );
        }
    }
    head(out, "upstream_failures_total", "counter", "Attempts on the server without an answer.");
    for upstream in &shared.upstreams {
        let count = upstream.stats.failures.load(Relaxed);
        let _ = writeln!(
            out,
            "ballast_balancer_upstream_failures_total{{server=\"{}\"}} {count}",
            upstream.name
        );
    }
    head(out, "upstream_checks_total", "counter", "Checks of the server by result.");
    for upstream in &shared.upstreams {
        let stats = &upstream.stats;
        for (result, counter) in
            [("passed", &stats.checks_passed), ("failed", &stats.checks_failed)]
        {
            let _ = writeln!(
                out,
                "ballast_balancer_upstream_checks_total{{server=\"{}\",result=\"{result}\"}} {}",
                upstream.name,
                counter.load(Relaxed)
            );
        }
    }
}

fn upstream_latency(shared: &Shared, out: &mut String) {
    let name = "ballast_balancer_upstream_seconds";
    head(out, "upstream_seconds", "histogram", "From the choice of the server to its last byte.");
    for upstream in &shared.upstreams {
        let (server, latency) = (&upstream.name, upstream.stats.latency.snapshot());
        for bound in BOUNDS_US {
            let le = f64::from(u32::try_from(bound).unwrap_or(u32::MAX)) / 1e6;
            let count = latency.at_most(bound);
            let _ = writeln!(out, "{name}_bucket{{server=\"{server}\",le=\"{le}\"}} {count}");
        }
        let count = latency.count();
        let seconds = std::time::Duration::from_micros(latency.sum_us).as_secs_f64();
        let _ = writeln!(out, "{name}_bucket{{server=\"{server}\",le=\"+Inf\"}} {count}");
        let _ = writeln!(out, "{name}_sum{{server=\"{server}\"}} {seconds}");
        let _ = writeln!(out, "{name}_count{{server=\"{server}\"}} {count}");
    }
}
