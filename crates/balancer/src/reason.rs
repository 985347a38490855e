//! The words for what went wrong: one in the header `x-ballast-reason`, in the access log, in the
//! metrics and in the problem body, always the same.

use bytes::Bytes;

/// Why a request did not get the answer of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Refused,
    Unreachable,
    Reset,
    Garbage,
    NoServer,
    QueueFull,
    Draining,
    Timeout,
    BodyTooLarge,
    HeaderTooLarge,
    BadRequest,
    MethodNotAllowed,
    TargetTooLong,
    RateLimited,
    TooManyConnections,
    ClientTooSlow,
    ClientGone,
    Internal,
}

/// All of them, in the order of [`Reason::position`].
pub(crate) const REASONS: [Reason; 18] = [
    Reason::Refused,
    Reason::Unreachable,
    Reason::Reset,
    Reason::Garbage,
    Reason::NoServer,
    Reason::QueueFull,
    Reason::Draining,
    Reason::Timeout,
    Reason::BodyTooLarge,
    Reason::HeaderTooLarge,
    Reason::BadRequest,
    Reason::MethodNotAllowed,
    Reason::TargetTooLong,
    Reason::RateLimited,
    Reason::TooManyConnections,
    Reason::ClientTooSlow,
    Reason::ClientGone,
    Reason::Internal,
];

struct Text {
    word: &'static str,
    status: u16,
    title: &'static str,
    detail: &'static str,
}

const NOTHING_HAPPENED: &str = "No server saw the request, so nothing happened; try again.";
const UNKNOWN: &str = "The outcome is unknown; ask again with the same Idempotency-Key.";

impl Reason {
    pub(crate) fn word(self) -> &'static str {
        self.text().word
    }

    /// The status for it; 499 (client gone) is only ever written to the log.
    pub(crate) fn status(self) -> u16 {
        self.text().status
    }

    pub(crate) fn title(self) -> &'static str {
        self.text().title
    }

    pub(crate) fn position(self) -> usize {
        REASONS.iter().position(|reason| *reason == self).unwrap_or(0)
    }

    pub(crate) fn from_word(word: &[u8]) -> Option<Self> {
        REASONS.into_iter().find(|reason| reason.word().as_bytes() == word)
    }

    /// A balancer that answers with this word has sent nothing to any server.
    pub(crate) fn says_nothing_was_sent(self) -> bool {
        matches!(
            self,
            Self::Refused | Self::Unreachable | Self::NoServer | Self::QueueFull | Self::Draining
        )
    }

    /// The body (RFC 9457).
    pub(crate) fn problem(self) -> Bytes {
        self.problem_with(self.text().detail)
    }

    /// The body with a sentence of its own; it must not need escaping in JSON.
    pub(crate) fn problem_with(self, detail: &'static str) -> Bytes {
        let Text { word, status, title, .. } = self.text();
        Bytes::from(format!(
            "{{\"type\":\"/problems/{}\",\"title\":\"{title}\",\"status\":{status},\
             \"detail\":\"{detail}\",\"reason\":\"{word}\"}}",
            word.replace('_', "-"),
        ))
    }

    fn text(self) -> Text {
        let (word, status, title, detail) = match self {
            Self::Refused => ("refused", 502, "Bad gateway", NOTHING_HAPPENED),
            Self::Unreachable => ("unreachable", 502, "Bad gateway", NOTHING_HAPPENED),
            Self::Reset => ("reset", 502, "Bad gateway", UNKNOWN),
            Self::Garbage => ("garbage", 502, "Bad gateway", UNKNOWN),
            Self::NoServer => ("no_server", 503, "Service unavailable", NOTHING_HAPPENED),
            Self::QueueFull => ("queue_full", 503, "Service unavailable", NOTHING_HAPPENED),
            Self::Draining => ("draining", 503, "Service unavailable", NOTHING_HAPPENED),
            Self::Timeout => ("timeout", 504, "Gateway timeout", UNKNOWN),
            Self::BodyTooLarge => {
                ("body_too_large", 413, "Content too large", "The body is larger than allowed.")
            }
            Self::HeaderTooLarge => (
                "header_too_large",
                431,
                "Request header fields too large",
                "The header is larger than allowed.",
            ),
            Self::BadRequest => ("bad_request", 400, "Bad request", "This is not valid HTTP."),
            Self::MethodNotAllowed => (
                "method_not_allowed",
                405,
                "Method not allowed",
                "No server here knows the method.",
            ),
            Self::TargetTooLong => {
                ("target_too_long", 414, "URI too long", "The target is longer than allowed.")
            }
            Self::RateLimited => (
                "rate_limited",
                429,
                "Too many requests",
                "This client sends too many requests; wait a second.",
            ),
            Self::TooManyConnections => (
                "too_many_connections",
                429,
                "Too many connections",
                "This client has too many connections; use those it has.",
            ),
            Self::ClientTooSlow => {
                ("client_too_slow", 408, "Request timeout", "The request took too long to arrive.")
            }
            Self::ClientGone => ("client_gone", 499, "Client closed request", "The client left."),
            Self::Internal => ("internal", 500, "Internal server error", UNKNOWN),
        };
        Text { word, status, title, detail }
    }
}
