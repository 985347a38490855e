//! Customers and accounts.

use super::{Browser, Deployment, notice};

const PEOPLE: [(&str, &str); 2] = [("012345678", "Ada Lovelace"), ("012345679", "Mary Somerville")];

/// Leaves two customers, 110110000 and 110110001, with 1,000.00 on 360110000 and 360110001.
pub(super) async fn walk(bank: &Deployment, browser: &Browser) {
    browser.sign_in("C00000001", &bank.password("C00000001")).await;
    for (number, (ssn, name)) in PEOPLE.into_iter().enumerate() {
        browser.click("nav a[href='/customers/new']").await;
        add_customer(browser, ssn, name).await;
        browser.click_link("Open account").await;
        browser.fill("opening_amount", "1000").await;
        browser.click_button("Open the account").await;
        browser.wait_for(&format!("Account 36011000{number}")).await;
        notice(browser, "is in the books.").await;
    }
    browser.click_link("Receipt").await;
    browser.wait_for("Signed by the bank").await;
    customer(browser).await;
    second_account(browser).await;
    lists(browser).await;
    search(browser).await;
    browser.sign_out().await;
}

async fn add_customer(browser: &Browser, ssn: &str, name: &str) {
    browser.wait_for("Add a customer").await;
    for (field, value) in [
        ("ssn", ssn),
        ("name", name),
        ("address", "12 St James's Square"),
        ("age", "36"),
        ("state", "New Jersey"),
        ("city", "Newark"),
    ] {
        browser.fill(field, value).await;
    }
    browser.click_button("Add the customer").await;
    notice(browser, "The customer was added.").await;
}

async fn customer(browser: &Browser) {
    browser.go("/customers/110110000").await;
    assert!(!browser.shows("012345678").await, "the number is masked");
    browser.click_button("Show the social security number").await;
    notice(browser, "This was noted.").await;
    assert!(browser.shows("012345678").await, "asked for, it is shown");
    browser.click_link("Edit").await;
    browser.wait_for("Edit a customer").await;
    browser.fill("address", "1 Ockham Park").await;
    browser.click_button("Save").await;
    notice(browser, "data was updated").await;
    assert!(browser.shows("1 Ockham Park").await);
    browser.click_link("Deactivate").await;
    browser.wait_for("Deactivate this customer?").await;
    browser.click_button("Deactivate the customer").await;
    notice(browser, "The customer was deactivated.").await;
    browser.click_button("Activate").await;
    notice(browser, "The customer is active again.").await;
}

/// Opened, closed and reactivated.
async fn second_account(browser: &Browser) {
    browser.click_link("Open account").await;
    browser.wait_for("Open an account").await;
    browser.choose("kind", "savings").await;
    browser.click_button("Open the account").await;
    browser.wait_for("Account 360110002").await;
    browser.click_link("Close account").await;
    browser.wait_for("Close this account?").await;
    browser.click_button("Close the account").await;
    browser.wait_for("Account closed").await;
    browser.go("/accounts/360110002").await;
    browser.click_button("Reactivate account").await;
    browser.wait_for("Account reactivated").await;
}

async fn lists(browser: &Browser) {
    for (list, row) in [("/customers", "110110001"), ("/accounts", "360110001")] {
        browser.click(&format!("nav a[href='{list}']")).await;
        browser.wait_for(row).await;
        browser.click(&format!("a.refresh[aria-label='Refresh {row}']")).await;
        browser.wait_for(row).await;
        browser.click_link("Refresh all").await;
        browser.wait_for("Latest message").await;
        browser.click_link(row).await;
        browser.wait_until(row, async || browser.headline().await != "Accounts").await;
    }
}

async fn search(browser: &Browser) {
    for (field, typed, found) in [
        ("what", "somerv", "Mary Somerville"),
        ("what", "110110001", "Mary Somerville"),
        ("what", "360110001", "Account 360110001"),
        ("ssn", "012345679", "Mary Somerville"),
    ] {
        browser.click("nav a[href='/']").await;
        browser.wait_for("Find by SSN").await;
        browser.fill_and_enter(field, typed).await;
        browser.wait_for(found).await;
    }
    // A refresh of a search leads home.
    browser.go("/find").await;
    browser.wait_for("Find a customer or account").await;
}
