//! Connections to a database far away: who waits for a new one, and who need not.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use ledger::Request;
use ledger::operation::Description;
use store::{DatabaseUrl, Store};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::bank::{Bank, usd};
use crate::relay::{Relay, address_in};

/// Passes the first connection on, takes the others and leaves them alone; gives its own address.
async fn pass_one(database: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut bank, _) = listener.accept().await.unwrap();
        let mut database = TcpStream::connect(database).await.unwrap();
        tokio::spawn(async move { copy_bidirectional(&mut bank, &mut database).await });
        let mut others = Vec::new();
        while let Ok(other) = listener.accept().await {
            others.push(other);
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_new_connection_while_another_comes_back() {
    let bank = Bank::postgres().await;
    let account = bank.account(1, 0).await;
    let url = bank.url.to_string();
    let database = address_in(&url);
    let url = url.replace(&database.to_string(), &pass_one(database).await.to_string());
    let store = Store::open(&DatabaseUrl::parse(&url).unwrap()).unwrap();
    store.account(account).await.unwrap();
    let began = Instant::now();
    let views = (0..20).map(|_| store.account(account));
    assert!(try_join_all(views).await.unwrap().iter().all(Option::is_some));
    // A host that says nothing is given 2 s.
    assert!(began.elapsed() < Duration::from_millis(1_500), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_posting_of_a_warm_server_is_one_round_trip() {
    let mut bank = Bank::postgres().await;
    let account = bank.account(1, 0).await;
    let (relay, url) = Relay::start(&bank.url.to_string()).await;
    bank.store = Store::open(&DatabaseUrl::parse(&url).unwrap()).unwrap();
    bank.store.warm_up().await;
    assert!(relay.round_trips() > 1);
    bank.post("first", Request::deposit(account, usd(1), Description::default())).await;
    assert_eq!(relay.round_trips(), 1);
}
