//! The connection is cut at every byte of a posting's exchange, in both directions: before, during
//! and after the commit. Each posting is answered, and has exactly one effect.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use ledger::Request;
use ledger::operation::Description;
use store::{DatabaseUrl, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::bank::{Bank, usd};
use crate::relay::address_in;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToDatabase,
    ToBank,
}

/// Bytes that passed since it was last asked, and where the next cut is.
#[derive(Default)]
struct Wire {
    passed: [usize; 2],
    cut_after: Option<(Direction, usize)>,
}

#[derive(Clone, Default)]
struct Relay {
    wire: Arc<Mutex<Wire>>,
}

impl Relay {
    /// Listens, and passes every connection on.
    async fn start(&self, database: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let relay = self.clone();
        tokio::spawn(async move {
            while let Ok((bank, _)) = listener.accept().await {
                let database = TcpStream::connect(database).await.unwrap();
                bank.set_nodelay(true).unwrap();
                database.set_nodelay(true).unwrap();
                let (from_bank, to_bank) = bank.into_split();
                let (from_database, to_database) = database.into_split();
                let cut = Arc::new(Notify::new());
                for (direction, from, to) in [
                    (Direction::ToDatabase, from_bank, to_database),
                    (Direction::ToBank, from_database, to_bank),
                ] {
                    let (relay, cut) = (relay.clone(), Arc::clone(&cut));
                    tokio::spawn(async move {
                        tokio::select! {
                            () = relay.pass(direction, from, to) => cut.notify_one(),
                            () = cut.notified() => {}
                        }
                    });
                }
            }
        });
        address
    }

    /// Passes bytes until an end or a cut; both ends close when it returns.
    async fn pass(&self, direction: Direction, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut bytes = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut bytes).await {
            let (keep, is_cut) = self.allow(direction, count);
            if to.write_all(&bytes[..keep]).await.is_err() || is_cut {
                return;
            }
        }
    }

    fn allow(&self, direction: Direction, count: usize) -> (usize, bool) {
        let mut wire = self.wire.lock().unwrap();
        let [to_database, to_bank] = &mut wire.passed;
        *match direction {
            Direction::ToDatabase => to_database,
            Direction::ToBank => to_bank,
        } += count;
        match wire.cut_after {
            Some((at, left)) if at == direction && left <= count => {
                wire.cut_after = None;
                (left, true)
            }
            Some((at, left)) if at == direction => {
                wire.cut_after = Some((at, left - count));
                (count, false)
            }
            _ => (count, false),
        }
    }

    fn arm(&self, cut_after: Option<(Direction, usize)>) {
        *self.wire.lock().unwrap() = Wire { passed: [0; 2], cut_after };
    }

    fn passed(&self) -> [usize; 2] {
        self.wire.lock().unwrap().passed
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_posting_that_is_cut_at_any_byte_happens_once() {
    let mut bank = Bank::postgres().await;
    let account = bank.account(1, 0).await;
    let url = bank.url.to_string();
    let database = address_in(&url);
    let relay = Relay::default();
    let address = relay.start(database).await;
    let cut_url = url.replace(&database.to_string(), &address.to_string());
    let cut_url = DatabaseUrl::parse(&cut_url).unwrap();
    bank.store = Store::open(&cut_url).unwrap();
    let mut deposits = 0;
    let mut deposit = async |key: String| {
        let request = Request::deposit(account, usd(1), Description::default());
        bank.post(&key, request).await;
        deposits += 1;
    };
    // The first call connects and prepares; the second is what a warm exchange looks like.
    deposit("warm-up".to_owned()).await;
    relay.arm(None);
    deposit("measured".to_owned()).await;
    let [to_database, to_bank] = relay.passed();
    assert!(to_database > 400 && to_bank > 100, "{to_database} {to_bank}");
    for (direction, bytes) in [(Direction::ToDatabase, to_database), (Direction::ToBank, to_bank)] {
        for at in 1..=bytes {
            relay.arm(Some((direction, at)));
            deposit(format!("{direction:?}-{at}")).await;
            relay.arm(None);
            // The next call meets the broken connection, or has a whole one again.
            deposit(format!("{direction:?}-{at}-after")).await;
        }
    }
    assert_eq!(bank.balance(account).await, deposits);
    let report = bank.audit();
    assert!(report.is_sound(), "{:?}", report.findings().collect::<Vec<_>>());
    assert_eq!(report.transfers, deposits.unsigned_abs());
}
