//! Postings through the API: amounts, keys, refusals, states, batches.

use serde_json::{Value, json};

use crate::bank::{Bank, usd};

#[tokio::test]
async fn odd_amounts_are_refused_with_field_and_rule() {
    let bank = Bank::open().await;
    let account = bank.account("000000001", "10.00").await;
    let path = format!("/api/v1/accounts/{account}/deposits");
    let huge = "9".repeat(400);
    let cases = [
        (json!("-5"), "amount.amount"),
        (json!("1_000"), "amount.amount"),
        (json!("1,000"), "amount.amount"),
        (json!("1.005"), "amount.amount"),
        (json!("1e3"), "amount.amount"),
        (json!(""), "amount.amount"),
        (json!("0"), "amount.amount"),
        (json!(" 1"), "amount.amount"),
        (json!("NaN"), "amount.amount"),
        (json!(huge), "amount.amount"),
        (json!(10), "amount.amount"),
        (json!(10.5), "amount.amount"),
        (Value::Null, "amount.amount"),
    ];
    for (amount, field) in cases {
        let body = json!({ "amount": { "amount": amount, "currency": "USD" } });
        let answer = bank.post(&path).token(&bank.teller).key("k").json(&body).send().await;
        assert!(answer.is_problem(400, "validation"), "{amount}: {}", answer.text);
        assert_eq!(answer.json()["errors"][0]["field"], field, "{amount}");
    }
    let bodies = [
        (json!({ "amount": { "amount": "1", "currency": "XXX" } }), "amount.currency"),
        (json!({ "amount": { "amount": "1" } }), "amount.currency"),
        (json!({ "amount": "1" }), "amount"),
        (json!({}), "amount"),
        (json!({ "amount": usd("1"), "extra": 1 }), "extra"),
        (json!({ "amount": usd("1"), "description": "x".repeat(141) }), "description"),
    ];
    for (body, field) in bodies {
        let answer = bank.post(&path).token(&bank.teller).key("k").json(&body).send().await;
        assert!(answer.is_problem(400, "validation"), "{body}: {}", answer.text);
        assert_eq!(answer.json()["errors"][0]["field"], field, "{body}");
    }
    assert_eq!(bank.balance(&account).await, "10.00");
    // A validation error does not use the key up.
    bank.cash(&account, "deposits", "k", "1").await.expect(201);
}

#[tokio::test]
async fn a_key_has_one_effect_and_one_answer() {
    let bank = Bank::open().await;
    let a = bank.account("000000001", "100.00").await;
    let b = bank.account("000000002", "0").await;
    let first = bank.transfer(&a, &b, "k", "40.00").await.expect(201);
    assert_eq!(first.header("idempotent-replayed"), "");
    let mut told = first.json();
    assert_eq!(told["from"]["balance"], usd("60.00"));
    assert_eq!(told["to"]["balance"], usd("40.00"));
    bank.cash(&b, "deposits", "other", "1").await.expect(201);
    let again = bank.transfer(&a, &b, "k", "40.00").await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    told["replayed"] = json!(true);
    assert_eq!(again.json(), told);
    let reused = bank.transfer(&a, &b, "k", "41.00").await;
    assert!(reused.is_problem(422, "idempotency-key-reused"));
    let body = json!({ "from": a, "to": b, "amount": usd("1") });
    let unkeyed = bank.post("/api/v1/transfers").token(&bank.teller).json(&body).send().await;
    assert!(unkeyed.is_problem(400, "idempotency-key-missing"));
    let odd = bank.post("/api/v1/transfers").token(&bank.teller).key("a b").json(&body);
    assert!(odd.send().await.is_problem(400, "validation"));
    assert_eq!(bank.balance(&a).await, "60.00");
}

#[tokio::test]
async fn a_refusal_is_remembered_under_its_key() {
    let bank = Bank::open().await;
    let a = bank.account("000000001", "10.00").await;
    let first = bank.cash(&a, "withdrawals", "k", "11").await;
    assert!(first.is_problem(422, "insufficient-funds"));
    bank.cash(&a, "deposits", "d", "100").await.expect(201);
    let again = bank.cash(&a, "withdrawals", "k", "11").await;
    assert!(again.is_problem(422, "insufficient-funds"));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.json()["replayed"], true);
    assert_eq!(again.json()["operation"], first.json()["operation"]);
}

#[tokio::test]
async fn the_whole_balance_goes_to_anybody() {
    let bank = Bank::open().await;
    let a = bank.account("000000001", "100.00").await;
    let b = bank.account("000000002", "0").await;
    bank.transfer(&a, &b, "k", "100").await.expect(201);
    assert_eq!((bank.balance(&a).await, bank.balance(&b).await), ("0.00".into(), "100.00".into()));
    let integers = json!({
        "from": b.parse::<i64>().unwrap(), "to": a.parse::<i64>().unwrap(), "amount": usd("1"),
    });
    let answer = bank.post("/api/v1/transfers").token(&bank.teller).key("n").json(&integers);
    answer.send().await.expect(201);
}

#[tokio::test]
async fn refusals_have_their_statuses() {
    let bank = Bank::open().await;
    let a = bank.account("000000001", "10.00").await;
    let b = bank.account("000000002", "0").await;
    let nobody = "360999999";
    assert!(bank.cash(nobody, "deposits", "1", "1").await.is_problem(404, "account-unknown"));
    assert!(bank.cash("abc", "deposits", "2", "1").await.is_problem(404, "account-unknown"));
    assert!(bank.cash("100840", "deposits", "3", "1").await.is_problem(404, "account-unknown"));
    assert!(bank.transfer(&a, nobody, "4", "1").await.is_problem(422, "account-unknown"));
    assert!(bank.transfer(&a, &a, "5", "1").await.is_problem(422, "same-account"));
    let state = async |path: String| bank.post(&path).token(&bank.executive).send().await;
    let close = |account: &str| state(format!("/api/v1/accounts/{account}/close"));
    assert!(close(&a).await.is_problem(422, "balance-not-zero"));
    close(&b).await.expect(200);
    assert!(close(&b).await.is_problem(409, "account-closed"));
    assert!(bank.transfer(&a, &b, "6", "1").await.is_problem(422, "account-closed"));
    let reactivate = || state(format!("/api/v1/accounts/{b}/reactivate"));
    reactivate().await.expect(200);
    assert!(reactivate().await.is_problem(409, "account-open"));
    assert!(close(nobody).await.is_problem(404, "account-unknown"));
}

#[tokio::test]
async fn nothing_moves_for_a_deactivated_customer() {
    let bank = Bank::open().await;
    let customer = bank.customer("000000001").await;
    let a = bank.account_of(&customer, "current", "10.00").await;
    let b = bank.account("000000002", "10.00").await;
    let state = async |word: &str| {
        let path = format!("/api/v1/customers/{customer}/{word}");
        bank.post(&path).token(&bank.executive).send().await
    };
    state("deactivate").await.expect(200);
    let word = "customer-deactivated";
    assert!(state("deactivate").await.is_problem(409, word));
    assert!(bank.cash(&a, "deposits", "1", "1").await.is_problem(422, word));
    assert!(bank.cash(&a, "withdrawals", "2", "1").await.is_problem(422, word));
    assert!(bank.transfer(&a, &b, "3", "1").await.is_problem(422, word));
    assert!(bank.transfer(&b, &a, "4", "1").await.is_problem(422, word));
    let opening = json!({ "kind": "savings" });
    let path = format!("/api/v1/customers/{customer}/accounts");
    let opened = bank.post(&path).token(&bank.executive).key("5").json(&opening).send().await;
    assert!(opened.is_problem(422, word));
    state("activate").await.expect(200);
    assert!(state("activate").await.is_problem(409, "customer-active"));
    bank.cash(&a, "deposits", "6", "1").await.expect(201);
}

#[tokio::test]
async fn a_batch_is_decided_one_by_one_under_one_key() {
    let bank = Bank::open().await;
    let a = bank.account("000000001", "10.00").await;
    let b = bank.account("000000002", "0").await;
    let transfer = |from: &str, to: &str, amount| json!({ "from": from, "to": to, "amount": usd(amount), "description": "pay – day" });
    let body = json!({ "transfers": [
        transfer(&a, &b, "10"), transfer(&a, &b, "0.01"), transfer(&b, &a, "2.50"),
    ] });
    let send = || bank.post("/api/v1/transfers/batch").token(&bank.teller).key("k").json(&body);
    let mut told = send().send().await.expect(201).json();
    assert_eq!((&told["accepted"], &told["refused"]), (&json!(2), &json!(1)));
    assert_eq!(told["results"][1], json!({ "status": "refused", "reason": "insufficient-funds" }));
    assert_eq!(told["results"][2]["to_balance"], "2.50");
    let again = send().send().await.expect(201);
    told["replayed"] = json!(true);
    assert_eq!(again.json(), told);
    assert_eq!(bank.balance(&a).await, "2.50");
    let mut wrong = body.clone();
    wrong["transfers"][2]["amount"]["amount"] = json!("-1");
    let answer = bank.post("/api/v1/transfers/batch").token(&bank.teller).key("w").json(&wrong);
    let answer = answer.send().await;
    assert!(answer.is_problem(400, "validation"));
    assert_eq!(answer.json()["errors"][0]["field"], "transfers[2].amount.amount");
}

#[tokio::test]
async fn a_full_batch_fits_and_a_longer_one_does_not() {
    let bank = Bank::open().await;
    let a = bank.account("000000001", "80.00").await;
    let b = bank.account("000000002", "0").await;
    let one = json!({ "from": a, "to": b, "amount": usd("0.01") });
    let send = async |length: usize, key: &str| {
        let body = json!({ "transfers": vec![one.clone(); length] });
        bank.post("/api/v1/transfers/batch").token(&bank.teller).key(key).json(&body).send().await
    };
    let full = send(8_000, "full").await.expect(201).json();
    assert_eq!(full["accepted"], 8_000);
    assert_eq!(bank.balance(&b).await, "80.00");
    assert!(send(8_001, "long").await.is_problem(400, "validation"));
    assert!(send(0, "empty").await.is_problem(400, "validation"));
    let big = "x".repeat(9 << 20);
    let answer = bank.post("/api/v1/transfers/batch").token(&bank.teller).key("big");
    assert!(answer.raw("application/json", &big).send().await.is_problem(413, "body-too-large"));
}
