//! Undo over HTTP: own postings of today at the counter, all others by executives; once, with a
//! reason, and every page tells both halves.

use http::Method;
use serde_json::{Value, json};

use crate::bank::{Answer, Bank};
use crate::pages::{get, hidden, submit};

async fn reverse(bank: &Bank, token: &str, transfer: &str, key: &str, reason: &str) -> Answer {
    let path = format!("/api/v1/transfers/{transfer}/reversal");
    bank.post(&path).token(token).key(key).json(&json!({ "reason": reason })).send().await
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn a_deposit_is_reversed_once_by_the_teller_who_took_it() {
    let bank = Bank::open().await;
    let account = bank.account("012345678", "10.00").await;
    let deposit = bank.cash(&account, "deposits", "d", "5.00").await.expect(201).json();
    let transfer = text(&deposit["transfer"]);
    let refused = reverse(&bank, &bank.cashier, transfer, "c", "not mine").await;
    assert!(refused.is_problem(403, "not-own-transfer"));
    let done = reverse(&bank, &bank.teller, transfer, "r", "counted twice").await.expect(201);
    let done = done.json();
    assert_eq!((text(&done["kind"]), text(&done["reverses"])), ("reversal", transfer));
    assert_eq!(text(&done["from"]["account"]), account);
    assert_eq!(text(&done["from"]["balance"]["amount"]), "10.00");
    let again = reverse(&bank, &bank.teller, transfer, "r", "counted twice").await.expect(201);
    assert_eq!(again.json()["receipt"], done["receipt"], "the same word for the same thing");
    assert_eq!(again.header("idempotent-replayed"), "true");
    let other = reverse(&bank, &bank.executive, transfer, "e", "again").await;
    assert!(other.is_problem(409, "already-reversed"));
    let undone = text(&done["transfer"]);
    let back = reverse(&bank, &bank.executive, undone, "x", "undo the undo").await;
    assert!(back.is_problem(422, "is-a-reversal"));
    assert_eq!(bank.balance(&account).await, "10.00");
    let seen = |number: &str| bank.get(&format!("/api/v1/transfers/{number}"));
    let first = seen(transfer).token(&bank.auditor).send().await.expect(200).json();
    let second = seen(undone).token(&bank.executive).send().await.expect(200).json();
    assert_eq!(text(&first["reversed_by"]), undone);
    assert_eq!(text(&second["reverses"]), transfer);
    assert_eq!(
        (text(&second["description"]), text(&second["user"])),
        ("counted twice", "C00000003")
    );
    let path = format!("/api/v1/accounts/{account}/entries");
    let entries = bank.get(&path).token(&bank.teller).send().await.expect(200).json();
    assert_eq!(text(&entries["entries"][0]["reverses"]), transfer);
    assert_eq!(text(&entries["entries"][1]["reversed_by"]), undone);
    let rows = bank.audit("transfer.reverse").await;
    let rows: Vec<_> = rows.iter().map(|row| (&*row.subject, &*row.result)).collect();
    let (denied, done) = ((transfer, "denied"), (transfer, "done"));
    assert_eq!(rows, [denied, done, denied, (undone, "denied")]);
}

#[tokio::test]
async fn a_reversal_needs_a_key_a_reason_and_a_transfer_that_exists() {
    let bank = Bank::open().await;
    bank.account("012345678", "10.00").await;
    let path = "/api/v1/transfers/1/reversal";
    let ask = || bank.ask(Method::POST, path).token(&bank.executive);
    let body = json!({ "reason": "x" });
    assert!(ask().json(&body).send().await.is_problem(400, "idempotency-key-missing"));
    for bad in [json!({ "reason": " " }), json!({ "reason": "r".repeat(141) })] {
        let answer = ask().key("k").json(&bad).send().await;
        assert!(answer.is_problem(400, "validation"), "{bad}");
        assert_eq!(answer.json()["errors"][0]["field"], "reason");
    }
    assert!(ask().key("k").json(&json!({})).send().await.is_problem(400, "validation"));
    for unknown in ["99", "x", "0"] {
        let answer = reverse(&bank, &bank.executive, unknown, "k", "x").await;
        assert!(answer.is_problem(404, "transfer-unknown"), "{unknown}");
    }
    // The opening deposit was the executive's own.
    reverse(&bank, &bank.executive, "1", "k", "wrong customer").await.expect(201);
}

#[tokio::test]
async fn the_pages_lead_from_the_mistake_to_both_halves() {
    let bank = Bank::open().await;
    let (a, b) =
        (bank.account("012345678", "10.00").await, bank.account("112345678", "0.00").await);
    let moved = bank.transfer(&a, &b, "t", "4.00").await.expect(201).json();
    let (transfer, operation) = (text(&moved["transfer"]), text(&moved["operation"]));
    let account = get(&bank, &bank.teller, &format!("/accounts/{a}?done={operation}")).await;
    assert!(account.text.contains(&format!("/transfers/{transfer}/reverse\">Reverse")));
    let path = format!("/transfers/{transfer}/reverse");
    let form = get(&bank, &bank.teller, &path).await.expect(200);
    let (token, key) = (hidden(&form, "form_token"), hidden(&form, "key"));
    let fields = |reason, step| {
        [("form_token", &*token), ("key", &*key), ("reason", reason), ("step", step)]
    };
    let wrong = submit(&bank, &bank.teller, &path, &fields(" ", "check")).await.expect(400);
    assert!(wrong.text.contains("Reason must be 1 to 140 characters"));
    let confirm = submit(&bank, &bank.teller, &path, &fields("wrong payee", "check")).await;
    let confirm = confirm.expect(200);
    assert!(confirm.text.contains("please confirm") && confirm.text.contains("wrong payee"));
    assert_eq!(bank.balance(&a).await, "6.00");
    let first = submit(&bank, &bank.teller, &path, &fields("wrong payee", "post")).await;
    let first = first.expect(303);
    let again = submit(&bank, &bank.teller, &path, &fields("wrong payee", "post")).await;
    assert_eq!((bank.balance(&a).await, bank.balance(&b).await), ("10.00".into(), "0.00".into()));
    let result = get(&bank, &bank.teller, first.header("location")).await.expect(200);
    for part in
        ["Reversal done.", &format!("Reverses transfer {transfer}"), "Receipt", "wrong payee"]
    {
        assert!(result.text.contains(part), "{part}: {}", result.text);
    }
    let result = get(&bank, &bank.teller, again.header("location")).await.expect(200);
    assert!(result.text.contains("nothing was moved a second time"));
    let reversed = get(&bank, &bank.teller, &format!("/transfers/{transfer}")).await.expect(200);
    assert!(reversed.text.contains("Reversed by transfer"));
    assert!(!reversed.text.contains("/reverse\""), "nothing to press");
    assert!(get(&bank, &bank.teller, &path).await.header("location").ends_with(transfer));
    let account = get(&bank, &bank.teller, &format!("/accounts/{a}")).await.expect(200);
    assert!(account.text.contains(&format!("reverses {transfer}")));
    assert!(account.text.contains("reversed by "));
    let receipt = result.text.split("href=\"").find(|part| part.contains("/receipt?")).unwrap();
    let receipt = receipt.split('"').next().unwrap().replace("&#38;", "&");
    for token in [&bank.teller, &bank.executive, &bank.auditor] {
        let page = get(&bank, token, &receipt).await.expect(200);
        assert!(
            page.text.contains("Reversal") && page.text.contains(&format!("transfer {transfer}"))
        );
    }
}

#[tokio::test]
async fn money_that_is_gone_is_said_so_and_nothing_moves() {
    let bank = Bank::open().await;
    let account = bank.account("012345678", "0.00").await;
    let deposit = bank.cash(&account, "deposits", "d", "5.00").await.expect(201).json();
    bank.cash(&account, "withdrawals", "w", "3.00").await.expect(201);
    let path = format!("/transfers/{}/reverse", text(&deposit["transfer"]));
    let form = get(&bank, &bank.teller, &path).await.expect(200);
    let (token, key) = (hidden(&form, "form_token"), hidden(&form, "key"));
    let fields =
        [("form_token", &*token), ("key", &*key), ("reason", "wrong person"), ("step", "post")];
    let refused = submit(&bank, &bank.teller, &path, &fields).await.expect(422);
    assert!(refused.text.contains("The money is no longer on the account."));
    assert!(refused.text.contains("wrong person"), "what was typed stays");
    assert_ne!(hidden(&refused, "key"), key);
    assert_eq!(bank.balance(&account).await, "2.00");
    // The executive finds it by its number and is told the same.
    let home = get(&bank, &bank.executive, "/").await.expect(200);
    let what =
        [("form_token", &*hidden(&home, "form_token")), ("what", text(&deposit["transfer"]))];
    let found = submit(&bank, &bank.executive, "/find", &what).await.expect(303);
    let page = get(&bank, &bank.executive, found.header("location")).await.expect(200);
    assert!(page.text.contains(&path) && page.text.contains("C00000003"));
}
