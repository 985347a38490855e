//! Receipts in answers and on pages: what is acknowledged is attested, and nothing else.

use ledger::receipt::{Effect, MovementKind, PublicKeys, Receipt, batch_digest};
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::bank::{Answer, Bank, usd};

/// The bank's keys as a client gets them.
async fn keys(bank: &Bank) -> PublicKeys {
    let set = bank.get("/.well-known/jwks.json").send().await.expect(200);
    assert_eq!(set.header("content-type"), "application/jwk-set+json");
    assert!(!set.text.contains("\"d\""), "a private key is shown");
    PublicKeys::parse(set.text.as_bytes()).unwrap()
}

/// The receipt in an answer, which must verify and be what the books hold.
async fn attested(bank: &Bank, answer: &Value) -> Receipt {
    let text = answer["receipt"].as_str().unwrap_or_else(|| panic!("no receipt: {answer}"));
    let receipt = keys(bank).await.verify(text).unwrap();
    assert_eq!(receipt.operation.to_string(), answer["operation"].as_str().unwrap());
    let booked = bank.store.booked(vec![receipt.key.clone()]).await.unwrap();
    let [booked] = booked.as_slice() else { panic!("not in the books: {receipt:?}") };
    let effect = booked.effect();
    let difference = receipt.difference(booked.operation, booked.booked_at, effect.as_ref());
    assert_eq!(difference, None);
    receipt
}

#[tokio::test]
async fn every_acknowledged_posting_has_a_receipt() {
    let bank = Bank::open().await;
    let a = bank.account("000000001", "100.00").await;
    let b = bank.account("000000002", "0").await;
    let deposit = bank.cash(&a, "deposits", "in", "5").await.expect(201).json();
    let Effect::Movement(MovementKind::Deposit, movement) = attested(&bank, &deposit).await.effect
    else {
        panic!("{deposit}")
    };
    assert_eq!((movement.debit_after, movement.credit_after), (None, Some(10_500)));
    let withdrawal = bank.cash(&a, "withdrawals", "out", "5").await.expect(201).json();
    attested(&bank, &withdrawal).await;
    let transfer = bank.transfer(&a, &b, "k", "40.00").await.expect(201).json();
    let receipt = attested(&bank, &transfer).await;
    assert_eq!((receipt.key.as_str(), &*receipt.server), ("k", "server"));
    let customer = bank.customer("000000003").await;
    let path = format!("/api/v1/customers/{customer}/accounts");
    for (key, amount) in [("empty", "0"), ("filled", "7.00")] {
        let kind = if key == "empty" { "savings" } else { "current" };
        let body = json!({ "kind": kind, "opening_amount": usd(amount) });
        let made = bank.post(&path).token(&bank.executive).key(key).json(&body).send().await;
        let made = made.expect(201).json();
        let Effect::Opened { deposit, .. } = attested(&bank, &made).await.effect else {
            panic!("{made}")
        };
        assert_eq!(deposit.is_some(), key == "filled");
    }
    // Another server gives an equally valid one for the same key.
    let again = bank.transfer(&a, &b, "k", "40.00").await.expect(201).json();
    assert_eq!(again["receipt"], transfer["receipt"]);
    let second = bank.second_server();
    let other = bank.with_app(second);
    let again = other.transfer(&a, &b, "k", "40.00").await.expect(201).json();
    let again = attested(&other, &again).await;
    assert_eq!(again, Receipt { server: "other".into(), ..receipt });
}

#[tokio::test]
async fn a_batch_has_one_receipt_over_what_was_accepted() {
    let bank = Bank::open().await;
    let a = bank.account("000000001", "10.00").await;
    let b = bank.account("000000002", "0").await;
    // Small and large bodies go different ways.
    for count in [3_u64, 2_000] {
        let row = |index: u64| {
            let amount = if index == 1 { "999.00" } else { "0.01" };
            let (from, to) = if index.is_multiple_of(2) { (&a, &b) } else { (&b, &a) };
            json!({ "from": from, "to": to, "amount": usd(amount) })
        };
        let body = json!({ "transfers": (0..count).map(row).collect::<Vec<_>>() });
        let ask = bank.post("/api/v1/transfers/batch").token(&bank.teller);
        let answer = ask.key(&format!("batch-{count}")).json(&body).send().await.expect(201).json();
        let receipt = attested(&bank, &answer).await;
        let Effect::Batch { accepted, refused, digest } = receipt.effect else { panic!() };
        assert_eq!((accepted, refused), (count - 1, 1));
        // As a client makes it, of its request and the answer.
        let mut lines = String::new();
        for (asked, said) in
            body["transfers"].as_array().unwrap().iter().zip(answer["results"].as_array().unwrap())
        {
            if said["status"] == "accepted" {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let parts = [&said["transfer"], &asked["from"], &asked["to"]].map(text);
                let rest = [&said["from_balance"], &said["to_balance"]].map(text);
                lines += &format!("{} 0.01 USD {}\n", parts.join(" "), rest.join(" "));
            }
        }
        assert_eq!(<[u8; 32]>::from(sha2::Sha256::digest(&lines)), digest);
        assert_ne!(batch_digest(&[]), digest);
    }
    let body = json!({ "transfers": [{ "from": b, "to": a, "amount": usd("9999.00") }] });
    let ask = bank.post("/api/v1/transfers/batch").token(&bank.teller).key("none");
    let none = ask.json(&body).send().await.expect(201).json();
    assert_eq!((&none["accepted"], none.get("receipt")), (&json!(0), None));
}

#[tokio::test]
async fn what_did_not_happen_has_no_receipt() {
    let bank = Bank::open().await;
    let a = bank.account("000000001", "1.00").await;
    let refused = bank.cash(&a, "withdrawals", "k", "2").await.expect(422);
    let reused = bank.cash(&a, "withdrawals", "k", "3").await.expect(422);
    let invalid = bank.cash(&a, "withdrawals", "l", "-3").await.expect(400);
    for answer in [refused, reused, invalid] {
        assert_eq!(answer.json().get("receipt"), None, "{}", answer.text);
    }
    let path = format!("/accounts/{a}/receipt?operation=2");
    page(&bank, &bank.teller, &path).await.expect(404);
}

#[tokio::test]
async fn a_server_without_a_key_gives_none() {
    let bank = Bank::open().await;
    let app = web::app(bank.store.clone(), web::Config::default());
    let bank = bank.with_app(app);
    let a = bank.account("000000001", "1.00").await;
    let done = bank.cash(&a, "deposits", "k", "2").await.expect(201).json();
    assert_eq!(done.get("receipt"), None);
    assert!(bank.get("/.well-known/jwks.json").send().await.is_problem(404, "not-found"));
    let path = format!("/accounts/{a}/receipt?operation=2");
    let page = page(&bank, &bank.teller, &path).await.expect(200);
    assert!(page.text.contains("2.00 USD") && !page.text.contains("Signed by the bank"));
}

async fn page(bank: &Bank, token: &str, path: &str) -> Answer {
    bank.get(path).cookie(token).header("sec-fetch-site", "same-origin").send().await
}

#[tokio::test]
async fn the_result_page_leads_to_the_receipt() {
    let bank = Bank::open().await;
    let a = bank.account("000000001", "100.00").await;
    let b = bank.account("000000002", "50.00").await;
    let c = bank.account("000000003", "0").await;
    let deposit = bank.cash(&a, "deposits", "k", "2").await.expect(201).json();
    let transfer = bank.transfer(&a, &b, "t", "1.00").await.expect(201).json();
    let path = |account: &str, answer: &Value| {
        format!("/accounts/{account}/receipt?operation={}", answer["operation"].as_str().unwrap())
    };
    let (of_deposit, of_transfer) = (path(&a, &deposit), path(&a, &transfer));
    let result = page(&bank, &bank.teller, &format!("/accounts/{a}?done=4")).await.expect(200);
    assert!(result.text.contains(&of_deposit), "{}", result.text);
    let paper = page(&bank, &bank.teller, &of_deposit).await.expect(200);
    for shown in ["Deposit", "2.00 USD", "102.00 USD", deposit["receipt"].as_str().unwrap()] {
        assert!(paper.text.contains(shown), "{shown} is not in {}", paper.text);
    }
    assert!(!paper.text.contains("<div class=\"screen\">"));
    // Paper for the holder of one account does not tell the balance of the other, signed or not.
    let paper = page(&bank, &bank.teller, &of_transfer).await.expect(200);
    assert!(paper.text.contains("101.00 USD") && !paper.text.contains("51.00 USD"));
    assert!(paper.text.contains("<div class=\"screen\">"));
    let paper = page(&bank, &bank.teller, &path(&b, &transfer)).await.expect(200);
    assert!(paper.text.contains("51.00 USD") && !paper.text.contains("101.00 USD"));
    // Not of another account, not for executives, except what they do themselves.
    page(&bank, &bank.teller, &path(&c, &transfer)).await.expect(404);
    page(&bank, &bank.teller, &format!("/accounts/{a}/receipt?operation=x")).await.expect(400);
    page(&bank, &bank.executive, &of_deposit).await.expect(404);
    let opened = page(&bank, &bank.executive, &format!("/accounts/{a}/receipt?operation=1")).await;
    let opened = opened.expect(200);
    assert!(opened.text.contains("Account opened") && opened.text.contains("100.00 USD"));
}
