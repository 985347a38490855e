//! Who gets the next request, who is out and why, and which request may be sent again.
//!
//! Pure: no clock, no randomness, no IO. Time is passed in as the time since the process began,
//! random numbers as one `u64` a call, and outcomes as events, so a simulation can drive it.
//! Guarantees:
//! - a server gets no request before its first passed check, nor while draining;
//! - passive evidence takes out at most half of a pool (a region; for the front door all), and
//!   never the last server in use;
//! - when nothing is usable every server that once passed a check is tried (fail open);
//! - a request that is not repeatable is never allowed a second time once something was sent;
//! - repeats stay within the budget.
//!
//! Not here: connections, bytes, header names (`proxy`), and the checks themselves (`check`).
//! Transitions happen only in [`Policy::begin`], [`Policy::end`], [`Policy::on_check`] and
//! [`Policy::set_draining`]; choosing is a few operations on machine words.

use std::time::Duration;

mod budget;
mod choice;
mod evidence;
mod region;
mod retry;
mod server;
mod server_set;
mod settings;
#[cfg(test)]
mod tests;
mod view;

pub use choice::{Choice, Refusal};
pub use evidence::{CheckFailure, CheckResult, Evidence, Outcome};
pub use retry::{Denial, Failure, Repeatable, Sent};
pub use server::CheckPlan;
pub use server_set::ServerSet;
pub use settings::{ServerSettings, Settings};
pub use view::{RegionView, ServerState, ServerView};

use budget::Budget;
use region::Regions;
use server::Server;

/// Time since the process began.
pub type Moment = Duration;

/// A request on its way to a server. [`Policy::end`] takes it back exactly once.
#[derive(Debug)]
#[must_use = "an attempt that is not ended counts as outstanding for ever"]
pub struct Attempt {
    /// Position of the server in the configuration.
    pub server: usize,
    /// When it was begun.
    pub began: Moment,
    waiting: bool,
}

/// What the policy counted since the process began.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counters {
    /// Servers ejected by passive evidence.
    pub ejections: u64,
    /// Evidence that did not eject, because half of the pool was out already.
    pub ejections_withheld: u64,
    /// Requests sent although no server was usable.
    pub failed_open: u64,
    /// Requests sent to another region than the preferred one.
    pub other_region: u64,
    /// Repeats that were allowed.
    pub retries: u64,
    /// Those of them whose request a server may have seen something of.
    pub retries_after_sent: u64,
    /// Repeats that balancers behind this one made after something was sent.
    pub retries_behind: u64,
    /// Repeats that the budget refused.
    pub retries_over_budget: u64,
}

/// The state of all servers of one balancer.
#[derive(Debug)]
pub struct Policy {
    settings: Settings,
    servers: Vec<Server>,
    regions: Regions,
    budget: Budget,
    counters: Counters,
    /// Servers that get requests: healthy, not ejected, not draining.
    usable: ServerSet,
    /// Servers that passed a check once and are not draining: those that are tried in need.
    known: ServerSet,
    /// Servers with as many outstanding requests as they may have.
    full: ServerSet,
    /// Servers in slow start.
    slow: ServerSet,
    picks: u64,
}

impl Policy {
    /// A policy over the given servers, all of them waiting for their first passed check.
    #[must_use]
    pub fn new(settings: Settings, servers: &[ServerSettings]) -> Self {
        Self {
            regions: Regions::new(&settings, servers),
            budget: Budget::new(&settings),
            servers: servers.iter().map(|server| Server::new(&server.name)).collect(),
            counters: Counters::default(),
            usable: ServerSet::EMPTY,
            known: ServerSet::EMPTY,
            full: ServerSet::EMPTY,
            slow: ServerSet::EMPTY,
            picks: 0,
            settings,
        }
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Does a server owe answers and give none, also to checks? What waits for it waits in vain.
    #[must_use]
    pub fn is_frozen(&self, server: usize) -> bool {
        self.servers.get(server).is_some_and(Server::is_frozen)
    }

    /// The servers that get requests now.
    #[must_use]
    pub fn usable(&self) -> ServerSet {
        self.usable
    }

    /// Those of them in the preferred region; without a preference, all of them.
    #[must_use]
    pub fn usable_at_home(&self) -> ServerSet {
        self.usable.and(self.regions.home())
    }

    /// Counts a client's request; the budget of repeats is a share of these.
    pub fn on_request(&mut self, now: Moment) {
        self.budget.on_request(now);
    }

    /// Counts an attempt on a server that [`Policy::choose`] gave.
    pub fn begin(&mut self, server: usize, now: Moment) -> Attempt {
        self.picks += 1;
        if let Some(state) = self.servers.get_mut(server) {
            state.begin(now, self.picks);
            if state.outstanding >= self.settings.outstanding_max {
                self.full.insert(server);
            }
        }
        Attempt { server, began: now, waiting: true }
    }

    /// The first byte of the answer arrived.
    pub fn on_first_byte(&mut self, attempt: &mut Attempt, now: Moment) {
        if let Some(state) = self.servers.get_mut(attempt.server)
            && attempt.waiting
        {
            attempt.waiting = false;
            state.on_first_byte(now);
        }
    }

    /// The attempt is over, and says something about its server.
    #[expect(clippy::needless_pass_by_value, reason = "an attempt ends once")]
    pub fn end(&mut self, attempt: Attempt, now: Moment, outcome: Outcome) {
        let Some(state) = self.servers.get_mut(attempt.server) else { return };
        state.end(attempt.waiting);
        if state.outstanding < self.settings.outstanding_max {
            self.full.remove(attempt.server);
        }
        if let Some(evidence) = state.weigh(&self.settings, attempt.began, outcome) {
            self.eject(attempt.server, now, evidence);
        }
    }

    /// What the checker of one server has to do now.
    pub fn plan_check(&mut self, server: usize, now: Moment) -> CheckPlan {
        self.servers.get_mut(server).map_or(CheckPlan::Wait(self.settings.interval), |state| {
            state.plan_check(&self.settings, now)
        })
    }

    /// A check that [`Policy::plan_check`] ordered has ended.
    pub fn on_check(&mut self, server: usize, now: Moment, random: u64, result: CheckResult) {
        let Some(state) = self.servers.get_mut(server) else { return };
        let suspicion_confirmed = state.on_check(&self.settings, now, random, result);
        if suspicion_confirmed {
            self.eject(server, now, Evidence::Frozen);
        }
        self.refresh(server, now);
    }

    /// Was the server asked to drain?
    #[must_use]
    pub fn is_draining(&self, server: usize) -> bool {
        self.servers.get(server).is_some_and(|server| server.draining)
    }

    /// A draining server gets no new request and finishes what it has.
    pub fn set_draining(&mut self, server: usize, now: Moment, draining: bool) {
        if let Some(state) = self.servers.get_mut(server) {
            state.set_draining(now, draining);
        }
        self.refresh(server, now);
    }

    /// Ejects a server, unless that would take out more than half of its pool or the last server
    /// in use at all: what checks took out is worse than what failed once. When the pool is at its
    /// limit, the fresher evidence wins over the oldest ejection whose server answers its
    /// checks again: of two servers, the dead one is out and the recovered one serves.
    fn eject(&mut self, server: usize, now: Moment, evidence: Evidence) {
        let pool = self.regions.pool_of(server);
        let ejected = pool
            .iter()
            .filter(|&other| self.servers.get(other).is_some_and(Server::is_ejected))
            .count();
        if self.servers.get(server).is_some_and(Server::is_ejected) {
            return;
        }
        if ejected >= pool.len() / 2 || self.usable == ServerSet::only(server) {
            let recovered = pool
                .iter()
                .filter_map(|other| {
                    let since = self.servers.get(other)?.recovered_ejection()?;
                    Some((since, other))
                })
                .min();
            let Some((_, other)) = recovered else {
                self.counters.ejections_withheld += 1;
                return;
            };
            if let Some(state) = self.servers.get_mut(other) {
                state.end_ejection(now);
            }
            self.refresh(other, now);
        }
        if let Some(state) = self.servers.get_mut(server) {
            state.eject(&self.settings, now, evidence);
            self.counters.ejections += 1;
        }
        self.refresh(server, now);
    }

    fn refresh(&mut self, server: usize, now: Moment) {
        let Some(state) = self.servers.get(server) else { return };
        let noted = (self.state_of(state, now), self.since(state, now));
        self.usable.set(server, state.is_usable());
        self.known.set(server, state.is_known());
        self.slow.set(server, state.slow_start_since.is_some());
        self.regions.on_change(self.usable, now);
        if let Some(state) = self.servers.get_mut(server) {
            state.noted = noted;
        }
    }
}
