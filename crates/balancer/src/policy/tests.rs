//! The laws of the policy, in time that is passed in.

use std::time::Duration;

use super::*;
use crate::config::Config;

mod choosing;
mod health;
mod laws;
mod repeating;
mod seeing;

/// A policy, a clock that is moved by hand, and a fixed sequence of random numbers.
pub(super) struct Bench {
    pub(super) policy: Policy,
    pub(super) now: Moment,
    random: u64,
}

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Bench {
    /// Servers are named by their region and number: `east0`, `east1`, `west0` …
    pub(super) fn new(role: &str, regions: &[(&str, usize)], extra: &str) -> Self {
        let names = regions
            .iter()
            .flat_map(|(region, count)| (0..*count).map(move |number| (*region, number)));
        let upstreams: Vec<String> = names
            .enumerate()
            .map(|(port, (region, number))| {
                format!(
                    r#"{{"name":"{region}{number}","address":"127.0.0.1:{}","region":"{region}"}}"#,
                    port + 1
                )
            })
            .collect();
        let home = if role == "front_door" { "home_region" } else { "region" };
        let json = format!(
            r#"{{"name":"b","role":"{role}","{home}":"{}","listen":"127.0.0.1:0",{extra}
                "upstreams":[{}],"health":{{"path":"/livez","interval_ms":1000,"timeout_ms":500,
                "healthy_threshold":2,"unhealthy_threshold":3}}}}"#,
            regions[0].0,
            upstreams.join(",")
        );
        let config = Config::parse(&json).expect("a good configuration");
        let policy =
            Policy::new(Settings::from_config(&config), &ServerSettings::from_config(&config));
        Self { policy, now: Moment::ZERO, random: 1 }
    }

    /// `count` servers of one region, all of which passed their first check.
    pub(super) fn ready(count: usize) -> Self {
        let mut bench = Self::new("balancer", &[("east", count)], "");
        bench.pass_all();
        bench
    }

    pub(super) fn pass_all(&mut self) {
        for server in 0..self.policy.servers.len() {
            self.check(server, Ok(()));
        }
    }

    pub(super) fn later(&mut self, time: Duration) {
        self.now += time;
    }

    pub(super) fn dice(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
        self.random
    }

    /// Runs the check that is due (moving the clock to it) with the given result.
    pub(super) fn check(&mut self, server: usize, result: CheckResult) {
        loop {
            match self.policy.plan_check(server, self.now) {
                CheckPlan::Check(_) => break,
                CheckPlan::Wait(time) => self.now += time,
            }
        }
        let random = self.dice();
        self.policy.on_check(server, self.now, random, result);
    }

    pub(super) fn choose(&mut self) -> Result<usize, Refusal> {
        let random = self.dice();
        self.policy.choose(self.now, random, ServerSet::EMPTY, false).map(|choice| choice.server)
    }

    /// Sends one request to a certain server.
    pub(super) fn request(&mut self, server: usize, outcome: Outcome) {
        self.later(ms(1));
        let mut attempt = self.policy.begin(server, self.now);
        self.later(ms(1));
        if outcome == Outcome::Answered {
            self.policy.on_first_byte(&mut attempt, self.now);
        }
        self.policy.end(attempt, self.now, outcome);
    }

    pub(super) fn state(&self, server: usize) -> ServerState {
        self.policy.state(server, self.now).expect("a server")
    }
}
