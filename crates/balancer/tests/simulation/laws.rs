//! The laws that hold at every event, checked against books of the simulation's own.
//!
//! The books know what clients, servers and checkers know: which checks passed, who drains, what
//! is in flight, when a request came and when a repeat was permitted. Of the policy they take only
//! its answers and the set of usable servers.

use std::collections::VecDeque;
use std::time::Duration;

use balancer::policy::{
    Choice, Denial, Moment, Policy, Refusal, ServerSet, ServerSettings, ServerState, Settings,
};

use crate::random::Random;

/// A region as the law of return sees it.
struct Region {
    servers: ServerSet,
    was_usable: bool,
    /// It had no usable server once.
    left: bool,
    well_since: Option<Moment>,
}

pub(crate) struct Laws {
    regions: Vec<Region>,
    one_pool: bool,
    has_preference: bool,
    passed: ServerSet,
    draining: ServerSet,
    in_flight: Vec<u32>,
    request_times: VecDeque<Moment>,
    repeat_times: VecDeque<Moment>,
    pub(crate) requests: u64,
    pub(crate) attempts: u64,
    pub(crate) repeats: u64,
    pub(crate) over_budget: u64,
    failed_open: u64,
    other_region: u64,
}

impl Laws {
    pub(crate) fn new(settings: &Settings, servers: &[ServerSettings]) -> Self {
        let has_preference = settings.preferred_region.is_some();
        let mut names: Vec<Option<String>> = Vec::new();
        for server in servers {
            let name = if has_preference { server.region.clone() } else { None };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.sort_by_key(|name| *name != settings.preferred_region);
        let region = |name: &Option<String>| {
            let mut region = Region {
                servers: ServerSet::EMPTY,
                was_usable: false,
                left: false,
                well_since: None,
            };
            for (position, server) in servers.iter().enumerate() {
                region.servers.set(position, !has_preference || server.region == *name);
            }
            region
        };
        Self {
            regions: names.iter().map(region).collect(),
            one_pool: settings.one_pool,
            has_preference,
            passed: ServerSet::EMPTY,
            draining: ServerSet::EMPTY,
            in_flight: vec![0; servers.len()],
            request_times: VecDeque::new(),
            repeat_times: VecDeque::new(),
            requests: 0,
            attempts: 0,
            repeats: 0,
            over_budget: 0,
            failed_open: 0,
            other_region: 0,
        }
    }

    /// Can a request come here from another region?
    pub(crate) fn has_spill(&self) -> bool {
        self.regions.len() > 1 && !self.one_pool
    }

    /// The servers of the preferred region.
    pub(crate) fn home(&self) -> ServerSet {
        self.regions[0].servers
    }

    pub(crate) fn in_flight(&self, server: usize) -> u32 {
        self.in_flight[server]
    }

    pub(crate) fn on_request(&mut self, now: Moment) {
        self.requests += 1;
        self.request_times.push_back(now);
    }

    pub(crate) fn on_begin(&mut self, server: usize) {
        self.attempts += 1;
        self.in_flight[server] += 1;
    }

    pub(crate) fn on_end(&mut self, server: usize) {
        self.in_flight[server] -= 1;
    }

    pub(crate) fn on_check(&mut self, server: usize, passed: bool) {
        self.passed.set(server, passed || self.passed.contains(server));
    }

    pub(crate) fn on_drain(&mut self, server: usize, on: bool) {
        self.draining.set(server, on);
    }

    #[expect(clippy::too_many_arguments, reason = "a choice with all that it depends on")]
    pub(crate) fn on_choose(
        &mut self,
        now: Moment,
        chosen: Result<Choice, Refusal>,
        usable: ServerSet,
        tried: ServerSet,
        home_only: bool,
        settings: &Settings,
        random: &Random,
    ) {
        let reach = |set: ServerSet| if home_only { set.and(self.home()) } else { set };
        let mut full = ServerSet::EMPTY;
        for (server, flying) in self.in_flight.iter().enumerate() {
            full.set(server, *flying >= settings.outstanding_max);
        }
        let usable = reach(usable).without(tried);
        let known = reach(self.passed.without(self.draining)).without(tried);
        let seen = || format!("{chosen:?}, usable {usable:?}, tried {tried:?} at {now:?}");
        let choice = match chosen {
            Err(Refusal::NoServer) => {
                let law = "a request is refused only if no server passed a check and may be tried";
                return random.law(known.is_empty() && usable.is_empty(), law, seen);
            }
            Err(Refusal::QueueFull) => {
                let open = if usable.is_empty() {
                    known
                } else if self.has_preference {
                    self.region_in_use(usable, now, settings.return_after).and(usable)
                } else {
                    usable
                };
                let law = "the queue is full only if every server of the region in use has what it \
                           may have";
                let holds = !open.is_empty() && open.without(full).is_empty();
                return random.law(holds, law, seen);
            }
            Ok(choice) => choice,
        };
        let server = choice.server;
        let law = |holds: bool, law: &str| random.law(holds, law, seen);
        law(self.passed.contains(server), "no request before the first passed check");
        law(!self.draining.contains(server), "no request to a draining server");
        law(!tried.contains(server), "no request to a server it was sent to before");
        law(!full.contains(server), "no request past the limit of requests in flight");
        law(!home_only || self.home().contains(server), "a spilled request stays");
        law(
            choice.fail_open == usable.is_empty(),
            "servers that are out are tried if and only if no other is left",
        );
        law(choice.fail_open || usable.contains(server), "no request to a server that is out");
        law(
            choice.other_region != self.home().contains(server),
            "the choice says whether it left the preferred region",
        );
        self.failed_open += u64::from(choice.fail_open);
        self.other_region += u64::from(choice.other_region);
        if !choice.fail_open && self.has_preference {
            let expected = self.region_in_use(usable, now, settings.return_after);
            law(
                expected.contains(server),
                "the first settled region gets the request, else the one well for longest",
            );
        }
    }

    fn region_in_use(&self, open: ServerSet, now: Moment, return_after: Duration) -> ServerSet {
        let open = || self.regions.iter().filter(move |one| !one.servers.and(open).is_empty());
        let settled = |one: &&Region| {
            !one.left || one.well_since.is_some_and(|since| now >= since + return_after)
        };
        let longest = || open().min_by_key(|one| one.well_since);
        open().find(settled).or_else(longest).map_or(ServerSet::EMPTY, |one| one.servers)
    }

    /// In any stretch as long as the window the repeats stay within the minimum or the share of
    /// the requests of that stretch and the tenth of a window before it.
    pub(crate) fn on_permit(
        &mut self,
        now: Moment,
        permit: Result<(), Denial>,
        settings: &Settings,
        random: &Random,
    ) {
        self.over_budget += u64::from(permit == Err(Denial::OverBudget));
        if permit.is_err() {
            return;
        }
        self.repeats += 1;
        self.repeat_times.push_back(now);
        let window = settings.retry_window;
        forget(&mut self.repeat_times, now, window);
        forget(&mut self.request_times, now, window + window / 10);
        let count = |times: &VecDeque<Moment>| u64::try_from(times.len()).expect("few");
        let (repeats, requests) = (count(&self.repeat_times), count(&self.request_times));
        let share = requests * u64::from(settings.retry_percent) / 100;
        random.law(
            repeats <= share.max(u64::from(settings.retry_minimum)),
            "repeats of a window are within the share of its requests, or the minimum",
            || format!("{repeats} repeats of {requests} requests at {now:?}"),
        );
    }

    /// After every event: who is out, and which region was left.
    pub(crate) fn observe(&mut self, policy: &Policy, now: Moment, random: &Random) {
        let usable = policy.usable();
        for region in &mut self.regions {
            if usable.and(region.servers).is_empty() {
                region.left |= region.was_usable;
                region.well_since = None;
            } else {
                region.was_usable = true;
                region.well_since.get_or_insert(now);
            }
        }
        let ejected = |pool: ServerSet| {
            let out = |server: &usize| policy.state(*server, now) == Some(ServerState::Ejected);
            (pool.iter().filter(out).count(), pool.len() / 2)
        };
        let everybody = self.regions.iter().fold(ServerSet::EMPTY, |all, one| all.or(one.servers));
        let pools = if self.one_pool {
            vec![everybody]
        } else {
            self.regions.iter().map(|region| region.servers).collect()
        };
        for (out, half) in pools.into_iter().map(ejected) {
            random.law(out <= half, "passive evidence takes out at most half of a pool", || {
                format!("{out} are out at {now:?}")
            });
        }
    }

    /// When all attempts have ended the policy's books are the simulation's.
    pub(crate) fn on_close(&self, policy: &Policy, now: Moment, random: &Random) {
        for view in policy.view(now) {
            random.law(view.outstanding == 0, "nothing stays outstanding", || format!("{view:?}"));
        }
        let counters = policy.counters();
        let policys = (
            counters.retries,
            counters.retries_over_budget,
            counters.failed_open,
            counters.other_region,
        );
        let ours = (self.repeats, self.over_budget, self.failed_open, self.other_region);
        random.law(policys == ours, "the counters count what happened", || {
            format!("{policys:?} instead of {ours:?}")
        });
    }
}

/// Drops what happened a window ago or earlier.
fn forget(times: &mut VecDeque<Moment>, now: Moment, window: Duration) {
    while times.front().is_some_and(|time| *time + window <= now) {
        times.pop_front();
    }
}
