//! The staff: added, changed, signed out, deactivated.

use super::own::set_up;
use super::{Browser, Deployment, notice};
use crate::browser::chromium::CHOSEN;

const USER: &str = "C00000077";

pub(super) async fn walk(bank: &Deployment, browser: &Browser) {
    let administrator = async || {
        browser.sign_in("C00000005", CHOSEN).await;
        browser.click("nav a[href='/staff']").await;
        browser.wait_for("Add a member of staff").await;
    };
    browser.sign_in("C00000005", &bank.password("C00000005")).await;
    browser.go("/staff").await;
    browser.click_link("Add a member of staff").await;
    browser.fill("user", USER).await;
    browser.fill("name", "Katherine").await;
    browser.choose("role", "teller").await;
    browser.click_button("Add").await;
    notice(browser, "Hand over this one-time password.").await;
    let password = one_time_password(browser).await;
    browser.sign_out().await;

    // The new member chooses a password and sets up a second factor, and removes it again.
    browser.sign_in(USER, &password).await;
    let app = set_up(browser, CHOSEN).await;
    browser.go("/me/factor").await;
    browser.fill("code", &app.code(1)).await;
    browser.click_button("Remove the second factor").await;
    notice(browser, "The second factor was removed.").await;
    set_up(browser, CHOSEN).await;
    browser.sign_out().await;

    administrator().await;
    browser.click_link(USER).await;
    browser.wait_for("Katherine").await;
    browser.choose("role", "cashier").await;
    browser.click_button("Change the role").await;
    notice(browser, "The role was changed.").await;
    for (button, done) in [
        ("Remove the second factor", "The second factor was removed."),
        ("Sign out everywhere", "Signed out everywhere."),
        ("Deactivate", "Deactivated."),
        ("Activate", "Activated."),
        ("Reset the password", "Hand over this one-time password."),
    ] {
        browser.click_button(button).await;
        notice(browser, done).await;
    }
    let password = one_time_password(browser).await;
    browser.sign_out().await;
    browser.sign_in(USER, &password).await;
    assert!(browser.shows("cashier").await, "the role counts");
    browser.sign_out().await;
}

async fn one_time_password(browser: &Browser) -> String {
    let shown = "[...document.querySelectorAll('dt')].find((term) => \
                 term.textContent === 'One-time password').nextElementSibling.textContent";
    browser.value_of(shown).await.as_str().unwrap().to_owned()
}
