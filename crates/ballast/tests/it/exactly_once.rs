//! Money moves exactly once: whole files while servers die, and single keys over all servers.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::deployment::{Deployment, kill, text};
use crate::http;

#[test]
fn a_file_replayed_while_servers_are_killed_gives_every_balance() {
    let bank = Deployment::up();
    let file = bank.folder.path().join("day.csv");
    let file = file.to_str().unwrap();
    let generated = crate::deployment::ballast(&[
        "replay",
        "--generate",
        "60",
        "--seed",
        "7",
        "--output",
        file,
    ]);
    assert!(generated.status.success(), "{}", text(&generated.stderr));
    let done = AtomicBool::new(false);
    let kills = AtomicU32::new(0);
    let first = std::thread::scope(|scope| {
        scope.spawn(|| {
            // Each server in turn, as soon as it is back: harder than one every two seconds.
            for turn in (0..4).cycle() {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let servers = bank.processes().into_iter().filter(|each| each["role"] == "server");
                let victim = servers.clone().nth(turn);
                let all_run = servers.clone().all(|server| server["state"] == "running");
                if let (true, Some(pid)) = (all_run, victim.and_then(|each| each["pid"].as_u64())) {
                    kill(pid);
                    kills.fetch_add(1, Ordering::Relaxed);
                }
                std::thread::sleep(std::time::Duration::from_millis(300));
            }
        });
        let output = bank.try_run(&["replay", file, "--json"]);
        // Before anything can fail the test: the scope waits for the thread above.
        done.store(true, Ordering::Relaxed);
        output
    });
    let first: Value = serde_json::from_slice(&first.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&first.stderr)));
    assert!(kills.load(Ordering::Relaxed) > 0, "the replay was too quick to kill a server");
    let rows = first["rows"].as_u64().unwrap();
    assert!(rows > 1_000, "{first}");
    assert_eq!((&first["matched"], &first["mismatched"]), (&json!(rows), &json!(0)), "{first}");
    let second = bank.run_json(&["replay", file]);
    assert_eq!(
        (&second["matched"], &second["replayed"]),
        (&json!(rows), &json!(rows)),
        "a second replay posts nothing"
    );
    let audit = bank.run_json(&["audit"]);
    assert_eq!((&audit["sound"], &audit["transfers"]), (&json!(true), &json!(rows)), "{audit}");
}

#[tokio::test]
async fn one_key_through_four_servers_and_the_front_door_moves_money_once() {
    let bank = Deployment::up();
    let (executive, teller) = bank.tokens();
    let account = open_account(&bank.url, &executive, "900000001").await;
    let path = format!("/api/v1/accounts/{account}/deposits");
    let body = json!({ "amount": { "amount": "10.00", "currency": "USD" } });
    let mut places = bank.addresses("server");
    places.push(bank.url.clone());
    let mut operations = Vec::new();
    for place in &places {
        let answer = http::post(place, &path, &teller, "the-key", &body).await;
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        operations.push(answer.json()["operation"].clone());
    }
    assert!(operations.iter().all(|each| *each == operations[0]), "{operations:?}");
    let view = http::get(&bank.url, &format!("/api/v1/accounts/{account}"), &teller).await;
    assert_eq!(view.json()["balance"]["amount"], "10.00");
}

pub(crate) async fn open_account(base: &str, executive: &str, ssn: &str) -> String {
    let customer = json!({
        "ssn": ssn, "name": "Ada", "address": "1 Way", "age": "36", "state": "NJ", "city": "Newark"
    });
    let path = "/api/v1/customers";
    let made = http::send("POST", base, path, executive, &[], &customer).await.json();
    let path = format!("/api/v1/customers/{}/accounts", made["number"].as_str().unwrap());
    let opened = http::post(base, &path, executive, ssn, &json!({ "kind": "current" })).await;
    let opened: Value = opened.json();
    opened["account"]["number"].as_str().unwrap_or_else(|| panic!("{opened}")).to_owned()
}
