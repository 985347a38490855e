//! The client: keep-alive, connections that end, and what is repeated.

use std::time::Duration;

use drill::client::{BankAddress, Call, Client, SendError};
use http::StatusCode;

use crate::fake_bank::{FakeBank, Faults};

const TIMEOUT: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(30);

async fn bank_with_account(faults: Faults) -> (FakeBank, Client) {
    let bank = FakeBank::start(faults).await;
    bank.books(|books| {
        books.accounts.push(crate::fake_bank::account(0));
    });
    let client = Client::new(bank.target().address, TIMEOUT);
    (bank, client)
}

fn deposit(bank: &FakeBank, key: &str) -> Call {
    let body = r#"{"amount":{"amount":"1.00","currency":"USD"}}"#;
    Call::keyed("/api/v1/accounts/360110000/deposits", &bank.target().teller, key, body)
}

#[tokio::test]
async fn a_connection_the_bank_closes_is_opened_again() {
    let (bank, mut client) =
        bank_with_account(Faults { close_after: 3, ..Faults::default() }).await;
    let view = Call::get("/api/v1/accounts/360110000", &bank.target().teller);
    for _ in 0..10 {
        let answer = client.send_until_answered(&view, PATIENCE).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.server.is_some());
    }
}

#[tokio::test]
async fn a_keyed_call_whose_answer_is_lost_is_repeated_and_counts_once() {
    let faults = Faults { drop_every: 2, unavailable_every: 5, ..Faults::default() };
    let (bank, mut client) = bank_with_account(faults).await;
    for number in 0..20 {
        let call = deposit(&bank, &format!("key-{number}"));
        let answer = client.send_until_answered(&call, PATIENCE).await.unwrap();
        assert_eq!(answer.status, StatusCode::CREATED);
    }
    assert_eq!(bank.books(|books| (books.postings, books.accounts[0].balance)), (20, 2_000));
}

#[tokio::test]
async fn a_sign_in_is_never_repeated_by_itself() {
    let faults = Faults { unavailable_every: 1, ..Faults::default() };
    let (_bank, mut client) = bank_with_account(faults).await;
    let call = Call::sign_in("C00000003", "right-password-1");
    let gave_up = client.send_until_answered(&call, PATIENCE).await.unwrap_err();
    assert_eq!(gave_up.tries, 1);
}

#[tokio::test]
async fn the_patience_has_an_end() {
    let faults = Faults { unavailable_every: 1, ..Faults::default() };
    let (bank, mut client) = bank_with_account(faults).await;
    let gave_up = client
        .send_until_answered(&deposit(&bank, "key"), Duration::from_millis(100))
        .await
        .unwrap_err();
    assert!(gave_up.tries > 1, "{gave_up}");
    assert!(gave_up.last.starts_with("503"), "{gave_up}");
}

#[tokio::test]
async fn nobody_listening_is_told_apart_from_a_broken_connection() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut client = Client::new(BankAddress::parse(&url, None).unwrap().into(), TIMEOUT);
    let error = client.send(&Call::sign_in("a", "b")).await.unwrap_err();
    assert!(matches!(error, SendError::Connect(_)), "{error:?}");
}

#[tokio::test]
async fn a_bank_that_never_answers_is_a_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let address = BankAddress::parse(&url, None).unwrap().into();
    let mut client = Client::new(address, Duration::from_millis(50));
    let error = client.send(&Call::sign_in("a", "b")).await.unwrap_err();
    assert!(matches!(error, SendError::Timeout(_)), "{error:?}");
}

#[test]
fn addresses_are_http_hosts() {
    for good in ["http://127.0.0.1:8080", "http://localhost:80/", "http://[::1]:8080", "https://a"]
    {
        assert!(BankAddress::parse(good, None).is_ok(), "{good}");
    }
    for bad in ["ftp://bank", "127.0.0.1:8080", "http://a/b", "http://a?b", "", "http://"] {
        assert!(BankAddress::parse(bad, None).is_err(), "{bad}");
    }
}
