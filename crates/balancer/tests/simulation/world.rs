//! The event loop: arrivals, attempts, checks and changes of servers in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use balancer::config::{ChoicePolicy, Config};
use balancer::policy::{
    Attempt, CheckPlan, CheckResult, Denial, Failure, Moment, Outcome, Policy, Refusal, Repeatable,
    Sent, ServerSet, ServerSettings, Settings,
};

use crate::laws::Laws;
use crate::ms;
use crate::random::Random;
use crate::server::{Ending, Way};

/// How often a checker looks for suspects (`LOOK_EVERY` of `check.rs`).
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Get,
    KeyedPost,
    Post,
}

/// How a request ended for its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Answered,
    Failed(Ending),
    /// The answer had begun, so nothing could be repeated.
    CutShort(Ending),
    /// Denied a repeat only because the budget was used up.
    OverBudget(Ending),
    NotServed(Refusal),
    ClientLeft,
}

/// The course of the arrivals.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Arrivals {
    Even,
    Poisson,
    /// So many at the same moment.
    Bursts(u64),
}

/// How long a well server takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Service {
    Constant,
    Uniform,
    Exponential,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Traffic {
    pub(crate) per_second: u64,
    pub(crate) arrivals: Arrivals,
    pub(crate) service: Service,
    pub(crate) mean: Duration,
    /// Of a hundred requests, those whose client leaves within a second.
    pub(crate) leave_percent: u64,
    pub(crate) until: Moment,
}

pub(crate) struct Request {
    pub(crate) came: Moment,
    pub(crate) kind: Kind,
    pub(crate) fate: Option<Fate>,
    /// The server of the first attempt, and of the last.
    pub(crate) first: Option<usize>,
    pub(crate) server: usize,
    pub(crate) attempt_began: Moment,
    tried: ServerSet,
    home_only: bool,
    service: Duration,
    attempt: Option<Attempt>,
    generation: u32,
    answer_begun: bool,
    repeats_after_sent: u32,
    /// Servers that may have seen it.
    deliveries: u32,
}

/// One attempt as it was begun.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun {
    pub(crate) at: Moment,
    pub(crate) server: usize,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrive,
    FirstByte { request: usize, generation: u32 },
    End { request: usize, generation: u32 },
    ClientLeaves { request: usize },
    Look { server: usize },
    Checked { server: usize },
    Turn { number: usize },
    Drain { server: usize, on: bool },
}

pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) now: Moment,
    pub(crate) policy: Policy,
    pub(crate) settings: Settings,
    pub(crate) laws: Laws,
    pub(crate) traffic: Traffic,
    pub(crate) requests: Vec<Request>,
    pub(crate) begun: Vec<Begun>,
    pub(crate) ways: Vec<Way>,
    turns: Vec<(usize, Way)>,
    endings: Vec<Ending>,
    checks: Vec<CheckResult>,
    events: BinaryHeap<Reverse<(Moment, u64, Event)>>,
    sequence: u64,
}

/// A configuration as the program would read it, with the deployment's own numbers.
pub(crate) fn settings(
    role: &str,
    choice: &str,
    regions: &[(&str, usize)],
) -> (Settings, Vec<ServerSettings>) {
    let upstreams: Vec<String> = regions
        .iter()
        .flat_map(|(region, count)| (0..*count).map(move |number| (*region, number)))
        .enumerate()
        .map(|(port, (region, number))| {
            format!(
                r#"{{"name":"{region}{number}","region":"{region}","address":"127.0.0.1:{}"}}"#,
                port + 1
            )
        })
        .collect();
    let (home, health) = if role == "front_door" {
        ("home_region", r#""interval_ms":1000,"timeout_ms":1000,"unhealthy_threshold":3"#)
    } else {
        ("region", r#""interval_ms":5000,"timeout_ms":2000,"unhealthy_threshold":2"#)
    };
    let config = Config::parse(&format!(
        r#"{{"name":"b","role":"{role}","{home}":"{}","policy":"{choice}","listen":"127.0.0.1:0",
            "upstreams":[{}],"health":{{"path":"/livez",{health},"healthy_threshold":2}}}}"#,
        regions[0].0,
        upstreams.join(",")
    ))
    .expect("a good configuration");
    (Settings::from_config(&config), ServerSettings::from_config(&config))
}

/// One of the two ways to choose.
pub(crate) fn any_choice(random: &mut Random) -> &'static str {
    random.pick(&["least_outstanding", "round_robin"])
}

impl Traffic {
    pub(crate) fn steady(per_second: u64, mean: Duration, until: Moment) -> Self {
        Self {
            per_second,
            arrivals: Arrivals::Poisson,
            service: Service::Exponential,
            mean,
            leave_percent: 0,
            until,
        }
    }
}

impl World {
    pub(crate) fn new(
        random: Random,
        settings: Settings,
        servers: &[ServerSettings],
        traffic: Traffic,
    ) -> Self {
        let mut world = Self {
            laws: Laws::new(&settings, servers),
            policy: Policy::new(settings.clone(), servers),
            random,
            now: Moment::ZERO,
            settings,
            traffic,
            requests: Vec::new(),
            begun: Vec::new(),
            ways: vec![Way::Well; servers.len()],
            turns: Vec::new(),
            endings: Vec::new(),
            checks: vec![Ok(()); servers.len()],
            events: BinaryHeap::new(),
            sequence: 0,
        };
        (0..servers.len()).for_each(|server| world.at(Moment::ZERO, Event::Look { server }));
        // The first requests come when the servers had time for a check.
        world.at(ms(50), Event::Arrive);
        world
    }

    /// From that moment on the server does this.
    pub(crate) fn turn(&mut self, at: Moment, server: usize, way: Way) {
        self.turns.push((server, way));
        self.at(at, Event::Turn { number: self.turns.len() - 1 });
    }

    pub(crate) fn drain(&mut self, at: Moment, server: usize, on: bool) {
        self.at(at, Event::Drain { server, on });
    }

    /// Lets the traffic that had ended go on.
    pub(crate) fn resume(&mut self, per_second: u64, until: Moment) {
        self.traffic.per_second = per_second;
        self.traffic.until = until;
        self.at(self.now, Event::Arrive);
    }

    pub(crate) fn run_until(&mut self, end: Moment) {
        while let Some(Reverse((at, _, _))) = self.events.peek() {
            if *at > end {
                break;
            }
            let Some(Reverse((at, _, event))) = self.events.pop() else { break };
            self.now = at;
            self.on_event(event);
        }
        self.now = end;
    }

    /// Waits for every request and compares the books.
    pub(crate) fn close(&mut self) {
        // Three attempts of the longest silence.
        self.run_until(self.now.max(self.traffic.until) + Duration::from_secs(95));
        let open = self.requests.iter().filter(|request| request.fate.is_none()).count();
        self.law(open == 0, "every request ends", || format!("{open} are open"));
        self.laws.on_close(&self.policy, self.now, &self.random);
    }

    pub(crate) fn law(&self, holds: bool, law: &str, seen: impl FnOnce() -> String) {
        self.random.law(holds, law, || format!("{} at {:?}", seen(), self.now));
    }

    /// First attempts of each server from one moment to another.
    pub(crate) fn shares(&self, from: Moment, to: Moment) -> Vec<u64> {
        let mut shares = vec![0; self.ways.len()];
        for request in self.requests.iter().filter(|one| one.came >= from && one.came < to) {
            if let Some(server) = request.first {
                shares[server] += 1;
            }
        }
        shares
    }

    fn at(&mut self, at: Moment, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((at, self.sequence, event)));
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Arrive => self.on_arrival(),
            Event::FirstByte { request, generation } => {
                let one = &mut self.requests[request];
                if one.generation == generation
                    && let Some(attempt) = one.attempt.as_mut()
                {
                    one.answer_begun = true;
                    self.policy.on_first_byte(attempt, self.now);
                }
            }
            Event::End { request, generation } => {
                let one = &self.requests[request];
                if one.generation == generation && one.attempt.is_some() {
                    self.on_end(request, self.endings[request]);
                }
            }
            Event::ClientLeaves { request } => {
                if self.requests[request].attempt.is_some() {
                    self.end(request, Outcome::Unknown);
                    self.requests[request].fate = Some(Fate::ClientLeft);
                }
            }
            Event::Look { server } => match self.policy.plan_check(server, self.now) {
                CheckPlan::Wait(time) => {
                    self.at(self.now + time.min(LOOK_EVERY), Event::Look { server });
                }
                CheckPlan::Check(limit) => {
                    let (time, result) = self.ways[server].check(limit);
                    self.checks[server] = result;
                    self.at(self.now + time, Event::Checked { server });
                }
            },
            Event::Checked { server } => {
                let result = self.checks[server];
                let random = self.random.next();
                self.policy.on_check(server, self.now, random, result);
                self.laws.on_check(server, result.is_ok());
                self.observe();
                self.at(self.now, Event::Look { server });
            }
            Event::Turn { number } => self.on_turn(number),
            Event::Drain { server, on } => {
                self.policy.set_draining(server, self.now, on);
                self.laws.on_drain(server, on);
                self.observe();
            }
        }
    }

    fn on_arrival(&mut self) {
        if self.now >= self.traffic.until {
            return;
        }
        let gap = Duration::from_secs(1) / u32::try_from(self.traffic.per_second).expect("small");
        let (count, gap) = match self.traffic.arrivals {
            Arrivals::Even => (1, gap),
            Arrivals::Poisson => (1, self.random.exponential(gap)),
            Arrivals::Bursts(count) => (count, gap * u32::try_from(count).expect("small")),
        };
        for _ in 0..count {
            self.arrive();
        }
        self.at(self.now + gap, Event::Arrive);
    }

    fn arrive(&mut self) {
        let mean = self.traffic.mean;
        let service = match self.traffic.service {
            Service::Constant => mean,
            Service::Uniform => self.random.time(mean / 2, mean + mean / 2),
            Service::Exponential => self.random.exponential(mean),
        };
        let request = self.requests.len();
        self.requests.push(Request {
            came: self.now,
            kind: self.random.pick(&[Kind::Get, Kind::KeyedPost, Kind::Post]),
            fate: None,
            first: None,
            server: 0,
            attempt_began: self.now,
            tried: ServerSet::EMPTY,
            home_only: self.laws.has_spill() && self.random.percent(10),
            service,
            attempt: None,
            generation: 0,
            answer_begun: false,
            repeats_after_sent: 0,
            deliveries: 0,
        });
        self.endings.push(Ending::Answered);
        if self.random.percent(self.traffic.leave_percent) {
            let patience = self.random.time(Duration::ZERO, ms(1_000));
            self.at(self.now + patience, Event::ClientLeaves { request });
        }
        self.policy.on_request(self.now);
        self.laws.on_request(self.now);
        if let Err(refusal) = self.attempt(request) {
            self.requests[request].fate = Some(Fate::NotServed(refusal));
        }
    }

    /// Chooses a server and begins, as `upstream_peer` does.
    fn attempt(&mut self, request: usize) -> Result<(), Refusal> {
        let one = &mut self.requests[request];
        let random = self.random.next();
        let usable = self.policy.usable();
        let chosen = self.policy.choose(self.now, random, one.tried, one.home_only);
        self.laws.on_choose(
            self.now,
            chosen,
            usable,
            one.tried,
            one.home_only,
            &self.settings,
            &self.random,
        );
        let server = chosen?.server;
        one.attempt = Some(self.policy.begin(server, self.now));
        one.tried.insert(server);
        one.first.get_or_insert(server);
        one.server = server;
        one.attempt_began = self.now;
        one.answer_begun = false;
        self.begun.push(Begun { at: self.now, server });
        self.laws.on_begin(server);
        let course = self.ways[server].course(one.service, &mut self.random);
        self.schedule(request, course.first_byte, course.end, course.ending);
        Ok(())
    }

    fn schedule(
        &mut self,
        request: usize,
        first_byte: Option<Duration>,
        end: Duration,
        ending: Ending,
    ) {
        let one = &mut self.requests[request];
        one.generation += 1;
        let generation = one.generation;
        self.endings[request] = ending;
        if let Some(first_byte) = first_byte {
            self.at(self.now + first_byte, Event::FirstByte { request, generation });
        }
        self.at(self.now + end, Event::End { request, generation });
    }

    fn on_end(&mut self, request: usize, ending: Ending) {
        let one = &mut self.requests[request];
        one.deliveries += u32::from(ending.sent() == Sent::Something);
        let (deliveries, kind) = (one.deliveries, one.kind);
        let deliveries_max = if kind == Kind::Post { 1 } else { 2 };
        self.law(
            deliveries <= deliveries_max,
            "an unkeyed request is sent once at most, a repeatable one twice",
            || format!("{deliveries} servers may have seen a {kind:?}"),
        );
        match ending {
            Ending::Answered | Ending::Unavailable { .. } => {
                self.end(request, ending.outcome());
                self.requests[request].fate = Some(match ending {
                    Ending::Answered => Fate::Answered,
                    _ => Fate::Failed(ending),
                });
            }
            // The balancer's answer is weighed before its attempt ends (`try_elsewhere`).
            Ending::NoServer => {
                let permit = self.permit(request, ending);
                self.end(request, ending.outcome());
                self.go_on(request, ending, permit);
            }
            _ => {
                let begun = self.requests[request].answer_begun;
                self.end(request, ending.outcome());
                if begun {
                    self.requests[request].fate = Some(Fate::CutShort(ending));
                } else {
                    let permit = self.permit(request, ending);
                    self.go_on(request, ending, permit);
                }
            }
        }
    }

    fn permit(&mut self, request: usize, ending: Ending) -> Result<(), Denial> {
        let one = &mut self.requests[request];
        let failure = Failure {
            sent: ending.sent(),
            repeatable: if one.kind == Kind::Post { Repeatable::No } else { Repeatable::Yes },
            tried: one.tried,
            repeats_after_sent: one.repeats_after_sent,
            home_only: one.home_only,
        };
        let permit = self.policy.permit_retry(self.now, &failure);
        if permit.is_ok() {
            one.repeats_after_sent += u32::from(failure.sent == Sent::Something);
        }
        self.laws.on_permit(self.now, permit, &self.settings, &self.random);
        permit
    }

    fn go_on(&mut self, request: usize, ending: Ending, permit: Result<(), Denial>) {
        match permit {
            Ok(()) => {
                if let Err(refusal) = self.attempt(request) {
                    self.law(false, "a permitted repeat finds a server", || format!("{refusal:?}"));
                }
            }
            Err(Denial::OverBudget) => {
                self.requests[request].fate = Some(Fate::OverBudget(ending));
            }
            Err(_) => self.requests[request].fate = Some(Fate::Failed(ending)),
        }
    }

    fn end(&mut self, request: usize, outcome: Outcome) {
        let one = &mut self.requests[request];
        let Some(attempt) = one.attempt.take() else { return };
        let server = attempt.server;
        let usable = self.policy.usable();
        self.policy.end(attempt, self.now, outcome);
        self.laws.on_end(server);
        let left = self.policy.usable();
        self.law(
            usable.is_empty() || !left.is_empty(),
            "passive evidence does not take out the last server in use",
            || format!("{outcome:?} took out server {server}"),
        );
        self.observe();
    }

    fn observe(&mut self) {
        self.laws.observe(&self.policy, self.now, &self.random);
    }

    /// A server changes; what it was doing goes with it.
    fn on_turn(&mut self, number: usize) {
        let (server, way) = self.turns[number];
        let before = std::mem::replace(&mut self.ways[server], way);
        if !way.ends_checks() && self.checks[server].is_ok() {
            self.checks[server] = Err(balancer::policy::CheckFailure::Broken);
        }
        let flying: Vec<usize> = (0..self.requests.len())
            .rev()
            .take(20_000)
            .filter(|&id| self.requests[id].attempt.is_some() && self.requests[id].server == server)
            .collect();
        for request in flying {
            let service = self.requests[request].service;
            match way {
                Way::Dead if before != Way::Unreachable => self.on_end(request, Ending::Broken),
                Way::Frozen => {
                    let end = crate::server::RESPONSE_TIMEOUT;
                    self.schedule(request, None, end, Ending::Silence);
                }
                _ if before == Way::Frozen => {
                    self.schedule(request, Some(service), service, Ending::Answered);
                }
                _ => {}
            }
        }
    }
}

/// Is the choice the one by outstanding requests?
pub(crate) fn by_outstanding(settings: &Settings) -> bool {
    settings.choice == ChoicePolicy::LeastOutstanding
}
