//! Counters and latency histograms: atomics, written without locks on the hot path.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::reason::{REASONS, Reason};

/// Eight buckets to a doubling: a quantile is at most an eighth too high.
const STEPS: usize = 8;
/// From 1 µs to 2^26 µs, about a minute.
const OCTAVES: usize = 27;
const BUCKETS: usize = STEPS * OCTAVES;

/// Times in microseconds, in buckets that grow by an eighth of a doubling.
#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: Box<[AtomicU64]>,
    sum_us: AtomicU64,
}

/// A histogram at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    buckets: Vec<u64>,
    pub(crate) sum_us: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            sum_us: AtomicU64::new(0),
        }
    }

    pub(crate) fn record(&self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get(bucket_of(us)) {
            bucket.fetch_add(1, Relaxed);
        }
        self.sum_us.fetch_add(us, Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            buckets: self.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect(),
            sum_us: self.sum_us.load(Relaxed),
        }
    }
}

impl Snapshot {
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// What was added since an earlier one.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            buckets: self
                .buckets
                .iter()
                .zip(&earlier.buckets)
                .map(|(now, then)| now.saturating_sub(*then))
                .collect(),
            sum_us: self.sum_us.saturating_sub(earlier.sum_us),
        }
    }

    /// Both together.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let buckets = self.buckets.iter().zip(&other.buckets).map(|(one, two)| one + two);
        Self { buckets: buckets.collect(), sum_us: self.sum_us + other.sum_us }
    }

    /// The time that `per_mille` of a thousand stay under, in microseconds; 0 without any.
    pub(crate) fn quantile_us(&self, per_mille: u64) -> u64 {
        let wanted = (self.count() * per_mille).div_ceil(1_000);
        let mut seen = 0;
        for (position, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted && *count > 0 {
                return top_of(position);
            }
        }
        0
    }

    /// How many took at most this long (to the bucket).
    pub(crate) fn at_most(&self, us: u64) -> u64 {
        self.buckets.iter().take(bucket_of(us) + 1).sum()
    }
}

fn bucket_of(us: u64) -> usize {
    let us = us.max(1);
    let octave = us.ilog2();
    // The three bits below the leading one are the step.
    let step = if octave >= 3 { (us >> (octave - 3)) & 7 } else { (us << (3 - octave)) & 7 };
    let position = u64::from(octave) * 8 + step;
    usize::try_from(position).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

fn top_of(position: usize) -> u64 {
    let position = u64::try_from(position).unwrap_or(0);
    let (octave, step) = (position / 8, position % 8);
    let top = ((8 + step + 1) << octave) / 8;
    top.max(1)
}

/// What is counted for one server.
#[derive(Debug)]
pub(crate) struct UpstreamStats {
    /// Answers by class: 1xx to 5xx.
    classes: [AtomicU64; 5],
    /// Attempts without an answer.
    pub(crate) failures: AtomicU64,
    /// Passed checks.
    pub(crate) checks_passed: AtomicU64,
    /// Failed checks.
    pub(crate) checks_failed: AtomicU64,
    /// From the choice of the server to the end of its answer.
    pub(crate) latency: Histogram,
}

impl UpstreamStats {
    pub(crate) fn new() -> Self {
        Self {
            classes: std::array::from_fn(|_| AtomicU64::new(0)),
            failures: AtomicU64::new(0),
            checks_passed: AtomicU64::new(0),
            checks_failed: AtomicU64::new(0),
            latency: Histogram::new(),
        }
    }

    pub(crate) fn on_answer(&self, status: u16) {
        let class = usize::from(status / 100).saturating_sub(1);
        if let Some(counter) = self.classes.get(class) {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// Answers, and attempts without one.
    pub(crate) fn attempts(&self) -> u64 {
        self.answers().iter().sum::<u64>() + self.failures.load(Relaxed)
    }

    /// Answers with 500 to 599, and attempts without an answer.
    pub(crate) fn errors(&self) -> u64 {
        let [.., server_errors] = self.answers();
        server_errors + self.failures.load(Relaxed)
    }

    pub(crate) fn answers(&self) -> [u64; 5] {
        std::array::from_fn(|class| self.classes.get(class).map_or(0, |c| c.load(Relaxed)))
    }
}

/// What is counted for the process.
#[derive(Debug)]
pub(crate) struct Stats {
    /// Requests of clients, without those to the own endpoints.
    pub(crate) requests: AtomicU64,
    /// Requests of clients that ended with a status of 500 to 599.
    pub(crate) errors: AtomicU64,
    /// Client connections accepted.
    pub(crate) connections: AtomicU64,
    /// Client connections open now.
    pub(crate) connections_open: AtomicU64,
    /// Client connections turned away at the limit.
    pub(crate) connections_refused: AtomicU64,
    /// HTTP/2 connections cut off because of frames that ask for nothing.
    pub(crate) connections_flooding: AtomicU64,
    /// Lines of the access log that were dropped because the disk was too slow.
    pub(crate) log_lines_dropped: AtomicU64,
    reasons: [AtomicU64; REASONS.len()],
}

impl Stats {
    pub(crate) fn new() -> Self {
        Self {
            requests: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            connections_open: AtomicU64::new(0),
            connections_refused: AtomicU64::new(0),
            connections_flooding: AtomicU64::new(0),
            log_lines_dropped: AtomicU64::new(0),
            reasons: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    pub(crate) fn on_reason(&self, reason: Reason) {
        if let Some(counter) = self.reasons.get(reason.position()) {
            counter.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn reason(&self, reason: Reason) -> u64 {
        self.reasons.get(reason.position()).map_or(0, |counter| counter.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_at_most_an_eighth_too_high() {
        let histogram = Histogram::new();
        for us in 1..=10_000 {
            histogram.record(Duration::from_micros(us));
        }
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.count(), 10_000);
        for (per_mille, exact) in [(500, 5_000), (950, 9_500), (990, 9_900)] {
            let got = snapshot.quantile_us(per_mille);
            assert!(got >= exact && got <= exact + exact / 8 + 1, "{per_mille}: {got}");
        }
    }

    #[test]
    fn a_difference_holds_only_what_came_between() {
        let histogram = Histogram::new();
        histogram.record(Duration::from_millis(900));
        let before = histogram.snapshot();
        histogram.record(Duration::from_micros(100));
        let between = histogram.snapshot().since(&before);
        assert_eq!(between.count(), 1);
        assert!(between.quantile_us(999) < 120);
    }
}
