//! Receipts from end to end: clients keep them, the books lose their tail, and reconciling names
//! exactly what is gone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::deployment::{Deployment, text};
use crate::http;

async fn open_account(url: &str, executive: &str) -> Value {
    let customer = json!({
        "ssn": "012345678", "name": "Ada Lovelace", "address": "12 St James Square", "age": 36,
        "state": "NJ", "city": "Newark",
    });
    let made = http::send("POST", url, "/api/v1/customers", executive, &[], &customer).await;
    let path = format!("/api/v1/customers/{}/accounts", made.json()["number"].as_str().unwrap());
    let amount = json!({ "amount": "100.00", "currency": "USD" });
    let body = json!({ "kind": "current", "opening_amount": amount });
    http::post(url, &path, executive, "open", &body).await.json()
}

async fn deposit(url: &str, teller: &str, account: &str, key: &str) -> Value {
    let path = format!("/api/v1/accounts/{account}/deposits");
    let body = json!({ "amount": { "amount": "1.00", "currency": "USD" } });
    let answer = http::post(url, &path, teller, key, &body).await;
    assert_eq!(answer.status, 201, "{}", answer.json());
    answer.json()
}

/// The address of the deployment that runs now.
fn address(bank: &Deployment) -> String {
    let record = fs::read_to_string(bank.data().join("deployment.json")).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    record["url"].as_str().unwrap().to_owned()
}

/// A copy of the books of a deployment that does not run.
fn copy_books(bank: &Deployment, to: &Path) -> PathBuf {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(bank.data()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if name.to_str().unwrap().starts_with("bank.db") {
            fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
    to.join("bank.db")
}

fn keys_of(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn reconciling_names_exactly_what_an_older_copy_of_the_books_lacks() {
    let bank = Deployment::up();
    let (executive, teller) = bank.tokens();
    let keys_file = bank.data().join("receipt-keys.json");
    assert_eq!(fs::metadata(&keys_file).unwrap().permissions().mode() & 0o777, 0o600);
    let opened = open_account(&bank.url, &executive).await;
    let account = opened["account"]["number"].as_str().unwrap();
    let mut kept = vec![opened.to_string()];
    for index in 0..5 {
        let answer = deposit(&bank.url, &teller, account, &format!("before-{index}")).await;
        kept.push(answer.to_string());
    }
    bank.run(&["down"]);
    let older = copy_books(&bank, &bank.folder.path().join("older"));
    let signed_before = bank.run(&["keys", "show"]);
    let id = bank.run(&["keys", "rotate"]);
    assert!(signed_before.contains(id.trim()), "the next key was not shown before");
    bank.run(&["up", "--detach", "--port", "0"]);
    let (url, (_, teller)) = (address(&bank), bank.tokens());
    for index in 0..7 {
        let answer = deposit(&url, &teller, account, &format!("after-{index}")).await;
        kept.push(answer["receipt"].as_str().unwrap().to_owned());
    }
    // What a server shows is what `keys show` prints.
    let shown = http::get(&url, "/.well-known/jwks.json", "").await;
    assert_eq!(shown.json(), serde_json::from_str::<Value>(&bank.run(&["keys", "show"])).unwrap());

    let file = bank.folder.path().join("receipts");
    fs::write(&file, kept.join("\n")).unwrap();
    let receipts = file.to_str().unwrap();
    let sound = bank.run_json(&["reconcile", "--receipts", receipts]);
    assert_eq!((&sound["held"], &sound["sound"]), (&json!(13), &json!(true)));

    // The same file against the older books.
    let database = format!("sqlite:{}", older.display());
    let against = ["reconcile", "--receipts", receipts, "--database", &database];
    let output = bank.try_run(&[&against[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expect: Vec<String> = (0..7).map(|index| format!("after-{index}")).collect();
    assert_eq!(keys_of(&report["missing"]), expect);
    assert_eq!(report["held"], 6);
    for verdict in ["different", "bad_signature", "unreadable"] {
        assert_eq!(report[verdict], json!([]), "{report}");
    }

    // A forged line, another bank's, one that is cut off, and a refusal.
    let genuine = kept.last().unwrap();
    let (signed, signature) = genuine.rsplit_once('.').unwrap();
    let other = kept[kept.len() - 2].rsplit_once('.').unwrap().1;
    assert_ne!(signature, other);
    let lines = [
        genuine.clone(),
        format!("{signed}.{other}"),
        genuine[..100].to_owned(),
        r#"{"type":"/problems/insufficient-funds"}"#.to_owned(),
    ];
    fs::write(&file, lines.join("\n")).unwrap();
    let output = bank.try_run(&["reconcile", "--receipts", receipts, "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["held"], &report["without_receipt"]), (&json!(1), &json!(1)));
    assert_eq!(report["bad_signature"][0]["line"], 2);
    assert_eq!(report["unreadable"][0]["line"], 3);
    let output = bank.try_run(&["reconcile", "--receipts", "/nowhere"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn replay_keeps_the_receipts() {
    let bank = Deployment::up();
    let day = bank.folder.path().join("day.csv");
    let kept = bank.folder.path().join("day.receipts");
    let (day, kept) = (day.to_str().unwrap(), kept.to_str().unwrap());
    bank.run(&["replay", "--generate", "5", "--output", day]);
    let replayed = bank.run_json(&["replay", day, "--receipts", kept]);
    let posted = replayed["rows"].as_u64().unwrap() + replayed["accounts"].as_u64().unwrap();
    let report = bank.run_json(&["reconcile", "--receipts", kept]);
    assert_eq!((&report["held"], &report["sound"]), (&json!(posted), &json!(true)));
}
