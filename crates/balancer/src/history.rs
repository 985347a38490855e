//! What happened in each of the last sixty seconds: marks of the counters, set once a second by a
//! task of its own. The data path only counts; nothing here is called by a request.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::MissedTickBehavior;

use crate::policy::Moment;
use crate::shared::Shared;

/// Seconds that are remembered: what fits on a small curve and is still "now".
pub(crate) const SECONDS: usize = 60;
/// Rates are over this many seconds: short enough to follow a fault, long enough to be read.
const RATE_SECONDS: usize = 10;
/// Latency windows are turned every so many seconds, so quantiles are over 10 to 20.
const WINDOW_SECONDS: u64 = 10;

/// Counters at one moment, since the process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
}

/// Requests and errors a second over the last ten seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Rates {
    pub(crate) requests: f64,
    pub(crate) errors: f64,
}

/// Requests and errors in each of the last 60 seconds, the oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Series {
    pub(crate) requests: Vec<u64>,
    pub(crate) errors: Vec<u64>,
}

/// The marks of one counter pair.
#[derive(Debug)]
pub(crate) struct History {
    marks: VecDeque<(Moment, Mark)>,
}

impl History {
    pub(crate) fn new() -> Self {
        Self { marks: VecDeque::from([(Moment::ZERO, Mark::default())]) }
    }

    pub(crate) fn mark(&mut self, now: Moment, mark: Mark) {
        if self.marks.len() > SECONDS {
            self.marks.pop_front();
        }
        self.marks.push_back((now, mark));
    }

    /// Up to the last mark, so that nearly empty seconds do not make the numbers jump.
    pub(crate) fn rates(&self) -> Rates {
        let Some(&(now, last)) = self.marks.back() else { return Rates::default() };
        let back = self.marks.len().saturating_sub(RATE_SECONDS + 1);
        let Some(&(then, first)) = self.marks.get(back) else { return Rates::default() };
        let time = now.saturating_sub(then);
        Rates {
            requests: a_second(last.requests.saturating_sub(first.requests), time),
            errors: a_second(last.errors.saturating_sub(first.errors), time),
        }
    }

    /// A second that was longer (a process that stood still) shows its average.
    pub(crate) fn series(&self) -> Series {
        let mut series = Series::default();
        for (&(then, before), &(now, after)) in self.marks.iter().zip(self.marks.iter().skip(1)) {
            let ms = u64::try_from(now.saturating_sub(then).as_millis()).unwrap_or(u64::MAX).max(1);
            let average = |count: u64| count.saturating_mul(1_000).saturating_add(ms / 2) / ms;
            series.requests.push(average(after.requests.saturating_sub(before.requests)));
            series.errors.push(average(after.errors.saturating_sub(before.errors)));
        }
        series
    }
}

/// A count as a rate, to a tenth.
fn a_second(count: u64, time: Duration) -> f64 {
    let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let seconds = time.as_secs_f64();
    if seconds <= 0.0 { 0.0 } else { (count / seconds * 10.0).round() / 10.0 }
}

/// Sets a mark every second, for ever.
pub(crate) async fn keep(shared: Arc<Shared>) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick comes at once; the mark of the beginning is there already.
    seconds.tick().await;
    for second in 1_u64.. {
        seconds.tick().await;
        let now = shared.now();
        let stats = &shared.stats;
        let mark =
            Mark { requests: stats.requests.load(Relaxed), errors: stats.errors.load(Relaxed) };
        shared.history().mark(now, mark);
        for upstream in &shared.upstreams {
            upstream.mark(now);
            if second.is_multiple_of(WINDOW_SECONDS) {
                upstream.turn_window();
                upstream.close_idle(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(requests: u64) -> Mark {
        Mark { requests, errors: requests / 10 }
    }

    #[test]
    fn rates_are_over_ten_seconds_and_the_series_over_sixty() {
        let mut history = History::new();
        assert_eq!(history.rates(), Rates::default());
        for second in 1..=100_u64 {
            // 10 a second, and from the 96th on 110.
            let requests = second * 10 + second.saturating_sub(95) * 100;
            history.mark(Duration::from_secs(second), mark(requests));
        }
        assert_eq!(history.rates(), Rates { requests: 60.0, errors: 6.0 });
        let series = history.series();
        assert_eq!((series.requests.len(), series.errors.len()), (SECONDS, SECONDS));
        assert_eq!(series.requests.first(), Some(&10));
        assert_eq!(series.requests.last(), Some(&110));
    }

    #[test]
    fn a_pause_shows_its_average() {
        let mut history = History::new();
        history.mark(Duration::from_secs(1), mark(10));
        history.mark(Duration::from_secs(6), mark(60));
        assert_eq!(history.series().requests, [10, 10]);
        assert_eq!(history.rates().requests, 10.0);
    }
}
