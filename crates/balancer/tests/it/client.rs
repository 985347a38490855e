//! A client that writes what it is told and reads one answer.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a header; names are compared without case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn reason(&self) -> Option<&str> {
        self.header("x-ballast-reason")
    }

    pub(crate) fn server(&self) -> Option<&str> {
        self.header("x-ballast-server")
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, unread: Vec::new() })
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await.context("writing")
    }

    /// Sends a request with a body of known length; `headers` are whole lines.
    pub(crate) async fn send(
        &mut self,
        request_line: &str,
        headers: &[&str],
        body: &[u8],
    ) -> Result<Answer> {
        let mut bytes = format!("{request_line} HTTP/1.1\r\nhost: bank\r\n");
        for header in headers {
            bytes.push_str(header);
            bytes.push_str("\r\n");
        }
        if !body.is_empty() {
            bytes.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        bytes.push_str("\r\n");
        let mut bytes = bytes.into_bytes();
        bytes.extend_from_slice(body);
        // A refusal may come before everything is written.
        let written = self.write(&bytes).await;
        match self.read().await {
            Ok(answer) => Ok(answer),
            Err(error) => written.and(Err(error)),
        }
    }

    /// Everything until the server closes the connection.
    pub(crate) async fn read_to_end(mut self) -> Result<Vec<u8>> {
        self.stream.read_to_end(&mut self.unread).await.context("reading to the end")?;
        Ok(self.unread)
    }

    pub(crate) async fn read(&mut self) -> Result<Answer> {
        let end = loop {
            if let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            self.more().await?;
        };
        let head = String::from_utf8(self.unread.drain(..end + 4).collect())?;
        let status = head.get(9..12).context("a status line")?.parse()?;
        let mut answer = Answer { status, head, body: Vec::new() };
        if (100..200).contains(&status) {
            return Box::pin(self.read()).await;
        }
        if let Some(length) = answer.header("content-length") {
            let length: usize = length.parse()?;
            while self.unread.len() < length {
                self.more().await?;
            }
            answer.body = self.unread.drain(..length).collect();
        } else if answer.header("transfer-encoding").is_some() {
            answer.body = self.read_chunks().await?;
        }
        Ok(answer)
    }

    async fn read_chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                if let Some(end) = self.unread.windows(2).position(|two| two == b"\r\n") {
                    break end;
                }
                self.more().await?;
            };
            let size = String::from_utf8(self.unread.drain(..line + 2).collect())?;
            let size = usize::from_str_radix(size.trim(), 16)?;
            while self.unread.len() < size + 2 {
                self.more().await?;
            }
            body.extend(self.unread.drain(..size));
            self.unread.drain(..2);
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn more(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.unread).await? == 0 {
            bail!("the connection ended");
        }
        Ok(())
    }
}

/// One request on its own connection.
pub(crate) async fn send(
    address: SocketAddr,
    request_line: &str,
    headers: &[&str],
    body: &[u8],
) -> Result<Answer> {
    Client::connect(address).await?.send(request_line, headers, body).await
}

/// One GET on its own connection.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    send(address, &format!("GET {path}"), &[], b"").await
}
