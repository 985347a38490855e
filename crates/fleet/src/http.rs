//! One request to a process of ours, on loopback, over TLS where it speaks that.
//!
//! Guarantees: at most a bounded piece of the answer is read.
//!
//! Deliberately not here: time limits (callers know how long an answer may take) and HTTP beyond
//! what the processes of this deployment say to such a request (RFC 9112 §4): a status line, and a
//! body that ends with the connection.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::tls::Trust;

/// The status of a balancer over 64 servers is some 30 KiB.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Asks for a path; over TLS when the process shows this certificate.
///
/// # Errors
/// What the system says, and [`io::ErrorKind::InvalidData`] when the answer is not HTTP.
pub(crate) async fn get(
    address: SocketAddr,
    certificate: Option<&Path>,
    path: &str,
) -> io::Result<Answer> {
    let stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    match certificate {
        None => exchange(stream, &request).await,
        Some(file) => {
            let host = address.ip().to_string();
            let stream = Trust::in_file(file)?.shake_hands(&host, stream).await?;
            exchange(stream, &request).await
        }
    }
}

/// Orders something, in JSON, with a name and password as RFC 7617 encodes them.
///
/// # Errors
/// As [`get`].
pub(crate) async fn post(
    address: SocketAddr,
    path: &str,
    login: &str,
    body: &str,
) -> io::Result<Answer> {
    let request = order(address, path, &format!("authorization: Basic {login}\r\n"), body);
    exchange(TcpStream::connect(address).await?, &request).await
}

/// Orders something, in JSON, as whoever `trust` says we are.
///
/// # Errors
/// As [`get`].
pub(crate) async fn post_over_tls(
    address: SocketAddr,
    trust: &Trust,
    path: &str,
    body: &str,
) -> io::Result<Answer> {
    let stream = TcpStream::connect(address).await?;
    let stream = trust.shake_hands(&address.ip().to_string(), stream).await?;
    exchange(stream, &order(address, path, "", body)).await
}

fn order(address: SocketAddr, path: &str, more: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{more}\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

async fn exchange<S>(mut stream: S, request: &str) -> io::Result<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes).await?;
    parse(&bytes).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = bytes.split_at_checked(end.checked_add(4)?)?;
    let head = std::str::from_utf8(head).ok()?;
    let mut words = head.lines().next()?.split_ascii_whitespace();
    let is_http = words.next()?.starts_with("HTTP/1.");
    let status = words.next()?.parse().ok()?;
    is_http.then(|| Answer { status, body: body.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(answer: &str, expected: Option<(u16, &str)>) {
        let found = parse(answer.as_bytes());
        let found = found.map(|it| (it.status, String::from_utf8(it.body).unwrap()));
        assert_eq!(found, expected.map(|(status, body)| (status, body.to_owned())), "{answer:?}");
    }

    #[test]
    fn status_and_body() {
        check("HTTP/1.1 200 OK\r\nx: y\r\n\r\nok\n", Some((200, "ok\n")));
        check("HTTP/1.0 503 Service Unavailable\r\n\r\n", Some((503, "")));
        check("HTTP/1.1 200 OK\r\nx: y\r\n", None);
        check("SSH-2.0-OpenSSH_9.2\r\n\r\n", None);
        check("HTTP/1.1 many\r\n\r\n", None);
    }
}
