//! Statements: to look at, to take along, and to prove.

use super::{Browser, Deployment, answered, notice};

/// What the page calls the files, and how they end.
const FILES: [(&str, &str); 5] =
    [("PDF", "pdf"), ("Spreadsheet", "xlsx"), ("CSV", "csv"), ("OFX", "ofx"), ("camt.053", "xml")];

/// What a statement proves itself with, as the page shows it.
pub(super) struct Proof {
    number: String,
    code: String,
}

/// From the page of a statement: takes every file along, and verifies it as staff do.
pub(super) async fn walk(bank: &Deployment, browser: &Browser) -> Proof {
    for (link, ending) in FILES {
        // A file leaves the page as it is: that it has come is told by the servers.
        let function = format!("GET /accounts/{{number}}/statement.{ending}");
        let times = async || answered(bank).await.get(&function).copied().unwrap_or_default();
        let before = times().await;
        browser.click_link(link).await;
        browser.wait_until(&function, async || times().await > before).await;
    }
    let proof = Proof {
        number: fact(browser, "Statement").await,
        code: fact(browser, "Verification code").await,
    };
    browser.click("nav a[href='/statements/verify']").await;
    verify(browser, &proof).await;
    browser.click_link("See this statement").await;
    browser.wait_for(&proof.code).await;
    proof
}

/// As anybody does who holds the statement.
pub(super) async fn verify_signed_out(browser: &Browser, proof: &Proof) {
    browser.go("/verify").await;
    verify(browser, proof).await;
    assert!(!browser.shows("See this statement").await, "the way to it is the staff's");
}

/// Ends with what is genuine.
async fn verify(browser: &Browser, Proof { number, code }: &Proof) {
    browser.wait_for("Is a statement genuine?").await;
    let mut wrong = code.clone();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    browser.fill("number", number).await;
    browser.fill("code", &wrong).await;
    browser.click_button("Check").await;
    notice(browser, "No statement has this number and this code.").await;
    assert!(!browser.is_there("dl.facts").await, "what is refused tells nothing");
    assert_eq!(browser.value("number").await, *number, "what was typed is kept");
    browser.fill("code", code).await;
    browser.click_button("Check").await;
    notice(browser, "This statement is genuine.").await;
    assert_eq!(fact(browser, "Account").await, "360110000");
}

/// What the page's list of facts has under a name.
async fn fact(browser: &Browser, name: &str) -> String {
    let expression = format!(
        "[...document.querySelectorAll('dl.facts div')].find((row) => \
         row.querySelector('dt').textContent === '{name}').querySelector('dd').textContent"
    );
    browser.value_of(&expression).await.as_str().unwrap().to_owned()
}
