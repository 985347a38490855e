//! Counter work with real key events and no mouse, and what a form does when it is sent twice,
//! from two tabs, or around the death of a server.

use std::path::Path;

use serde_json::json;

use super::chromium::Browser;
use crate::deployment::{Deployment, eventually, kill};
use crate::http;

const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';
const ALT: char = '\u{e00a}';

/// A bank with an account of 100.00.
pub(super) async fn bank_with_account() -> Deployment {
    let bank = Deployment::up();
    let (executive, _) = bank.tokens();
    let customer = json!({
        "ssn": "012345678", "name": "Ada Lovelace", "address": "12 St James's Square",
        "age": 36, "state": "New Jersey", "city": "Newark",
    });
    let made = http::send("POST", &bank.url, "/api/v1/customers", &executive, &[], &customer).await;
    let path = format!("/api/v1/customers/{}/accounts", made.json()["number"].as_str().unwrap());
    let amount = json!({ "amount": "100.00", "currency": "USD" });
    let body = json!({ "kind": "current", "opening_amount": amount });
    let opened = http::post(&bank.url, &path, &executive, "open", &body).await;
    assert_eq!(opened.json()["account"]["number"], "360110000");
    bank
}

async fn type_text(browser: &Browser, text: &str) {
    browser.press(&text.chars().collect::<Vec<_>>()).await;
}

/// The confirming button has the focus.
const CONFIRM: &str = "document.activeElement.value === 'post'";

/// Nobody types before the focus is where the page puts it; a test would.
async fn focus_on(browser: &Browser, expression: &str) {
    let is_so = async || browser.value_of(expression).await == true;
    browser.wait_until(expression, is_so).await;
}

async fn at_the_counter(browser: &Browser) {
    browser.wait_for("At the counter").await;
    focus_on(browser, "document.activeElement.id === 'account'").await;
}

#[tokio::test]
async fn a_deposit_takes_three_keys_and_no_mouse() {
    let bank = bank_with_account().await;
    let browser = Browser::open(&bank.url).await;
    browser.sign_in("C00000003", &bank.password("C00000003")).await;
    browser.go("/").await;
    at_the_counter(&browser).await;
    for balance in ["165.88 USD", "231.76 USD"] {
        type_text(&browser, "360110000").await;
        browser.press(&[TAB]).await;
        type_text(&browser, "65.88").await;
        browser.press(&[ENTER]).await;
        browser.wait_for("Deposit cash: please confirm").await;
        focus_on(&browser, CONFIRM).await;
        for part in ["Ada Lovelace, 110110000", "360110000", "65.88 USD", balance] {
            assert!(browser.shows(part).await, "the confirmation repeats {part}");
        }
        browser.press(&[ENTER]).await;
        browser.wait_for("Deposit done.").await;
        assert_eq!(browser.text("#balance").await, balance);
        // The way to the next customer has the focus.
        focus_on(&browser, "document.activeElement.textContent === 'Next customer'").await;
        browser.press(&[ENTER]).await;
        at_the_counter(&browser).await;
    }
    withdraw_by_keyboard(&browser).await;
    browser.close().await;
    let audit = bank.run_json(&["audit"]);
    assert_eq!((&audit["sound"], &audit["transfers"]), (&true.into(), &4.into()), "{audit}");
}

/// Nine digits, an amount and five keys; a refusal leaves what was typed.
async fn withdraw_by_keyboard(browser: &Browser) {
    type_text(browser, "360110000").await;
    browser.press(&[TAB]).await;
    type_text(browser, "231.77").await;
    browser.press(&[TAB, TAB, ENTER]).await;
    browser.wait_for("Withdraw cash: please confirm").await;
    focus_on(browser, CONFIRM).await;
    browser.press(&[ENTER]).await;
    browser.wait_for("Tell the customer that there is not enough money").await;
    assert_eq!(browser.value("amount").await, "231.77", "what was typed is kept");
    focus_on(browser, "document.activeElement.id === 'amount'").await;
    let focus = browser.value_of("getComputedStyle(document.activeElement).outlineStyle").await;
    assert_eq!(focus, "solid", "the focus is visible");
    browser.press_with(ALT, 'h').await;
    at_the_counter(browser).await;
    type_text(browser, "360110000").await;
    browser.press(&[TAB]).await;
    type_text(browser, "231.76").await;
    browser.press(&[TAB, TAB, ENTER]).await;
    browser.wait_for("Withdraw cash: please confirm").await;
    focus_on(browser, CONFIRM).await;
    browser.press(&[ENTER]).await;
    browser.wait_for("Withdrawal done.").await;
    assert_eq!(browser.text("#balance").await, "0.00 USD");
}

#[tokio::test]
async fn a_confirmation_moves_money_once_though_servers_die_and_tabs_repeat_it() {
    let bank = bank_with_account().await;
    let browser = Browser::open(&bank.url).await;
    browser.sign_in("C00000003", &bank.password("C00000003")).await;
    browser.go("/accounts/360110000/deposit").await;
    browser.fill("amount", "1.00").await;
    browser.submit().await;
    browser.wait_for("please confirm").await;
    // Whoever rendered the form is gone when it is sent, and so is the rest of its region.
    let region = browser.text("footer span").await;
    let region = region.rsplit(' ').next().unwrap();
    for process in bank.processes() {
        if process["role"] == "server" && process["region"] == region {
            let pid = process["pid"].as_u64().unwrap();
            kill(pid);
            // While it dies its port still takes a form, and then nobody knows what became of it.
            eventually("a killed server is gone", || !Path::new(&format!("/proc/{pid}")).exists());
        }
    }
    browser.double_click_submit().await;
    browser.wait_until("the result", async || browser.is_there("#balance").await).await;
    assert_eq!(browser.text("#balance").await, "101.00 USD");
    // The same confirmation from another tab's history.
    browser.back().await;
    browser.go("/accounts/360110000").await;
    assert_eq!(browser.text("#balance").await, "101.00 USD");
    browser.close().await;
    let audit = bank.run_json(&["audit"]);
    assert_eq!((&audit["sound"], &audit["transfers"]), (&true.into(), &2.into()), "{audit}");
}
