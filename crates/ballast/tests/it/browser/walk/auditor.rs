//! Reading everything, changing nothing.

use super::{Browser, Deployment, notice, statement};

/// Every row is a sign-in.
const ONLY: &str = "[...document.querySelectorAll('tbody tr')].map((row) => \
                    row.cells[2].textContent).every((action) => action === 'sign-in')";

pub(super) async fn walk(bank: &Deployment, browser: &Browser) {
    browser.sign_in("C00000004", &bank.password("C00000004")).await;
    browser.click("nav a[href='/audit']").await;
    browser.wait_for("Who did what").await;
    browser.fill("user", "C00000003").await;
    browser.choose("action", "sign-in").await;
    browser.click_button("Show").await;
    browser
        .wait_until("the rows of the filter", async || browser.value_of(ONLY).await == true)
        .await;
    browser.click_link("Export as CSV").await;
    browser.go("/audit/operations").await;
    browser.wait_for("360110000").await;
    browser.click_link("Export as CSV").await;
    for (list, row) in [("/customers", "110110000"), ("/accounts", "360110000")] {
        browser.go(list).await;
        browser.click_link(row).await;
        browser.wait_until(row, async || browser.address().await.ends_with(row)).await;
        assert!(!browser.is_there("main a.main, main button.main").await, "nothing to be done");
    }
    browser.click_link("Statement").await;
    browser.wait_for("Closing balance").await;
    statement::walk(bank, browser).await;
    browser.go("/customers/110110000").await;
    browser.click_button("Show the social security number").await;
    notice(browser, "This was noted.").await;
    browser.sign_out().await;
}
