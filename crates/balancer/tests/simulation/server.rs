//! What servers do with requests and checks, and what the data path makes of it.

use std::time::Duration;

use balancer::policy::{CheckFailure, CheckResult, Outcome, Sent};

use crate::ms;
use crate::random::Random;

/// Silence after which the data path gives up on an answer (`response_timeout_ms`).
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// The same for a connection (`connect_timeout_ms`).
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// What a server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Well,
    /// Answers this much later.
    Later(Duration),
    /// Takes this many times as long.
    Times(u32),
    /// No process: connections are refused.
    Dead,
    /// No host: connecting times out.
    Unreachable,
    /// Accepts and is silent.
    Frozen,
    Garbage,
    /// 503 to requests; checks pass.
    Unavailable {
        retry_after: bool,
    },
    /// Resets the connection after the first byte of the answer; checks pass.
    BreaksMidAnswer,
    /// Resets this share of the connections instead of answering; checks pass.
    Drops {
        percent: u64,
    },
    /// A balancer that says that it has no server.
    NoServer,
}

/// How an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Answered,
    Refused,
    Unreachable,
    Silence,
    Garbage,
    Broken,
    Unavailable { retry_after: bool },
    NoServer,
}

/// The course of an attempt: perhaps a first byte, then the ending.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course {
    pub(crate) first_byte: Option<Duration>,
    pub(crate) end: Duration,
    pub(crate) ending: Ending,
}

impl Way {
    pub(crate) fn course(self, service: Duration, random: &mut Random) -> Course {
        let whole = |first: Duration, ending| Course {
            first_byte: Some(first),
            // A tenth of the time goes into the body.
            end: first + service / 10,
            ending,
        };
        let without = |end, ending| Course { first_byte: None, end, ending };
        match self {
            Self::Well => whole(service, Ending::Answered),
            Self::Later(more) => whole(service + more, Ending::Answered),
            Self::Times(factor) => whole(service * factor, Ending::Answered),
            Self::Dead => without(random.time(Duration::ZERO, ms(1)), Ending::Refused),
            Self::Unreachable => without(CONNECT_TIMEOUT, Ending::Unreachable),
            Self::Frozen => without(RESPONSE_TIMEOUT, Ending::Silence),
            Self::Garbage => without(service, Ending::Garbage),
            Self::Unavailable { retry_after } => {
                whole(service, Ending::Unavailable { retry_after })
            }
            Self::BreaksMidAnswer => whole(service, Ending::Broken),
            Self::Drops { percent } if random.percent(percent) => without(service, Ending::Broken),
            Self::Drops { .. } => whole(service, Ending::Answered),
            Self::NoServer => whole(ms(1), Ending::NoServer),
        }
    }

    /// When a check that begins now ends, and how.
    pub(crate) fn check(self, limit: Duration) -> (Duration, CheckResult) {
        let after = |time: Duration| {
            if time <= limit { (time, Ok(())) } else { (limit, Err(CheckFailure::Timeout)) }
        };
        match self {
            Self::Well | Self::Unavailable { .. } | Self::BreaksMidAnswer | Self::Drops { .. } => {
                after(ms(1))
            }
            Self::Later(more) => after(ms(1) + more),
            Self::Times(factor) => after(ms(1) * factor),
            Self::Dead => (Duration::ZERO, Err(CheckFailure::Refused)),
            Self::Unreachable | Self::Frozen => (limit, Err(CheckFailure::Timeout)),
            Self::Garbage => (ms(1), Err(CheckFailure::Garbage)),
            Self::NoServer => (ms(1), Err(CheckFailure::Status(503))),
        }
    }

    /// Does it take its checks to their end as they began?
    pub(crate) fn ends_checks(self) -> bool {
        !matches!(self, Self::Dead | Self::Unreachable | Self::Frozen)
    }
}

impl Ending {
    /// What the data path reports of the server (`proxy/failure.rs`).
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::Answered => Outcome::Answered,
            Self::Refused => Outcome::Refused,
            Self::Unreachable | Self::Silence => Outcome::Silence,
            Self::Garbage => Outcome::Garbage,
            Self::Broken => Outcome::Reset,
            Self::Unavailable { retry_after: true } => Outcome::Unknown,
            Self::Unavailable { retry_after: false } | Self::NoServer => Outcome::GatewayError,
        }
    }

    pub(crate) fn sent(self) -> Sent {
        match self {
            Self::Refused | Self::Unreachable | Self::NoServer => Sent::Nothing,
            _ => Sent::Something,
        }
    }
}
