//! Telling a client that its connection is one too many.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// So many are told at once; further ones are closed without a word, because telling them costs
/// what there is too little of.
const AT_ONCE_MAX: usize = 256;
/// Time to take in the answer.
const LINGER: Duration = Duration::from_secs(1);
/// Most that is read and thrown away: a request without a long body.
const LINGER_BYTES_MAX: usize = 64 * 1_024;

static AT_ONCE: AtomicUsize = AtomicUsize::new(0);

/// Writes the answer and closes, in such a way that the client can read it.
pub(crate) async fn turn_away(mut stream: TcpStream, answer: Bytes) {
    if AT_ONCE.fetch_add(1, Relaxed) < AT_ONCE_MAX {
        let telling = async {
            stream.write_all(&answer).await?;
            stream.shutdown().await?;
            // Closing with unread bytes would reset the answer away.
            let mut thrown_away = [0; 1_024];
            let mut left = LINGER_BYTES_MAX;
            while left > 0 {
                match stream.read(&mut thrown_away).await? {
                    0 => break,
                    read => left = left.saturating_sub(read),
                }
            }
            Ok::<_, std::io::Error>(())
        };
        // When it fails or takes long the client is gone.
        let _ = tokio::time::timeout(LINGER, telling).await;
    }
    AT_ONCE.fetch_sub(1, Relaxed);
}
