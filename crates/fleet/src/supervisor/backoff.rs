//! When a process that died is started again.
//!
//! Guarantees: pure. The first restart comes after 50 ms, each further one after twice the time,
//! never more than 5 s. A process that did its work starts again with 50 ms: drills kill servers
//! every few seconds, and a killed server is not a broken one.
//!
//! Deliberately not here: clocks and sleeping (`keeper`).

use std::time::Duration;

/// At once for a person, late enough that the kernel has freed the port.
const FIRST: Duration = Duration::from_millis(50);

/// A crash loop costs next to nothing at this pace, and a repaired cause is noticed soon.
const LAST: Duration = Duration::from_secs(5);

/// A process that lived this long did not die of its start.
const LIFE_THAT_COUNTS: Duration = Duration::from_secs(10);

/// A process that was ready this long has served; what kills it comes from outside.
const SERVICE_THAT_COUNTS: Duration = Duration::from_secs(1);

/// After so many deaths in a row people are told.
pub(super) const CRASH_LOOP_DEATHS: u32 = 5;

/// The memory of one process's deaths.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    deaths: u32,
}

/// What follows from a death.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Time until the next start.
    pub(super) delay: Duration,
    /// Deaths in a row that count, this one included.
    pub(super) deaths: u32,
    /// Whether this is a crash loop.
    pub(super) is_crash_loop: bool,
}

impl Backoff {
    /// A process died that lived, and was ready, for this long.
    pub(super) fn died(&mut self, life: Duration, service: Duration) -> Step {
        if life >= LIFE_THAT_COUNTS || service >= SERVICE_THAT_COUNTS {
            self.deaths = 0;
        }
        let doublings = self.deaths;
        self.deaths = self.deaths.saturating_add(1);
        let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
        let delay = FIRST.saturating_mul(factor).min(LAST);
        Step { delay, deaths: self.deaths, is_crash_loop: self.deaths >= CRASH_LOOP_DEATHS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `deaths`: (life, service) of each death in milliseconds; `expected`: delays, then the loop.
    fn check(deaths: &[(u64, u64)], expected: &[u64], is_crash_loop: bool) {
        let mut backoff = Backoff::default();
        let steps: Vec<Step> = deaths
            .iter()
            .map(|(life, service)| {
                backoff.died(Duration::from_millis(*life), Duration::from_millis(*service))
            })
            .collect();
        let delays: Vec<u128> = steps.iter().map(|step| step.delay.as_millis()).collect();
        let expected: Vec<u128> = expected.iter().map(|delay| u128::from(*delay)).collect();
        assert_eq!(delays, expected);
        assert_eq!(steps.last().unwrap().is_crash_loop, is_crash_loop);
    }

    #[test]
    fn doubles_up_to_five_seconds() {
        check(&[(10, 0); 9], &[50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000], true);
    }

    #[test]
    fn four_deaths_are_no_crash_loop() {
        check(&[(10, 0); 4], &[50, 100, 200, 400], false);
    }

    #[test]
    fn ten_seconds_of_life_are_forgiven() {
        check(&[(10, 0), (10, 0), (10_000, 0), (10, 0)], &[50, 100, 50, 100], false);
    }

    #[test]
    fn a_server_that_served_starts_at_once_however_often_it_is_killed() {
        check(&[(1_200, 1_000); 6], &[50; 6], false);
    }

    #[test]
    fn a_moment_of_readiness_does_not_hide_a_crash_loop() {
        check(&[(300, 250); 5], &[50, 100, 200, 400, 800], true);
    }
}
