//! The head of a request: request line and fields, line by line as they arrive.
//!
//! Guarantees: the same bytes get the same verdict however they are split into reads, because
//! every rule is applied at the end of a line or to a length that only grows; each byte is looked
//! at once. Stricter than RFC 9112 where leniency is known to be abused: no bare LF, no folded
//! lines, one Content-Length, `chunked` and nothing else.

use std::ops::Range;

use super::field;
use super::request_line::{self, RequestLine};
use super::violation::{
    AUTHORITY, CONNECTION, CONTENT_LENGTH, HEADER_TOO_LARGE, HOST, LINE_END, REQUEST_LINE,
    TARGET_TOO_LONG, TOO_MANY_FIELDS, TRANSFER_ENCODING, Violation,
};

/// Longest Content-Length: 18 digits cannot overflow 64 bits anywhere behind.
const LENGTH_DIGITS_MAX: usize = 18;
/// Most options of `Connection`. 8: browsers send one, WebSocket and h2c two or three.
const CONNECTION_OPTIONS_MAX: usize = 8;
/// Beside the target a request line holds a method (7), two spaces, a version (8) and a CR.
const REQUEST_LINE_REST: usize = 18;

/// What a head may be at most; from the configuration.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadLimits {
    pub(super) bytes_max: usize,
    pub(super) target_bytes_max: usize,
    pub(super) fields_max: usize,
}

/// How the body of a request is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

/// A head under way. Ranges are from the beginning of the request.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// Where the search for the end of the line goes on.
    scanned: usize,
    /// Where the line under way begins.
    line: usize,
    has_request_line: bool,
    skipped_empty_line: bool,
    is_1_1: bool,
    fields: usize,
    authority: Option<Range<usize>>,
    host: Option<Range<usize>>,
    length: Option<u64>,
    is_chunked: bool,
}

impl Head {
    /// Looks at what has arrived; `bytes` is all of the request so far. When the head is whole:
    /// its length and the framing of the body.
    pub(super) fn parse(
        &mut self,
        bytes: &[u8],
        limits: &HeadLimits,
    ) -> Result<Option<(usize, Framing)>, Violation> {
        loop {
            self.check_begin(bytes)?;
            let unscanned = bytes.get(self.scanned..).unwrap_or_default();
            let Some(found) = memchr::memchr(b'\n', unscanned) else {
                self.scanned = bytes.len();
                self.check_size(bytes.len(), bytes.len() + 1, limits)?;
                return Ok(None);
            };
            let end = self.scanned + found;
            self.check_size(end, end + 1, limits)?;
            let line = bytes.get(self.line..end).and_then(|line| line.strip_suffix(b"\r"));
            let line = line.ok_or(LINE_END)?;
            let begin = self.line;
            self.scanned = end + 1;
            self.line = end + 1;
            if !self.has_request_line {
                self.on_request_line(line, begin, limits)?;
            } else if line.is_empty() {
                return self.finish(bytes).map(|framing| Some((end + 1, framing)));
            } else {
                self.on_field(line, begin, limits)?;
            }
        }
    }

    /// Has nothing of the next request arrived?
    pub(super) fn is_untouched(&self) -> bool {
        self.scanned == 0
    }

    /// What is no request at all (TLS, another protocol) is told so at once.
    fn check_begin(&self, bytes: &[u8]) -> Result<(), Violation> {
        match bytes.get(self.line) {
            Some(b'\r') if !self.has_request_line && !self.skipped_empty_line => Ok(()),
            Some(byte) if !self.has_request_line && !byte.is_ascii_uppercase() => Err(REQUEST_LINE),
            _ => Ok(()),
        }
    }

    /// `line_end` is where the line ends or, while it has no end, at least will.
    fn check_size(
        &self,
        line_end: usize,
        end: usize,
        limits: &HeadLimits,
    ) -> Result<(), Violation> {
        if !self.has_request_line {
            let longest = limits.target_bytes_max.saturating_add(REQUEST_LINE_REST);
            if line_end - self.line > longest.min(limits.bytes_max) {
                return Err(TARGET_TOO_LONG);
            }
        } else if end > limits.bytes_max {
            return Err(HEADER_TOO_LARGE);
        }
        Ok(())
    }

    fn on_request_line(
        &mut self,
        line: &[u8],
        begin: usize,
        limits: &HeadLimits,
    ) -> Result<(), Violation> {
        if line.is_empty() && !self.skipped_empty_line {
            // RFC 9112 §2.2: some clients send an empty line behind a body.
            self.skipped_empty_line = true;
            return Ok(());
        }
        let RequestLine { method, target, authority, is_1_1 } = request_line::parse(line)?;
        if target.len() > limits.target_bytes_max {
            return Err(TARGET_TOO_LONG);
        }
        self.authority = authority.map(|authority| {
            let scheme = if target.starts_with(b"https") { 8 } else { 7 };
            let from = begin + method.len() + 1 + scheme;
            from..from + authority.len()
        });
        self.is_1_1 = is_1_1;
        self.has_request_line = true;
        Ok(())
    }

    fn on_field(
        &mut self,
        line: &[u8],
        begin: usize,
        limits: &HeadLimits,
    ) -> Result<(), Violation> {
        self.fields += 1;
        if self.fields > limits.fields_max {
            return Err(TOO_MANY_FIELDS);
        }
        let field = field::parse(line)?;
        // By length first: of the usual fields only one in ten is compared.
        let is = |name: &[u8]| field.name.eq_ignore_ascii_case(name);
        match field.name.len() {
            4 if is(b"host") => {
                if self.host.is_some() || !request_line::is_host(field.value) {
                    return Err(HOST);
                }
                let rest = line.get(field.name.len() + 1..).unwrap_or_default();
                let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
                let from = begin + field.name.len() + 1 + blanks;
                self.host = Some(from..from + field.value.len());
            }
            14 if is(b"content-length") => {
                if self.length.is_some() {
                    return Err(CONTENT_LENGTH);
                }
                self.length = Some(parse_length(field.value).ok_or(CONTENT_LENGTH)?);
            }
            17 if is(b"transfer-encoding") => {
                let is_chunked = field.value.eq_ignore_ascii_case(b"chunked");
                if self.is_chunked || !is_chunked || !self.is_1_1 {
                    return Err(TRANSFER_ENCODING);
                }
                self.is_chunked = true;
            }
            10 if is(b"connection") => check_connection(field.value)?,
            _ => {}
        }
        Ok(())
    }

    fn finish(&self, bytes: &[u8]) -> Result<Framing, Violation> {
        let host = self.host.clone().and_then(|range| bytes.get(range));
        let authority = self.authority.clone().and_then(|range| bytes.get(range));
        if self.is_1_1 && host.is_none() {
            return Err(HOST);
        }
        if let (Some(host), Some(authority)) = (host, authority)
            && !host.eq_ignore_ascii_case(authority)
        {
            return Err(AUTHORITY);
        }
        match (self.is_chunked, self.length) {
            (true, Some(_)) => Err(TRANSFER_ENCODING),
            (true, None) => Ok(Framing::Chunked),
            (false, length) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }
}

fn parse_length(text: &[u8]) -> Option<u64> {
    if text.len() > LENGTH_DIGITS_MAX || text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A proxy removes what `Connection` names. A client that names what the server relies on would
/// make this process an accomplice in hiding it.
fn check_connection(value: &[u8]) -> Result<(), Violation> {
    const MEANT_FOR_SERVERS: [&[u8]; 10] = [
        b"host",
        b"content-length",
        b"content-type",
        b"authorization",
        b"cookie",
        b"idempotency-key",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-request-id",
        b"traceparent",
    ];
    for (position, option) in value.split(|byte| *byte == b',').map(field::trim).enumerate() {
        let is_token = option.iter().all(|byte| field::is_token_byte(*byte));
        let is_meant = MEANT_FOR_SERVERS.iter().any(|name| option.eq_ignore_ascii_case(name));
        if position >= CONNECTION_OPTIONS_MAX || !is_token || is_meant {
            return Err(CONNECTION);
        }
    }
    Ok(())
}
