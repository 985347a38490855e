//! Ports of this machine: is one free, and which are.
//!
//! Guarantees: nothing stays bound.
//!
//! Deliberately not here: addresses beyond loopback.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;

use rand::Rng;

/// Below the range from which Linux gives ports to outgoing connections (32768 and up, ip(7)
/// `ip_local_port_range`): one from that range could be taken while its server restarts.
const FREE_RANGE: Range<u16> = 10_000..32_768;

/// With this many tries and a free port among ten, finding none has odds of one in ten thousand.
const TRIES_PER_PORT: usize = 100;

/// Whether an address can be listened on now.
///
/// # Errors
/// What the system says; [`io::ErrorKind::AddrInUse`] when somebody listens there.
pub fn check(address: SocketAddr) -> io::Result<()> {
    TcpListener::bind(address).map(drop)
}

/// Finds this many different free ports on loopback.
///
/// # Errors
/// [`io::ErrorKind::AddrNotAvailable`] when too few are free.
pub fn find_free(count: usize) -> io::Result<Vec<u16>> {
    let mut random = rand::rng();
    let mut found = BTreeSet::new();
    for _ in 0..count.saturating_mul(TRIES_PER_PORT) {
        if found.len() == count {
            break;
        }
        let port = random.random_range(FREE_RANGE);
        if check(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_ok() {
            found.insert(port);
        }
    }
    if found.len() < count {
        return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "too few free ports"));
    }
    Ok(found.into_iter().collect())
}
