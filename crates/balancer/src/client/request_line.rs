//! The request line and the name of the host (RFC 9112 section 3, RFC 3986 section 3.2.2).

use super::field::is_token_byte;
use super::violation::{METHOD, REQUEST_LINE, TARGET, VERSION, Violation};

/// A valid request line.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestLine<'a> {
    pub(super) method: &'a [u8],
    pub(super) target: &'a [u8],
    /// Of a target that is a whole URL.
    pub(super) authority: Option<&'a [u8]>,
    /// HTTP/1.1; otherwise HTTP/1.0.
    pub(super) is_1_1: bool,
}

/// Is it a method that servers may see? CONNECT would make a tunnel of this process, TRACE would
/// show a page its own cookies (RFC 9110 §9.3.8), others are made up to get past filters.
pub(crate) fn is_offered(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"POST" | b"PUT" | b"PATCH" | b"DELETE" | b"OPTIONS")
}

/// Parses a line that came without its CR LF.
pub(super) fn parse(line: &[u8]) -> Result<RequestLine<'_>, Violation> {
    let first = memchr::memchr(b' ', line).ok_or(REQUEST_LINE)?;
    let last = memchr::memrchr(b' ', line).ok_or(REQUEST_LINE)?;
    let method = line.get(..first).unwrap_or_default();
    let target = line.get(first + 1..last).ok_or(REQUEST_LINE)?;
    if method.is_empty() || !method.iter().all(|byte| is_token_byte(*byte)) {
        return Err(REQUEST_LINE);
    }
    let is_1_1 = match line.get(last + 1..) {
        Some(b"HTTP/1.1") => true,
        Some(b"HTTP/1.0") => false,
        _ => return Err(VERSION),
    };
    if !is_offered(method) {
        return Err(METHOD);
    }
    if target.iter().fold(false, |bad, byte| bad | !is_target_byte(*byte)) {
        return Err(TARGET);
    }
    let authority = match target {
        [b'/', ..] => None,
        b"*" if method == b"OPTIONS" => None,
        _ => Some(authority(target).ok_or(TARGET)?),
    };
    Ok(RequestLine { method, target, authority, is_1_1 })
}

/// Visible ASCII without the four characters that no browser sends as they are (WHATWG URL, path
/// and query percent-encode sets). A fragment is never sent (RFC 9112 §3.2.1).
fn is_target_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() & (byte != b'"') & (byte != b'#') & (byte != b'<') & (byte != b'>')
}

/// The authority of an absolute http URL; its path must be written out.
fn authority(target: &[u8]) -> Option<&[u8]> {
    let rest = target.strip_prefix(b"http://").or_else(|| target.strip_prefix(b"https://"))?;
    let authority = rest.get(..memchr::memchr(b'/', rest)?)?;
    is_host(authority).then_some(authority)
}

/// Is it a host name or address with an optional port, and nothing else?
pub(super) fn is_host(host: &[u8]) -> bool {
    let (name, port) = match host {
        [b'[', ..] => {
            let Some(end) = memchr::memchr(b']', host) else { return false };
            let inner = host.get(1..end).unwrap_or_default();
            let is_address =
                inner.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'));
            if !is_address || !inner.contains(&b':') {
                return false;
            }
            (inner, host.get(end + 1..).unwrap_or_default())
        }
        _ => host.split_at(memchr::memchr(b':', host).unwrap_or(host.len())),
    };
    let is_named = host.first() == Some(&b'[') || name.iter().all(|byte| is_name_byte(*byte));
    let is_port = match port {
        [] => true,
        [b':', digits @ ..] => {
            (1..=5).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    };
    !name.is_empty() && is_named && is_port
}

/// RFC 3986 `reg-name` without percent-encoding and without the sub-delimiters, which no name in
/// use has and which name resolution would refuse.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}
