//! The endpoints of the balancer itself. They are never forwarded and never in the access log.
//!
//! `/livez` says that the process is sane, `/readyz` that it can serve. `/metrics` and
//! `/status.json` name servers and addresses, so only loopback and private peers see them.

use std::net::IpAddr;

use bytes::Bytes;
use http::{Method, Response};

use super::answer::{self, AnswerBody};
use crate::shared::Shared;
use crate::{metrics, status};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Live,
    Ready,
    Metrics,
    Status,
}

/// The endpoint of a path, if it is one of ours.
pub(super) fn endpoint(path: &str) -> Option<Endpoint> {
    match path {
        "/livez" => Some(Endpoint::Live),
        "/readyz" => Some(Endpoint::Ready),
        "/metrics" => Some(Endpoint::Metrics),
        "/status.json" => Some(Endpoint::Status),
        _ => None,
    }
}

pub(super) fn answer(
    shared: &Shared,
    method: &Method,
    client: IpAddr,
    endpoint: Endpoint,
) -> Response<AnswerBody> {
    const TEXT: &str = "text/plain; charset=utf-8";
    if ![Method::GET, Method::HEAD].contains(method) {
        return answer::written(405, TEXT, Bytes::from_static(b"method not allowed\n"), false);
    }
    let inside = is_inside(client);
    let (status, content_type, body) = match endpoint {
        Endpoint::Live => (200, TEXT, Bytes::from_static(b"ok\n")),
        Endpoint::Ready if shared.is_ready() => (200, TEXT, Bytes::from_static(b"ok\n")),
        Endpoint::Ready if shared.is_draining() => (503, TEXT, Bytes::from_static(b"draining\n")),
        Endpoint::Ready => (503, TEXT, Bytes::from_static(b"no usable server\n")),
        _ if !inside => (404, TEXT, Bytes::from_static(b"not found\n")),
        Endpoint::Metrics => {
            let text = metrics::text(shared);
            (200, "text/plain; version=0.0.4; charset=utf-8", Bytes::from(text))
        }
        Endpoint::Status => (200, "application/json", Bytes::from(status::json(shared))),
    };
    answer::written(status, content_type, body, *method == Method::HEAD)
}

/// Loopback, private (RFC 1918, RFC 4193) and link-local addresses.
fn is_inside(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_private_peers_are_inside() {
        for (address, expect) in [
            ("127.0.0.1", true),
            ("10.1.2.3", true),
            ("172.31.0.1", true),
            ("192.168.0.9", true),
            ("::1", true),
            ("fd00::1", true),
            ("::ffff:10.0.0.1", true),
            ("8.8.8.8", false),
            ("172.32.0.1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_inside(address.parse().expect("address")), expect, "{address}");
        }
    }
}
