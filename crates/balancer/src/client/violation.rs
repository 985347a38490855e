//! What a client may not do, each rule with the sentence that the client gets to read.

use std::error::Error;
use std::fmt;
use std::io;

use crate::reason::Reason;

/// A broken rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The word and the status.
    pub(crate) reason: Reason,
    /// The rule, for the problem body. Fixed text: nothing that the client sent is repeated.
    pub(crate) detail: &'static str,
}

const fn bad(detail: &'static str) -> Violation {
    Violation { reason: Reason::BadRequest, detail }
}

pub(super) const REQUEST_LINE: Violation =
    bad("The request line is not `METHOD target HTTP/1.1` (RFC 9112 section 3).");
pub(super) const VERSION: Violation =
    bad("The version is neither HTTP/1.1 nor HTTP/1.0 (RFC 9112 section 2.3).");
pub(super) const TARGET: Violation =
    bad("The request target is not a path that begins with / or an absolute http URL, \
     of visible ASCII characters without \\u0022, #, < and > (RFC 9112 section 3.2).");
pub(super) const METHOD: Violation = Violation {
    reason: Reason::MethodNotAllowed,
    detail: "The method is none of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS.",
};
pub(super) const TARGET_TOO_LONG: Violation = Violation {
    reason: Reason::TargetTooLong,
    detail: "The request target is longer than allowed.",
};
pub(super) const HEADER_TOO_LARGE: Violation = Violation {
    reason: Reason::HeaderTooLarge,
    detail: "The request line and the fields are larger than allowed.",
};
pub(super) const TOO_MANY_FIELDS: Violation = Violation {
    reason: Reason::HeaderTooLarge,
    detail: "The request has more fields than allowed.",
};
pub(super) const LINE_END: Violation =
    bad("A line does not end with CR LF (RFC 9112 section 2.2).");
pub(super) const OBSOLETE_FOLD: Violation =
    bad("A field line begins with a space or a tab (RFC 9112 section 5.2).");
pub(super) const FIELD_NAME: Violation =
    bad("A field line is not `name: value` with a token as its name (RFC 9112 section 5.1).");
pub(super) const FIELD_VALUE: Violation =
    bad("The value of a field holds a control character (RFC 9110 section 5.5).");
pub(super) const HOST: Violation =
    bad("There is not exactly one valid Host field (RFC 9112 section 3.2).");
pub(super) const AUTHORITY: Violation =
    bad("The Host field differs from the authority of the request target.");
pub(super) const CONTENT_LENGTH: Violation =
    bad("There is not at most one Content-Length, of up to 18 digits (RFC 9110 section 8.6).");
pub(super) const TRANSFER_ENCODING: Violation =
    bad("Transfer-Encoding is not exactly `chunked`, once, in HTTP/1.1, without a Content-Length \
     (RFC 9112 section 6.1).");
pub(super) const CONNECTION: Violation =
    bad("Connection names a field that is meant for the server, or more than eight options \
     (RFC 9110 section 7.6.1).");
pub(super) const CHUNK: Violation = bad("A chunk does not have the form of RFC 9112 section 7.1.");
pub(super) const CHUNK_EXTENSION: Violation =
    bad("The chunk extensions are malformed, or longer than allowed (RFC 9112 section 7.1.1).");
pub(super) const TRAILER: Violation =
    bad("The trailer is malformed, or larger than allowed (RFC 9112 section 7.1.2).");
pub(super) const HEAD_TOO_SLOW: Violation = Violation {
    reason: Reason::ClientTooSlow,
    detail: "The request line and the fields took too long to arrive.",
};
pub(super) const BODY_TOO_SLOW: Violation = Violation {
    reason: Reason::ClientTooSlow,
    detail: "The body arrives more slowly than allowed.",
};

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the client broke a rule of HTTP/1")
    }
}

impl Error for Violation {}

impl From<Violation> for io::Error {
    fn from(violation: Violation) -> Self {
        let kind = match violation.reason {
            Reason::ClientTooSlow => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, violation)
    }
}

/// The broken rule at the bottom of an error, for instance of one that reading a body gave.
pub(crate) fn violation_in(error: &(dyn Error + 'static)) -> Option<Violation> {
    let mut next = Some(error);
    while let Some(error) = next {
        // An IO error hides what it wraps from `source`.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(violation) = wrapped.and_then(|inner| inner.downcast_ref::<Violation>()) {
            return Some(*violation);
        }
        next = error.source();
    }
    None
}
