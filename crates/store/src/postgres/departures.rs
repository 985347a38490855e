//! When the next group leaves for the database.
//!
//! A lone group leaves at once. While one is on its way the next one fills. Beside the database it
//! leaves when that one comes back, so each is as large as can be: a group costs the database much
//! more than what is in it. Over a long way nobody should wait for a whole round trip before
//! leaving, so as many groups are on their way, an interval apart, as the way is long.
//!
//! How long it is says a group that travels alone: every [`MEASURE_EVERY`] the others wait for one.
//! Among others it would say how busy the database is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

/// Over 62 ms it costs two groups their company; a failover to the other coast is noticed by then.
const MEASURE_EVERY: Duration = Duration::from_secs(30);

/// The way is not known yet.
const UNKNOWN: u64 = u64::MAX;

/// The groups of one kind that are on their way.
pub(crate) struct Departures {
    flights: JoinSet<()>,
    last: Instant,
    /// Between two departures beside each other.
    interval: Duration,
    /// The most groups on their way.
    flights_max: usize,
    /// The shortest that a group took since the last measurement, in microseconds.
    way: Arc<AtomicU64>,
    measured: Instant,
}

impl Departures {
    pub(crate) fn new(interval: Duration, flights_max: usize) -> Self {
        Self {
            flights: JoinSet::new(),
            last: Instant::now(),
            interval,
            flights_max,
            way: Arc::new(AtomicU64::new(UNKNOWN)),
            measured: Instant::now(),
        }
    }

    /// Waits until the next group may leave.
    pub(crate) async fn turn(&mut self) {
        while self.flights.try_join_next().is_some() {}
        if self.measured.elapsed() >= MEASURE_EVERY {
            self.all_back().await;
            self.way.store(UNKNOWN, Ordering::SeqCst);
            self.measured = Instant::now();
        }
        if self.flights.is_empty() {
            return;
        }
        let has_room = self.flights.len() < self.room();
        tokio::select! {
            _ = self.flights.join_next() => {}
            () = tokio::time::sleep_until(self.last + self.interval), if has_room => {}
        }
    }

    /// Waits for one group to come back; `false` if none is on its way.
    pub(crate) async fn one_back(&mut self) -> bool {
        self.flights.join_next().await.is_some()
    }

    pub(crate) async fn all_back(&mut self) {
        while self.one_back().await {}
    }

    /// The group leaves; the future ends when it is back.
    pub(crate) fn depart(&mut self, group: impl Future<Output = ()> + Send + 'static) {
        let way = Arc::clone(&self.way);
        let left = Instant::now();
        self.last = left;
        self.flights.spawn(async move {
            group.await;
            let took = u64::try_from(left.elapsed().as_micros()).unwrap_or(UNKNOWN);
            way.fetch_min(took, Ordering::SeqCst);
        });
    }

    /// How many groups may be on their way.
    fn room(&self) -> usize {
        let way = self.way.load(Ordering::SeqCst);
        if way == UNKNOWN {
            return 1;
        }
        let intervals = Duration::from_micros(way).as_micros() / self.interval.as_micros().max(1);
        usize::try_from(intervals).unwrap_or(usize::MAX).clamp(1, self.flights_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(20);

    #[test]
    fn as_many_as_the_way_is_long() {
        let departures = Departures::new(Duration::from_millis(4), 16);
        let room = |way: Duration| {
            departures.way.store(u64::try_from(way.as_micros()).unwrap(), Ordering::SeqCst);
            departures.room()
        };
        assert_eq!(room(Duration::from_millis(3)), 1);
        assert_eq!(room(Duration::from_millis(62)), 15);
        assert_eq!(room(Duration::from_secs(2)), 16);
        departures.way.store(UNKNOWN, Ordering::SeqCst);
        assert_eq!(departures.room(), 1);
    }

    #[tokio::test]
    async fn a_busy_database_is_not_taken_for_a_far_one() {
        let mut departures = Departures::new(INTERVAL, 16);
        departures.depart(std::future::ready(()));
        for _ in 0..5 {
            departures.turn().await;
            departures.depart(tokio::time::sleep(INTERVAL * 4));
            assert_eq!(departures.flights.len(), 1);
        }
    }

    #[tokio::test]
    async fn a_way_that_became_longer_is_noticed_and_covered() {
        let mut departures = Departures::new(INTERVAL, 3);
        departures.depart(std::future::ready(()));
        departures.turn().await;
        departures.measured = Instant::now().checked_sub(MEASURE_EVERY).unwrap();
        let mut most = 0;
        for _ in 0..8 {
            departures.turn().await;
            departures.depart(tokio::time::sleep(INTERVAL * 5));
            most = most.max(departures.flights.len());
        }
        assert_eq!(most, 3);
    }
}
