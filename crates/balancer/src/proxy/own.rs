//! The endpoints of the balancer itself. They are never forwarded and never in the access log.
//!
//! `/livez` says that the process is sane, `/readyz` that it can serve. `/metrics`, `/status.json`
//! and `/status/deployment.json` name servers and addresses, so only loopback and private peers see
//! them. The page `/status` and its parts hold no address; the configuration says who sees it.

use std::net::IpAddr;

use bytes::Bytes;
use http::{Method, Response};

use super::{AnswerBody, answer};
use crate::config::StatusPage;
use crate::shared::Shared;
use crate::{metrics, status};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Live,
    Ready,
    Metrics,
    Status,
    Deployment,
    Page,
    Map,
    Style,
    Script,
    Icon,
    /// A path below ours that stands for nothing: it must not reach a server either.
    Nothing,
}

/// The endpoint of a path, if it is one of ours.
pub(super) fn endpoint(path: &str) -> Option<Endpoint> {
    match path {
        "/livez" => Some(Endpoint::Live),
        "/readyz" => Some(Endpoint::Ready),
        "/metrics" => Some(Endpoint::Metrics),
        "/status.json" => Some(Endpoint::Status),
        "/status" => Some(Endpoint::Page),
        _ => Some(match path.strip_prefix("/status/")? {
            "map" => Endpoint::Map,
            "deployment.json" => Endpoint::Deployment,
            "page.css" => Endpoint::Style,
            "page.js" => Endpoint::Script,
            "icon.svg" => Endpoint::Icon,
            _ => Endpoint::Nothing,
        }),
    }
}

pub(super) async fn answer(
    shared: &Shared,
    method: &Method,
    client: IpAddr,
    endpoint: Endpoint,
) -> Response<AnswerBody> {
    const TEXT: &str = "text/plain; charset=utf-8";
    const HTML: &str = "text/html; charset=utf-8";
    const JSON: &str = "application/json";
    if ![Method::GET, Method::HEAD].contains(method) {
        return answer::written(405, TEXT, Bytes::from_static(b"method not allowed\n"), false);
    }
    let inside = is_inside(client);
    let permitted = permits(endpoint, inside, shared.config.status_page);
    let (status, content_type, body) = match endpoint {
        Endpoint::Live => (200, TEXT, Bytes::from_static(b"ok\n")),
        Endpoint::Ready if shared.is_ready() => (200, TEXT, Bytes::from_static(b"ok\n")),
        Endpoint::Ready if shared.is_draining() => (503, TEXT, Bytes::from_static(b"draining\n")),
        Endpoint::Ready => (503, TEXT, Bytes::from_static(b"no usable server\n")),
        _ if !permitted => (404, TEXT, Bytes::from_static(b"not found\n")),
        Endpoint::Nothing => (404, TEXT, Bytes::from_static(b"not found\n")),
        Endpoint::Metrics => {
            let text = metrics::text(shared);
            (200, "text/plain; version=0.0.4; charset=utf-8", Bytes::from(text))
        }
        Endpoint::Status => (200, JSON, Bytes::from(status::json(shared))),
        Endpoint::Deployment => (200, JSON, Bytes::from(status::deployment_json(shared).await)),
        Endpoint::Page => (200, HTML, Bytes::from(status::page(shared).await)),
        Endpoint::Map => (200, HTML, Bytes::from(status::map(shared).await)),
        Endpoint::Style => {
            (200, "text/css; charset=utf-8", Bytes::from_static(status::STYLE.as_bytes()))
        }
        Endpoint::Script => {
            (200, "text/javascript; charset=utf-8", Bytes::from_static(status::SCRIPT.as_bytes()))
        }
        Endpoint::Icon => (200, "image/svg+xml", Bytes::from_static(status::ICON.as_bytes())),
    };
    answer::written(status, content_type, body, *method == Method::HEAD)
}

fn permits(endpoint: Endpoint, inside: bool, status_page: StatusPage) -> bool {
    match endpoint {
        // Pages that refuse somebody need both; they tell nothing.
        Endpoint::Live | Endpoint::Ready | Endpoint::Style | Endpoint::Icon => true,
        Endpoint::Metrics | Endpoint::Status | Endpoint::Deployment => inside,
        Endpoint::Page | Endpoint::Map | Endpoint::Script | Endpoint::Nothing => {
            match status_page {
                StatusPage::Inside => inside,
                StatusPage::Everyone => true,
                StatusPage::Off => false,
            }
        }
    }
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
    fn the_page_is_for_whom_the_configuration_says_and_addresses_never_leave() {
        for (status_page, inside, expect) in [
            (StatusPage::Inside, true, true),
            (StatusPage::Inside, false, false),
            (StatusPage::Everyone, false, true),
            (StatusPage::Off, true, false),
        ] {
            for endpoint in [Endpoint::Page, Endpoint::Map, Endpoint::Script] {
                assert_eq!(permits(endpoint, inside, status_page), expect, "{status_page:?}");
            }
            for endpoint in [Endpoint::Status, Endpoint::Deployment, Endpoint::Metrics] {
                assert_eq!(permits(endpoint, inside, status_page), inside, "{endpoint:?}");
            }
        }
    }

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
