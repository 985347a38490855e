//! The trace that a request belongs to (W3C Trace Context): kept where there is one, begun where
//! there is none.
//!
//! A trace that cannot be followed is begun anew, and loses what was noted with it, as the
//! recommendation asks (§3.3). Not here: spans of this process, since nothing collects them.

use http::HeaderValue;
use http::header::{HeaderMap, HeaderName};

use super::exchange::{RequestId, hexadecimal};

const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
/// What tools add to a trace; it goes with its parent.
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

/// Leaves exactly one trace in the headers. A new one is that of the request's id where the id was
/// made here, so that one leads to the other.
pub(super) fn keep_or_begin(request_id: &RequestId, headers: &mut HeaderMap) {
    if !has_parent(headers) {
        begin(request_id, headers);
    }
}

/// Did the request come with a trace that can be followed (W3C Trace Context §3.2)? Later versions
/// may be longer than this one.
fn has_parent(headers: &HeaderMap) -> bool {
    let mut all = headers.get_all(TRACE_PARENT).iter();
    let (Some(parent), None) = (all.next(), all.next()) else { return false };
    let is_number = |field: Option<&[u8]>, digits: usize| {
        field.is_some_and(|field| {
            let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            field.len() == digits && field.iter().all(is_digit)
        })
    };
    let is_named = |field: Option<&[u8]>, digits| {
        is_number(field, digits) && field.is_some_and(|field| field.iter().any(|one| *one != b'0'))
    };
    let mut fields = parent.as_bytes().split(|byte| *byte == b'-');
    let version = fields.next();
    is_number(version, 2)
        && version != Some(b"ff".as_slice())
        && is_named(fields.next(), 32)
        && is_named(fields.next(), 16)
        && is_number(fields.next(), 2)
        && (version != Some(b"00".as_slice()) || fields.next().is_none())
}

fn begin(request_id: &RequestId, headers: &mut HeaderMap) {
    let trace = match request_id {
        RequestId::Made(digits) => parent(digits),
        RequestId::Given(_) => parent(&hexadecimal(rand::random())),
    };
    if let Ok(trace) = HeaderValue::from_bytes(&trace) {
        headers.insert(TRACE_PARENT, trace);
    }
    if headers.contains_key(TRACE_STATE) {
        headers.remove(TRACE_STATE);
    }
}

/// Version 00, the trace and its first span, sampled (W3C Trace Context §3.2).
fn parent(trace: &[u8; 32]) -> [u8; 55] {
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-01";
    let span = trace.iter().rev().take(16);
    let digits = trace.iter().chain(b"-").chain(span);
    for (place, digit) in text.iter_mut().skip(3).zip(digits) {
        *place = *digit;
    }
    text
}
