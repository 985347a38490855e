//! One connection through a link.
//!
//! Guarantees: what came first leaves first; a side that closes its direction closes that
//! direction only; a side that resets resets the other; a turn is counted when the client says
//! something after the target had the last word, so what is asked together is one turn.
//!
//! Deliberately not here: listening (`link`).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_io::Timer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::Conditions;

/// Bytes under way in one direction of one connection: what a link holds while it delays.
pub const QUEUE_BYTES_MAX: usize = PIECE_BYTES_MAX * PIECES_MAX;

/// What one read takes at most.
const PIECE_BYTES_MAX: usize = 16 * 1024;

/// Pieces under way in one direction of one connection.
const PIECES_MAX: usize = 512;

/// What the connections of a link share.
pub(crate) struct Wire {
    pub(crate) target: SocketAddr,
    pub(crate) conditions: watch::Receiver<Conditions>,
    pub(crate) cuts: watch::Receiver<u64>,
    /// Questions of clients: what one of them costs in round trips.
    pub(crate) turns: Arc<AtomicU64>,
}

/// Something on its way.
struct Piece {
    came: Instant,
    what: What,
    _room: OwnedSemaphorePermit,
}

enum What {
    Bytes(Vec<u8>),
    End,
    Broken(io::Error),
}

/// Relays until both directions are closed, one side breaks, or the link is cut.
pub(crate) async fn relay(mut client: TcpStream, wire: Arc<Wire>) {
    let mut cuts = wire.cuts.clone();
    cuts.mark_unchanged();
    let Ok(mut target) = TcpStream::connect(wire.target).await else {
        reset(&client);
        return;
    };
    // Without it the relay would add waits of its own to small pieces. Failing, it is only slower.
    let _ = (client.set_nodelay(true), target.set_nodelay(true));
    let relayed = {
        let (from_client, to_client) = client.split();
        let (from_target, to_target) = target.split();
        let is_asked = AtomicBool::new(false);
        let ask = || {
            if !is_asked.swap(true, Ordering::Relaxed) {
                wire.turns.fetch_add(1, Ordering::Relaxed);
            }
        };
        let answer = || is_asked.store(false, Ordering::Relaxed);
        let there = pump(from_client, to_target, &wire, |now| now.delay_to_target, ask);
        let back = pump(from_target, to_client, &wire, |now| now.delay_from_target, answer);
        tokio::select! {
            relayed = async { tokio::try_join!(there, back) } => relayed.map(|_| ()),
            _ = cuts.changed() => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
        }
    };
    if relayed.is_err() {
        reset(&client);
        reset(&target);
    }
}

/// Closing then sends RST instead of FIN. A socket on which that cannot be set is gone already.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

/// One direction: a reader that stamps what comes, and a writer that waits until it is due.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    wire: &Wire,
    delay: impl Fn(&Conditions) -> Duration,
    heard: impl Fn(),
) -> io::Result<()> {
    let (queue, mut waiting) = mpsc::unbounded_channel::<Piece>();
    let room = Arc::new(Semaphore::new(PIECES_MAX));
    let take = async move {
        // It is never closed.
        while let Ok(room) = room.clone().acquire_owned().await {
            let mut bytes = vec![0; PIECE_BYTES_MAX];
            let read = from.read(&mut bytes).await;
            let what = match read {
                Ok(0) => What::End,
                Ok(count) => {
                    heard();
                    bytes.truncate(count);
                    What::Bytes(bytes)
                }
                Err(error) => What::Broken(error),
            };
            let is_last = !matches!(what, What::Bytes(_));
            let piece = Piece { came: Instant::now(), what, _room: room };
            if queue.send(piece).is_err() || is_last {
                break;
            }
        }
        Ok(())
    };
    let mut conditions = wire.conditions.clone();
    let give = async move {
        while let Some(Piece { came, what, _room }) = waiting.recv().await {
            due(came, &mut conditions, &delay).await;
            match what {
                What::Bytes(bytes) => to.write_all(&bytes).await?,
                What::End => return to.shutdown().await,
                What::Broken(error) => return Err(error),
            }
        }
        Ok(())
    };
    tokio::try_join!(take, give).map(|_: ((), ())| ())
}

/// Returns when what came at a time may leave, under the conditions as they change.
///
/// The runtime's own timer counts whole milliseconds, and so does its poll: with it, a way without
/// a delay took 2.5 ms there and back, and one of 31 ms took 64.
async fn due(
    came: Instant,
    conditions: &mut watch::Receiver<Conditions>,
    delay: &impl Fn(&Conditions) -> Duration,
) {
    loop {
        let now = *conditions.borrow_and_update();
        let left = (came + delay(&now)).saturating_duration_since(Instant::now());
        if left.is_zero() && !now.is_held {
            return;
        }
        let changed = tokio::select! {
            _ = Timer::after(left), if !now.is_held => return,
            changed = conditions.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}
