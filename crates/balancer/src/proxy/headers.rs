//! Headers on the way through.
//!
//! Towards servers Pingora has already removed hop-by-hop headers, those that `Connection` names,
//! and upgrades (RFC 9110 §7.6.1); towards clients they are removed here.

use std::io::Write;
use std::net::IpAddr;

use http::header::{
    CONNECTION, CONTENT_LENGTH, PROXY_AUTHENTICATE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderValue, Method};
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;

use super::context::Context;
use crate::policy::Repeatable;
use crate::shared::Shared;

pub(super) const REASON_HEADER: &str = "x-ballast-reason";
const SERVER_HEADER: &str = "x-ballast-server";
/// On answers of servers that were tried because none was usable.
const FAIL_OPEN_HEADER: &str = "x-ballast-fail-open";
/// On requests that left their region: they must not leave the next one too.
const SPILL_HEADER: &str = "x-ballast-spill";
const REQUEST_ID: &str = "x-request-id";
const TRACE_PARENT: &str = "traceparent";
const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Longest id that is taken over from a client; a longer one is not an id.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// May the request be sent twice (RFC 9110 §9.2.2, and POST or PATCH with a key)?
pub(super) fn repeatable(request: &RequestHeader) -> Repeatable {
    let method = &request.method;
    if [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE].contains(method) {
        return Repeatable::Yes;
    }
    let keyed = || request.headers.get(IDEMPOTENCY_KEY).is_some_and(|key| !key.is_empty());
    if [Method::POST, Method::PATCH].contains(method) && keyed() {
        return Repeatable::Yes;
    }
    Repeatable::No
}

/// The announced length of the body.
pub(super) fn content_length(request: &RequestHeader) -> Option<u64> {
    request.headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

pub(super) fn is_chunked(request: &RequestHeader) -> bool {
    request.headers.contains_key(TRANSFER_ENCODING)
}

pub(super) fn has_spilled(request: &RequestHeader) -> bool {
    request.headers.contains_key(SPILL_HEADER)
}

/// The address of the client's side of the connection.
pub(super) fn client_ip(session: &Session) -> Option<IpAddr> {
    session.client_addr().and_then(|address| address.as_inet()).map(|address| address.ip())
}

/// The id of the request: the client's, or the one made here.
pub(super) fn request_id<'a>(request: &'a RequestHeader, made: &'a [u8]) -> &'a [u8] {
    request
        .headers
        .get(REQUEST_ID)
        .map(HeaderValue::as_bytes)
        .filter(|id| is_id(id))
        .unwrap_or(made)
}

/// The headers that are added to every request.
pub(super) fn towards_server(
    shared: &Shared,
    session: &Session,
    request: &mut RequestHeader,
    context: &Context,
) -> Result<()> {
    let chain = forwarded_for(request, client_ip(session));
    request.insert_header(FORWARDED_FOR, chain.as_slice())?;
    if shared.is_front_door() || !request.headers.contains_key(FORWARDED_PROTO) {
        request.insert_header(FORWARDED_PROTO, HeaderValue::from_static("http"))?;
    }
    let kept = request.headers.get(REQUEST_ID).is_some_and(|id| is_id(id.as_bytes()));
    if !kept {
        request.insert_header(REQUEST_ID, context.request_id.as_slice())?;
    }
    if !request.headers.contains_key(TRACE_PARENT) {
        request.insert_header(TRACE_PARENT, trace_parent(&context.request_id).as_slice())?;
    }
    if shared.is_front_door() {
        request.remove_header(SPILL_HEADER);
    } else if context.other_region {
        request.insert_header(SPILL_HEADER, HeaderValue::from_static("1"))?;
    }
    Ok(())
}

/// The headers that are removed from and added to every answer.
pub(super) fn towards_client(
    shared: &Shared,
    response: &mut ResponseHeader,
    context: &Context,
) -> Result<()> {
    remove_hop_by_hop(response);
    if let Some(server) = context.server.and_then(|server| shared.upstreams.get(server))
        && !response.headers.contains_key(SERVER_HEADER)
    {
        response.insert_header(SERVER_HEADER, server.name_value.clone())?;
    }
    if context.fail_open {
        response.insert_header(FAIL_OPEN_HEADER, HeaderValue::from_static("1"))?;
    }
    Ok(())
}

/// `Connection` itself and `Transfer-Encoding` are rewritten by Pingora for its own connection.
fn remove_hop_by_hop(response: &mut ResponseHeader) {
    if let Some(named) = response.headers.get(CONNECTION).cloned()
        && let Ok(named) = named.to_str()
    {
        for name in named.split(',').map(str::trim) {
            let framing = ["close", "keep-alive", "transfer-encoding", "content-length", ""];
            if !framing.iter().any(|word| name.eq_ignore_ascii_case(word)) {
                response.remove_header(name);
            }
        }
    }
    for name in [PROXY_AUTHENTICATE, TE, TRAILER, UPGRADE] {
        if response.headers.contains_key(&name) {
            response.remove_header(&name);
        }
    }
    for name in ["keep-alive", "proxy-connection"] {
        if response.headers.contains_key(name) {
            response.remove_header(name);
        }
    }
}

fn forwarded_for(request: &RequestHeader, client: Option<IpAddr>) -> Vec<u8> {
    let mut chain = Vec::with_capacity(48);
    for value in request.headers.get_all(FORWARDED_FOR) {
        chain.extend_from_slice(value.as_bytes());
        chain.extend_from_slice(b", ");
    }
    // Writing to a vector cannot fail.
    let _ = match client {
        Some(client) => write!(chain, "{client}"),
        None => write!(chain, "unknown"),
    };
    chain
}

/// Version 00, the trace and its first span, sampled (W3C Trace Context §3.2).
fn trace_parent(request_id: &[u8; 32]) -> Vec<u8> {
    let mut text = Vec::with_capacity(55);
    text.extend_from_slice(b"00-");
    text.extend_from_slice(request_id);
    text.push(b'-');
    text.extend(request_id.iter().rev().take(16));
    text.extend_from_slice(b"-01");
    text
}

fn is_id(text: &[u8]) -> bool {
    !text.is_empty() && text.len() <= REQUEST_ID_BYTES_MAX && text.iter().all(u8::is_ascii_graphic)
}
