//! The budget of repeats: a share of the requests of the last window, and a minimum.
//!
//! With everything failing, requests sent to servers stay within 1.2 times the requests of
//! clients plus the minimum, so repeats cannot turn an overload into a collapse. Precisely: the
//! repeats of any stretch as long as the window are at most the minimum, or the share of the
//! requests of that stretch and the tenth of a window before it. From that follows, for any time
//! `t` since the start: repeats up to `t` <= share of the requests up to `t` + minimum * (whole
//! windows in `t` + 1).
//!
//! A front door stands before balancers that have budgets of their own, and two shares of a fifth
//! in a row would make 1.44 times the requests. So what a balancer repeated is taken out of the
//! front door's budget too, which repeats less for it.

use std::time::Duration;

use super::Moment;
use super::settings::Settings;

/// A slot is a tenth of the window.
const SLOTS_PER_WINDOW: u32 = 10;
/// One more than the window has: the current slot is not over, and any stretch as long as the
/// window touches eleven. With ten, a minimum at either edge would make two in one window.
const SLOTS: usize = 11;

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    requests: u64,
    retries: u64,
}

#[derive(Debug)]
pub(super) struct Budget {
    percent: u64,
    minimum: u64,
    slot_length: Duration,
    slots: [Slot; SLOTS],
    /// Number of the current slot since the process began.
    current: u128,
    total: Slot,
}

impl Budget {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            percent: u64::from(settings.retry_percent),
            minimum: u64::from(settings.retry_minimum),
            slot_length: (settings.retry_window / SLOTS_PER_WINDOW).max(Duration::from_millis(1)),
            slots: [Slot::default(); SLOTS],
            current: 0,
            total: Slot::default(),
        }
    }

    pub(super) fn on_request(&mut self, now: Moment) {
        self.slot(now).requests += 1;
        self.total.requests += 1;
    }

    /// Takes one repeat out of the budget, if there is one.
    pub(super) fn take(&mut self, now: Moment) -> bool {
        if self.left(now) == 0 {
            return false;
        }
        self.slot(now).retries += 1;
        self.total.retries += 1;
        true
    }

    /// Repeats that somebody else made of requests that were sent there from here.
    pub(super) fn spend(&mut self, now: Moment, repeats: u64) {
        self.slot(now).retries += repeats;
        self.total.retries += repeats;
    }

    /// Repeats that are allowed now.
    pub(super) fn left(&mut self, now: Moment) -> u64 {
        self.advance(now);
        let allowed = (self.total.requests * self.percent / 100).max(self.minimum);
        allowed.saturating_sub(self.total.retries)
    }

    fn slot(&mut self, now: Moment) -> &mut Slot {
        self.advance(now);
        let slots = u128::try_from(SLOTS).unwrap_or(1);
        let position = usize::try_from(self.current % slots).unwrap_or(0);
        #[expect(clippy::indexing_slicing, reason = "the position is taken modulo the length")]
        &mut self.slots[position]
    }

    fn advance(&mut self, now: Moment) {
        let number = now.as_nanos() / self.slot_length.as_nanos();
        if number <= self.current {
            return;
        }
        let slots = u128::try_from(SLOTS).unwrap_or(1);
        for passed in (self.current + 1..=number).take(SLOTS) {
            let position = usize::try_from(passed % slots).unwrap_or(0);
            if let Some(slot) = self.slots.get_mut(position) {
                self.total.requests -= slot.requests;
                self.total.retries -= slot.retries;
                *slot = Slot::default();
            }
        }
        self.current = number;
    }
}
