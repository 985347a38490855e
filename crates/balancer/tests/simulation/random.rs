//! The one source of chance of a simulation (splitmix64), and who it belongs to.

use std::time::Duration;

/// Random numbers of one seed of one test.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
    test: &'static str,
    seed: u64,
}

impl Random {
    pub(crate) fn new(test: &'static str, seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0xD134_2543_DE82_EF95), test, seed }
    }

    /// Fails with the law, what was seen, and the command that repeats this seed.
    pub(crate) fn broken(&self, law: &str, seen: &str) -> ! {
        panic!(
            "law broken: {law}\nseen: {seen}\nrepeat: BALLAST_SIM_SEED={} cargo test -p balancer \
             --test simulation {} -- --exact",
            self.seed, self.test
        );
    }

    /// Fails unless the law holds.
    pub(crate) fn law(&self, holds: bool, law: &str, seen: impl FnOnce() -> String) {
        if !holds {
            self.broken(law, &seen());
        }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from the first to the last, both included.
    pub(crate) fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.next() % (last - first + 1)
    }

    pub(crate) fn position(&mut self, count: usize) -> usize {
        usize::try_from(self.next() >> 32).expect("32 bits") % count
    }

    pub(crate) fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.position(choices.len())].clone()
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    pub(crate) fn time(&mut self, first: Duration, last: Duration) -> Duration {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).expect("short");
        Duration::from_nanos(self.between(nanos(first), nanos(last)))
    }

    /// Exponentially distributed around a mean, at most ten means.
    pub(crate) fn exponential(&mut self, mean: Duration) -> Duration {
        let high = u32::try_from(self.next() >> 32).expect("32 bits");
        let unit = (f64::from(high) + 1.0) / (f64::from(u32::MAX) + 1.0);
        mean.mul_f64((-unit.ln()).min(10.0))
    }
}
