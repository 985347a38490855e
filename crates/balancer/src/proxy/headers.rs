//! Headers on the way through, and the form of a request that a server gets.
//!
//! Hop-by-hop headers, those that `Connection` names, and upgrades stay on their hop (RFC 9110
//! §7.6.1), in both directions. A request that came over HTTP/2 leaves as HTTP/1.1.

use std::io::Write;
use std::net::IpAddr;

use http::header::{
    CONNECTION, COOKIE, EXPECT, HOST, HeaderMap, HeaderName, PROXY_AUTHENTICATE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{HeaderValue, Method, Version};

use super::exchange::{Exchange, RequestId};
use super::trace;
use crate::policy::Repeatable;
use crate::reason::Reason;

pub(super) const REASON_HEADER: HeaderName = HeaderName::from_static("x-ballast-reason");
pub(super) const SERVER_HEADER: HeaderName = HeaderName::from_static("x-ballast-server");
/// How often the request was sent again after a server may have seen it.
const REPEATS_HEADER: HeaderName = HeaderName::from_static("x-ballast-repeats");
/// On answers of servers that were tried because none was usable.
const FAIL_OPEN_HEADER: HeaderName = HeaderName::from_static("x-ballast-fail-open");
/// On requests that left their region: they must not leave the next one too.
const SPILL_HEADER: HeaderName = HeaderName::from_static("x-ballast-spill");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
/// Most repeats that an answer can tell of: one by each of two balancers.
const REPEATS_BEHIND_MAX: u32 = 2;
/// Longest id that is taken over from a client; a longer one is not an id.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// The client's side of a connection, as headers tell it.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(super) ip: IpAddr,
    ip_text: Option<HeaderValue>,
    proto: &'static str,
}

impl Client {
    /// `proto` is `http` or `https`.
    pub(crate) fn new(ip: IpAddr, proto: &'static str) -> Self {
        Self { ip, ip_text: HeaderValue::from_str(&ip.to_string()).ok(), proto }
    }
}

/// May the request be sent twice (RFC 9110 §9.2.2, and POST or PATCH with a key)?
pub(super) fn repeatable(method: &Method, headers: &HeaderMap) -> Repeatable {
    if [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE].contains(method) {
        return Repeatable::Yes;
    }
    let keyed = || headers.get(IDEMPOTENCY_KEY).is_some_and(|key| !key.is_empty());
    if [Method::POST, Method::PATCH].contains(method) && keyed() {
        return Repeatable::Yes;
    }
    Repeatable::No
}

pub(super) fn has_spilled(headers: &HeaderMap) -> bool {
    headers.contains_key(SPILL_HEADER)
}

/// The id that came with the request.
pub(super) fn given_request_id(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(REQUEST_ID).filter(|id| is_id(id.as_bytes())).cloned()
}

/// Bytes of the request line and the headers as HTTP/1.1 would carry them.
pub(super) fn size(request: &Parts) -> usize {
    let target = request.uri.path_and_query().map_or(1, |target| target.as_str().len());
    let fields = request.headers.iter();
    let fields = fields.map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>();
    request.method.as_str().len() + target + 12 + fields
}

/// Makes the head of a request that any HTTP/1.1 server understands in the same way.
///
/// # Errors
/// The word for a request that has no such form.
pub(super) fn normalize(request: &mut Parts) -> Result<(), Reason> {
    if request.method == Method::CONNECT {
        return Err(Reason::BadRequest);
    }
    if let Some(authority) = request.uri.authority() {
        // The target names the host: RFC 9112 §3.2.2, RFC 9113 §8.3.1.
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| Reason::BadRequest)?;
        let contradicts = request.headers.get_all(HOST).iter().any(|named| *named != host);
        let has_user = authority.as_str().contains('@');
        if request.version == Version::HTTP_2 && (contradicts || has_user) {
            return Err(Reason::BadRequest);
        }
        let target = request.uri.path_and_query().cloned();
        request.uri = Uri::from(target.unwrap_or_else(|| PathAndQuery::from_static("/")));
        request.headers.insert(HOST, host);
    }
    if request.headers.get_all(HOST).iter().nth(1).is_some() {
        return Err(Reason::BadRequest);
    }
    if request.version != Version::HTTP_10 && !request.headers.contains_key(HOST) {
        return Err(Reason::BadRequest);
    }
    if request.version == Version::HTTP_2 {
        join_cookies(&mut request.headers);
    }
    request.version = Version::HTTP_11;
    Ok(())
}

/// HTTP/2 may split cookies over several fields, HTTP/1.1 may not (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let parts: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&parts.join(b"; ".as_slice())) {
        headers.insert(COOKIE, joined);
    }
}

/// The headers that are removed from and added to every request. `is_chunked` says that its body
/// has no known length.
pub(super) fn towards_server(
    exchange: &Exchange,
    client: &Client,
    headers: &mut HeaderMap,
    is_chunked: bool,
) {
    remove_hop_by_hop(headers);
    // It has been answered here, where the body is read.
    headers.remove(EXPECT);
    if is_chunked {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    let front_door = exchange.shared.is_front_door();
    if let Some(chain) = forwarded_for(headers, client) {
        headers.insert(FORWARDED_FOR, chain);
    }
    if front_door || !headers.contains_key(FORWARDED_PROTO) {
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static(client.proto));
    }
    if let RequestId::Made(digits) = &exchange.request_id
        && let Ok(id) = HeaderValue::from_bytes(digits)
    {
        headers.insert(REQUEST_ID, id);
    }
    trace::keep_or_begin(&exchange.request_id, headers);
    if front_door {
        headers.remove(SPILL_HEADER);
    }
}

/// Marks a request that leaves its region.
pub(super) fn mark_spill(exchange: &Exchange, headers: &mut HeaderMap) {
    if !exchange.shared.is_front_door() && exchange.choice.is_some_and(|choice| choice.other_region)
    {
        headers.insert(SPILL_HEADER, HeaderValue::from_static("1"));
    }
}

/// What the balancer that gave this answer repeated. A budget is not spent by more than the
/// attempts of one request, whatever the header says.
pub(super) fn take_repeats(headers: &mut HeaderMap) -> u32 {
    let Some(repeats) = headers.remove(REPEATS_HEADER) else { return 0 };
    let repeats = repeats.to_str().ok().and_then(|text| text.parse().ok());
    repeats.unwrap_or(0).min(REPEATS_BEHIND_MAX)
}

/// Says how often the request was repeated, if it was.
pub(super) fn tell_repeats(exchange: &Exchange, headers: &mut HeaderMap) {
    if exchange.repeats() > 0 {
        headers.insert(REPEATS_HEADER, HeaderValue::from(exchange.repeats()));
    }
}

/// The headers that are removed from and added to every answer.
pub(super) fn towards_client(exchange: &Exchange, headers: &mut HeaderMap, version: Version) {
    remove_hop_by_hop(headers);
    tell_repeats(exchange, headers);
    let Some(choice) = exchange.choice else { return };
    if let Some(server) = exchange.shared.upstreams.get(choice.server)
        && !headers.contains_key(SERVER_HEADER)
    {
        headers.insert(SERVER_HEADER, server.name_value.clone());
    }
    if choice.fail_open {
        headers.insert(FAIL_OPEN_HEADER, HeaderValue::from_static("1"));
    }
    if exchange.shared.is_draining() {
        last_answer(headers, version);
    }
}

/// The connection ends after this answer: the client takes its next request elsewhere.
pub(super) fn last_answer(headers: &mut HeaderMap, version: Version) {
    if version < Version::HTTP_2 {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if let Some(named) = headers.remove(CONNECTION)
        && let Ok(named) = named.to_str()
    {
        for name in named.split(',').map(str::trim) {
            let kept = ["close", "keep-alive", "transfer-encoding", "content-length", "host", ""];
            if !kept.iter().any(|word| name.eq_ignore_ascii_case(word)) {
                headers.remove(name);
            }
        }
    }
    for name in [
        &TRANSFER_ENCODING,
        &TE,
        &TRAILER,
        &UPGRADE,
        &KEEP_ALIVE,
        &PROXY_CONNECTION,
        &PROXY_AUTHENTICATE,
    ] {
        if headers.contains_key(name) {
            headers.remove(name);
        }
    }
}

fn forwarded_for(headers: &HeaderMap, client: &Client) -> Option<HeaderValue> {
    if !headers.contains_key(FORWARDED_FOR) {
        return client.ip_text.clone();
    }
    let mut chain = Vec::with_capacity(48);
    for value in headers.get_all(FORWARDED_FOR) {
        chain.extend_from_slice(value.as_bytes());
        chain.extend_from_slice(b", ");
    }
    // Writing to a vector cannot fail.
    let _ = write!(chain, "{}", client.ip);
    HeaderValue::from_bytes(&chain).ok()
}

fn is_id(text: &[u8]) -> bool {
    !text.is_empty() && text.len() <= REQUEST_ID_BYTES_MAX && text.iter().all(u8::is_ascii_graphic)
}
