//! A wire with a distance: relays TCP connections on loopback, and can delay, hold and cut them.
//!
//! Guarantees
//! - Each direction has a queue of its own, in which every piece of bytes carries the time at which
//!   it came: the delay adds to the answer's time and takes nothing from the throughput, up to
//!   [`QUEUE_BYTES_MAX`] a direction and connection under way (8 MiB: 270 MB/s at 31 ms).
//! - A held link is a partition: bytes, ends and resets wait in their order, and nobody accepts;
//!   released, everything that waited arrives.
//! - Both ends are on loopback.
//!
//! What a partition of real machines does and this does not: the kernel completes the handshake of
//! a new connection although nobody accepts it, so who connects to a held link hangs in its first
//! read instead of in its connect; and a target that refuses connections is seen as one that resets
//! them. Setting a connection up is not delayed, what is said on it is.
//!
//! Deliberately not here: who is sent through a link (`supervisor`).

pub(crate) mod relay;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

pub use relay::QUEUE_BYTES_MAX;

/// Long enough for another connection to end, when descriptors ran out.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// What a link does to what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conditions {
    /// How much later the target gets what is sent to it.
    pub delay_to_target: Duration,
    /// How much later arrives what the target sends.
    pub delay_from_target: Duration,
    /// Nothing passes.
    pub is_held: bool,
}

/// A link, open as long as this value lives.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    conditions: watch::Sender<Conditions>,
    /// Counted up by each [`Link::cut`].
    cuts: watch::Sender<u64>,
    retired: watch::Sender<bool>,
    task: Task,
}

/// Ends its task when it is dropped, and with it the connections.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Link {
    /// Listens at an address (port 0 takes a free one) and relays to the target.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::InvalidInput`] for addresses beyond loopback.
    pub async fn start(
        listen: SocketAddr,
        target: SocketAddr,
        conditions: Conditions,
    ) -> io::Result<Self> {
        if !listen.ip().is_loopback() || !target.ip().is_loopback() {
            let sentence = "a link begins and ends on loopback";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, sentence));
        }
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let (conditions, cuts) = (watch::Sender::new(conditions), watch::Sender::new(0));
        let retired = watch::Sender::new(false);
        let (now, cut) = (conditions.subscribe(), cuts.subscribe());
        let wire = relay::Wire { target, conditions: now, cuts: cut, turns: Arc::default() };
        let task = Task(tokio::spawn(accept(listener, wire, retired.subscribe())));
        Ok(Self { address, conditions, cuts, retired, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it does to what passes.
    #[must_use]
    pub fn conditions(&self) -> Conditions {
        *self.conditions.borrow()
    }

    /// Changes that, also for what is under way.
    pub fn set(&self, conditions: Conditions) {
        self.conditions.send_replace(conditions);
    }

    /// Resets every connection (RST on both sides). New ones are relayed as before.
    pub fn cut(&self) {
        self.cuts.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Takes no new connections, and returns when the last one has ended. What was delayed or held
    /// arrives at once.
    pub async fn retire(mut self) {
        self.conditions.send_replace(Conditions::default());
        self.retired.send_replace(true);
        // The task ends by itself; its failure would be its end as well.
        let _ = (&mut self.task.0).await;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn accept(listener: TcpListener, wire: relay::Wire, mut retired: watch::Receiver<bool>) {
    let wire = Arc::new(wire);
    let mut conditions = wire.conditions.clone();
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            // An error means that the link is dropped; then this task is aborted.
            drop(conditions.wait_for(|now| !now.is_held).await);
            listener.accept().await
        };
        let last = async { drop(retired.wait_for(|retired| *retired).await) };
        tokio::select! {
            accepted = next => match accepted {
                Ok((client, _)) => {
                    connections.spawn(relay::relay(client, wire.clone()));
                }
                Err(_) => sleep(ACCEPT_AGAIN_AFTER).await,
            },
            Some(_) = connections.join_next() => {}
            () = last => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}
