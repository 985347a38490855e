//! A hand-made server: it does to its clients what a test asks for, and remembers what it saw.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the server does with a request (checks are always answered with 200, except by `Silent`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Answers 200 with the name of the server.
    Answer,
    /// Answers with this status line and these header lines.
    AnswerWith(&'static str),
    /// Answers with exactly these bytes, and keeps the connection.
    Raw(&'static str),
    /// Reads the whole request and resets the connection.
    Reset,
    /// Resets the connection after this many bytes of body.
    ResetAfter(usize),
    /// Answers something that is not HTTP.
    Garbage,
    /// Answers neither requests nor checks, as a stopped process.
    Silent,
    /// Announces a long body, sends a part of it, and resets.
    BreakInTheMiddle,
    /// Answers when [`Origin::release`] is called.
    Hold,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

struct State {
    name: String,
    manner: Mutex<Manner>,
    seen: Mutex<Vec<Seen>>,
    released: watch::Sender<bool>,
}

/// A server.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    listening: Option<tokio::task::JoinHandle<()>>,
}

impl Origin {
    pub(crate) async fn start(name: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            name: name.to_owned(),
            manner: Mutex::new(Manner::Answer),
            seen: Mutex::new(Vec::new()),
            released: watch::Sender::new(false),
        });
        let listening = Some(tokio::spawn(listen(listener, Arc::clone(&state))));
        Ok(Self { address, state, listening })
    }

    pub(crate) fn set(&self, manner: Manner) {
        *self.state.manner.lock().expect("unpoisoned") = manner;
    }

    /// The requests that arrived, without checks.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().expect("unpoisoned").clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.state.seen.lock().expect("unpoisoned").len()
    }

    pub(crate) fn release(&self) {
        self.state.released.send_replace(true);
    }

    /// Dies as with SIGKILL: every connection is cut, new ones are refused.
    pub(crate) async fn kill(&mut self) {
        if let Some(listening) = self.listening.take() {
            listening.abort();
            let _ = listening.await;
        }
    }

    /// Comes back on the same address.
    pub(crate) async fn revive(&mut self) -> Result<()> {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        let listener = socket.listen(1024)?;
        self.listening = Some(tokio::spawn(listen(listener, Arc::clone(&self.state))));
        Ok(())
    }
}

async fn listen(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        connections.spawn(async move {
            // The end of the connection is not an event of any test.
            let _ = serve(stream, &state).await;
        });
    }
}

fn reset(stream: TcpStream) -> Result<()> {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    Ok(())
}

async fn serve(mut stream: TcpStream, state: &State) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut unread = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if stream.read_buf(&mut unread).await? == 0 {
                return Ok(());
            }
        };
        let head: Vec<u8> = unread.drain(..end + 4).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        let manner = state.manner.lock().expect("unpoisoned").clone();
        if manner == Manner::Silent {
            std::future::pending::<()>().await;
        }
        if head.starts_with("GET /livez") {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
            continue;
        }
        let limit = if let Manner::ResetAfter(bytes) = manner { bytes } else { usize::MAX };
        let mut seen = Seen { head, body: Vec::new() };
        let whole = read_body(&mut stream, &mut unread, &mut seen, limit).await?;
        state.seen.lock().expect("unpoisoned").push(seen);
        if !whole {
            return reset(stream);
        }
        match manner {
            Manner::Answer => answer(&mut stream, state).await?,
            Manner::AnswerWith(head) => {
                let text = format!("HTTP/1.1 {head}\r\ncontent-length: 4\r\n\r\nbody");
                stream.write_all(text.as_bytes()).await?;
            }
            Manner::Raw(bytes) => stream.write_all(bytes.as_bytes()).await?,
            Manner::Reset | Manner::ResetAfter(_) => return reset(stream),
            Manner::Garbage => {
                stream.write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n").await?;
                return Ok(());
            }
            Manner::BreakInTheMiddle => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart").await?;
                stream.flush().await?;
                return Ok(());
            }
            Manner::Hold => {
                let mut released = state.released.subscribe();
                released.wait_for(|released| *released).await?;
                answer(&mut stream, state).await?;
            }
            Manner::Silent => {}
        }
    }
}

async fn answer(stream: &mut TcpStream, state: &State) -> Result<()> {
    let name = &state.name;
    let text = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nkeep-alive: timeout=5\r\n\
         connection: keep-alive, x-hop\r\nx-hop: 1\r\nx-end: 1\r\n\r\n{name}",
        name.len()
    );
    stream.write_all(text.as_bytes()).await?;
    Ok(())
}

/// Reads the body by its length or its chunks; false when the limit was met.
async fn read_body(
    stream: &mut TcpStream,
    unread: &mut Vec<u8>,
    seen: &mut Seen,
    limit: usize,
) -> Result<bool> {
    let length: Option<usize> = seen.header("content-length").and_then(|text| text.parse().ok());
    let chunked = seen.header("transfer-encoding").is_some();
    loop {
        if unread.len() >= limit {
            return Ok(false);
        }
        match length {
            Some(length) if unread.len() >= length => {
                seen.body = unread.drain(..length).collect();
                return Ok(true);
            }
            None if !chunked => return Ok(true),
            None if unread.ends_with(b"0\r\n\r\n") => {
                seen.body = join_chunks(&std::mem::take(unread));
                return Ok(true);
            }
            _ => {}
        }
        if stream.read_buf(unread).await? == 0 {
            return Ok(false);
        }
    }
}

fn join_chunks(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        body.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
    body
}
