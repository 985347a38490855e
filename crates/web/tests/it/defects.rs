//! Mistakes of the bank that this one replaces: those that no other test attacks, and a look at the
//! table that names the test of each (`docs/defects.md`).

use std::path::Path;

use futures::future::{join_all, select};
use serde_json::json;

use crate::bank::{Bank, PASSWORD, config};
use crate::pages::{get, hidden, submit};

#[test]
fn every_test_of_the_table_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let table = std::fs::read_to_string(root.join("docs/defects.md")).unwrap();
    let mut defects = 0;
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let Ok(number) = cells[1].parse::<usize>() else { continue };
        defects += 1;
        assert_eq!(number, defects, "in order and without gaps");
        let named: Vec<_> = cells[3].split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "defect {number} names no test");
        for test in named {
            let (file, name) = test.rsplit_once("::").unwrap_or_else(|| panic!("{test}"));
            let text = std::fs::read_to_string(root.join("crates").join(file));
            let text = text.unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(text.contains(&format!("fn {name}(")), "{test}");
        }
    }
    assert_eq!(defects, 20);
}

#[tokio::test]
async fn two_deposits_one_after_the_other_on_two_servers_are_both_there() {
    let mut bank = Bank::open().await;
    let account = bank.account("000000001", "0").await;
    let other = bank.second_server();
    let first = std::mem::replace(&mut bank.app, other.clone());
    for (index, app) in [&first, &other, &first, &other].into_iter().enumerate() {
        bank.app = app.clone();
        bank.cash(&account, "deposits", &format!("d{index}"), "10").await.expect(201);
        assert_eq!(bank.balance(&account).await, format!("{}.00", (index + 1) * 10));
    }
    bank.app = first;
    assert_eq!(bank.balance(&account).await, "40.00", "no server keeps what was");
}

#[tokio::test]
async fn an_over_long_name_is_refused_and_the_next_request_is_answered() {
    let bank = Bank::open().await;
    let customer = |name: &str| {
        let body = json!({
            "ssn": "012345678", "name": name, "address": "12 St James's Square", "age": 36,
            "state": "London", "city": "London",
        });
        bank.post("/api/v1/customers").token(&bank.executive).json(&body).send()
    };
    for _ in 0..20 {
        let refused = customer(&"A".repeat(51)).await;
        assert!(refused.is_problem(400, "validation"));
        assert_eq!(refused.json()["errors"][0]["field"], "name");
    }
    customer(&"A".repeat(50)).await.expect(201);
}

#[tokio::test]
async fn a_statement_shows_the_newest_rows_of_its_account_alone() {
    let bank = Bank::open().await;
    let (account, other) =
        (bank.account("000000001", "0").await, bank.account("000000002", "0").await);
    for index in 1..=25 {
        for number in [&account, &other] {
            let key = format!("{number}-{index}");
            bank.cash(number, "deposits", &key, &format!("{index}")).await.expect(201);
        }
    }
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    for query in ["last=20".to_owned(), format!("from={today}&to={today}")] {
        let path = format!("/api/v1/accounts/{account}/statement?{query}");
        let statement = bank.get(&path).token(&bank.teller).send().await.expect(200).json();
        let entries = statement["entries"].as_array().unwrap();
        let numbers: Vec<_> =
            entries.iter().map(|entry| entry["number"].as_i64().unwrap()).collect();
        let first = if query.starts_with("last") { 6 } else { 1 };
        assert_eq!(numbers, (first..=25).collect::<Vec<_>>(), "{query}");
        assert_eq!(statement["closing_balance"]["amount"], "325.00");
        // Both forms of the page.
        let path = format!("/accounts/{account}/statement?{query}");
        let page = get(&bank, &bank.teller, &path).await.expect(200);
        assert!(page.text.contains("25.00") && page.text.contains("325.00"), "{query}");
    }
}

#[tokio::test]
async fn status_lists_show_the_latest_message_of_each_row() {
    let bank = Bank::open().await;
    let customer = bank.customer("012345678").await;
    let account = bank.account_of(&customer, "savings", "0").await;
    for path in [
        format!("/api/v1/customers/{customer}/deactivate"),
        format!("/api/v1/customers/{customer}/activate"),
        format!("/api/v1/accounts/{account}/close"),
    ] {
        bank.post(&path).token(&bank.executive).send().await.expect(200);
    }
    let customers = get(&bank, &bank.executive, "/customers").await.expect(200);
    assert!(customers.text.contains("<td>Customer activated</td>"), "{}", customers.text);
    assert!(!customers.text.contains("Customer created"));
    let accounts = get(&bank, &bank.executive, "/accounts").await.expect(200);
    assert!(accounts.text.contains("<td>Account closed</td>"), "{}", accounts.text);
    assert!(!accounts.text.contains("Account opened"));
    // One row alone, for its refresh.
    let refresh = accounts.text.split("data-hx-get=\"").nth(1).unwrap().split('"').next().unwrap();
    let row = get(&bank, &bank.executive, &refresh.replace("&#38;", "&")).await.expect(200);
    assert!(row.text.contains(&format!("id=\"row-{account}\"")));
}

/// The hashes run elsewhere: whoever comes after eight who sign in does not wait for them.
#[tokio::test]
async fn sign_ins_do_not_stop_the_bank() {
    let bank = Bank::open().await;
    let body = json!({ "user": "C00000003", "password": PASSWORD });
    let sign_ins = (0..8).map(|_| bank.post("/api/v1/sessions").json(&body).send());
    let sign_ins = Box::pin(join_all(sign_ins));
    let views = Box::pin(join_all((0..50).map(|_| bank.get("/").token(&bank.teller).send())));
    match select(sign_ins, views).await {
        futures::future::Either::Left(_) => panic!("fifty pages took longer than eight hashes"),
        futures::future::Either::Right((views, sign_ins)) => {
            assert!(views.iter().all(|view| view.status == 200));
            assert!(sign_ins.await.iter().all(|answer| answer.status == 201));
        }
    }
}

#[tokio::test]
async fn with_the_database_away_nothing_answers_as_if_it_were_there() {
    let bank = Bank::open().await;
    // Nobody listens on port 1.
    let url = store::DatabaseUrl::parse("postgres://bank@127.0.0.1:1/bank?sslmode=disable");
    let store = store::Store::open(&url.unwrap()).unwrap();
    let teller = bank.teller.clone();
    let bank = bank.with_app(web::app(store, config("server")));
    bank.get("/livez").send().await.expect(200);
    bank.get("/readyz").send().await.expect(503);
    for path in ["/", "/accounts", "/accounts/360110000", "/today"] {
        let page = get(&bank, &teller, path).await.expect(503);
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
    }
    let answer = bank.get("/api/v1/accounts").token(&teller).send().await;
    assert!(answer.is_problem(503, "unavailable"));
    bank.get("/nothing").send().await.expect(404);
}

/// The forms of the pages know the same rule as the API: nothing negative, nothing rounded.
#[tokio::test]
async fn odd_sums_are_refused_by_the_forms_too() {
    let bank = Bank::open().await;
    let account = bank.account("012345678", "10.00").await;
    for what in ["deposit", "withdraw"] {
        let path = format!("/accounts/{account}/{what}");
        let form = get(&bank, &bank.teller, &path).await.expect(200);
        let (token, key) = (hidden(&form, "form_token"), hidden(&form, "key"));
        for amount in ["-5", "0", "1.005", "1_000", "1e3", "five", ""] {
            let fields =
                [("form_token", &*token), ("key", &*key), ("amount", amount), ("step", "post")];
            let refused = submit(&bank, &bank.teller, &path, &fields).await.expect(400);
            assert!(refused.text.contains("aria-invalid"), "{what} {amount}");
        }
    }
    assert_eq!(bank.balance(&account).await, "10.00");
}
