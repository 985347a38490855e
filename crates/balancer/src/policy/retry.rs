//! Which failed request may be sent again.
//!
//! Nothing was sent: any method, to another server. Something was sent: only methods that RFC
//! 9110 §9.2.2 calls idempotent, or POST and PATCH with an idempotency key, once, on another
//! server. Always within the budget. A POST without a key that was sent is never repeated.

use super::server_set::ServerSet;
use super::{Moment, Policy};

/// May the request be sent twice without harm?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeatable {
    /// GET, HEAD, OPTIONS, PUT, DELETE; or POST and PATCH with an `Idempotency-Key`.
    Yes,
    /// Everything else.
    No,
}

/// What the server may have seen of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Nothing: no byte left for it, or a balancer behind the front door said so.
    Nothing,
    /// Perhaps something.
    Something,
}

/// An attempt that failed.
#[derive(Debug, Clone, Copy)]
pub struct Failure {
    /// What the server may have seen.
    pub sent: Sent,
    /// The kind of request.
    pub repeatable: Repeatable,
    /// Servers tried, this one included.
    pub tried: ServerSet,
    /// Repeats after something was sent, before this one.
    pub repeats_after_sent: u32,
    /// The request must stay in its region.
    pub home_only: bool,
}

/// Why a request is not sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// It may have had its effect, and nothing makes a second one harmless.
    NotRepeatable,
    /// It was repeated already.
    TriedEnough,
    /// There is no other server.
    NoOtherServer,
    /// The budget is used up.
    OverBudget,
}

impl Policy {
    /// Decides whether a failed request goes to another server, and takes it from the budget.
    ///
    /// # Errors
    /// [`Denial`] says why not.
    pub fn permit_retry(&mut self, now: Moment, failure: &Failure) -> Result<(), Denial> {
        if failure.sent == Sent::Something {
            if failure.repeatable == Repeatable::No {
                return Err(Denial::NotRepeatable);
            }
            if failure.repeats_after_sent >= 1 {
                return Err(Denial::TriedEnough);
            }
        }
        let attempts = u32::try_from(failure.tried.len()).unwrap_or(u32::MAX);
        if attempts >= self.settings.attempts_max {
            return Err(Denial::TriedEnough);
        }
        if !self.has_other(now, failure.tried, failure.home_only) {
            return Err(Denial::NoOtherServer);
        }
        if !self.budget.take(now) {
            self.counters.retries_over_budget += 1;
            return Err(Denial::OverBudget);
        }
        self.counters.retries += 1;
        self.counters.retries_after_sent += u64::from(failure.sent == Sent::Something);
        Ok(())
    }

    /// A balancer says that it sent a request again that it had from here; that counts as repeats
    /// of our own.
    pub fn on_repeats_behind(&mut self, now: Moment, repeats: u32) {
        self.budget.spend(now, u64::from(repeats));
        self.counters.retries_behind += u64::from(repeats);
    }
}
