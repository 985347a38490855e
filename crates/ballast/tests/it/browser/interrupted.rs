//! Forms that are interrupted: the session ends, the browser shows the form twice, the region or
//! the whole bank goes away. Money moves once, and what the person sees is true.

use serde_json::Value;

use super::chromium::{Browser, Device};
use super::counter::bank_with_account;
use crate::deployment::{Deployment, eventually};
use crate::http;

const ACCOUNT: &str = "/accounts/360110000";
const TELLER: &str = "C00000003";

/// A teller who has typed an amount and sees the confirmation.
async fn about_to_deposit(bank: &Deployment, amount: &str) -> Browser {
    about_to_deposit_on(Device::Desk, bank, TELLER, amount).await
}

pub(super) async fn about_to_deposit_on(
    device: Device,
    bank: &Deployment,
    user: &str,
    amount: &str,
) -> Browser {
    let browser = Browser::open_on(device, &bank.url).await;
    browser.sign_in(user, &bank.password(user)).await;
    ask_for_deposit(&browser, amount).await;
    browser
}

async fn ask_for_deposit(browser: &Browser, amount: &str) {
    browser.go(&format!("{ACCOUNT}/deposit")).await;
    browser.fill("amount", amount).await;
    browser.click_button("Continue").await;
    browser.wait_for("please confirm").await;
}

pub(super) async fn balance(browser: &Browser) -> String {
    browser.go(ACCOUNT).await;
    browser.text("#balance").await
}

pub(super) async fn close(bank: &Deployment, browser: Browser, transfers: u64) {
    browser.close().await;
    let audit = bank.run_json(&["audit"]);
    assert_eq!(
        (&audit["sound"], &audit["transfers"]),
        (&true.into(), &transfers.into()),
        "{audit}"
    );
}

/// The session ends as it does when its time is over: the books know it no more.
async fn end_session(bank: &Deployment, browser: &Browser) {
    let secret = browser.cookie("ballast").await;
    let path = "/api/v1/session";
    let ended = http::send("DELETE", &bank.url, path, &secret, &[], &Value::Null).await;
    assert_eq!(ended.status, 204);
}

#[tokio::test]
async fn a_session_that_ends_in_the_middle_of_a_form_moves_nothing_and_says_so() {
    let bank = bank_with_account().await;
    let browser = about_to_deposit(&bank, "65.88").await;
    end_session(&bank, &browser).await;
    browser.click_button("Confirm the deposit").await;
    browser.wait_for("Your session had ended, so the form was not taken.").await;
    assert!(browser.shows("Nothing was done.").await);
    browser.picture("session-ended").await;
    // Back at the form after signing in; nothing has moved, and now it does.
    browser.fill("user", TELLER).await;
    browser.fill("password", super::chromium::CHOSEN).await;
    browser.click_button("Sign in").await;
    browser.wait_for("Deposit cash").await;
    assert!(browser.shows("100.00 USD").await, "nothing was moved");
    browser.fill("amount", "65.88").await;
    browser.click_button("Continue").await;
    browser.click_button("Confirm the deposit").await;
    browser.wait_for("Deposit done.").await;
    assert_eq!(balance(&browser).await, "165.88 USD");
    // A page that is only looked at leads back to itself, and speaks of no form.
    end_session(&bank, &browser).await;
    browser.go(&format!("{ACCOUNT}/statement")).await;
    browser.wait_for("Sign in").await;
    assert!(!browser.shows("form").await);
    close(&bank, browser, 2).await;
}

#[tokio::test]
async fn two_tabs_with_one_form_move_money_once_and_with_two_forms_twice() {
    let bank = bank_with_account().await;
    let browser = about_to_deposit(&bank, "65.88").await;
    let first = browser.tab().await;
    // The same confirmation, sent by two tabs.
    browser.run("document.querySelector('main form').target = '_blank'").await;
    browser.click_button("Confirm the deposit").await;
    let second = browser.other_tab(&first).await;
    browser.to_tab(&second).await;
    browser.wait_for("Deposit done.").await;
    browser.to_tab(&first).await;
    browser.run("document.querySelector('main form').target = ''").await;
    browser.click_button("Confirm the deposit").await;
    browser.wait_for("nothing was moved a second time").await;
    assert_eq!(browser.text("#balance").await, "165.88 USD");
    // A form of its own in each.
    for tab in [&first, &second] {
        browser.to_tab(tab).await;
        ask_for_deposit(&browser, "1").await;
    }
    for (tab, balance) in [(&first, "166.88 USD"), (&second, "167.88 USD")] {
        browser.to_tab(tab).await;
        browser.click_button("Confirm the deposit").await;
        browser.wait_for("Deposit done.").await;
        assert_eq!(browser.text("#balance").await, balance);
    }
    close(&bank, browser, 4).await;
}

#[tokio::test]
async fn back_and_refresh_move_nothing_again() {
    let bank = bank_with_account().await;
    let browser = about_to_deposit(&bank, "65.88").await;
    browser.refresh().await;
    browser.wait_until("a new form", async || browser.headline().await == "Deposit cash").await;
    ask_for_deposit(&browser, "65.88").await;
    browser.click_button("Confirm the deposit").await;
    browser.wait_for("Deposit done.").await;
    browser.refresh().await;
    browser.wait_for("165.88 USD").await;
    browser.back().await;
    browser.wait_until("a new form", async || browser.headline().await == "Deposit cash").await;
    assert_eq!(browser.value("amount").await, "", "nothing that could be sent by mistake");
    assert_eq!(balance(&browser).await, "165.88 USD");
    close(&bank, browser, 2).await;
}

/// Without JavaScript the confirmation is in the browser's history, and can be sent again.
#[tokio::test]
async fn back_and_refresh_without_javascript_move_nothing_again() {
    let bank = bank_with_account().await;
    let browser = Browser::open_on(Device::DeskWithoutScripts, &bank.url).await;
    browser.sign_in(TELLER, &bank.password(TELLER)).await;
    ask_for_deposit(&browser, "65.88").await;
    browser.refresh().await;
    browser.wait_for("please confirm").await;
    browser.click_button("Confirm the deposit").await;
    browser.wait_for("Deposit done.").await;
    browser.back().await;
    // The browser asks before it shows the answer to a form again.
    browser.wait_for("Confirm Form Resubmission").await;
    browser.refresh().await;
    browser.wait_for("please confirm").await;
    browser.click_button("Confirm the deposit").await;
    browser.wait_for("nothing was moved a second time").await;
    assert_eq!(balance(&browser).await, "165.88 USD");
    close(&bank, browser, 2).await;
}

#[tokio::test]
async fn a_region_that_is_lost_between_form_and_confirmation_is_not_noticed() {
    let bank = bank_with_account().await;
    let browser = about_to_deposit(&bank, "65.88").await;
    let region = browser.text("footer span").await;
    let region = region.rsplit(' ').next().unwrap().to_owned();
    bank.run(&["fault", "kill", "--stay-down", &region]);
    browser.click_button("Confirm the deposit").await;
    browser.wait_for("Deposit done.").await;
    assert!(!browser.text("footer span").await.ends_with(&region), "another region answered");
    assert_eq!(balance(&browser).await, "165.88 USD");
    close(&bank, browser, 2).await;
}

#[tokio::test]
async fn a_bank_that_is_away_says_that_nothing_was_done_and_takes_the_same_form_later() {
    let bank = bank_with_account().await;
    let browser = about_to_deposit(&bank, "65.88").await;
    let servers = bank.processes().into_iter().filter(|process| process["role"] == "server");
    let names: Vec<_> = servers.map(|server| server["name"].as_str().unwrap().to_owned()).collect();
    for name in &names {
        bank.run(&["fault", "kill", "--stay-down", name]);
    }
    browser.click_button("Confirm the deposit").await;
    browser.wait_for("The bank cannot answer now").await;
    assert!(browser.shows("Nothing was done.").await);
    browser.picture("bank-away").await;
    bank.run(&["fault", "heal"]);
    eventually("the servers serve again", || {
        let processes = bank.processes();
        names.iter().all(|name| {
            let server = processes.iter().find(|process| process["name"] == **name).unwrap();
            server["rotation"]["in_use"] == true
        })
    });
    // What the page says: loading it again sends the same form again.
    browser.refresh().await;
    browser.wait_for("Deposit done.").await;
    assert_eq!(balance(&browser).await, "165.88 USD");
    close(&bank, browser, 2).await;
}
