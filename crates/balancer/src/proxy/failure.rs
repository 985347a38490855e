//! What a failure tells: about the server, about what it may have seen, and in which word.

use http::header::RETRY_AFTER;
use pingora::http::ResponseHeader;
use pingora::{Error, ErrorSource, ErrorType};

use super::headers::REASON_HEADER;
use crate::policy::{Outcome, Sent};
use crate::reason::Reason;

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
pub(super) fn while_connecting(error: &Error) -> Seen {
    let (outcome, reason) = match error.etype() {
        ErrorType::ConnectRefused => (Outcome::Refused, Reason::Refused),
        ErrorType::ConnectTimedout => (Outcome::Silence, Reason::Timeout),
        // Our own fault (no descriptor, no port left): the server is not to blame.
        ErrorType::SocketError | ErrorType::BindError => (Outcome::Unknown, Reason::Unreachable),
        _ => (Outcome::Refused, Reason::Unreachable),
    };
    Seen { outcome, sent: Sent::Nothing, reason, may_repeat: true }
}

/// The connection was there, so something may have been sent. That a write failed at once does not
/// prove the contrary: part of it may have left before.
pub(super) fn while_proxying(error: &Error, known: Option<Reason>) -> Seen {
    let at_fault_here = |reason| Seen {
        outcome: Outcome::Unknown,
        sent: Sent::Something,
        reason,
        may_repeat: false,
    };
    match error.esource() {
        ErrorSource::Downstream => at_fault_here(known.unwrap_or_else(|| reason_of(error))),
        ErrorSource::Internal | ErrorSource::Unset => at_fault_here(Reason::Internal),
        ErrorSource::Upstream => {
            let (outcome, reason) = match error.etype() {
                ErrorType::ReadTimedout | ErrorType::WriteTimedout => {
                    (Outcome::Silence, Reason::Timeout)
                }
                ErrorType::ReadError | ErrorType::WriteError | ErrorType::ConnectionClosed => {
                    (Outcome::Reset, Reason::Reset)
                }
                ErrorType::Custom("PrematureBodyEnd") => (Outcome::Reset, Reason::Reset),
                _ => (Outcome::Garbage, Reason::Garbage),
            };
            Seen { outcome, sent: Sent::Something, reason, may_repeat: true }
        }
    }
}

/// The word for an error that happened without any server.
pub(super) fn reason_of(error: &Error) -> Reason {
    match (error.esource(), error.etype()) {
        (_, ErrorType::HTTPStatus(413)) => Reason::BodyTooLarge,
        (ErrorSource::Downstream, ErrorType::ReadTimedout) => Reason::ClientTooSlow,
        (
            ErrorSource::Downstream,
            ErrorType::ReadError
            | ErrorType::WriteError
            | ErrorType::WriteTimedout
            | ErrorType::ConnectionClosed,
        ) => Reason::ClientGone,
        (ErrorSource::Downstream, _) => Reason::BadRequest,
        _ => Reason::Internal,
    }
}

/// Weighs an answer. A 503 with `Retry-After` from a server is an orderly refusal: it is passed on
/// and is no evidence, or an overload would eject the servers that say so.
pub(super) fn judge_answer(response: &ResponseHeader) -> Verdict {
    let status = response.status.as_u16();
    if !matches!(status, 502..=504) {
        return Verdict { outcome: Outcome::Answered, refused_by_balancer: None };
    }
    let word = response.headers.get(REASON_HEADER);
    let reason = word.and_then(|word| Reason::from_word(word.as_bytes()));
    let outcome = match reason {
        // A balancer that reached no server: its region is gone, or nearly.
        Some(Reason::NoServer | Reason::Draining | Reason::Refused | Reason::Unreachable) => {
            Outcome::GatewayError
        }
        // A balancer that reports what one of its servers did; it is well itself.
        Some(_) => Outcome::Unknown,
        None if status == 503 && response.headers.contains_key(RETRY_AFTER) => Outcome::Unknown,
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
