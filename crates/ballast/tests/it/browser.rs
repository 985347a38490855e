//! Staff at work through the front door in a real browser: a customer is added and an account
//! opened by the executive; a teller moves money. A double click, a refresh and the back button
//! never move it twice. Pictures go to `target/screenshots`.

pub(crate) mod chromium;
mod counter;
mod in_flight;
mod interrupted;
mod status;
mod walk;

use chromium::Browser;

use crate::deployment::Deployment;

#[tokio::test]
async fn staff_work_a_day_in_the_browser() {
    let bank = Deployment::up();
    let browser = Browser::open(&bank.url).await;
    browser.sign_in("C00000001", &bank.password("C00000001")).await;
    browser.picture("home-executive").await;

    browser.go("/customers/new").await;
    for (field, value) in [
        ("ssn", "01234567"),
        ("name", "Ada Lovelace"),
        ("address", "12 St James's Square"),
        ("age", "36"),
        ("state", "New Jersey"),
        ("city", "Newark"),
    ] {
        browser.fill(field, value).await;
    }
    browser.submit_unchecked().await;
    assert!(browser.text("#ssn-error").await.contains("9 digits"), "the field is named");
    assert_eq!(browser.value("name").await, "Ada Lovelace", "what was typed is kept");
    browser.picture("customer-refused").await;
    browser.fill("ssn", "012345678").await;
    browser.submit().await;
    browser.wait_for("Ada Lovelace").await;
    browser.picture("customer").await;

    browser.click_link("Open account").await;
    browser.fill("opening_amount", "100.00").await;
    browser.submit().await;
    browser.wait_for("360110000").await;
    browser.sign_out().await;

    teller(&bank, &browser).await;
    browser.close().await;
    let audit = bank.run_json(&["audit"]);
    assert_eq!((&audit["sound"], &audit["transfers"]), (&true.into(), &4.into()), "{audit}");
}

async fn teller(bank: &Deployment, browser: &Browser) {
    // Somebody who is not signed in goes to the sign-in page and then where he wanted.
    browser.go("/accounts/360110000").await;
    browser.wait_for("Sign in").await;
    browser.picture("sign-in").await;
    browser.sign_in("c00000003", &bank.password("C00000003")).await;
    browser.wait_for("Account 360110000").await;
    assert_eq!(browser.text("#balance").await, "100.00 USD");

    browser.click_link("Deposit").await;
    browser.fill("amount", "1_000").await;
    browser.submit_unchecked().await;
    assert!(browser.text("#amount-error").await.contains("digits"));
    browser.fill("amount", "65.88").await;
    browser.submit().await;
    browser.wait_for("65.88").await;
    browser.picture("deposit-confirm").await;
    let confirm = browser.address().await;
    browser.double_click_submit().await;
    browser.wait_for("165.88").await;
    browser.picture("deposit-done").await;
    browser.refresh().await;
    browser.wait_for("165.88").await;

    // Back to the form that was sent, and send it again: the first result, and no second effect.
    browser.back().await;
    if browser.address().await == confirm {
        browser.submit_if_there().await;
    }
    browser.go("/accounts/360110000").await;
    assert_eq!(browser.text("#balance").await, "165.88 USD", "back and again moved nothing");

    withdraw(browser, "15.88").await;
    assert_eq!(browser.text("#balance").await, "150.00 USD");
    withdraw(browser, "150.01").await;
    browser.picture("withdrawal-refused").await;
    browser.go("/accounts/360110000").await;
    assert_eq!(browser.text("#balance").await, "150.00 USD", "a refusal moves nothing");

    withdraw(browser, "150").await;
    assert_eq!(browser.text("#balance").await, "0.00 USD", "the whole balance can leave");
    browser.click_link("Statement").await;
    browser.wait_for("Closing").await;
    browser.picture("statement").await;
    browser.sign_out().await;
    browser.go("/accounts/360110000").await;
    browser.wait_for("Sign in").await;
}

async fn withdraw(browser: &Browser, amount: &str) {
    browser.go("/accounts/360110000/withdraw").await;
    browser.fill("amount", amount).await;
    browser.submit().await;
    browser.confirm().await;
}
