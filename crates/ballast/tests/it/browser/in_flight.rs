//! A form whose server dies while it works on it: before the books hold the deposit, and after.
//! The test holds the lock at which the writers of all servers queue, so it knows which it is.

use std::fs::{File, OpenOptions};
use std::time::{Duration, Instant};

use super::chromium::{Browser, Device};
use super::interrupted::{about_to_deposit_on, balance, close};
use crate::browser::counter::bank_with_account;
use crate::deployment::{Deployment, eventually, kill};
use crate::http;

/// Two people with an amount each, and what is there after it; one's browser runs no JavaScript.
const PEOPLE: [(Device, &str, &str); 2] =
    [(Device::Desk, "C00000003", "165.88"), (Device::DeskWithoutScripts, "C00000002", "231.76")];

const UNKNOWN: &str = "It is not known yet whether this was done";
const AGAIN: &str = "nothing was moved a second time";

/// While this is held, no server writes.
fn hold_writers(bank: &Deployment) -> File {
    let path = bank.data().join("bank.db.lock");
    let lock = OpenOptions::new().write(true).open(path).unwrap();
    lock.lock().unwrap();
    lock
}

/// Waits until a server works on a request and cannot finish it; gives its row of `ps`.
async fn server_at_work(bank: &Deployment) -> serde_json::Value {
    let servers: Vec<_> =
        bank.processes().into_iter().filter(|process| process["role"] == "server").collect();
    let deadline = Instant::now() + Duration::from_secs(15);
    // Checks of health are in and out; who is seen at work three times is not at one of them.
    let mut seen = vec![0; servers.len()];
    loop {
        assert!(Instant::now() < deadline, "no server has the form within 15 s");
        for (server, seen) in servers.iter().zip(&mut seen) {
            let address = format!("http://{}", server["address"].as_str().unwrap());
            *seen = if in_flight(&address).await > 0 { *seen + 1 } else { 0 };
            if *seen == 3 {
                return server.clone();
            }
        }
    }
}

/// The requests that a server works on, without the one that asks.
async fn in_flight(server: &str) -> u64 {
    let metrics = http::get(server, "/metrics", "").await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    let line = metrics.lines().find(|line| line.starts_with("ballast_http_requests_in_flight "));
    line.unwrap().rsplit(' ').next().unwrap().parse::<u64>().unwrap() - 1
}

/// The balance as another region has it.
async fn balance_outside(bank: &Deployment, region: &str) -> String {
    let outside = bank
        .processes()
        .into_iter()
        .find(|process| process["role"] == "server" && process["region"] != region);
    let address = format!("http://{}", outside.unwrap()["address"].as_str().unwrap());
    let (_, teller) = bank.tokens();
    let account = http::get(&address, "/api/v1/accounts/360110000", &teller).await.json();
    account["balance"]["amount"].as_str().unwrap().to_owned()
}

/// What the page asks for: it is loaded again, and the browser sends the same form.
async fn load_again(browser: &Browser, expect: &str) {
    browser.picture("outcome-unknown").await;
    assert!(browser.shows("look at the account").await, "a new form would be a new deposit");
    browser.refresh().await;
    browser.wait_for(expect).await;
}

#[tokio::test]
async fn a_server_that_dies_before_it_has_booked_a_form_leaves_it_to_be_sent_again() {
    let bank = bank_with_account().await;
    let mut transfers = 1;
    for (device, user, expect) in PEOPLE {
        let browser = about_to_deposit_on(device, &bank, user, "65.88").await;
        let writers = hold_writers(&bank);
        let death = async {
            let server = server_at_work(&bank).await;
            kill(server["pid"].as_u64().unwrap());
        };
        // The click ends with the page that answers it.
        tokio::join!(browser.click_button("Confirm the deposit"), death);
        browser.wait_for(UNKNOWN).await;
        drop(writers);
        load_again(&browser, "Deposit done.").await;
        assert!(!browser.shows(AGAIN).await, "it was not done before");
        assert_eq!(balance(&browser).await, format!("{expect} USD"));
        transfers += 1;
        close(&bank, browser, transfers).await;
    }
}

#[tokio::test]
async fn a_region_that_dies_after_it_has_booked_a_form_has_moved_the_money_once() {
    let bank = bank_with_account().await;
    let mut transfers = 1;
    for (device, user, expect) in PEOPLE {
        let browser = about_to_deposit_on(device, &bank, user, "65.88").await;
        let writers = hold_writers(&bank);
        let death = async {
            let server = server_at_work(&bank).await;
            let region = server["region"].as_str().unwrap().to_owned();
            // Nothing comes back through it any more; what is in the books is in the books.
            bank.run(&["fault", "freeze", &format!("ALB-{region}")]);
            drop(writers);
            while balance_outside(&bank, &region).await != expect {
                tokio::task::yield_now().await;
            }
            bank.run(&["fault", "kill", "--stay-down", &region]);
            region
        };
        let death = tokio::time::timeout(Duration::from_secs(30), death);
        let ((), died) = tokio::join!(browser.click_button("Confirm the deposit"), death);
        let region = died.expect("the deposit is booked and the region is dead within 30 s");
        browser.wait_for(UNKNOWN).await;
        load_again(&browser, AGAIN).await;
        assert!(!browser.text("footer span").await.ends_with(&region), "another region answered");
        assert_eq!(balance(&browser).await, format!("{expect} USD"));
        transfers += 1;
        close(&bank, browser, transfers).await;
        bank.run(&["fault", "heal"]);
        eventually("the region serves again", || {
            bank.processes().iter().all(|process| {
                process["name"] == "front-door" || process["rotation"]["in_use"] == true
            })
        });
    }
}
