//! The guarded stream as the HTTP library reads it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::limits;
use crate::client::connection::Connection;
use crate::client::violation::{CHUNK, HEAD_TOO_SLOW, LINE_END};
use crate::client::{Guard, violation_in};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const FIRST: &str = "GET /1 HTTP/1.1\r\nHost: b\r\n\r\n";
const REFUSED: &str = "REFUSED / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";

fn guarded() -> (DuplexStream, Guard<DuplexStream>, Arc<Connection>) {
    let (client, server) = tokio::io::duplex(64 * 1024);
    let connection = Arc::new(Connection::new(CLIENT, Arc::default()));
    let guard = Guard::new(server, Arc::clone(&connection), &limits(""));
    (client, guard, connection)
}

/// One read with a buffer of this size; `None` when there is nothing to read now.
async fn read(guard: &mut Guard<DuplexStream>, size: usize) -> Option<String> {
    let mut bytes = vec![0; size];
    tokio::select! {
        biased;
        read = guard.read(&mut bytes) => {
            bytes.truncate(read.expect("readable"));
            Some(String::from_utf8(bytes).expect("text"))
        }
        () = std::future::ready(()) => None,
    }
}

#[tokio::test]
async fn a_head_is_seen_whole_or_not_at_all() {
    let (mut client, mut guard, connection) = guarded();
    for byte in &FIRST.as_bytes()[..FIRST.len() - 1] {
        client.write_all(&[*byte]).await.expect("written");
        assert_eq!(read(&mut guard, 1_000).await, None);
        assert!(connection.seen().is_in_head);
    }
    client.write_all(b"\nGET /2").await.expect("written");
    assert_eq!(read(&mut guard, 10).await.as_deref(), Some(&FIRST[..10]));
    assert_eq!(read(&mut guard, 1_000).await.as_deref(), Some(&FIRST[10..]));
    assert_eq!(read(&mut guard, 1_000).await, None, "the next one is not whole");
    client.write_all(b" HTTP/1.0\r\n\r\n").await.expect("written");
    assert_eq!(read(&mut guard, 1_000).await.as_deref(), Some("GET /2 HTTP/1.0\r\n\r\n"));
}

#[tokio::test]
async fn a_refused_request_is_replaced_and_is_the_last() {
    let (mut client, mut guard, connection) = guarded();
    let bytes = format!("{FIRST}PUT /x?ssn=1 HTTP/1.1\r\nHost: b\n\r\n{FIRST}");
    client.write_all(bytes.as_bytes()).await.expect("written");
    let seen = read(&mut guard, 1_000).await.expect("both requests");
    assert_eq!(seen, format!("{FIRST}{REFUSED}"));
    assert_eq!(read(&mut guard, 1_000).await, None, "nothing more is read as HTTP");
    let refused = connection.take_refused().expect("refused");
    assert_eq!(refused.violation, LINE_END);
    assert_eq!(refused.method.as_deref(), Some("PUT"));
    assert_eq!(refused.path.as_deref(), Some("/x"), "no query");
}

#[tokio::test]
async fn a_broken_body_is_an_error_of_the_read() {
    let (mut client, mut guard, _connection) = guarded();
    let head = "POST / HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.write_all(head.as_bytes()).await.expect("written");
    assert_eq!(read(&mut guard, 1_000).await.as_deref(), Some(head));
    client.write_all(b"3\r\nabc\rX").await.expect("written");
    let error = guard.read(&mut [0; 100]).await.expect_err("broken");
    assert_eq!(violation_in(&error), Some(CHUNK));
    let wrapped = anyhow::Error::new(error).context("reading the body");
    assert_eq!(violation_in(wrapped.as_ref()), Some(CHUNK));
}

#[tokio::test]
async fn the_sweep_wakes_a_waiting_read() {
    let (mut client, mut guard, connection) = guarded();
    client.write_all(b"GET / HT").await.expect("written");
    assert_eq!(read(&mut guard, 1_000).await, None);
    let reading = tokio::spawn(async move {
        let mut bytes = vec![0; 1_000];
        let read = guard.read(&mut bytes).await.expect("readable");
        (String::from_utf8_lossy(&bytes[..read]).into_owned(), guard)
    });
    tokio::task::yield_now().await;
    connection.refuse_slow_head();
    let (seen, _guard) = reading.await.expect("ends");
    assert_eq!(seen, REFUSED);
    let refused = connection.take_refused().expect("refused");
    assert_eq!((refused.violation, refused.method), (HEAD_TOO_SLOW, None));

    let (_client, mut guard, connection) = guarded();
    assert!(connection.cut_if_waiting());
    assert_eq!(read(&mut guard, 1_000).await.as_deref(), Some(""), "an end");
}

#[tokio::test]
async fn a_connection_with_a_request_is_not_cut_for_another() {
    let (mut client, mut guard, connection) = guarded();
    client.write_all(FIRST.as_bytes()).await.expect("written");
    assert_eq!(read(&mut guard, 1_000).await.as_deref(), Some(FIRST));
    assert!(!connection.cut_if_waiting());
    connection.end();
    assert!(connection.cut_if_waiting());
    client.write_all(FIRST.as_bytes()).await.expect("written");
    assert_eq!(read(&mut guard, 1_000).await.as_deref(), Some(""), "too late");
}

#[tokio::test]
async fn what_a_refused_client_still_sends_is_thrown_away() {
    let (mut client, mut guard, _connection) = guarded();
    client.write_all(b"BAD\r\n").await.expect("written");
    assert_eq!(read(&mut guard, 1_000).await.as_deref(), Some(REFUSED));
    let shutting = tokio::spawn(async move { guard.shutdown().await.map(|()| guard) });
    client.write_all(&vec![b'x'; 300_000]).await.expect("somebody reads");
    drop(client);
    assert!(shutting.await.expect("ends").is_ok());
}
