//! Which of our processes holds the other end of a connection, as the kernel tells in `/proc`.
//!
//! A node advertises one address, and near and far ones connect to the same. The way is chosen by
//! who calls: the socket's inode (`/proc/net/tcp`), then the process that has it open.
//!
//! Guarantees: who is not a process of this deployment, or of its families, is nobody.

use std::fs;
use std::net::{SocketAddr, SocketAddrV4};

use super::family::Family;

/// Finds the process that connected from one address to another, among the families of the given
/// ones; says which family. Reads files for some milliseconds: not for a runtime's own thread.
#[must_use]
pub fn find(from: SocketAddr, to: SocketAddr, roots: &[(String, u32)]) -> Option<String> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let socket = format!("socket:[{}]", inode(&table, from, to)?);
    let family = Family::look();
    let holds = |pid: u32| {
        let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let mut links = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
        links.any(|link| link.as_os_str() == socket.as_str())
    };
    let found = roots.iter().find(|(_, root)| {
        let mut members = [*root].into_iter().chain(family.descendants(*root));
        members.any(holds)
    });
    found.map(|(name, _)| name.clone())
}

/// Columns of proc(5) `/proc/net/tcp`: number, local, remote, state, …, inode as the tenth.
fn inode(table: &str, from: SocketAddr, to: SocketAddr) -> Option<&str> {
    let (SocketAddr::V4(from), SocketAddr::V4(to)) = (from, to) else { return None };
    let (from, to) = (written(from), written(to));
    table.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let is_it = words.nth(1)? == from && words.next()? == to;
        is_it.then(|| words.nth(6)).flatten()
    })
}

/// As the kernel writes it: the address as the machine's own integer, and the port.
fn written(address: SocketAddrV4) -> String {
    let octets = u32::from_ne_bytes(address.ip().octets());
    format!("{octets:08X}:{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_connection_of_this_process_is_found_and_a_strangers_is_nobodys() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let client = TcpStream::connect(to).unwrap();
        let from = client.local_addr().unwrap();
        let accepted = listener.accept().unwrap();
        let me = [("me".to_owned(), std::process::id())];
        assert_eq!(find(from, to, &me), Some("me".to_owned()));
        assert_eq!(find(to, from, &me), Some("me".to_owned()), "an accepted one as well");
        let nobody = [("somebody".to_owned(), u32::MAX)];
        assert_eq!(find(from, to, &nobody), None);
        drop((client, accepted));
    }
}
