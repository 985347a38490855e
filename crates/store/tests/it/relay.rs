//! The way to a database far away: it counts round trips, takes time, and can be cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// One way. Enough that what is sent without waiting arrives before the answer to what went ahead.
const DISTANCE: Duration = Duration::from_millis(10);

/// What the connections that belong to no request call themselves.
const WATCH: &[u8] = b"ballast-watch";

#[derive(Clone, Default)]
pub(crate) struct Relay {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    round_trips: AtomicUsize,
    is_cut: AtomicBool,
    cut: Notify,
}

impl Relay {
    /// Listens, and passes every connection on; gives the address to use instead of `url`.
    pub(crate) async fn start(url: &str) -> (Self, String) {
        let database = address_in(url);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap();
        let relay = Self::default();
        let shared = Arc::clone(&relay.shared);
        tokio::spawn(async move {
            while let Ok((bank, _)) = listener.accept().await {
                tokio::spawn(pass(Arc::clone(&shared), bank, database));
            }
        });
        (relay, url.replace(&database.to_string(), &own.to_string()))
    }

    /// Round trips since it was last asked, those of the watch left out.
    pub(crate) fn round_trips(&self) -> usize {
        self.shared.round_trips.swap(0, Ordering::SeqCst)
    }

    /// Closes every connection, and each new one.
    pub(crate) fn cut(&self) {
        self.shared.is_cut.store(true, Ordering::SeqCst);
        self.shared.cut.notify_waiters();
    }
}

/// Where the database of an address is, on this machine.
pub(crate) fn address_in(url: &str) -> SocketAddr {
    let (_, rest) = url.split_once("127.0.0.1:").unwrap();
    let (port, _) = rest.split_once('/').unwrap();
    format!("127.0.0.1:{port}").parse().unwrap()
}

async fn pass(shared: Arc<Shared>, bank: TcpStream, database: SocketAddr) {
    let cut = shared.cut.notified();
    if shared.is_cut.load(Ordering::SeqCst) {
        return;
    }
    let database = TcpStream::connect(database).await.unwrap();
    bank.set_nodelay(true).unwrap();
    database.set_nodelay(true).unwrap();
    tokio::select! {
        () = carry(&shared, bank, database) => {}
        () = cut => {}
    }
}

/// Until one end closes. Every time that the bank speaks after the database did is a round trip.
async fn carry(shared: &Shared, bank: TcpStream, database: TcpStream) {
    let (mut from_bank, mut to_bank) = bank.into_split();
    let (mut from_database, mut to_database) = database.into_split();
    let (mut asked, mut told) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let (mut is_watch, mut database_spoke) = (false, true);
    loop {
        tokio::select! {
            count = from_bank.read(&mut asked) => {
                let Ok(count @ 1..) = count else { return };
                let said = &asked[..count];
                is_watch |= said.windows(WATCH.len()).any(|window| window == WATCH);
                if database_spoke && !is_watch {
                    shared.round_trips.fetch_add(1, Ordering::SeqCst);
                }
                database_spoke = false;
                tokio::time::sleep(DISTANCE).await;
                if to_database.write_all(said).await.is_err() { return }
            }
            count = from_database.read(&mut told) => {
                let Ok(count @ 1..) = count else { return };
                database_spoke = true;
                tokio::time::sleep(DISTANCE).await;
                if to_bank.write_all(&told[..count]).await.is_err() { return }
            }
        }
    }
}
