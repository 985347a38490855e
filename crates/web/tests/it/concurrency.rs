//! What broke the old bank under load, each through HTTP (parity.md section 3: 1, 3, 12, 13).

use futures::future::join_all;
use serde_json::json;

use crate::bank::Bank;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_transfers_both_ways_keep_the_total() {
    let bank = Bank::open().await;
    let a = bank.account("000000001", "500.00").await;
    let b = bank.account("000000002", "500.00").await;
    let calls = (0..50).map(|index| {
        let (from, to) = if index % 2 == 0 { (&a, &b) } else { (&b, &a) };
        let (bank, key) = (&bank, format!("t{index}"));
        async move { bank.transfer(from, to, &key, "7.01").await }
    });
    for answer in join_all(calls).await {
        answer.expect(201);
    }
    assert_eq!(
        (bank.balance(&a).await, bank.balance(&b).await),
        ("500.00".into(), "500.00".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_deposits_of_ten_are_five_hundred() {
    let bank = Bank::open().await;
    let account = bank.account("000000001", "0").await;
    let keys: Vec<_> = (0..50).map(|index| format!("d{index}")).collect();
    let calls = keys.iter().map(|key| bank.cash(&account, "deposits", key, "10"));
    for answer in join_all(calls).await {
        answer.expect(201);
    }
    assert_eq!(bank.balance(&account).await, "500.00");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_is_paid_out_once() {
    let bank = Bank::open().await;
    let account = bank.account("000000001", "100.00").await;
    let keys: Vec<_> = (0..20).map(|index| format!("w{index}")).collect();
    let calls = keys.iter().map(|key| bank.cash(&account, "withdrawals", key, "100"));
    let answers = join_all(calls).await;
    let paid = answers.iter().filter(|answer| answer.status == 201).count();
    let refused =
        answers.iter().filter(|answer| answer.is_problem(422, "insufficient-funds")).count();
    assert_eq!((paid, refused), (1, 19));
    assert_eq!(bank.balance(&account).await, "0.00");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_sent_twenty_times_at_once_has_one_effect() {
    let bank = Bank::open().await;
    let account = bank.account("000000001", "0").await;
    let calls = (0..20).map(|_| bank.cash(&account, "deposits", "same", "10"));
    let answers = join_all(calls).await;
    let fresh = answers.iter().filter(|answer| answer.json()["replayed"] == false).count();
    assert_eq!(fresh, 1);
    assert!(answers.iter().all(|answer| answer.status == 201));
    assert_eq!(bank.balance(&account).await, "10.00");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_savings_accounts_at_once_are_one() {
    let bank = Bank::open().await;
    let customer = bank.customer("000000001").await;
    let path = format!("/api/v1/customers/{customer}/accounts");
    let body = json!({ "kind": "savings" });
    let calls =
        ["a", "b"].map(|key| bank.post(&path).token(&bank.executive).key(key).json(&body).send());
    let mut statuses: Vec<_> =
        join_all(calls).await.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    let list = bank.get(&format!("/api/v1/accounts?customer={customer}"));
    let list = list.token(&bank.teller).send().await.json();
    assert_eq!(list["accounts"].as_array().unwrap().len(), 1);
}
