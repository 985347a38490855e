//! Connections to a database far away: who waits for a new one, and who need not.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use ledger::Request;
use ledger::operation::Description;
use store::{DatabaseUrl, Store};

use crate::bank::{Bank, usd};
use crate::relay::Relay;

/// A bank, and its database behind a relay.
async fn far() -> (Bank, Relay, DatabaseUrl) {
    let bank = Bank::postgres().await;
    let (relay, url) = Relay::start(&bank.url.to_string()).await;
    (bank, relay, DatabaseUrl::parse(&url).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_new_connection_while_another_comes_back() {
    let (bank, relay, url) = far().await;
    let account = bank.account(1, 0).await;
    let store = Store::open(&url).unwrap();
    store.account(account).await.unwrap();
    relay.say_nothing_to_new_ones();
    let began = Instant::now();
    let views = (0..20).map(|_| store.account(account));
    assert!(try_join_all(views).await.unwrap().iter().all(Option::is_some));
    // Twenty one after the other take 0.4 s; a host that says nothing is given 2 s.
    assert!(began.elapsed() < Duration::from_millis(1_500), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_posting_of_a_warm_server_is_one_round_trip() {
    let (mut bank, relay, url) = far().await;
    let account = bank.account(1, 0).await;
    bank.store = Store::open(&url).unwrap();
    bank.store.warm_up().await;
    assert!(relay.round_trips() > 1);
    bank.post("first", Request::deposit(account, usd(1), Description::default())).await;
    assert_eq!(relay.round_trips(), 1);
}
