//! What the server counts about itself: requests by route and status, latency, requests in flight.
//!
//! Plain atomics, because they stand on the path of every request. Names and labels are fixed; no
//! number of a customer or account becomes a label (I12).

use std::fmt::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::route::table;

/// The statuses the bank answers with; anything else is counted in the last place.
const STATUSES: [u16; 21] = [
    200, 201, 204, 303, 304, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 500, 502, 503,
    504, 0,
];

/// Upper bounds of the latency buckets in microseconds.
const BOUNDS_US: [u64; 15] = [
    100, 250, 500, 1_000, 2_000, 3_500, 5_000, 7_500, 10_000, 20_000, 50_000, 100_000, 250_000,
    1_000_000, 5_000_000,
];

#[derive(Default)]
struct RouteMeters {
    by_status: [AtomicU64; STATUSES.len()],
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    micros: AtomicU64,
}

/// The counters of one server.
pub(crate) struct Meters {
    routes: Vec<RouteMeters>,
    in_flight: AtomicI64,
    started: Instant,
    others: &'static PrometheusHandle,
}

/// What `/status.json` says about the requests so far.
pub(crate) struct Summary {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) in_flight: i64,
    pub(crate) uptime: Duration,
    /// Upper bounds in milliseconds of the quantiles 50, 95 and 99.
    pub(crate) quantiles_ms: [f64; 3],
}

impl Meters {
    pub(crate) fn new(routes: usize) -> Self {
        Self {
            // One more for requests that no route answers.
            routes: (0..=routes).map(|_| RouteMeters::default()).collect(),
            in_flight: AtomicI64::new(0),
            started: Instant::now(),
            others: recorder(),
        }
    }

    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self, route: usize, status: u16, took: Duration) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let Some(meters) = self.routes.get(route).or(self.routes.last()) else { return };
        let last = STATUSES.len().saturating_sub(1);
        let place = STATUSES.iter().position(|each| *each == status).unwrap_or(last);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS_US.len());
        let counters = [meters.by_status.get(place), meters.buckets.get(bucket)];
        for counter in counters.into_iter().flatten() {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        meters.micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn in_flight(&self) -> i64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Keeps the recorder's histograms small; to be called every few seconds.
    pub(crate) fn upkeep(&self) {
        self.others.run_upkeep();
    }

    pub(crate) fn summary(&self) -> Summary {
        let mut buckets = [0_u64; BOUNDS_US.len() + 1];
        let (mut requests, mut errors) = (0_u64, 0_u64);
        for route in &self.routes {
            for (sum, bucket) in buckets.iter_mut().zip(&route.buckets) {
                *sum = sum.saturating_add(load(bucket));
            }
            for (status, count) in STATUSES.iter().zip(&route.by_status) {
                requests = requests.saturating_add(load(count));
                if *status >= 500 {
                    errors = errors.saturating_add(load(count));
                }
            }
        }
        Summary {
            requests,
            errors,
            in_flight: self.in_flight(),
            uptime: self.started.elapsed(),
            quantiles_ms: [50, 95, 99].map(|percent| quantile_ms(&buckets, percent)),
        }
    }

    /// The text form of Prometheus.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        head(&mut text, "requests_total", "counter", "Requests answered, by route and status.");
        let labels = table().iter().map(|route| (route.verb().method(), route.path()));
        let labels: Vec<_> = labels.chain([(http::Method::GET, "unmatched")]).collect();
        for (route, (method, path)) in self.routes.iter().zip(&labels) {
            for (status, count) in STATUSES.iter().zip(&route.by_status) {
                let count = load(count);
                if count > 0 {
                    let _ = writeln!(
                        text,
                        "ballast_http_requests_total{{method=\"{method}\",route=\"{path}\",\
                         status=\"{status}\"}} {count}"
                    );
                }
            }
        }
        let help = "From the head of a request to the head of its answer, by route.";
        head(&mut text, "request_seconds", "histogram", help);
        for (route, (method, path)) in self.routes.iter().zip(&labels) {
            render_histogram(&mut text, route, &format!("method=\"{method}\",route=\"{path}\""));
        }
        head(&mut text, "requests_in_flight", "gauge", "Requests that are being answered.");
        let _ = writeln!(text, "ballast_http_requests_in_flight {}", self.in_flight());
        text.push_str(&self.others.render());
        text
    }
}

/// Writing to a string cannot fail, so results are not looked at.
fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP ballast_http_{name} {help}\n# TYPE ballast_http_{name} {kind}");
}

fn render_histogram(text: &mut String, route: &RouteMeters, labels: &str) {
    let mut sum = 0_u64;
    if route.buckets.iter().all(|bucket| load(bucket) == 0) {
        return;
    }
    for (bucket, bound) in route.buckets.iter().zip(&BOUNDS_US) {
        sum = sum.saturating_add(load(bucket));
        let seconds = Duration::from_micros(*bound).as_secs_f64();
        let _ = writeln!(
            text,
            "ballast_http_request_seconds_bucket{{{labels},le=\"{seconds}\"}} {sum}"
        );
    }
    let count = sum.saturating_add(route.buckets.last().map_or(0, load));
    let seconds = Duration::from_micros(load(&route.micros)).as_secs_f64();
    let _ = writeln!(
        text,
        "ballast_http_request_seconds_bucket{{{labels},le=\"+Inf\"}} {count}\n\
         ballast_http_request_seconds_sum{{{labels}}} {seconds}\n\
         ballast_http_request_seconds_count{{{labels}}} {count}"
    );
}

fn quantile_ms(buckets: &[u64], percent: u64) -> f64 {
    let total: u64 = buckets.iter().sum();
    let mut below = 0_u64;
    for (count, bound) in buckets.iter().zip(&BOUNDS_US) {
        below = below.saturating_add(*count);
        if below > 0 && below.saturating_mul(100) >= total.saturating_mul(percent) {
            return Duration::from_micros(*bound).as_secs_f64() * 1_000.0;
        }
    }
    0.0
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Where the store's counters go: one recorder a process, because `metrics` has one.
fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // The binary may have installed another one; then that one is asked instead.
        let _ = metrics::set_global_recorder(recorder);
        describe_store();
        handle
    })
}

fn describe_store() {
    metrics::describe_counter!(
        "ballast_store_near_reads_total",
        "Reads that a replica near this server answered."
    );
    metrics::describe_counter!(
        "ballast_store_near_misses_total",
        "Reads that no replica near this server could answer, so the primary was asked."
    );
    metrics::describe_counter!(
        "ballast_store_postings_failed_total",
        "Postings that the database failed, each after a try of its own."
    );
    metrics::describe_histogram!(
        "ballast_store_group_operations",
        "Postings that were committed together."
    );
    metrics::describe_histogram!(
        "ballast_store_group_seconds",
        "From the begin of a group of postings to its commit, with the wait for other servers."
    );
}
