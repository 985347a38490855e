//! Asking a process whether it is ready: `GET /readyz` answered by 200.
//!
//! Guarantees: each question has a hard limit, so a process that accepts and says nothing is asked
//! again; the end of the waiting is the caller's.
//!
//! Deliberately not here: HTTP beyond the status line (RFC 9112 §4); the checks that decide about
//! traffic belong to the balancers.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// A ready process answers from memory or with one query.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// A start takes tens of milliseconds; asking every few of them costs little and adds no wait.
const ASK_EVERY_FIRST: Duration = Duration::from_millis(10);

/// A slow start is asked less often.
const ASK_EVERY_LAST: Duration = Duration::from_millis(200);

/// No status line of ours is longer.
const STATUS_LINE_BYTES_MAX: u64 = 256;

/// Returns once the process is ready.
pub(super) async fn wait(address: SocketAddr, path: &str) {
    let mut pause = ASK_EVERY_FIRST;
    loop {
        if let Ok(Ok(200)) = timeout(ANSWER_WITHIN, status(address, path)).await {
            return;
        }
        sleep(pause).await;
        pause = (pause * 2).min(ASK_EVERY_LAST);
    }
}

async fn status(address: SocketAddr, path: &str) -> io::Result<u16> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut line = String::new();
    BufReader::new(stream.take(STATUS_LINE_BYTES_MAX)).read_line(&mut line).await?;
    let mut words = line.split_ascii_whitespace();
    match (words.next(), words.next().map(str::parse)) {
        (Some(version), Some(Ok(status))) if version.starts_with("HTTP/1.") => Ok(status),
        _ => Err(io::Error::from(io::ErrorKind::InvalidData)),
    }
}
