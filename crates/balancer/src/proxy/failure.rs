//! What a failure tells: about the server, about what it may have seen, and in which word.

use std::error::Error as _;
use std::io;

use http::StatusCode;
use http::header::{CONTENT_LENGTH, HeaderMap, RETRY_AFTER, TRANSFER_ENCODING};
use http::response::Parts;

use super::headers::REASON_HEADER;
use crate::policy::{Outcome, Sent};
use crate::reason::Reason;
use crate::upstream::ConnectError;

/// A failed attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) outcome: Outcome,
    pub(super) sent: Sent,
    pub(super) reason: Reason,
    /// False when the client or this process is at fault.
    pub(super) may_repeat: bool,
}

/// What an answer says of its server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    /// The answer comes from a balancer that could not serve the request.
    pub(super) refused_by_balancer: Option<Seen>,
}

/// No connection: nothing was sent.
pub(super) fn while_connecting(error: &ConnectError) -> Seen {
    let (outcome, reason) = match error {
        ConnectError::Timeout => (Outcome::Silence, Reason::Timeout),
        ConnectError::System(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => (Outcome::Refused, Reason::Refused),
            io::ErrorKind::TimedOut => (Outcome::Silence, Reason::Timeout),
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable => (Outcome::Refused, Reason::Unreachable),
            // Our own fault (no descriptor, no port left): the server is not to blame.
            _ => (Outcome::Unknown, Reason::Unreachable),
        },
    };
    Seen { outcome, sent: Sent::Nothing, reason, may_repeat: true }
}

/// The server gave no byte of an answer for too long.
pub(super) const SILENT: Seen = Seen {
    outcome: Outcome::Silence,
    sent: Sent::Something,
    reason: Reason::Timeout,
    may_repeat: true,
};

/// The answer can be taken in two ways.
pub(super) const AMBIGUOUS: Seen = Seen {
    outcome: Outcome::Garbage,
    sent: Sent::Something,
    reason: Reason::Garbage,
    may_repeat: true,
};

/// Is it unclear where the answer ends, or whether it is one? The library reads such answers in one
/// of the ways; whoever is behind us may read them in another. Nobody was asked to switch
/// protocols: `Upgrade` is not passed on.
pub(super) fn is_ambiguous(status: StatusCode, headers: &HeaderMap) -> bool {
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return true;
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return false };
    !coding.as_bytes().eq_ignore_ascii_case(b"chunked")
        || codings.next().is_some()
        || headers.contains_key(CONTENT_LENGTH)
}

/// The connection was there, so something may have been sent. That a write failed at once does not
/// prove the contrary: part of it may have left before.
pub(super) fn while_proxying(error: &hyper::Error) -> Seen {
    let (outcome, reason) = if error.is_parse() && !is_broken(error) {
        (Outcome::Garbage, Reason::Garbage)
    } else {
        (Outcome::Reset, Reason::Reset)
    };
    Seen { outcome, sent: Sent::Something, reason, may_repeat: true }
}

fn is_broken(error: &hyper::Error) -> bool {
    error.is_incomplete_message()
        || error.source().is_some_and(|source| source.downcast_ref::<io::Error>().is_some())
}

/// The client did not send what it announced.
pub(super) fn of_client(reason: Reason) -> Seen {
    Seen { outcome: Outcome::Unknown, sent: Sent::Something, reason, may_repeat: false }
}

/// Weighs an answer. A 503 with `Retry-After` from a server is an orderly refusal: it is passed on
/// and is no evidence, or an overload would eject the servers that say so.
pub(super) fn judge_answer(answer: &Parts) -> Verdict {
    let status = answer.status.as_u16();
    if !matches!(status, 502..=504) {
        return Verdict { outcome: Outcome::Answered, refused_by_balancer: None };
    }
    let word = answer.headers.get(REASON_HEADER);
    let reason = word.and_then(|word| Reason::from_word(word.as_bytes()));
    let outcome = match reason {
        // A balancer that reached no server: its region is gone, or nearly.
        Some(Reason::NoServer | Reason::Draining | Reason::Refused | Reason::Unreachable) => {
            Outcome::GatewayError
        }
        // A balancer that reports what one of its servers did; it is well itself.
        Some(_) => Outcome::Unknown,
        None if status == 503 && answer.headers.contains_key(RETRY_AFTER) => Outcome::Unknown,
        None => Outcome::GatewayError,
    };
    let refused_by_balancer = reason.map(|reason| Seen {
        outcome,
        sent: if reason.says_nothing_was_sent() { Sent::Nothing } else { Sent::Something },
        reason,
        may_repeat: true,
    });
    Verdict { outcome, refused_by_balancer }
}
