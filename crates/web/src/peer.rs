//! Where a request comes from: the peer of the connection, and the client behind our proxies.

use std::net::{IpAddr, SocketAddr};

use http::{Extensions, HeaderMap};

/// The other end of the connection, put into each request by the listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The longest IPv6 address with an IPv4 part, as text, is 45 characters (`INET6_ADDRSTRLEN`), and
/// a zone may follow; it is stored with sessions and audit rows.
const ADDRESS_LENGTH_MAX: usize = 64;

/// The client's address. Each proxy of ours appends the peer it saw, so with `hops` of them the
/// client is that many from the right; what stands further left the client wrote itself.
pub(crate) fn client(headers: &HeaderMap, extensions: &Extensions, hops: usize) -> String {
    let chain: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let forwarded = match chain.len().checked_sub(hops.max(1)) {
        Some(place) => chain.get(place),
        None => chain.first(),
    };
    match (forwarded, extensions.get::<Peer>()) {
        (Some(address), _) => address.chars().take(ADDRESS_LENGTH_MAX).collect(),
        (None, Some(peer)) => peer.0.ip().to_string(),
        (None, None) => "unknown".to_owned(),
    }
}

/// Whether the request comes from those who run the bank: a private peer, and not through a
/// balancer (which would have said for whom it forwards). No peer: called inside the process.
pub(crate) fn is_operator(headers: &HeaderMap, extensions: &Extensions) -> bool {
    let direct = !headers.contains_key("x-forwarded-for");
    direct && extensions.get::<Peer>().is_none_or(|peer| is_private(peer.0.ip()))
}

fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_what_our_own_proxies_saw() {
        let cases = [
            ("203.0.113.9, 127.0.0.1", 2, "203.0.113.9"),
            ("6.6.6.6, 203.0.113.9, 127.0.0.1", 2, "203.0.113.9"),
            ("6.6.6.6, 203.0.113.9", 1, "203.0.113.9"),
            ("203.0.113.9", 2, "203.0.113.9"),
        ];
        for (chain, hops, expect) in cases {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", chain.parse().unwrap());
            assert_eq!(client(&headers, &Extensions::new(), hops), expect, "{chain}");
        }
    }
}
