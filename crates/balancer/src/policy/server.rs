//! One server: checks, passive evidence, ejection, slow start, what it owes.
//!
//! Health (by checks) and ejection (by requests) are separate: a server is usable when it is
//! healthy, not ejected and not draining. An ejection ends when its time is over **and** a check
//! has passed since it began, so a dead server does not come back on the clock alone.

use std::time::Duration;

use super::Moment;
use super::evidence::{CheckFailure, CheckResult, Evidence, Outcome};
use super::settings::Settings;
use super::view::ServerState;

/// What a server's checker has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckPlan {
    /// Check now, with this hard limit.
    Check(Duration),
    /// Ask again after this time at the latest.
    Wait(Duration),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// Never passed a check.
    New,
    Up,
    Down,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Ejection {
    pub(super) since: Moment,
    pub(super) until: Moment,
    pub(super) evidence: Evidence,
    check_passed_since: bool,
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) health: Health,
    pub(super) last_failure: Option<CheckFailure>,
    pub(super) ejection: Option<Ejection>,
    pub(super) draining: bool,
    pub(super) outstanding: u32,
    pub(super) slow_start_since: Option<Moment>,
    pub(super) last_pick: u64,
    /// The last change of state that was noted, and when it was.
    pub(super) noted: (ServerState, Moment),
    pub(super) last_check: Option<(Moment, CheckResult)>,
    /// How often each evidence ejected it, in the order of [`Evidence::ALL`].
    pub(super) ejections: [u64; Evidence::ALL.len()],
    passes: u32,
    failures: u32,
    gateway_errors: u32,
    /// How often the length of an ejection has been doubled.
    eject_level: u32,
    last_ejection_began: Option<Moment>,
    last_ejection_ended: Moment,
    /// Requests without a first byte yet.
    waiting: u32,
    /// The last first byte, or the moment somebody began to wait.
    last_progress: Moment,
    next_check: Moment,
    check_began: Moment,
    checks_a_suspect: bool,
    last_suspicion: Option<Moment>,
}

impl Server {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            health: Health::New,
            last_failure: None,
            ejection: None,
            draining: false,
            outstanding: 0,
            slow_start_since: None,
            last_pick: 0,
            noted: (ServerState::New, Moment::ZERO),
            last_check: None,
            ejections: [0; Evidence::ALL.len()],
            passes: 0,
            failures: 0,
            gateway_errors: 0,
            eject_level: 0,
            last_ejection_began: None,
            last_ejection_ended: Moment::ZERO,
            waiting: 0,
            last_progress: Moment::ZERO,
            next_check: Moment::ZERO,
            check_began: Moment::ZERO,
            checks_a_suspect: false,
            last_suspicion: None,
        }
    }

    pub(super) fn is_usable(&self) -> bool {
        self.health == Health::Up && self.ejection.is_none() && !self.draining
    }

    pub(super) fn is_known(&self) -> bool {
        self.health != Health::New && !self.draining
    }

    pub(super) fn is_ejected(&self) -> bool {
        self.ejection.is_some()
    }

    pub(super) fn is_frozen(&self) -> bool {
        let ejected = self.ejection.is_some_and(|ejection| ejection.evidence == Evidence::Frozen);
        let down = self.health == Health::Down && self.last_failure == Some(CheckFailure::Timeout);
        ejected || down
    }

    /// When an ejection began whose server answers its checks again.
    pub(super) fn recovered_ejection(&self) -> Option<Moment> {
        let ejection = self.ejection.filter(|ejection| ejection.check_passed_since)?;
        (self.health == Health::Up && !self.draining).then_some(ejection.since)
    }

    pub(super) fn begin(&mut self, now: Moment, pick: u64) {
        self.last_pick = pick;
        self.outstanding += 1;
        if self.waiting == 0 {
            self.last_progress = now;
        }
        self.waiting += 1;
    }

    pub(super) fn on_first_byte(&mut self, now: Moment) {
        self.waiting = self.waiting.saturating_sub(1);
        self.last_progress = now;
    }

    pub(super) fn end(&mut self, was_waiting: bool) {
        self.outstanding = self.outstanding.saturating_sub(1);
        if was_waiting {
            self.waiting = self.waiting.saturating_sub(1);
        }
    }

    /// Evidence strong enough to eject. What began before the last ejection tells nothing new.
    pub(super) fn weigh(
        &mut self,
        settings: &Settings,
        began: Moment,
        outcome: Outcome,
    ) -> Option<Evidence> {
        if self.last_ejection_began.is_some_and(|ejected| began <= ejected) {
            return None;
        }
        match outcome {
            Outcome::Unknown => None,
            Outcome::Answered => {
                self.gateway_errors = 0;
                None
            }
            Outcome::Refused => Some(Evidence::Refused),
            Outcome::Reset => Some(Evidence::Reset),
            Outcome::GatewayError | Outcome::Garbage | Outcome::Silence => {
                self.gateway_errors += 1;
                (self.gateway_errors >= settings.gateway_errors_max)
                    .then_some(Evidence::GatewayErrors)
            }
        }
    }

    pub(super) fn eject(&mut self, settings: &Settings, now: Moment, evidence: Evidence) {
        let well = now.saturating_sub(self.last_ejection_ended);
        let decayed = well.as_millis() / settings.eject_decay.as_millis().max(1);
        let decayed = u32::try_from(decayed).unwrap_or(u32::MAX);
        self.eject_level = self.eject_level.saturating_sub(decayed);
        let factor = 1_u32.checked_shl(self.eject_level).unwrap_or(u32::MAX);
        let length = settings.eject_base.saturating_mul(factor).min(settings.eject_max);
        // The level stops growing where the length does, or decay would take for ever.
        if length < settings.eject_max {
            self.eject_level += 1;
        }
        for (kind, count) in Evidence::ALL.iter().zip(&mut self.ejections) {
            *count += u64::from(*kind == evidence);
        }
        self.last_ejection_began = Some(now);
        self.gateway_errors = 0;
        self.ejection = Some(Ejection {
            since: now,
            until: now.saturating_add(length),
            evidence,
            check_passed_since: false,
        });
        self.next_check = self.next_check.min(now);
    }

    pub(super) fn end_ejection(&mut self, now: Moment) {
        if self.ejection.take().is_some() {
            self.last_ejection_ended = now;
            self.slow_start_since = Some(now);
        }
    }

    pub(super) fn set_draining(&mut self, now: Moment, draining: bool) {
        if self.draining && !draining {
            self.slow_start_since = Some(now);
        }
        self.draining = draining;
    }

    /// The share of its share that the server gets, in thousandths.
    pub(super) fn warmth(&mut self, settings: &Settings, now: Moment) -> u64 {
        let Some(since) = self.slow_start_since else { return WARM };
        let elapsed = now.saturating_sub(since);
        if elapsed >= settings.slow_start {
            self.slow_start_since = None;
            return WARM;
        }
        let span = settings.slow_start.as_millis().max(1);
        let gained = elapsed.as_millis() * u128::from(WARM - COLD) / span;
        COLD + u64::try_from(gained).unwrap_or(0)
    }

    pub(super) fn plan_check(&mut self, settings: &Settings, now: Moment) -> CheckPlan {
        if self.is_suspect(settings, now) {
            self.last_suspicion = Some(now);
            self.checks_a_suspect = true;
            self.check_began = now;
            return CheckPlan::Check(settings.suspect_timeout);
        }
        if now >= self.next_check {
            self.checks_a_suspect = false;
            self.check_began = now;
            return CheckPlan::Check(settings.check_timeout);
        }
        CheckPlan::Wait(self.next_check.saturating_sub(now))
    }

    /// True when the check confirmed a suspicion.
    pub(super) fn on_check(
        &mut self,
        settings: &Settings,
        now: Moment,
        random: u64,
        result: CheckResult,
    ) -> bool {
        self.last_check = Some((now, result));
        match result {
            Ok(()) => self.on_passed_check(settings, now),
            Err(failure) => self.on_failed_check(settings, failure),
        }
        self.next_check = self.check_began.saturating_add(self.pause(settings, random)).max(now);
        // A regular check that was under way when the silence began confirms it as well: a second
        // one would cost its whole time again.
        result.is_err() && (self.checks_a_suspect || self.is_silent(settings, now))
    }

    fn on_passed_check(&mut self, settings: &Settings, now: Moment) {
        self.failures = 0;
        self.passes = self.passes.saturating_add(1);
        match self.health {
            Health::New => self.health = Health::Up,
            Health::Down if self.passes >= settings.healthy_threshold => {
                self.health = Health::Up;
                self.slow_start_since = Some(now);
            }
            Health::Down | Health::Up => {}
        }
        if let Some(ejection) = self.ejection.as_mut() {
            ejection.check_passed_since |= self.check_began >= ejection.since;
            if ejection.check_passed_since && now >= ejection.until {
                self.end_ejection(now);
            }
        }
    }

    fn on_failed_check(&mut self, settings: &Settings, failure: CheckFailure) {
        self.passes = 0;
        self.failures = self.failures.saturating_add(1);
        self.last_failure = Some(failure);
        if self.health == Health::Up && self.failures >= settings.unhealthy_threshold {
            self.health = Health::Down;
        }
        if let Some(ejection) = self.ejection.as_mut() {
            ejection.check_passed_since = false;
        }
    }

    /// Time between the beginnings of two checks. A tenth of jitter keeps the checks of many
    /// balancers from falling together.
    fn pause(&self, settings: &Settings, random: u64) -> Duration {
        if self.health == Health::New {
            return settings.new_interval;
        }
        if self.ejection.is_some() {
            return settings.ejected_interval;
        }
        if self.health == Health::Down || self.failures > 0 {
            return settings.doubt_interval;
        }
        let tenth = settings.interval / 10;
        let jitter = tenth.saturating_mul(u32::try_from(random % 1_001).unwrap_or(0)) / 1_000;
        settings.interval - tenth / 2 + jitter
    }

    /// It owes answers and has given no first byte of any for too long. Silence alone does not
    /// convict (one slow batch may be all it has to do): a check decides.
    fn is_suspect(&self, settings: &Settings, now: Moment) -> bool {
        let rested = self.last_suspicion.is_none_or(|last| {
            now.saturating_sub(last) >= settings.suspect_after + settings.suspect_timeout
        });
        self.ejection.is_none() && rested && self.is_silent(settings, now)
    }

    fn is_silent(&self, settings: &Settings, now: Moment) -> bool {
        self.waiting > 0 && now.saturating_sub(self.last_progress) >= settings.suspect_after
    }
}

/// A server that gets its whole share.
pub(super) const WARM: u64 = 1_000;
/// A server at the beginning of its slow start.
const COLD: u64 = 100;
