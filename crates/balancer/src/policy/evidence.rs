//! What requests and checks tell about a server.

use std::fmt;

/// How an attempt ended, as far as its server is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A whole answer that is not a gateway error.
    Answered,
    /// 502, 503 or 504 without the sign of an orderly refusal.
    GatewayError,
    /// Something that is not HTTP.
    Garbage,
    /// Silence past the limit.
    Silence,
    /// The connection was refused, or its host cannot be reached.
    Refused,
    /// The connection broke before the answer was complete.
    Reset,
    /// Nothing can be said: the client left, the request was at fault, or the server refused it
    /// in an orderly way (503 with `Retry-After`), which is not a reason to take it out.
    Unknown,
}

/// Why a server was ejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// A refused connection.
    Refused,
    /// A broken connection.
    Reset,
    /// Gateway errors, garbage or silence, several in a row.
    GatewayErrors,
    /// It owed answers, gave no byte, and did not answer a check either.
    Frozen,
}

impl Evidence {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Refused, Self::Reset, Self::GatewayErrors, Self::Frozen];

    /// The word for it in `/status.json` and `/metrics`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::GatewayErrors => "gateway_errors",
            Self::Frozen => "frozen",
        }
    }
}

/// Why a check failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckFailure {
    /// The connection was refused.
    Refused,
    /// The host cannot be reached, or the connection broke.
    Broken,
    /// No complete status line in time.
    Timeout,
    /// A status other than 200 to 299.
    Status(u16),
    /// Something that is not HTTP.
    Garbage,
}

/// How a check ended.
pub type CheckResult = Result<(), CheckFailure>;

impl fmt::Display for Evidence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Refused => "refused a connection",
            Self::Reset => "broke a connection",
            Self::GatewayErrors => "gave gateway errors in a row",
            Self::Frozen => "owed answers and was silent, also to a check",
        })
    }
}

impl fmt::Display for CheckFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => formatter.write_str("the check was refused"),
            Self::Broken => formatter.write_str("the check's connection broke"),
            Self::Timeout => formatter.write_str("the check was not answered in time"),
            Self::Status(status) => write!(formatter, "the check was answered with {status}"),
            Self::Garbage => formatter.write_str("the check was not answered with HTTP"),
        }
    }
}
