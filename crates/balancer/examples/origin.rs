//! A server that costs next to nothing: `cargo run --release --example origin -- ADDRESS`. It
//! answers every request with three bytes, so that a measurement shows the balancer and not it.

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n";

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).context("usage: origin ADDRESS")?;
    let listener = tokio::net::TcpListener::bind(&address).await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut bytes = Vec::with_capacity(4096);
            while matches!(stream.read_buf(&mut bytes).await, Ok(read) if read > 0) {
                // Requests without a body, one at a time: what wrk sends.
                if bytes.ends_with(b"\r\n\r\n") {
                    bytes.clear();
                    if stream.write_all(ANSWER).await.is_err() {
                        return;
                    }
                }
            }
        });
    }
}
