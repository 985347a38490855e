//! Ports of this machine: is one free, and which are.
//!
//! Guarantees: [`check`] leaves nothing bound; nobody draws a port that another deployment has
//! drawn and not yet listens on.
//!
//! Deliberately not here: addresses beyond loopback.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;

use rand::Rng;
use socket2::{Domain, Socket, Type};

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

/// Ports on loopback, bound for as long as this lives and not listened on: a process that sets
/// `SO_REUSEADDR`, as servers do, can listen there, and who draws ports passes them over.
#[derive(Debug)]
pub struct Held {
    ports: Vec<u16>,
    _sockets: Vec<Socket>,
}

impl Held {
    /// Draws this many different free ports.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrNotAvailable`] when too few are free.
    pub fn draw(count: usize) -> io::Result<Self> {
        let mut random = rand::rng();
        let tries = count.saturating_mul(TRIES_PER_PORT);
        let drawn = (0..tries).map(|_| random.random_range(FREE_RANGE));
        let held: Vec<_> =
            drawn.filter_map(|port| Some((port, bind_alone(port).ok()?))).take(count).collect();
        if held.len() < count {
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "too few free ports"));
        }
        let (ports, sockets) = held.into_iter().unzip();
        Ok(Self { ports, _sockets: sockets })
    }

    /// Holds ports that were drawn before, as far as nobody has taken them: whoever needs one that
    /// is taken will say so.
    #[must_use]
    pub fn again(ports: Vec<u16>) -> Self {
        let sockets = ports.iter().filter_map(|&port| bind_beside(port).ok()).collect();
        Self { ports, _sockets: sockets }
    }

    /// The ports, in the order in which they were drawn.
    #[must_use]
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }
}

/// Fails if anything is bound there. Others may bind there later if they say that they would share
/// it: the bound socket says so too, and does not listen.
fn bind_alone(port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&loopback(port).into())?;
    socket.set_reuse_address(true)?;
    Ok(socket)
}

/// Connections of a deployment that has ended may linger on its ports for a minute.
fn bind_beside(port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&loopback(port).into())?;
    Ok(socket)
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_draws_leaves_out_what_another_one_drew() {
        let held = Held::draw(20).unwrap();
        for &port in held.ports() {
            assert_eq!(bind_alone(port).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        }
        let ports = held.ports().to_vec();
        drop(held);
        let again = Held::again(ports);
        for &port in again.ports() {
            assert_eq!(bind_alone(port).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        }
    }

    #[test]
    fn a_held_port_is_listened_on_by_whom_it_is_for() {
        let held = Held::draw(1).unwrap();
        let address = loopback(held.ports()[0]);
        check(address).unwrap();
        let listener = TcpListener::bind(address).unwrap();
        std::net::TcpStream::connect(address).unwrap();
        listener.accept().unwrap();
        assert_eq!(check(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        // With a connection that lingers, and a second time beside the first hold.
        let again = Held::again(held.ports().to_vec());
        TcpListener::bind(loopback(again.ports()[0])).unwrap();
    }
}
