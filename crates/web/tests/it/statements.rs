//! Statements over HTTP: every format, for those who may, on record, provable and the same again.

use std::path::Path;
use std::process::Command;

use ledger::Role;
use serde_json::{Value, json};

use crate::bank::{Answer, Bank, usd};

const FILES: [(&str, &str); 5] = [
    ("pdf", "application/pdf"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("csv", "text/csv; charset=utf-8"),
    ("ofx", "application/x-ofx"),
    ("xml", "application/xml"),
];

fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}

/// Descriptions that a program might run, misread or stumble over.
const NASTY: [&str; 12] = [
    "=HYPERLINK(\"http://evil.example\",\"pay\")",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1,2)",
    "＝1+1",
    "a, \"b\"; c",
    "</Ustrd></RmtInf><Ntry>&amp;",
    "]]> <!-- --> <?x?>",
    "Привет, Ωmega, naïve – €",
    "漢字 \u{1f600}",
    "\u{ffff}",
    "\u{202e}reversed",
];

/// An account whose entries have those descriptions.
async fn nasty(bank: &Bank) -> String {
    let account = bank.account("000000001", "1000.00").await;
    for (index, text) in NASTY.iter().enumerate() {
        let what = if index % 2 == 0 { "deposits" } else { "withdrawals" };
        let path = format!("/api/v1/accounts/{account}/{what}");
        let body = json!({ "amount": usd(&format!("{}.07", index + 1)), "description": text });
        let ask = bank.post(&path).token(&bank.teller).key(&format!("n-{index}"));
        ask.json(&body).send().await.expect(201);
    }
    let other = bank.account("000000002", "0").await;
    bank.transfer(&account, &other, "t", "12.34").await.expect(201);
    account
}

async fn statement(bank: &Bank, account: &str, query: &str) -> Value {
    let path = format!("/api/v1/accounts/{account}/statement?{query}");
    bank.get(&path).token(&bank.teller).send().await.expect(200).json()
}

async fn file(bank: &Bank, account: &str, ending: &str, query: &str) -> Answer {
    let path = format!("/api/v1/accounts/{account}/statement.{ending}?{query}");
    bank.get(&path).token(&bank.auditor).send().await.expect(200)
}

/// The account in an open currency, made by the API.
async fn account_in(bank: &Bank, ssn: &str, currency: &str, amount: &str) -> String {
    let customer = bank.customer(ssn).await;
    let path = format!("/api/v1/customers/{customer}/accounts");
    let money = json!({ "amount": amount, "currency": currency });
    let body = json!({ "kind": "savings", "currency": currency, "opening_amount": money });
    let ask = bank.post(&path).token(&bank.executive).key(&format!("open-{currency}"));
    let made = ask.json(&body).send().await.expect(201).json();
    made["account"]["number"].as_str().unwrap().to_owned()
}

/// Other people's programs read what the API says out of every file.
#[tokio::test]
async fn every_format_says_the_same_to_the_programs_that_read_it() {
    let bank = Bank::open().await;
    let accounts = [
        nasty(&bank).await,
        account_in(&bank, "000000003", "JPY", "12345").await,
        account_in(&bank, "000000004", "KWD", "1.234").await,
        bank.account("000000005", "0").await,
    ];
    let folder = tempfile::tempdir().unwrap();
    let (today, mut count) = (today(), 0);
    for account in &accounts {
        for query in
            ["last=999", "last=3", &format!("from={today}"), "to=2020-01-31", "month=2020-02"]
        {
            let place = folder.path().join(format!("{count}"));
            std::fs::create_dir(&place).unwrap();
            let whole = statement(&bank, account, query).await;
            std::fs::write(place.join("statement.json"), whole.to_string()).unwrap();
            for (ending, _) in FILES {
                let answer = file(&bank, account, ending, query).await;
                std::fs::write(place.join(format!("statement.{ending}")), answer.bytes).unwrap();
            }
            count += 1;
        }
    }
    read(folder.path(), count);
}

/// Runs `tests/statements/read.py`, which compares each file with `statement.json`.
fn read(folder: &Path, count: i32) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join(".dev/ofxget/bin/python");
    assert!(python.exists(), "{} is missing; make it with: ./dev setup", python.display());
    let script = root.join("tests/statements/read.py");
    let done = Command::new(python).arg(script).arg(folder).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    let wrong = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}{wrong}");
    assert!(said.contains(&format!("{count} statements")), "{said}");
}

#[tokio::test]
async fn the_same_number_gives_the_same_bytes_on_every_server() {
    let bank = Bank::open().await;
    let account = nasty(&bank).await;
    let (today, month) = (today(), today()[..7].to_owned());
    let mut first = Vec::new();
    for query in [
        "last=5".to_owned(),
        format!("month={month}"),
        format!("to={today}"),
        "month=2020-02".into(),
    ] {
        let number =
            statement(&bank, &account, &query).await["number"].as_str().unwrap().to_owned();
        for (ending, media_type) in FILES {
            let answer = file(&bank, &account, ending, &query).await;
            assert_eq!(answer.header("content-type"), media_type);
            let name = format!("attachment; filename=\"statement-{number}.{ending}\"");
            assert_eq!(answer.header("content-disposition"), name);
            assert_eq!(answer.header("cache-control"), "no-store");
            first.push((number.clone(), ending, answer.bytes));
        }
    }
    // More is booked, and another server with connections of its own is asked.
    bank.cash(&account, "deposits", "later", "1").await.expect(201);
    let other = bank.server_of_its_own(true);
    let bank = bank.with_app(other);
    for (number, ending, bytes) in &first {
        let again = file(&bank, &account, ending, &format!("number={number}")).await;
        assert!(again.bytes == *bytes, "{number}.{ending} is not the same");
    }
    // Days that are not over are provisional; those of the past are not.
    let marks: Vec<_> = first.iter().step_by(5).map(|(number, ..)| number.contains('p')).collect();
    assert_eq!(marks, [false, true, true, false]);
    let now = statement(&bank, &account, &format!("month={month}")).await;
    assert_eq!(now["provisional"], true);
    assert_ne!(now["number"], first[5].0.as_str());
    assert_eq!(statement(&bank, &account, "month=2020-02").await["number"], first[15].0.as_str());
    assert_eq!(first[15].0, format!("{account}-202002"));
}

#[tokio::test]
async fn every_export_is_on_record_and_only_for_those_who_may() {
    let bank = Bank::open().await;
    let account = bank.account("000000001", "5.00").await;
    for (ending, _) in FILES {
        for prefix in ["", "/api/v1"] {
            let path = format!("{prefix}/accounts/{account}/statement.{ending}?last=5");
            for role in Role::ALL {
                let may = matches!(role, Role::Cashier | Role::Teller | Role::Auditor);
                let answer = bank.get(&path).cookie(bank.token(role)).send().await;
                assert_eq!(answer.status.as_u16(), if may { 200 } else { 403 }, "{path} {role}");
            }
        }
        let word = if ending == "xml" { "camt" } else { ending };
        let rows = bank.audit(&format!("statement.export.{word}")).await;
        assert_eq!(rows.len(), 6, "{ending}");
        assert!(rows.iter().all(|row| row.subject == account && row.result == "done"));
    }
    assert_eq!(bank.audit("statement").await.len(), 30);
    let get = |path: String| bank.get(&path).token(&bank.teller).send();
    let path = format!("/api/v1/accounts/{account}/statement.pdf");
    assert!(get(format!("{path}?other=1")).await.is_problem(400, "validation"));
    assert!(get(format!("{path}?last=0")).await.is_problem(400, "validation"));
    let unknown = "/api/v1/accounts/360999999/statement.pdf".to_owned();
    assert!(get(unknown).await.is_problem(404, "account-unknown"));
    // Numbers of entries that are not there, and of another account.
    for number in [format!("{account}-e1-7"), format!("{account}-e9-9"), "360110777-202002".into()]
    {
        assert!(
            get(format!("{path}?number={number}")).await.is_problem(404, "not-found"),
            "{number}"
        );
    }
    assert_eq!(bank.audit("statement").await.len(), 30, "nothing left");
}

#[tokio::test]
async fn a_statement_is_verified_by_anybody_who_holds_it_and_by_nobody_else() {
    let bank = Bank::open().await;
    let account = nasty(&bank).await;
    let month = today()[..7].to_owned();
    let held = statement(&bank, &account, "last=3").await;
    let open = statement(&bank, &account, &format!("month={month}")).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (number, code) = (text(&held["number"]), text(&held["code"]));
    bank.cash(&account, "deposits", "later", "1").await.expect(201);

    let ask = async |number: &str, code: &str| {
        let body = json!({ "number": number, "code": code });
        bank.post("/api/v1/statements/verify").json(&body).send().await.expect(200).json()
    };
    let genuine = ask(&number, &code).await;
    assert_eq!(genuine["genuine"], true);
    assert_eq!(genuine["statement"]["closing_balance"], held["closing_balance"]);
    assert_eq!(genuine["statement"]["entries"], 3);
    assert_eq!(ask(&number.to_uppercase(), &code.to_lowercase()).await, genuine);
    let provisional = ask(&text(&open["number"]), &text(&open["code"])).await;
    assert_eq!(provisional["statement"]["provisional"], true);
    assert_eq!(provisional["statement"]["closing_balance"], open["closing_balance"]);

    // Whatever is wrong, the answer is the same.
    let mut other = code.clone().into_bytes();
    other[28] = if other[28] == b'0' { b'1' } else { b'0' };
    let other = String::from_utf8(other).unwrap();
    let unknown = json!({ "genuine": false });
    for (number, code) in [
        (&*number, &*other),
        (&*number, &*text(&open["code"])),
        (&*number, ""),
        (&*format!("{account}-e1-3"), &*code),
        (&*format!("{account}-202002"), &*code),
        ("360999999-202002", &*code),
        ("nonsense", "nonsense"),
    ] {
        assert_eq!(ask(number, code).await, unknown, "{number} {code}");
    }

    // The page says it to anybody, staff get the way to the statement.
    let form = [("number", &*number), ("code", &*code)];
    let page = bank.post("/verify").form(&form).send().await.expect(200);
    assert!(page.text.contains("This statement is genuine.") && page.text.contains(&account));
    assert!(!page.text.contains(&format!("/accounts/{account}/statement")));
    let wrong = bank.post("/verify").form(&[("number", &*number), ("code", &*other)]).send().await;
    let wrong = wrong.expect(200);
    assert!(wrong.text.contains("No statement has this number") && !wrong.text.contains("<dl"));
    let staff = bank.get("/statements/verify").cookie(&bank.teller).send().await.expect(200);
    let token = staff.text.split("name=\"form_token\" value=\"").nth(1).unwrap();
    let token = token.split('"').next().unwrap();
    let form = [("form_token", token), ("number", &*number), ("code", &*code)];
    let page = bank.post("/statements/verify").cookie(&bank.teller).form(&form).send().await;
    let link = format!("/accounts/{account}/statement?number={number}");
    assert!(page.expect(200).text.contains(&link));
}

#[tokio::test]
async fn the_page_shows_long_statements_in_parts_and_leads_to_the_files() {
    let bank = Bank::open().await;
    let a = bank.account("000000001", "500.00").await;
    let b = bank.account("000000002", "0").await;
    let row = json!({ "from": a, "to": b, "amount": usd("0.01"), "description": "x".repeat(140) });
    let body = json!({ "transfers": vec![row; 250] });
    let ask = bank.post("/api/v1/transfers/batch").token(&bank.teller).key("many").json(&body);
    ask.send().await.expect(201);
    let page = async |query: &str| {
        let path = format!("/accounts/{a}/statement?{query}");
        bank.get(&path).cookie(&bank.cashier).send().await
    };
    let first = page("last=251").await.expect(200);
    assert!(first.bytes.len() < 60 * 1024, "{} bytes", first.bytes.len());
    let number = format!("{a}-e1-251");
    for shown in ["Part 1 of 3", "Opening balance", "497.50 USD", &*number] {
        assert!(first.text.contains(shown), "{shown}");
    }
    for (ending, _) in FILES {
        assert!(first.text.contains(&format!("/accounts/{a}/statement.{ending}?number={number}")));
    }
    let last = page(&format!("number={number}&part=3")).await.expect(200);
    assert_eq!(last.text.matches("<tr><td>").count(), 51);
    // The balance at the end stands below the row that has it, and above all parts.
    assert_eq!(first.text.matches("Closing balance").count(), 1);
    assert_eq!(last.text.matches("Closing balance").count(), 2);
    let wrong = page("number=x").await.expect(400);
    assert!(wrong.text.contains("The number of the statement must"), "{}", wrong.text);
    let wrong = page("month=2026-13").await.expect(400);
    assert!(wrong.text.contains("must be a month such as 2026-11"));
    let past = page("month=2020-02").await.expect(200);
    assert!(past.text.contains("month=2020-01") && past.text.contains("month=2020-03"));
    let account =
        bank.get(&format!("/accounts/{a}")).cookie(&bank.auditor).send().await.expect(200);
    assert!(account.text.contains(&format!("/accounts/{a}/statement.pdf?month=")));
    let account = bank.get(&format!("/accounts/{a}")).cookie(&bank.executive).send().await;
    assert!(!account.expect(200).text.contains("statement.pdf"));
}

#[tokio::test]
async fn closed_accounts_and_servers_without_keys_have_statements_too() {
    let bank = Bank::open().await;
    let account = bank.account("000000001", "5.00").await;
    bank.cash(&account, "withdrawals", "all", "5").await.expect(201);
    let close = bank.post(&format!("/api/v1/accounts/{account}/close")).token(&bank.executive);
    close.send().await.expect(200);
    let whole = statement(&bank, &account, "last=9").await;
    assert_eq!(whole["closing_balance"], usd("0.00"));
    let pdf = file(&bank, &account, "pdf", "last=9").await.bytes;
    let customer = whole["customer"].as_str().unwrap();
    let edit = bank.ask(http::Method::PATCH, &format!("/api/v1/customers/{customer}"));
    edit.token(&bank.executive).json(&json!({ "name": "Ada King" })).send().await.expect(200);
    assert!(file(&bank, &account, "pdf", "last=9").await.bytes == pdf, "a name changed it");
    let other = bank.server_of_its_own(false);
    let bank = bank.with_app(other);
    let plain = statement(&bank, &account, "last=9").await;
    assert_eq!((plain.get("code"), &plain["entries"]), (None, &whole["entries"]));
    for (ending, _) in FILES {
        file(&bank, &account, ending, "last=9").await;
    }
}
