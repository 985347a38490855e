//! Money, by tellers and cashiers.

use super::{Browser, Deployment, notice, statement};

const ACCOUNT: &str = "/accounts/360110000";

/// Ends with the balance it began with, which is given.
pub(super) async fn walk(bank: &Deployment, browser: &Browser, user: &str, balance: &str) {
    browser.sign_in(user, &bank.password(user)).await;
    browser.go("/").await;
    // By the form of the home page.
    browser.fill("account", "360110000").await;
    browser.fill("amount", "65.88").await;
    browser.click_button("Deposit").await;
    confirm(browser, "Confirm the deposit", "Deposit done.").await;
    browser.click_link("Receipt").await;
    browser.wait_for("Receipt of operation").await;
    browser.click_link("Back to the account").await;
    browser.wait_for("Latest entries").await;
    // By the account's own.
    browser.click_link("Withdraw").await;
    browser.wait_for("Withdraw cash").await;
    browser.fill("amount", "165.88").await;
    browser.click_button("Continue").await;
    confirm(browser, "Confirm the withdrawal", "Withdrawal done.").await;
    browser.click_link("Deposit").await;
    browser.wait_for("Deposit cash").await;
    browser.fill("amount", "150").await;
    browser.click_button("Continue").await;
    browser.click_button("Change").await;
    browser.wait_until("the form again", async || browser.is_there("input#amount").await).await;
    assert_eq!(browser.value("amount").await, "150", "what was typed is kept");
    browser.click_button("Continue").await;
    confirm(browser, "Confirm the deposit", "Deposit done.").await;
    transfer(browser).await;
    reverse(browser).await;
    browser.go(ACCOUNT).await;
    assert_eq!(browser.text("#balance").await, format!("{balance} USD"));
    last_entries(browser).await;
    let proof = statement::walk(bank, browser).await;
    browser.go("/accounts").await;
    browser.wait_for("360110001").await;
    browser.go("/counter").await;
    browser.fill_and_enter("what", "lovelace").await;
    browser.wait_for("Accounts of customer 110110000").await;
    browser.sign_out().await;
    statement::verify_signed_out(browser, &proof).await;
}

async fn confirm(browser: &Browser, button: &str, done: &str) {
    browser.wait_for("please confirm").await;
    assert!(browser.shows("360110000").await, "the confirmation names the account");
    browser.click_button(button).await;
    notice(browser, done).await;
}

/// More than is left goes nowhere; what is there goes to another customer.
async fn transfer(browser: &Browser) {
    browser.click_link("Transfer").await;
    browser.wait_for("From account").await;
    assert_eq!(browser.value("from").await, "360110000");
    browser.fill("to", "360110001").await;
    browser.fill("amount", "99999").await;
    browser.click_button("Continue").await;
    browser.wait_for("please confirm").await;
    browser.click_button("Confirm the transfer").await;
    notice(browser, "Nothing was moved.").await;
    browser.fill("amount", "50").await;
    browser.click_button("Continue").await;
    confirm(browser, "Confirm the transfer", "Transfer done.").await;
}

/// A deposit that was a mistake is taken back.
async fn reverse(browser: &Browser) {
    browser.go(&format!("{ACCOUNT}/deposit")).await;
    browser.fill("amount", "7").await;
    browser.click_button("Continue").await;
    confirm(browser, "Confirm the deposit", "Deposit done.").await;
    browser.click("tr.fresh a[href^='/transfers/']").await;
    browser.click_link("Reverse").await;
    browser.fill("reason", "Mistyped").await;
    browser.click_button("Continue").await;
    confirm(browser, "Confirm the reversal", "Reversal done.").await;
    browser.go("/today").await;
    browser.wait_for("Today").await;
}

async fn last_entries(browser: &Browser) {
    browser.click_link("Statement").await;
    browser.wait_for("Closing balance").await;
    browser.fill("last", "2").await;
    browser.click_button("Show the last entries").await;
    browser
        .wait_until("two entries", async || {
            browser.value_of("document.querySelectorAll('tbody tr').length").await == 2
        })
        .await;
}
