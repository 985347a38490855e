//! One's own account: password, sessions, second factor.

use super::{Browser, Deployment, notice};
use crate::authenticator::Authenticator;
use crate::browser::chromium::CHOSEN;
use crate::http;

const USER: &str = "C00000003";
const CHANGED: &str = "copper+Lamp7thicket";

pub(super) async fn walk(bank: &Deployment, browser: &Browser) {
    // Another place where the same person is signed in.
    let body = serde_json::json!({ "user": USER, "password": CHOSEN });
    let other = http::send("POST", &bank.url, "/api/v1/sessions", "", &[], &body).await;
    let other = other.json()["token"].as_str().unwrap().to_owned();
    browser.sign_in(USER, CHOSEN).await;
    browser.click("nav a[href='/me']").await;
    browser.wait_for("Where you are signed in").await;
    let others = "main button.danger";
    for left in (0..browser.count(others).await.unwrap()).rev() {
        browser.click_button("End").await;
        // The notice alone may be the one of the session before.
        browser.wait_until("one less", async || browser.count(others).await == Some(left)).await;
        notice(browser, "The session was ended.").await;
    }
    assert_eq!(http::get(&bank.url, "/api/v1/session", &other).await.status, 401);
    browser.click_link("Change password").await;
    for (field, value) in [("current", CHOSEN), ("new", CHANGED), ("again", CHANGED)] {
        browser.fill(field, value).await;
    }
    browser.click_button("Change password").await;
    notice(browser, "The password was changed.").await;
    second_factor(browser).await;
}

async fn second_factor(browser: &Browser) {
    let app = set_up(browser, CHANGED).await;
    browser.sign_out().await;
    browser.fill("user", USER).await;
    browser.fill("password", CHANGED).await;
    browser.click_button("Sign in").await;
    browser.wait_for("Second step").await;
    // A code is good once: the one of now set the factor up.
    browser.fill("code", &app.code(1)).await;
    browser.click_button("Sign in").await;
    browser.wait_for("Sign out").await;
    browser.go("/me/factor").await;
    browser.fill("code", "000000").await;
    browser.click_button("Remove the second factor").await;
    notice(browser, "Nothing was changed.").await;
    browser.sign_out().await;
}

/// Reads the picture and shows a code; gives the app.
pub(super) async fn set_up(browser: &Browser, password: &str) -> Authenticator {
    browser.go("/me/factor").await;
    browser.fill("current", password).await;
    browser.click_button("Set up").await;
    browser.wait_for("authenticator app").await;
    browser.wait_until("the key", async || browser.is_there("main code").await).await;
    let app = Authenticator::of(&browser.text("main code").await);
    browser.fill("code", &app.code(0)).await;
    browser.click_button("Turn on").await;
    notice(browser, "The second factor is on.").await;
    app
}
