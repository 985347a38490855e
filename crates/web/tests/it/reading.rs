//! Customers, lists, entries, statements and logs through the API.

use http::Method;
use serde_json::json;

use crate::bank::{Bank, usd};

#[tokio::test]
async fn customers_are_added_found_edited_and_listed() {
    let bank = Bank::open().await;
    let number = bank.customer("012345678").await;
    assert_eq!(number, "110110000");
    bank.customer("112345678").await;
    let get = |path: String| bank.get(&path).token(&bank.executive).send();
    let search = async |ssn: &str| {
        let asked = bank.post("/api/v1/customers/search").token(&bank.executive);
        asked.json(&json!({ "ssn": ssn })).send().await
    };
    let found = search("012345678").await.expect(200).json();
    let nobody = search("912345678").await.expect(200).json();
    assert_eq!(nobody["customers"].as_array().map(Vec::len), Some(0));
    assert!(search("1").await.is_problem(400, "validation"));
    assert_eq!(found["customers"][0]["ssn"], "•••••5678");
    let path = format!("/api/v1/customers/{number}");
    let edit = bank.ask(Method::PATCH, &path).token(&bank.executive);
    let edited = edit.json(&json!({ "name": "Ada King", "age": "37" })).send().await.expect(200);
    assert_eq!(edited.json()["name"], "Ada King");
    assert_eq!(edited.json()["message"], "Customer data updated");
    let first = get("/api/v1/customers?limit=1".into()).await.expect(200).json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = get(format!("/api/v1/customers?limit=1&cursor={cursor}")).await.expect(200).json();
    assert_eq!(second["customers"][0]["ssn"], "•••••5678");
    for bad in ["limit=0", "limit=501", "limit=%2B1", "cursor=abc", "other=1", "ssn=012345678"] {
        let answer = get(format!("/api/v1/customers?{bad}")).await;
        assert!(answer.is_problem(400, "validation"), "{bad}");
    }
    let again = json!({
        "ssn": "012345678", "name": "B", "address": "C", "age": "1", "state": "D", "city": "E",
    });
    let taken = bank.post("/api/v1/customers").token(&bank.executive).json(&again).send().await;
    assert!(taken.is_problem(409, "ssn-taken"));
    assert!(get("/api/v1/customers/110119999".into()).await.is_problem(404, "customer-unknown"));
}

#[tokio::test]
async fn a_statement_adds_up() {
    let bank = Bank::open().await;
    let account = bank.account("000000001", "100.00").await;
    bank.cash(&account, "withdrawals", "1", "30.5").await.expect(201);
    bank.cash(&account, "deposits", "2", "1").await.expect(201);
    let get = async |path: &str| {
        let path = format!("/api/v1/accounts/{account}/{path}");
        bank.get(&path).token(&bank.teller).send().await
    };
    let last = get("statement?last=2").await.expect(200).json();
    assert_eq!(last["opening_balance"], usd("100.00"));
    assert_eq!(last["closing_balance"], usd("70.50"));
    assert_eq!(last["entries"][0]["direction"], "debit");
    assert_eq!(last["entries"][0]["amount"], usd("30.50"));
    assert_eq!(last["entries"][1]["balance"], usd("70.50"));
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let day = get(&format!("statement?from={today}&to={today}")).await.expect(200).json();
    assert_eq!(day["entries"].as_array().unwrap().len(), 3);
    assert_eq!(day["opening_balance"], usd("0.00"));
    let before = get("statement?from=2020-01-01&to=2020-01-31").await.expect(200).json();
    assert_eq!(before["closing_balance"], usd("0.00"));
    for bad in [
        "last=0",
        "last=1000",
        "from=yesterday",
        "from=2026-02-30",
        "from=2026-02-02&to=2026-02-01",
    ] {
        assert!(get(&format!("statement?{bad}")).await.is_problem(400, "validation"), "{bad}");
    }
    let page = get("entries?limit=2").await.expect(200).json();
    assert_eq!(page["entries"][0]["number"], 3);
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = get(&format!("entries?limit=2&cursor={cursor}")).await.expect(200).json();
    assert_eq!(rest["entries"][0]["number"], 1);
    assert!(rest["next_cursor"].is_null());
}

#[tokio::test]
async fn the_logs_tell_the_latest_first() {
    let bank = Bank::open().await;
    let customer = bank.customer("012345678").await;
    let account = bank.account_of(&customer, "savings", "0").await;
    bank.post(&format!("/api/v1/customers/{customer}/deactivate"))
        .token(&bank.executive)
        .send()
        .await
        .expect(200);
    let rows = bank.get("/api/v1/customerlog").token(&bank.executive).send().await.expect(200);
    assert_eq!(rows.json()[0]["message"], "Customer deactivated");
    assert_eq!(rows.json()[0]["ssn_id"], "•••••5678");
    let ask = |path: &str, body: serde_json::Value| {
        bank.post(path).token(&bank.executive).json(&body).send()
    };
    let newest = ask("/api/v1/customerlog", json!({ "cust_id": customer })).await.expect(200);
    assert_eq!(newest.json()["message"], "Customer deactivated");
    let number: i64 = account.parse().unwrap();
    let newest = ask("/api/v1/accountlog", json!({ "acc_id": number })).await.expect(200);
    assert_eq!(newest.json()["acc_type"], "savings");
    let unknown = ask("/api/v1/accountlog", json!({ "acc_id": "360999999" })).await;
    assert!(unknown.is_problem(404, "account-unknown"));
}

#[tokio::test]
async fn an_opening_is_repeated_as_it_was() {
    let bank = Bank::open().await;
    let customer = bank.customer("012345678").await;
    let path = format!("/api/v1/customers/{customer}/accounts");
    let body = json!({
        "kind": "current", "opening_amount": usd("5"), "overdraft_limit": usd("100"),
    });
    let open = || bank.post(&path).token(&bank.executive).key("k").json(&body).send();
    let mut told = open().await.expect(201).json();
    assert_eq!(told["account"]["number"], "360110000");
    assert_eq!(told["account"]["available"], usd("105.00"));
    bank.cash("360110000", "deposits", "d", "1").await.expect(201);
    told["replayed"] = json!(true);
    assert_eq!(open().await.expect(201).json(), told);
    let wrong = json!({ "kind": "gold", "overdraft_limit": { "amount": "1", "currency": "EUR" },
        "currency": "USD" });
    let answer = bank.post(&path).token(&bank.executive).key("w").json(&wrong).send().await;
    assert_eq!(answer.json()["errors"].as_array().unwrap().len(), 2);
}
