//! A teller works through the front door in a real browser.

mod chromium;

use chromium::Browser;

use crate::deployment::Deployment;

#[tokio::test]
async fn a_page_can_be_opened() {
    let bank = Deployment::up();
    let browser = Browser::open().await;
    browser.client.goto(&bank.url).await.unwrap();
    let source = browser.client.source().await.unwrap();
    assert!(source.contains("Sign in"), "{source}");
    browser.close().await;
}
